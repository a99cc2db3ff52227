//! The roster over the events feed: the same store as by snapshots, and never on trust.

use std::collections::BTreeMap;

use clever_emulator::Fault;
use clever_model::RecordKind;
use clever_sync::report::Why;
use clever_sync::{
    ChangeFilter, Outcome, RunPath, SqliteStore, SyncError, SyncOptions, SyncPolicy, Way,
};
use rusqlite::Connection;

use crate::ground::Ground;

fn by(way: Way) -> SyncOptions {
    SyncOptions {
        way,
        ..SyncOptions::default()
    }
}

/// Lets everything through, so that a small district's busy days are not held.
fn lax() -> SyncPolicy {
    SyncPolicy {
        max_archived_percent: 100,
        max_school_archived_percent: 100,
        max_updated_percent: 100,
        max_unenrolled_percent: 100,
        floor: 0,
        ..SyncPolicy::default()
    }
}

/// All that a store says, apart from when and by which run it was said.
fn content(path: &std::path::Path) -> BTreeMap<String, Vec<String>> {
    let connection = Connection::open(path).unwrap();
    let mut all = BTreeMap::new();
    let mut add = |name: &str, sql: &str| {
        let mut statement = connection.prepare(sql).unwrap();
        let width = statement.column_count();
        let rows = statement
            .query_map([], |row| {
                (0..width)
                    .map(|at| row.get::<_, rusqlite::types::Value>(at))
                    .map(|value| value.map(|value| format!("{value:?}")))
                    .collect::<Result<Vec<_>, _>>()
                    .map(|row| row.join("|"))
            })
            .unwrap();
        all.insert(name.to_owned(), rows.map(Result::unwrap).collect());
    };
    add(
        "users",
        "SELECT id, first_name, last_name, email, archived_at IS NULL FROM users ORDER BY id",
    );
    add(
        "sections",
        "SELECT id, name, school_id, teacher_id, archived_at IS NULL FROM sections ORDER BY id",
    );
    add(
        "others",
        "SELECT id, name, archived_at IS NULL FROM schools UNION ALL
         SELECT id, name, archived_at IS NULL FROM courses UNION ALL
         SELECT id, last_sync, archived_at IS NULL FROM districts ORDER BY 1",
    );
    add("roles", "SELECT * FROM user_roles ORDER BY 1, 2, 3");
    add("contacts", "SELECT * FROM contacts ORDER BY 1, 2, 3");
    add("enrollments", "SELECT * FROM enrollments ORDER BY 2, 3, 4");
    all
}

#[tokio::test]
async fn a_store_kept_by_events_is_the_store_kept_by_snapshots() {
    for seed in [2, 31, 77] {
        let ground = Ground::with_events(seed, 70).await;
        // The feed says nothing of the time before it was switched on.
        ground.emulator.advance_days(1);
        let other = ground.folder().join("snapshots.db");
        let mut told = 0;
        for step in 0..6_u32 {
            let report = ground.sync_with(&by(Way::Auto), &lax()).await.unwrap();
            let mut snapshots = SqliteStore::open(&other).unwrap();
            let full = ground
                .sync_into(&mut snapshots, &by(Way::Snapshot), &lax())
                .await
                .unwrap();
            assert_eq!(full.path, RunPath::Snapshot);
            if step > 0 {
                assert_eq!(report.path, RunPath::Events, "{:?}", report.why);
                told += report.events.as_ref().unwrap().used;
            }
            assert_eq!(
                content(&ground.path()),
                content(&other),
                "seed {seed}, step {step}"
            );
            for kind in RecordKind::ROSTER {
                let of = |report: &clever_sync::SyncReport| {
                    let kind = &report.kinds[&kind];
                    [kind.created, kind.updated, kind.archived, kind.restored]
                };
                assert_eq!(of(&report), of(&full), "seed {seed}, step {step}, {kind}");
            }
            ground.check_feed();
            // Nothing is due after the events: the snapshot is the proof.
            let audit = ground.sync_with(&by(Way::Snapshot), &lax()).await.unwrap();
            assert!(
                audit.is_unchanged(),
                "seed {seed}, step {step}: {:?}",
                audit.kinds
            );
            // The same events again change nothing.
            let again = ground.sync_with(&by(Way::Events), &lax()).await.unwrap();
            assert!(again.is_unchanged());
            ground.emulator.advance_days(1 + (seed as u32 + step) % 4);
        }
        assert!(told > 50, "{told}");
    }
}

#[tokio::test]
async fn each_change_names_the_event_that_told_it() {
    let ground = Ground::with_events(8, 60).await;
    ground.emulator.advance_days(1);
    drop(ground.sync().await.unwrap());
    ground.emulator.advance_days(1);
    let report = ground.sync().await.unwrap();
    assert_eq!(report.path, RunPath::Events);
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    let filter = ChangeFilter {
        run: report.run,
        limit: 1000,
        ..ChangeFilter::default()
    };
    let changes = store.changes(&report.district_id, &filter).await.unwrap();
    assert!(!changes.is_empty());
    let told = ground
        .emulator
        .with_world(|world| world.events().keys().collect::<Vec<_>>());
    for change in changes {
        assert!(told.contains(&change.event.unwrap()), "{}", change.id);
    }
}

#[tokio::test]
async fn a_cursor_that_is_no_longer_kept_leads_to_a_snapshot_that_says_so() {
    let ground = Ground::with_events(5, 60).await;
    ground.emulator.advance_days(1);
    drop(ground.sync().await.unwrap());
    ground.emulator.advance_days(29);
    ground.emulator.advance_days(5);
    let alone = ground.sync_with(&by(Way::Events), &lax()).await;
    assert!(
        matches!(
            alone,
            Err(SyncError::EventsAlone {
                why: Why::Gap { .. }
            })
        ),
        "{alone:?}"
    );
    let report = ground.sync_with(&by(Way::Auto), &lax()).await.unwrap();
    assert_eq!(report.path, RunPath::Snapshot);
    assert!(
        matches!(report.why, Some(Why::Gap { .. })),
        "{:?}",
        report.why
    );
    assert_eq!(ground.stored(), ground.served());
    let next = ground.sync_with(&by(Way::Auto), &lax()).await.unwrap();
    assert_eq!(next.path, RunPath::Events, "the feed is followed again");
}

#[tokio::test]
async fn without_events_each_sync_is_a_snapshot() {
    let ground = Ground::new(6, 40).await;
    for _ in 0..2 {
        let report = ground.sync().await.unwrap();
        assert_eq!(report.path, RunPath::Snapshot);
        assert_eq!(report.why, Some(Why::NoStart));
        ground.emulator.advance_days(1);
    }
    // Switched on, and off again: the feed is empty, and nobody takes that for "no changes".
    ground.emulator.with_world(|world| world.set_events(true));
    ground.emulator.advance_days(1);
    drop(ground.sync().await.unwrap());
    ground.emulator.with_world(|world| world.set_events(false));
    ground.emulator.advance_days(1);
    let report = ground.sync().await.unwrap();
    assert_eq!(report.why, Some(Why::NoEvents));
    assert_eq!(ground.stored(), ground.served());
}

#[tokio::test]
async fn a_sync_that_no_event_tells_is_noticed() {
    let ground = Ground::with_events(9, 50).await;
    ground.emulator.advance_days(1);
    drop(ground.sync().await.unwrap());
    // Off for a day: no event says what happened then.
    ground.emulator.with_world(|world| world.set_events(false));
    ground.emulator.advance_days(1);
    ground.emulator.with_world(|world| world.set_events(true));
    let report = ground.sync().await.unwrap();
    assert!(
        matches!(report.why, Some(Why::Untold { .. })),
        "{:?}",
        report.why
    );
    assert_eq!(ground.stored(), ground.served());
}

#[tokio::test]
async fn a_large_change_over_events_is_held_and_its_events_are_read_again() {
    let ground = Ground::with_events(10, 200).await;
    ground.emulator.advance_days(1);
    drop(ground.sync().await.unwrap());
    ground
        .emulator
        .with_world(|world| world.retain(RecordKind::Users, |at| at % 3 != 0));
    let first = ground.sync().await.unwrap();
    assert_eq!(
        (first.path, first.outcome),
        (RunPath::Events, Outcome::Held)
    );
    assert_eq!(ground.counts(RecordKind::Users).1, 0);
    let second = ground.sync().await.unwrap();
    assert_eq!(
        (second.path, second.outcome),
        (RunPath::Events, Outcome::Held)
    );
    assert_eq!(first.plan_hash, second.plan_hash);
    let approved = SyncOptions {
        approve: Some(second.plan_hash),
        ..SyncOptions::default()
    };
    let third = ground
        .sync_with(&approved, &SyncPolicy::default())
        .await
        .unwrap();
    assert_eq!(third.outcome, Outcome::Done);
    assert!(ground.counts(RecordKind::Users).1 > 60);
    assert!(ground.sync().await.unwrap().is_unchanged());
    ground.check_feed();
}

#[tokio::test]
async fn no_fault_on_the_feed_wrecks_anything() {
    for fault in Fault::ALL {
        let ground = Ground::with_events(12, 50).await;
        ground.emulator.advance_days(1);
        drop(ground.sync().await.unwrap());
        ground.emulator.advance_days(1);
        let before = ground.stored();
        ground
            .emulator
            .faults()
            .add(fault.on("/events").times(u64::MAX));
        let report = ground.sync().await;
        ground.check_feed();
        if report.is_err() {
            assert_eq!(ground.stored(), before, "{fault:?}");
        }
        ground.emulator.faults().clear();
        let after = ground
            .sync_with(&by(Way::Snapshot), &SyncPolicy::default())
            .await
            .unwrap();
        assert_eq!(after.outcome, Outcome::Done, "{fault:?}");
        let other = ground.folder().join("other.db");
        let mut fresh = SqliteStore::open(&other).unwrap();
        drop(
            ground
                .sync_into(&mut fresh, &by(Way::Snapshot), &SyncPolicy::default())
                .await
                .unwrap(),
        );
        assert_eq!(
            content(&other)["enrollments"],
            content(&ground.path())["enrollments"],
            "{fault:?}"
        );
        ground.check_feed();
    }
}
