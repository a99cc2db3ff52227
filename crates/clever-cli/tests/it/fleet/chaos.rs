//! A round of many districts while workers, the engine and PostgreSQL are killed, and workers sleep longer than anybody waits:
//! every district ends as if nothing had happened. `cargo xtask fleet-chaos --districts N` runs it with more.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::ground::{Fleet, HEARTBEAT};
use crate::killed::Store;
use crate::server::Server;

/// How many districts; `CLEVER_FLEET_DISTRICTS` asks for another number.
fn districts(usual: u64) -> u64 {
    let asked = std::env::var("CLEVER_FLEET_DISTRICTS").ok();
    asked
        .and_then(|number| number.parse().ok())
        .unwrap_or(usual)
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_leaves_every_district_as_if_nothing_had_happened() {
    let districts = districts(24);
    let Some(mut server) = Server::start() else {
        return;
    };
    let Some(mut fleet) = Fleet::start(districts).await else {
        return;
    };
    fleet.store = Store::database(server.url(), "fleet".to_owned()).await;
    let control = Store::database(server.url(), "control".to_owned()).await;
    let begun = Instant::now();
    fleet.apply(&[]);
    let mut workers: Vec<_> = (0..4).map(|_| fleet.worker(&[])).collect();
    // What is killed, in turn: a worker, the engine, a worker that sleeps, PostgreSQL.
    let kills = (districts / 12).clamp(4, 16);
    for number in 0..kills {
        tokio::time::sleep(Duration::from_millis(700)).await;
        match number % 4 {
            0 => {
                workers.remove(0).kill();
                workers.push(fleet.worker(&[]));
            }
            1 => fleet.engine.kill(),
            2 => {
                let asleep = workers.remove(0);
                asleep.signal("STOP");
                let awake = fleet.worker(&[]);
                tokio::time::sleep(2 * HEARTBEAT).await;
                asleep.signal("CONT");
                workers.extend([awake, asleep]);
            }
            _ => {
                server.kill();
                server.start_again();
            }
        }
    }
    let is_done = |line: &Value| line["outcome"] == "done" && line["running_since"].is_null();
    let longest = Duration::from_secs(120 + districts);
    fleet.until(longest, "every district", is_done).await;
    let took = begun.elapsed();
    fleet.equals(&control).await;
    let failed = fleet
        .engine
        .runs("WorkflowType = 'SyncDistrict' AND ExecutionStatus != 'Completed'");
    assert!(failed.is_empty(), "{failed:?}");
    // A second round finds nothing to do.
    for district in fleet.many.ids().iter().take(5) {
        let again = fleet.asked(&["run", district, "--wait"], 0);
        assert_eq!(again["changed"], 0, "{again}");
    }
    eprintln!(
        "{districts} districts, {kills} kills: {} s, {:.1} s of the engine's processor since it was last started",
        took.as_secs(),
        fleet.engine.processor_s()
    );
}
