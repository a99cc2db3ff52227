//! The same over HTTP: the client's retries, walks and time-outs stand between the server and the store.

use std::collections::BTreeMap;

use clever_emulator::Fault;
use clever_model::RecordKind;
use clever_sync::{Outcome, SqliteStore, SyncError, SyncOptions, SyncPolicy, SyncReport, Way};

use super::chance::Chance;
use super::crash::Crashing;
use super::number;
use crate::ground::Ground;

async fn crash_at(
    ground: &Ground,
    call: u32,
    options: &SyncOptions,
) -> Result<SyncReport, SyncError> {
    let mut store = Crashing {
        store: SqliteStore::open(&ground.path()).unwrap(),
        left: call,
    };
    ground
        .sync_into(&mut store, options, &SyncPolicy::default())
        .await
}

async fn live(seed: u64) {
    let mut chance = Chance::new(seed);
    let ground = Ground::with_events(seed, 20 + u32::try_from(chance.below(30)).unwrap()).await;
    let places = [
        "/users",
        "/sections",
        "/events",
        "starting_after",
        "/districts",
        "/terms",
    ];
    drop(SqliteStore::open(&ground.path()).unwrap());
    for step in 0..6 {
        match chance.below(4) {
            0 => {}
            1 => {
                ground.emulator.advance_days(31);
            }
            _ => {
                ground
                    .emulator
                    .advance_days(1 + u32::try_from(chance.below(3)).unwrap());
            }
        }
        if chance.below(3) == 0 {
            let fault = Fault::ALL[chance.below(Fault::ALL.len())];
            let place = places[chance.below(places.len())];
            let times = if chance.below(2) == 0 { 1 } else { u64::MAX };
            ground
                .emulator
                .faults()
                .add(fault.on(place).nth(chance.below(3) as u64).times(times));
        }
        let before = ground.stored();
        let call = match chance.below(2) {
            0 => u32::MAX,
            _ => u32::try_from(chance.below(60)).unwrap(),
        };
        let options = SyncOptions {
            way: if chance.below(4) == 0 {
                Way::Snapshot
            } else {
                Way::Auto
            },
            ..SyncOptions::default()
        };
        let report = crash_at(&ground, call, &options).await;
        let told = format!(
            "seed {seed}, step {step}: {:?}",
            report.as_ref().map(|report| (report.path, report.outcome))
        );
        if report.is_err() {
            assert_eq!(ground.stored(), before, "{told}");
        }
        ground.check_feed();
        ground.emulator.faults().clear();
        // Once all is well, a snapshot makes it right, and the events after it agree.
        if step % 2 == 1 {
            let mut options = SyncOptions {
                way: Way::Snapshot,
                ..SyncOptions::default()
            };
            let mut report = crash_at(&ground, u32::MAX, &options).await.unwrap();
            if report.outcome == Outcome::Held {
                options.approve = Some(report.plan_hash);
                report = crash_at(&ground, u32::MAX, &options).await.unwrap();
            }
            assert_eq!(report.outcome, Outcome::Done, "{told}");
            let keys =
                |all: BTreeMap<(RecordKind, String), String>| all.into_keys().collect::<Vec<_>>();
            assert_eq!(keys(ground.stored()), keys(ground.served()), "{told}");
            let again = crash_at(&ground, u32::MAX, &SyncOptions::default())
                .await
                .unwrap();
            assert!(again.is_unchanged(), "{told}: {:?}", again.kinds);
            ground.check_feed();
        }
    }
}

#[tokio::test]
async fn every_life_over_http_ends_with_the_districts_own_roster() {
    let first = number("CLEVER_SEED", 1);
    // A life over HTTP takes as long as twenty without.
    for seed in first..first + number("CLEVER_SEEDS", 300) / 20 {
        let life = std::panic::AssertUnwindSafe(live(seed));
        if let Err(panic) = futures_util::FutureExt::catch_unwind(life).await {
            panic!(
                "replay with `cargo xtask simulate --seed {seed} --seeds 20`: {:?}",
                panic.downcast_ref::<String>()
            );
        }
    }
}
