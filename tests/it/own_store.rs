//! A store of an app's own, from the example of `clever-sync`: the same history leaves the same reports and the
//! same feed in it as in SQLite.

#[path = "../../crates/clever-sync/examples/own_store/store.rs"]
mod store;

use std::collections::BTreeMap;

use clever_model::ManualClock;
use clever_model::RecordKind;
use clever_sync::store::{Known, Run, Store};
use clever_sync::{
    ChangeFilter, ChangeLog, Outcome, RunPath, StoreError, SyncError, SyncOptions, SyncPolicy,
    SyncReport, Way, changes, sync,
};
use serde_json::{Value, json};

use self::store::MemoryStore;
use crate::ground::Ground;

/// Syncs as of a minute; what a report says of findings and drift is the store's own affair.
async fn step(
    store: &mut (impl Store + ChangeLog),
    ground: &Ground,
    options: &SyncOptions,
    minute: i64,
) -> (SyncReport, Value) {
    let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
    clock.advance_seconds(60 * minute);
    let policy = SyncPolicy::default();
    let report = sync(&ground.district, store, &policy, options, &clock, &())
        .await
        .unwrap();
    let mut told = serde_json::to_value(&report).unwrap();
    told["findings"] = Value::Null;
    (report, told)
}

async fn feed(store: &mut impl ChangeLog, district: &str) -> Value {
    let filter = ChangeFilter {
        limit: u32::MAX,
        ..ChangeFilter::default()
    };
    json!(store.changes(district, &filter).await.unwrap())
}

/// The suite: what happens to any two stores, side by side.
async fn the_same(
    ground: Ground,
    a: &mut (impl Store + ChangeLog),
    b: &mut (impl Store + ChangeLog),
) {
    let auto = SyncOptions::default();
    let full = SyncOptions {
        way: Way::Snapshot,
        ..SyncOptions::default()
    };
    ground.emulator.advance_days(1);
    let mut paths = Vec::new();
    for minute in 0..6 {
        let how = if minute == 3 { &full } else { &auto };
        let (report, one) = step(a, &ground, how, minute).await;
        assert_eq!(
            one,
            step(b, &ground, how, minute).await.1,
            "minute {minute}"
        );
        paths.push(report.path);
        ground.emulator.advance_days(1);
    }
    assert!(paths.contains(&RunPath::Events) && paths.contains(&RunPath::Snapshot));
    // One school goes: held alone, in both, and still so on the next day; then approved.
    let school = ground
        .emulator
        .with_world(|world| world.list(RecordKind::Schools).keys().next().unwrap());
    ground.emulator.with_world(|world| {
        let quoted = format!("\"school\":\"{school}\"");
        for kind in [RecordKind::Users, RecordKind::Sections] {
            let all = world.list(kind);
            let gone: Vec<String> = all
                .iter()
                .filter(|(_, one)| one.json().contains(&quoted))
                .map(|(id, _)| id)
                .collect();
            for id in gone {
                world.remove(kind, &id);
            }
        }
        world.remove(RecordKind::Schools, &school);
    });
    let (held, one) = step(a, &ground, &full, 10).await;
    assert_eq!(held.outcome, Outcome::Held);
    assert!(
        held.holds
            .iter()
            .any(|hold| hold.school.as_ref() == Some(&school)),
        "{:?}",
        held.holds
    );
    assert_eq!(one, step(b, &ground, &full, 10).await.1);
    let (again, one) = step(a, &ground, &full, 11).await;
    assert_eq!(again.plan_hash, held.plan_hash);
    assert_eq!(one, step(b, &ground, &full, 11).await.1);
    let approve = SyncOptions {
        approve: Some(held.plan_hash),
        ..full.clone()
    };
    let (done, one) = step(a, &ground, &approve, 12).await;
    assert_eq!(done.outcome, Outcome::Done);
    assert_eq!(one, step(b, &ground, &approve, 12).await.1);
    let district = done.district_id.as_str();
    let told = feed(a, district).await;
    assert_eq!(told, feed(b, district).await);
    // Consumers: positions of their own, which never go back.
    for position in [
        feed_position(a, district).await,
        feed_position(b, district).await,
    ] {
        assert_eq!(position, (5, 5));
    }
    for moved in [refused(a, &ground).await, refused(b, &ground).await] {
        assert!(
            matches!(moved, SyncError::Store(StoreError::Moved)),
            "{moved:?}"
        );
    }
}

/// Reads five changes as one consumer, acknowledges, tries to go back.
async fn feed_position(store: &mut impl ChangeLog, district: &str) -> (u64, u64) {
    let now = "2026-09-14T12:00:00Z".parse().unwrap();
    let mut feed = changes(store, district, "suite").await.unwrap().batch(2);
    for _ in 0..5 {
        feed.next().await.unwrap().unwrap();
    }
    feed.acknowledge(now).await.unwrap();
    let given = feed.given();
    store.acknowledge(district, "suite", 3, now).await.unwrap();
    (given, store.position(district, "suite").await.unwrap())
}

/// A plan that was made before another run came is refused by the commit.
async fn refused(store: &mut (impl Store + ChangeLog), ground: &Ground) -> SyncError {
    let district = clever_model::DistrictId::new(
        ground
            .emulator
            .with_world(|world| world.district_id().to_owned()),
    )
    .unwrap();
    let (mut report, _) = {
        let options = SyncOptions {
            dry_run: true,
            ..SyncOptions::default()
        };
        step(store, ground, &options, 20).await
    };
    let run = store.begin(&district).await.unwrap();
    let mut base = run.base().clone();
    base.run -= 1;
    let commit = clever_sync::store::Commit {
        base: &base,
        now: "2026-09-15T12:00:00Z".parse().unwrap(),
        cursor: None,
        whole_snapshot: false,
        sticky: &BTreeMap::new(),
    };
    run.commit(&commit, &mut report, &())
        .await
        .unwrap_err()
        .into()
}

#[tokio::test]
async fn a_store_in_memory_does_what_sqlite_does() {
    let ground = Ground::with_events(96, 90).await;
    let mut sqlite = clever_sync::SqliteStore::open(&ground.path()).unwrap();
    the_same(ground, &mut MemoryStore::default(), &mut sqlite).await;
}
