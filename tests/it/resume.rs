//! A run that was stopped on the way: the next one reads only what is missing, or all of it again if it can't be
//! sure that it is the same walk.

use clever_emulator::Fault;
use clever_model::{RecordKind, SystemClock};
use clever_sync::report::Why;
use clever_sync::{
    AnyStore, Open, Outcome, RunPath, SyncError, SyncOptions, SyncPolicy, SyncReport, Way,
    apply_plan, sync,
};

use crate::ground::Ground;
use crate::stores::stores;

/// Syncs as a process of its own would.
async fn run(ground: &Ground, url: &str, options: &SyncOptions) -> Result<SyncReport, SyncError> {
    let mut store = AnyStore::open(&url.parse().unwrap(), Open::Create)
        .await
        .unwrap();
    // Days are busy in a small district, and nothing here is about what is held.
    let policy = SyncPolicy {
        max_archived_percent: 100,
        max_school_archived_percent: 100,
        max_updated_percent: 100,
        max_unenrolled_percent: 100,
        floor: 0,
        ..SyncPolicy::default()
    };
    sync(
        &ground.district,
        &mut store,
        &policy,
        options,
        &SystemClock,
        &(),
    )
    .await
}

/// A run that is cut off at an answer, from 0. Returns how many requests were answered.
async fn cut(ground: &Ground, url: &str, answer: u64) {
    let fault = Fault::Reset.on("/v3.1").nth(answer).times(u64::MAX);
    ground.emulator.faults().add(fault);
    let done = run(ground, url, &SyncOptions::default()).await;
    ground.emulator.faults().clear();
    assert!(matches!(done, Err(SyncError::Fetch { .. })), "{done:?}");
}

fn staged(ground: &Ground) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(ground.folder()).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.to_string_lossy().contains("-staging-"))
        .collect()
}

#[tokio::test]
async fn a_run_that_was_cut_off_is_gone_on_with_and_reads_only_the_rest() {
    let ground = Ground::new(91, 400).await;
    for (at, url) in stores(&ground, "whole").await.iter().enumerate() {
        let before = ground.emulator.requests();
        let whole = run(&ground, url, &SyncOptions::default()).await.unwrap();
        let all = ground.emulator.requests() - before;
        assert_eq!(whole.resumed, None);
        assert!(all > 20, "{all} requests");
        for answer in [5, all / 2, all - 2] {
            let url = &stores(&ground, &format!("cut{answer}")).await[at];
            cut(&ground, url, answer).await;
            #[cfg(unix)]
            for file in staged(&ground) {
                use std::os::unix::fs::PermissionsExt;
                let mode = std::fs::metadata(file).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
            }
            let before = ground.emulator.requests();
            let rest = run(&ground, url, &SyncOptions::default()).await.unwrap();
            let asked = ground.emulator.requests() - before;
            // The district's own record is read again at the beginning, and so are two pages that came beside the one that did not.
            assert!(asked <= all - answer + 4, "{asked} of {all} after {answer}");
            let resumed = rest.resumed.unwrap();
            assert!(resumed.records > 0 && resumed.began_at < rest.started_at);
            assert_eq!(
                (
                    rest.outcome,
                    &rest.kinds,
                    &rest.enrollments,
                    &rest.roles,
                    &rest.plan_hash,
                    &rest.drift
                ),
                (
                    whole.outcome,
                    &whole.kinds,
                    &whole.enrollments,
                    &whole.roles,
                    &whole.plan_hash,
                    &whole.drift
                ),
            );
            assert_eq!(staged(&ground), Vec::<std::path::PathBuf>::new());
            let again = run(&ground, url, &SyncOptions::default()).await.unwrap();
            assert!(again.is_unchanged());
        }
    }
}

#[tokio::test]
async fn a_later_change_is_found_by_a_run_that_goes_on() {
    let ground = Ground::new(92, 300).await;
    for url in stores(&ground, "changed").await {
        drop(run(&ground, &url, &SyncOptions::default()).await.unwrap());
        ground.emulator.advance_days(3);
        cut(&ground, &url, 9).await;
        // Planned only: nothing is applied, and nothing is left of it.
        let options = SyncOptions {
            dry_run: true,
            ..SyncOptions::default()
        };
        let planned = run(&ground, &url, &options).await.unwrap();
        assert!(planned.resumed.is_some());
        assert_eq!(staged(&ground), Vec::<std::path::PathBuf>::new());
        let done = run(&ground, &url, &SyncOptions::default()).await.unwrap();
        assert_eq!(done.resumed, None);
        assert_eq!(done.plan_hash, planned.plan_hash);
        assert!(done.kinds[&RecordKind::Users].updated > 0);
        assert_eq!(done.outcome, Outcome::Done);
    }
}

#[tokio::test]
async fn a_walk_that_a_gap_in_the_feed_began_is_gone_on_with() {
    let ground = Ground::with_events(94, 200).await;
    ground.emulator.advance_days(1);
    for url in stores(&ground, "gap").await {
        drop(run(&ground, &url, &SyncOptions::default()).await.unwrap());
        ground.emulator.advance_days(40);
        cut(&ground, &url, 9).await;
        let before = ground.emulator.requests();
        let rest = run(&ground, &url, &SyncOptions::default()).await.unwrap();
        let asked = ground.emulator.requests() - before;
        assert!(matches!(rest.why, Some(Why::Gap { .. })), "{:?}", rest.why);
        assert!(rest.resumed.is_some_and(|resumed| resumed.records > 0));
        assert_eq!((rest.path, rest.whole), (RunPath::Snapshot, true));
        let before = ground.emulator.requests();
        let full = SyncOptions {
            way: Way::Snapshot,
            ..SyncOptions::default()
        };
        let all = run(&ground, &url, &full).await.unwrap();
        assert!(all.is_unchanged());
        assert!(asked < ground.emulator.requests() - before);
        // One that was asked for, and nothing else spoke for, gives way to events.
        let fault = Fault::Reset.on("/v3.1").nth(9).times(u64::MAX);
        ground.emulator.faults().add(fault);
        assert!(run(&ground, &url, &full).await.is_err());
        ground.emulator.faults().clear();
        let events = run(&ground, &url, &SyncOptions::default()).await.unwrap();
        assert_eq!((events.path, events.resumed), (RunPath::Events, None));
    }
    assert_eq!(staged(&ground), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn what_is_broken_in_the_middle_is_thrown_away_and_told() {
    let ground = Ground::new(95, 600).await;
    let url = format!("sqlite:{}", ground.folder().join("broken.db").display());
    cut(&ground, &url, 24).await;
    let file = staged(&ground)
        .into_iter()
        .find(|path| !path.to_string_lossy().ends_with("-wal"))
        .unwrap();
    // What lies in the log is written to the file, and some pages within it are lost.
    let connection = rusqlite::Connection::open(&file).unwrap();
    let all: i64 = connection
        .query_row(
            "SELECT (SELECT count(*) FROM staged) + (SELECT coalesce(sum(size), 0) FROM staged_batches)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(connection);
    let mut bytes = std::fs::read(&file).unwrap();
    assert!(all > 300 && bytes.len() > 20 * 4096, "{all} rows");
    bytes[10 * 4096..14 * 4096].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    let done = run(&ground, &url, &SyncOptions::default()).await.unwrap();
    assert!(done.discarded && done.resumed.is_none() && done.whole);
    assert_eq!(staged(&ground), Vec::<std::path::PathBuf>::new());
    let again = run(&ground, &url, &SyncOptions::default()).await.unwrap();
    assert!(again.is_unchanged() && !again.discarded);
}

#[tokio::test]
async fn what_may_be_another_walk_is_begun_anew() {
    let ground = Ground::with_events(93, 200).await;
    for url in stores(&ground, "again").await {
        let snapshot = SyncOptions {
            way: Way::Snapshot,
            ..SyncOptions::default()
        };
        // The district was synced meanwhile.
        cut(&ground, &url, 9).await;
        ground.emulator.advance_days(1);
        let done = run(&ground, &url, &snapshot).await.unwrap();
        assert_eq!(done.resumed, None);
        // Another run ended meanwhile.
        ground.emulator.advance_days(1);
        let plan = ground.folder().join("a.plan");
        let planned = SyncOptions {
            dry_run: true,
            plan: Some(plan.clone()),
            ..snapshot.clone()
        };
        drop(run(&ground, &url, &planned).await.unwrap());
        let fault = Fault::Reset.on("/v3.1").nth(9).times(u64::MAX);
        ground.emulator.faults().add(fault);
        assert!(run(&ground, &url, &snapshot).await.is_err());
        ground.emulator.faults().clear();
        let mut store = AnyStore::open(&url.parse().unwrap(), Open::Existing)
            .await
            .unwrap();
        let applied =
            apply_plan(&plan, &mut store, &SyncPolicy::default(), &SystemClock, &()).await;
        assert!(!applied.unwrap().is_unchanged());
        drop(store);
        let done = run(&ground, &url, &snapshot).await.unwrap();
        assert_eq!(done.resumed, None);
        assert!(done.is_unchanged());
    }
    assert_eq!(staged(&ground), Vec::<std::path::PathBuf>::new());
}

/// Runs something once, when the first page of sections is read.
struct Meanwhile<F>(std::sync::Mutex<Option<F>>);

impl<F: FnOnce() + Send> clever_sync::Progress for Meanwhile<F> {
    fn page(&self, kind: RecordKind, _: usize, _: usize, _: Option<u64>) {
        if kind == RecordKind::Sections
            && let Some(run) = self.0.lock().unwrap().take()
        {
            run();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn field_20_of_two_runs_at_once_the_one_that_is_refused_leaves_nothing_staged() {
    let ground = Ground::new(95, 200).await;
    for url in stores(&ground, "loser").await {
        let (district, other) = (&ground.district, url.clone());
        let meanwhile = || {
            std::thread::scope(|scope| {
                let run = || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build();
                    runtime.unwrap().block_on(async {
                        let mut store = AnyStore::open(&other.parse().unwrap(), Open::Create)
                            .await
                            .unwrap();
                        let options = SyncOptions::default();
                        let policy = SyncPolicy::default();
                        sync(district, &mut store, &policy, &options, &SystemClock, &()).await
                    })
                };
                let winner = scope.spawn(run).join().unwrap();
                assert_eq!(winner.unwrap().outcome, Outcome::Done);
            });
        };
        let progress = Meanwhile(std::sync::Mutex::new(Some(meanwhile)));
        let mut store = AnyStore::open(&url.parse().unwrap(), Open::Create)
            .await
            .unwrap();
        let (policy, options) = (SyncPolicy::default(), SyncOptions::default());
        let loser = sync(
            district,
            &mut store,
            &policy,
            &options,
            &SystemClock,
            &progress,
        )
        .await;
        let moved = clever_sync::StoreError::Moved;
        assert_eq!(
            loser.unwrap_err().to_string(),
            SyncError::Store(moved).to_string()
        );
        // While its connection is open, and afterwards.
        assert_eq!(staged(&ground), Vec::<std::path::PathBuf>::new());
        if url.starts_with("postgres") {
            let sql = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE '\\_staging%'";
            let left = crate::stores::client(&url).await.query_one(sql, &[]).await;
            assert_eq!(left.unwrap().get::<_, i64>(0), 0);
        }
        // No run continues with leftovers of another.
        let next = run(&ground, &url, &SyncOptions::default()).await.unwrap();
        assert_eq!(next.resumed, None);
    }
}

#[tokio::test]
async fn field_20_a_plan_an_undo_and_a_feed_that_fail_leave_nothing_staged() {
    let ground = Ground::with_events(96, 100).await;
    for url in stores(&ground, "failed").await {
        let mut store = AnyStore::open(&url.parse().unwrap(), Open::Create)
            .await
            .unwrap();
        let file = ground.folder().join("plan");
        let planned = SyncOptions {
            dry_run: true,
            plan: Some(file.clone()),
            ..SyncOptions::default()
        };
        drop(run(&ground, &url, &planned).await.unwrap());
        // Rows that were taken away: the file is read, staged and found out.
        let text = std::fs::read_to_string(&file).unwrap();
        let cut: Vec<&str> = text.lines().take(60).collect();
        std::fs::write(&file, cut.join("\n")).unwrap();
        let policy = SyncPolicy::default();
        let failed = apply_plan(&file, &mut store, &policy, &SystemClock, &()).await;
        assert!(failed.is_err());
        drop(run(&ground, &url, &SyncOptions::default()).await.unwrap());
        ground.emulator.advance_days(1);
        // The feed is staged before the answer that never comes.
        let fault = Fault::Reset.on("/v3.1/districts").nth(1).times(u64::MAX);
        ground.emulator.faults().add(fault);
        let failed = run(&ground, &url, &SyncOptions::default()).await;
        ground.emulator.faults().clear();
        assert!(failed.is_err(), "{failed:?}");
        assert_eq!(staged(&ground), Vec::<std::path::PathBuf>::new());
    }
}
