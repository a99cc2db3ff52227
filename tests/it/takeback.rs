//! Plans in files, undo, explanations, the app's own columns.

use std::fs;

use clever_model::{RecordKind, SystemClock};
use clever_sync::report::Part;
use clever_sync::{
    ChangeFilter, Only, Outcome, Plan, PlanError, RunPath, SqliteStore, SyncError, SyncOptions,
    SyncPolicies, SyncPolicy, SyncReport, UndoRequest, apply_plan, explain, undo,
};
use rusqlite::Connection;

use crate::ground::Ground;

async fn plan(ground: &Ground, file: &str) -> (std::path::PathBuf, SyncReport) {
    let path = ground.folder().join(file);
    let options = SyncOptions {
        dry_run: true,
        plan: Some(path.clone()),
        ..SyncOptions::default()
    };
    let report = ground
        .sync_with(&options, &SyncPolicy::default())
        .await
        .unwrap();
    (path, report)
}

async fn apply(ground: &Ground, path: &std::path::Path) -> Result<SyncReport, SyncError> {
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    apply_plan(path, &mut store, &SyncPolicy::default(), &SystemClock, &()).await
}

#[tokio::test]
async fn a_plan_does_later_what_a_sync_would_have_done_now() {
    let ground = Ground::new(31, 80).await;
    let (path, planned) = plan(&ground, "first.plan").await;
    assert_eq!(planned.outcome, Outcome::Planned);
    assert!(ground.stored().is_empty());
    let told = Plan::read(&path).unwrap();
    assert_eq!(told.base_run, 0);
    let applied = apply(&ground, &path).await.unwrap();
    assert_eq!(applied.path, RunPath::Plan);
    assert_eq!(ground.stored(), ground.served());
    ground.check_feed();
    assert!(ground.sync().await.unwrap().is_unchanged());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "children's data are their owner's to read");
    }
}

#[tokio::test]
async fn a_plan_of_another_base_or_with_other_rows_is_refused() {
    let ground = Ground::new(32, 60).await;
    drop(ground.sync().await.unwrap());
    ground.emulator.advance_days(1);
    let (path, _) = plan(&ground, "a.plan").await;
    let text = fs::read_to_string(&path).unwrap();
    let before = ground.stored();
    let row = text.lines().nth(1).unwrap();
    let fewer = text.replacen(&format!("{row}\n"), "", 1);
    fs::write(&path, fewer).unwrap();
    let changed = apply(&ground, &path).await;
    assert!(
        matches!(changed, Err(SyncError::Plan(PlanError::Tampered { .. }))),
        "{changed:?}"
    );
    fs::write(&path, "a letter").unwrap();
    let letter = apply(&ground, &path).await;
    assert!(
        matches!(letter, Err(SyncError::Plan(PlanError::NotAPlan { .. }))),
        "{letter:?}"
    );
    assert_eq!(ground.stored(), before);
    fs::write(&path, &text).unwrap();
    drop(ground.sync().await.unwrap());
    let stale = apply(&ground, &path).await;
    assert!(
        matches!(
            stale,
            Err(SyncError::Plan(PlanError::Stale {
                made_from: 1,
                now: 2
            }))
        ),
        "{stale:?}"
    );
    ground.check_feed();
}

#[tokio::test]
async fn what_a_plan_holds_waits_for_its_approval() {
    let ground = Ground::new(33, 150).await;
    drop(ground.sync().await.unwrap());
    ground
        .emulator
        .with_world(|world| world.retain(RecordKind::Users, |at| at % 3 != 0));
    let (path, planned) = plan(&ground, "held.plan").await;
    assert_eq!(planned.holds[0].part, Part::Archive);
    let read = Plan::read(&path).unwrap();
    assert!(!read.approved && read.holds[0].contains("archiving"));
    let approved = Plan::approve(&path).unwrap();
    assert_eq!(approved.hash, read.hash);
    let report = apply(&ground, &path).await.unwrap();
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(ground.stored(), ground.served());
    ground.check_feed();
}

async fn take_back(ground: &Ground, run: u64, only: Option<Only>) -> SyncReport {
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    let district = store.districts().await.unwrap().remove(0);
    let request = UndoRequest {
        district_id: district,
        run,
        only,
        dry_run: false,
    };
    undo(
        &mut store,
        &request,
        &SyncPolicy::default(),
        &SystemClock,
        &(),
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn a_run_is_taken_back_and_stays_so_until_approved() {
    let ground = Ground::new(34, 90).await;
    drop(ground.sync().await.unwrap());
    let before = ground.stored();
    ground.emulator.advance_days(2);
    let second = ground.sync().await.unwrap();
    let after = ground.stored();
    assert_ne!(before, after);
    let undone = take_back(&ground, second.run.unwrap(), None).await;
    assert_eq!(undone.undo.unwrap().left, 0);
    let same = |a: &std::collections::BTreeMap<_, String>| {
        // A day moves bookkeeping too, which no change tells and no undo takes back.
        a.keys().cloned().collect::<Vec<(RecordKind, String)>>()
    };
    assert_eq!(same(&ground.stored()), same(&before));
    ground.check_feed();
    // Clever still tells it: held, and named.
    let held = ground.sync().await.unwrap();
    assert_eq!(held.outcome, Outcome::Held);
    assert!(
        held.holds.iter().all(|hold| hold.part == Part::Reapply),
        "{:?}",
        held.holds
    );
    assert_eq!(same(&ground.stored()), same(&before));
    let options = SyncOptions {
        approve: Some(held.plan_hash),
        ..SyncOptions::default()
    };
    let again = ground
        .sync_with(&options, &SyncPolicy::default())
        .await
        .unwrap();
    assert_eq!(again.outcome, Outcome::Done);
    assert_eq!(ground.stored(), ground.served());
    ground.check_feed();
    assert!(ground.sync().await.unwrap().is_unchanged());
}

#[tokio::test]
async fn one_record_is_taken_back_and_what_clever_says_next_is_new() {
    let ground = Ground::new(35, 60).await;
    drop(ground.sync().await.unwrap());
    let id = ground.emulator.with_world(|world| {
        let id = world
            .list(RecordKind::Sections)
            .keys()
            .next()
            .unwrap()
            .to_string();
        world.edit(RecordKind::Sections, &id, |record| {
            record["name"] = "Wrong".into();
        });
        id
    });
    let run = ground.sync().await.unwrap().run.unwrap();
    let name = || -> String {
        Connection::open(ground.path())
            .unwrap()
            .query_row("SELECT name FROM sections WHERE id = ?1", [&id], |row| {
                row.get(0)
            })
            .unwrap()
    };
    assert_eq!(name(), "Wrong");
    let undone = take_back(&ground, run, Some(Only::Section(id.clone()))).await;
    assert_eq!(undone.kinds[&RecordKind::Sections].updated, 1);
    assert_ne!(name(), "Wrong");
    assert_eq!(ground.sync().await.unwrap().outcome, Outcome::Held);
    assert_ne!(name(), "Wrong");
    ground.emulator.with_world(|world| {
        world.edit(RecordKind::Sections, &id, |record| {
            record["name"] = "Right".into();
        });
    });
    assert_eq!(ground.sync().await.unwrap().outcome, Outcome::Done);
    assert_eq!(name(), "Right");
    ground.check_feed();
}

#[tokio::test]
async fn a_field_names_the_change_that_set_it() {
    let ground = Ground::with_events(36, 60).await;
    ground.emulator.advance_days(1);
    drop(ground.sync().await.unwrap());
    let id = ground.emulator.with_world(|world| {
        let id = world
            .list(RecordKind::Sections)
            .keys()
            .next()
            .unwrap()
            .to_string();
        world.edit(RecordKind::Sections, &id, |record| {
            record["name"] = "New".into();
        });
        id
    });
    drop(ground.sync().await.unwrap());
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    let district = store.districts().await.unwrap().remove(0);
    let all = explain(&mut store, &district, &id).await.unwrap();
    let [section] = all.as_slice() else {
        panic!("{all:?}")
    };
    let (name, school) = (&section.fields["name"], &section.fields["school"]);
    assert_eq!((name.run, name.path), (2, Some(RunPath::Events)));
    assert!(name.event.is_some());
    assert_eq!((school.run, school.path), (1, Some(RunPath::Snapshot)));
    assert_eq!(school.event, None);
    assert_eq!(section.history.len(), 2);
}

#[tokio::test]
async fn a_column_that_the_app_owns_is_never_written() {
    let ground = Ground::new(37, 50).await;
    let policies = SyncPolicies::read("[sticky]\nsections = [\"name\"]").unwrap();
    let policy = policies.of("any");
    drop(
        ground
            .sync_with(&SyncOptions::default(), policy)
            .await
            .unwrap(),
    );
    let connection = Connection::open(ground.path()).unwrap();
    let written: u64 = connection
        .query_row("SELECT count(name) FROM sections", [], |row| row.get(0))
        .unwrap();
    assert_eq!(written, 0);
    connection
        .execute("UPDATE sections SET name = 'Ours'", [])
        .unwrap();
    ground.emulator.with_world(|world| {
        let id = world
            .list(RecordKind::Sections)
            .keys()
            .next()
            .unwrap()
            .to_string();
        world.edit(RecordKind::Sections, &id, |record| {
            record["name"] = "Theirs".into();
            record["period"] = "9".into();
        });
    });
    let report = ground
        .sync_with(&SyncOptions::default(), policy)
        .await
        .unwrap();
    assert_eq!(report.kinds[&RecordKind::Sections].updated, 1);
    let (ours, periods): (u64, u64) = connection
        .query_row(
            "SELECT sum(name = 'Ours'), sum(period = '9') FROM sections",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let all = ground.counts(RecordKind::Sections).0;
    assert_eq!(i64::try_from(ours).unwrap(), all);
    assert!(periods >= 1);
}

#[tokio::test]
async fn a_consumer_sees_each_change_at_least_once_and_goes_on_where_it_was() {
    let ground = Ground::new(38, 50).await;
    let report = ground.sync().await.unwrap();
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    let district = report.district_id.as_str();
    let filter = |after| ChangeFilter {
        after,
        limit: 10,
        ..ChangeFilter::default()
    };
    let now = "2026-09-14T12:00:00Z".parse().unwrap();
    let mut seen = 0;
    loop {
        let from = store.position(district, "search").await.unwrap();
        let changes = store.changes(district, &filter(from)).await.unwrap();
        let Some(last) = changes.last() else { break };
        // A consumer that dies here reads the same again.
        assert_eq!(changes[0].seq, seen + 1);
        seen = last.seq;
        store
            .acknowledge(district, "search", seen, now)
            .await
            .unwrap();
    }
    store.acknowledge(district, "search", 3, now).await.unwrap();
    assert_eq!(store.position(district, "search").await.unwrap(), seen);
    assert_eq!(store.position(district, "mail").await.unwrap(), 0);
    let all = store.status().await.unwrap()[0].changes;
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_plan_shows_some_of_its_records_field_by_field() {
    let ground = Ground::new(39, 60).await;
    drop(ground.sync().await.unwrap());
    let id = ground.emulator.with_world(|world| {
        let ids: Vec<String> = world.list(RecordKind::Sections).keys().take(5).collect();
        for id in &ids {
            world.edit(RecordKind::Sections, id, |section| {
                section["name"] = "New".into();
            });
        }
        ids[0].clone()
    });
    let (path, _) = plan(&ground, "shown.plan").await;
    let samples = Plan::samples(&path, 2).unwrap();
    assert_eq!(samples.len(), 2, "two of each sort");
    assert_eq!(
        (samples[0].id.as_str(), samples[0].op.as_str()),
        (id.as_str(), "update")
    );
    let [name] = samples[0].fields.as_slice() else {
        panic!("{:?}", samples[0])
    };
    assert_eq!(
        (name.field.as_str(), &name.after),
        ("name", &Some("New".into()))
    );
    let before = name.before.as_ref().and_then(|name| name.as_str()).unwrap();
    assert!(before.len() > 3 && before != "New", "{before}");
    assert!(
        !format!("{samples:?}").contains(before),
        "no value reaches a Debug"
    );
    drop(apply(&ground, &path).await.unwrap());
    assert_eq!(ground.stored(), ground.served());
}
