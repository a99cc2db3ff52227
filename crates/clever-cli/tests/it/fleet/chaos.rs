//! A round of many districts over two PostgreSQL while workers, the engine and both servers are killed, and workers sleep longer than
//! anybody waits: every district ends as if nothing had happened.
//!
//! `cargo xtask fleet-chaos --districts N` runs it with more. Then workers are cut off from each of their peers, too, for longer than each
//! time-out, every district has its second round, and what it cost is printed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cut_off::Ways;
use super::ground::{Fleet, HEARTBEAT, Worker};
use super::process::{memory_mb, processor_s};
use crate::killed::Store;
use crate::server::Server;

/// How many districts; `CLEVER_FLEET_DISTRICTS` asks for another number, and for all that takes longer.
fn districts(usual: u64) -> (u64, bool) {
    let asked = std::env::var("CLEVER_FLEET_DISTRICTS").ok();
    let asked: Option<u64> = asked.and_then(|number| number.parse().ok());
    (asked.unwrap_or(usual), asked.is_some())
}

/// One is killed, and another one starts.
async fn replaced(fleet: &mut Fleet, workers: &mut Vec<Worker>) {
    workers.remove(0).kill();
    workers.push(fleet.worker(&[]));
    fleet.ready().await;
}

/// One sleeps for longer than anybody waits, and wakes.
async fn asleep(fleet: &mut Fleet, workers: &mut Vec<Worker>) {
    let asleep = workers.remove(0);
    asleep.signal("STOP");
    let awake = fleet.worker(&[]);
    tokio::time::sleep(2 * HEARTBEAT).await;
    asleep.signal("CONT");
    workers.extend([awake, asleep]);
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_leaves_every_district_as_if_nothing_had_happened() {
    let (districts, is_long) = districts(24);
    let (Some(first), Some(second)) = (Server::start(), Server::start()) else {
        return;
    };
    let Some(mut fleet) = Fleet::start(districts).await else {
        return;
    };
    let mut servers = [first, second];
    let main = Store::database(servers[0].url(), "main".to_owned()).await;
    let west = Store::database(servers[1].url(), "west".to_owned()).await;
    let control = Store::database(servers[0].url(), "control".to_owned()).await;
    let in_west: Vec<String> = fleet.many.ids().into_iter().step_by(2).collect();
    fleet.over(&main, &west, &in_west);
    let begun = Instant::now();
    // One more is cut off from its peers while all the rest goes on.
    let goes_on = Arc::new(AtomicBool::new(is_long));
    let ways = Ways::of(&fleet).await;
    let mut workers: Vec<_> = (0..4).map(|_| fleet.worker(&[])).collect();
    let cut_off = is_long.then(|| fleet.worker_by(&ways.env(&fleet), &[]));
    fleet.ready().await;
    fleet.apply(&[]);
    let applied = begun.elapsed();
    let still = Arc::clone(&goes_on);
    let cutting = tokio::spawn(async move { ways.in_turn(|| still.load(Ordering::Relaxed)).await });
    // What is killed, in turn: a worker, the engine, a worker that sleeps, one PostgreSQL and later the other.
    let kills = (districts / 12).clamp(8, 16);
    for number in 0..kills {
        tokio::time::sleep(Duration::from_millis(700)).await;
        match number % 4 {
            0 => replaced(&mut fleet, &mut workers).await,
            1 => fleet.engine.kill(),
            2 => asleep(&mut fleet, &mut workers).await,
            _ => {
                // The one, and the next time the other.
                let server = &mut servers[usize::try_from(number / 4 % 2).unwrap()];
                server.kill();
                server.start_again();
            }
        }
    }
    let is_done = |line: &Value| line["outcome"] == "done" && line["running_since"].is_null();
    let longest = Duration::from_secs(120 + 2 * districts);
    fleet.until(longest, "every district", is_done).await;
    let took = begun.elapsed();
    goes_on.store(false, Ordering::Relaxed);
    let cuts = cutting.await.unwrap();
    let lags = fleet.status();
    fleet.equal(&[&main, &west], &control).await;
    let failed = fleet
        .engine
        .runs("WorkflowType = 'SyncDistrict' AND ExecutionStatus != 'Completed'");
    assert!(failed.is_empty(), "{failed:?}");
    eprintln!(
        "{districts} districts, {kills} kills, {cuts} cuts: {} s, of which {} s made the schedules; {}",
        took.as_secs(),
        applied.as_secs(),
        spread(
            "due to done in seconds",
            lags.iter().filter_map(|line| line["lag_s"].as_f64())
        ),
    );
    // A second round finds nothing to do.
    if is_long {
        workers.extend(cut_off);
        measured_round(&fleet, &workers).await;
        return;
    }
    for district in fleet.many.ids().iter().take(5) {
        let again = fleet.asked(&["run", district, "--wait"], 0);
        assert_eq!(again["changed"], 0, "{again}");
    }
}

/// A round of every district in which nobody is killed and nothing changes, and what it costs; then what waiting costs.
async fn measured_round(fleet: &Fleet, workers: &[Worker]) {
    let engine = fleet.engine.id();
    let (begun, used) = (Instant::now(), processor_s(engine));
    let runs = fleet.round(32).await;
    let (took, used) = (begun.elapsed().as_secs_f64(), processor_s(engine) - used);
    let changed: u64 = runs.iter().map(|(_, changed)| changed).sum();
    assert_eq!(changed, 0, "the second round wrote");
    #[expect(clippy::cast_precision_loss, reason = "thousands of runs")]
    let count = runs.len() as f64;
    eprintln!(
        "a calm round, 32 asked for at once, {} workers: {:.1} runs a second, {:.0} ms of the engine's processor a run; {}",
        workers.len(),
        count / took,
        1000.0 * used / count,
        spread(
            "asked to done in seconds",
            runs.iter().map(|(took, _)| took.as_secs_f64())
        )
    );
    tokio::time::sleep(Duration::from_secs(20)).await;
    let all = || {
        let of = workers.iter().map(|worker| processor_s(worker.id()));
        (processor_s(engine), of.sum::<f64>())
    };
    let before = all();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let after = all();
    let memory: Vec<u64> = workers
        .iter()
        .map(|worker| memory_mb(worker.id()))
        .collect();
    eprintln!(
        "waiting, {} schedules: the engine {:.2} % of a core and {} MB, {} workers together {:.2} % and {memory:?} MB",
        count,
        100.0 * (after.0 - before.0) / 30.0,
        memory_mb(engine),
        workers.len(),
        100.0 * (after.1 - before.1) / 30.0,
    );
}

/// The middle, the ninth of ten and the last of some numbers.
fn spread(what: &str, numbers: impl Iterator<Item = f64>) -> String {
    let mut all: Vec<f64> = numbers.collect();
    all.sort_by(f64::total_cmp);
    let at = |part: usize| {
        let place = (all.len() * part / 100).min(all.len().saturating_sub(1));
        all.get(place).copied().unwrap_or(f64::NAN)
    };
    format!(
        "{what}: half within {:.2}, nine of ten within {:.2}, all within {:.2}",
        at(50),
        at(90),
        at(100)
    )
}
