//! A round of many districts over two PostgreSQL while workers, the engine and both servers are killed, and workers sleep longer than
//! anybody waits: every district ends as if nothing had happened. `cargo xtask fleet-chaos --districts N` runs it with more.

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
    fleet.apply(&[]);
    let mut workers: Vec<_> = (0..4).map(|_| fleet.worker(&[])).collect();
    // What is killed, in turn: a worker, the engine, a worker that sleeps, one PostgreSQL and later the other.
    let kills = (districts / 12).clamp(8, 16);
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
                // The one, and the next time the other.
                let server = &mut servers[usize::try_from(number / 4 % 2).unwrap()];
                server.kill();
                server.start_again();
            }
        }
    }
    let is_done = |line: &Value| line["outcome"] == "done" && line["running_since"].is_null();
    let longest = Duration::from_secs(120 + districts);
    fleet.until(longest, "every district", is_done).await;
    let took = begun.elapsed();
    fleet.equal(&[&main, &west], &control).await;
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
