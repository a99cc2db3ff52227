//! Workers that are killed, and workers that wake from the dead.

use std::time::{Duration, Instant};

use clever_emulator::Fault;
use serde_json::Value;

use super::ground::{Fleet, HEARTBEAT};
use crate::killed::Store;

const MINUTE: Duration = Duration::from_secs(60);

fn is_done(line: &Value) -> bool {
    line["outcome"] == "done" && line["running_since"].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_run_is_taken_within_two_heartbeats() {
    let Some(mut fleet) = Fleet::start(3).await else {
        return;
    };
    let part = fleet.many.page_of(&fleet.many.ids()[0]);
    fleet
        .many
        .emulator
        .faults()
        .add(Fault::Hang.on(part).times(1));
    fleet.apply(&[]);
    let first = fleet.worker(&[]);
    let is_stuck = |line: &Value| is_done(line) || !line["running_since"].is_null();
    fleet.until(MINUTE, "one hangs", is_stuck).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let _second = fleet.worker(&[]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!fleet.status().iter().all(is_done), "it hangs still");
    let tries = format!(
        "SELECT CAST(count(*) AS TEXT) FROM attempts WHERE district_id = '{}'",
        fleet.many.ids()[0]
    );
    assert_eq!(
        fleet.store.rows(std::slice::from_ref(&tries)).await,
        [["1"]]
    );
    let killed = Instant::now();
    first.kill();
    while fleet.store.rows(std::slice::from_ref(&tries)).await == [["1"]] {
        assert!(killed.elapsed() < MINUTE, "nobody takes it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let taken = killed.elapsed();
    let part = taken.as_secs_f64() / HEARTBEAT.as_secs_f64();
    eprintln!("taken after {part:.2} of the time without a sign of life");
    assert!(taken <= 2 * HEARTBEAT, "{taken:?}");
    fleet.until(MINUTE, "another worker did it", is_done).await;
    let control = Store::Sqlite(fleet.many.folder.path().join("control.db"));
    fleet.equals(&control).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_wakes_after_another_did_its_run_writes_nothing() {
    let Some(mut fleet) = Fleet::start(2).await else {
        return;
    };
    let stuck = fleet.many.ids().remove(0);
    let part = fleet.many.page_of(&stuck);
    let faults = fleet.many.emulator.faults();
    faults.add(Fault::Hang.on(part).times(1));
    fleet.apply(&[]);
    let zombie = fleet.worker(&[]);
    fleet
        .until(MINUTE, "one hangs, and the other is done", |line| {
            is_done(line) || line["district"] == stuck.as_str() && !line["running_since"].is_null()
        })
        .await;
    let begun = Instant::now();
    while !fleet.many.emulator.faults().rules().is_empty() {
        assert!(begun.elapsed() < MINUTE, "nothing hangs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Asleep while it waits for that answer and does nothing else: one that sleeps within a transaction, of which each page that is
    // staged has one, keeps SQLite's only writer.
    let mut said = String::new();
    while said != fleet.logs() {
        assert!(begun.elapsed() < MINUTE, "it never rests");
        said = fleet.logs();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    zombie.signal("STOP");
    let _second = fleet.worker(&[]);
    fleet.until(MINUTE, "another worker did it", is_done).await;
    let control = Store::Sqlite(fleet.many.folder.path().join("control.db"));
    fleet.equals(&control).await;
    zombie.signal("CONT");
    // It stops by itself as soon as it hears that its time is over; if it comes to its commit first, the store refuses that.
    let is_refused = |logs: &str| {
        logs.contains("another run changed this district meanwhile")
            || logs.contains("error: stopped")
    };
    let begun = Instant::now();
    while !is_refused(&fleet.logs()) {
        assert!(
            begun.elapsed() < MINUTE,
            "the zombie went on: {}",
            fleet.logs()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fleet.equals(&control).await;
}
