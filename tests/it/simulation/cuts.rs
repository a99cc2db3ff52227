//! Runs that are cut short at every point: at every answer, in the middle of every body, at every call of the store.
//! Each cut begins from the same store, which is whole after it; the run after it ends where one ends that nothing
//! befell.
//!
//! By events, by events that lead to a snapshot, by a snapshot, and with a plan that is applied later.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clever_emulator::Fault;
use clever_model::ManualClock;
use clever_sync::store::Store;
use clever_sync::{
    AnyStore, DatabaseError, Open, RunPath, StoreError, SyncError, SyncOptions, SyncPolicy,
    SyncReport, Way, apply_plan, sync,
};

use super::crash::Crashing;
use super::invariants;
use super::kept::{Kept, Line};
use crate::ground::Ground;

/// How a run learns what it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Events,
    /// The feed is read, and then not believed: the district was synced while it was off.
    FallBack,
    Snapshot,
    Plan,
}

/// A district that has changed since its store was synced, and that store, of which each case gets a copy.
struct Scene {
    ground: Ground,
    how: How,
    clock: ManualClock,
    district: String,
    plan: PathBuf,
    /// The store's own address, and the copies' so far.
    base: String,
    copies: u32,
}

/// A copy of the store.
struct Case {
    url: String,
    kept: Kept,
    before: BTreeMap<String, Vec<Line>>,
}

/// What a district's tables say once a run has ended: every row, or over PostgreSQL what does not hang on the numbers
/// that a broken transaction used up.
type End = BTreeMap<String, Vec<Line>>;

impl Scene {
    async fn new(seed: u64, how: How, base: String) -> Self {
        let ground = Ground::without_limit(seed, 24).await;
        ground.emulator.advance_days(1);
        let world = |ground: &Ground| ground.emulator.with_world(|world| world.now());
        let scene = Self {
            clock: ManualClock::at(world(&ground)),
            district: ground
                .emulator
                .with_world(|world| world.district_id().to_owned()),
            plan: ground.folder().join("a.plan"),
            ground,
            how,
            base,
            copies: 0,
        };
        let mut store = AnyStore::open(&scene.base.parse().unwrap(), Open::Create)
            .await
            .unwrap();
        drop(
            scene
                .sync(&mut store, &SyncOptions::default())
                .await
                .unwrap(),
        );
        scene.ground.emulator.advance_days(1);
        if how == How::FallBack {
            let events = |on| move |world: &mut _| clever_emulator::World::set_events(world, on);
            scene.ground.emulator.with_world(events(false));
            scene.ground.emulator.advance_days(1);
            scene.ground.emulator.with_world(events(true));
        }
        // Long after the district's own sync: a change without an event by then gets none.
        let passed =
            world(&scene.ground).as_second() - clever_model::Clock::now(&scene.clock).as_second();
        scene.clock.advance_seconds(passed + 7200);
        if how == How::Plan {
            let options = SyncOptions {
                dry_run: true,
                plan: Some(scene.plan.clone()),
                ..SyncOptions::default()
            };
            drop(scene.sync(&mut store, &options).await.unwrap());
        }
        drop(store);
        scene
    }

    async fn sync(
        &self,
        store: &mut impl Store,
        options: &SyncOptions,
    ) -> Result<SyncReport, SyncError> {
        let policy = lax();
        sync(
            &self.ground.district,
            store,
            &policy,
            options,
            &self.clock,
            &(),
        )
        .await
    }

    /// Does what this scene is about.
    async fn run(&self, store: &mut impl Store) -> Result<SyncReport, SyncError> {
        match self.how {
            How::Plan => apply_plan(&self.plan, store, &lax(), &self.clock, &()).await,
            How::Snapshot => {
                let options = SyncOptions {
                    way: Way::Snapshot,
                    ..SyncOptions::default()
                };
                self.sync(store, &options).await
            }
            How::Events | How::FallBack => self.sync(store, &SyncOptions::default()).await,
        }
    }

    /// A copy of the store as it was before the run.
    async fn case(&mut self) -> Case {
        self.copies += 1;
        let (url, kept) = match self.base.strip_prefix("sqlite:") {
            Some(base) => {
                let path = PathBuf::from(format!("{base}.{}", self.copies));
                std::fs::copy(base, &path).unwrap();
                (format!("sqlite:{}", path.display()), Kept::sqlite(path))
            }
            None => {
                let url = crate::stores::copy(&self.base, self.copies).await;
                let kept = Kept::postgres(&url).await;
                (url, kept)
            }
        };
        Case {
            before: kept.all(&self.district).await,
            url,
            kept,
        }
    }

    async fn end(&self, kept: &Kept) -> End {
        match kept {
            Kept::Sqlite { .. } => kept.all(&self.district).await,
            Kept::Postgres { .. } => {
                let all = kept.derived(&self.district).await.into_iter();
                let mut all: End = all.map(|(table, rows)| (table.to_owned(), rows)).collect();
                let id = &self.district;
                for (table, sql) in [
                    (
                        "changes",
                        format!("SELECT * FROM changes WHERE district_id = '{id}' ORDER BY seq"),
                    ),
                    (
                        "_districts",
                        format!(
                            "SELECT event_cursor, snapshot_at, counted FROM _districts WHERE district_id = '{id}'"
                        ),
                    ),
                ] {
                    all.insert(table.to_owned(), kept.rows(&sql).await);
                }
                all
            }
        }
    }

    /// How a run ends that nothing befalls, and how many answers and calls of the store it took.
    async fn undisturbed(&mut self) -> (End, u64) {
        let case = self.case().await;
        let asked = self.ground.emulator.requests();
        let mut store = case.kept.open().await;
        let report = self.run(&mut store).await.unwrap();
        drop(store);
        let path = match self.how {
            How::Events => RunPath::Events,
            How::Plan => RunPath::Plan,
            How::FallBack | How::Snapshot => RunPath::Snapshot,
        };
        assert_eq!(report.path, path, "{:?}", report.why);
        assert!(!report.is_unchanged());
        let asked = self.ground.emulator.requests() - asked;
        let end = self.end(&case.kept).await;
        case.gone().await;
        (end, asked)
    }

    /// What must hold after a run that was cut short, and after the next one.
    async fn check(&self, case: Case, end: &End, told: &str) {
        assert_eq!(
            case.kept.all(&self.district).await,
            case.before,
            "{told}: the store is as it was"
        );
        let before = case.kept.look(&self.district).await;
        let mut store = case.kept.open().await;
        let next = self.run(&mut store).await;
        drop(store);
        let next = next.unwrap_or_else(|error| panic!("{told}, the run after it: {error:?}"));
        assert!(!next.is_unchanged(), "{told}");
        let after = case.kept.look(&self.district).await;
        let feed = case.kept.feed(&self.district, 0).await;
        let entries: Vec<_> = feed
            .iter()
            .filter(|entry| entry.seq > before.seq)
            .cloned()
            .collect();
        invariants::the_feed_tells_each_change_once(&before, &after, &entries);
        invariants::the_feed_replays_to_the_tables(&feed, &after);
        assert_eq!(self.end(&case.kept).await, *end, "{told}: the run after it");
        case.gone().await;
    }
}

impl Case {
    /// Nothing is left of it.
    async fn gone(self) {
        let Self { url, kept, .. } = self;
        drop(kept);
        if let Some(path) = url.strip_prefix("sqlite:") {
            let left: Vec<PathBuf> = std::fs::read_dir(PathBuf::from(path).parent().unwrap())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|file| file.to_string_lossy().starts_with(path))
                .collect();
            for file in &left {
                let staging = file.to_string_lossy().contains("-staging-");
                assert!(!staging, "{} stays", file.display());
                std::fs::remove_file(file).unwrap();
            }
        } else {
            crate::stores::drop_database(&url).await;
        }
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

/// Cuts the connection before every answer and in the middle of every body; or before one and in the next, in turn.
async fn at_every_answer(seed: u64, how: How, base: String, both: bool) {
    let mut scene = Scene::new(seed, how, base).await;
    let (end, answers) = scene.undisturbed().await;
    assert!(answers > 4, "{how:?}: {answers} answers");
    for answer in 1..=answers {
        let faults = [Fault::Reset, Fault::Cut];
        let of_this = if both {
            &faults[..]
        } else {
            &faults[answer as usize % 2..][..1]
        };
        for fault in of_this {
            let case = scene.case().await;
            // From this answer on, however often it is asked again.
            let rule = fault.on("/v3.1").nth(answer).times(u64::MAX);
            scene.ground.emulator.faults().add(rule);
            let mut store = case.kept.open().await;
            let done = scene.run(&mut store).await;
            drop(store);
            scene.ground.emulator.faults().clear();
            let told = format!("{how:?}, {fault:?} at answer {answer} of {answers}");
            assert!(
                matches!(
                    done,
                    Err(SyncError::Fetch { .. } | SyncError::Events { .. })
                ),
                "{told}: {done:?}"
            );
            scene.check(case, &end, &told).await;
        }
    }
}

/// Fails at every call of the store.
async fn at_every_call(seed: u64, how: How, base: String, step: u32) {
    let mut scene = Scene::new(seed, how, base).await;
    let (end, _) = scene.undisturbed().await;
    let mut call = 0;
    loop {
        let case = scene.case().await;
        let mut store = Crashing {
            store: case.kept.open().await,
            left: call,
        };
        let done = scene.run(&mut store).await;
        drop(store);
        let told = format!("{how:?}, call {call}");
        match done {
            Ok(_) => {
                assert_eq!(scene.end(&case.kept).await, end, "{told}");
                case.gone().await;
                break;
            }
            Err(error) => assert!(
                matches!(
                    error,
                    SyncError::Store(StoreError::Database(DatabaseError::Full))
                ),
                "{told}: {error:?}"
            ),
        }
        scene.check(case, &end, &told).await;
        call += step;
    }
    assert!(call > 5, "{how:?}: {call} calls");
}

macro_rules! cuts {
    ($($name:ident: $cut:ident $seed:literal $how:ident $each:literal;)*) => {
        $(#[tokio::test]
        async fn $name() {
            let folder = tempfile::TempDir::new().unwrap();
            let base = format!("sqlite:{}", folder.path().join("base.db").display());
            $cut($seed, How::$how, base, $each).await;
        })*
    };
}

cuts! {
    events_cut_at_every_answer_and_body: at_every_answer 821 Events true;
    a_fall_back_cut_at_every_answer_and_body: at_every_answer 822 FallBack true;
    a_snapshot_cut_at_every_answer_and_body: at_every_answer 823 Snapshot true;
    events_that_fail_at_every_call_of_the_store: at_every_call 824 Events 1;
    a_fall_back_that_fails_at_every_call_of_the_store: at_every_call 825 FallBack 1;
    a_snapshot_that_fails_at_every_call_of_the_store: at_every_call 826 Snapshot 1;
    a_plan_that_fails_at_every_call_of_the_store: at_every_call 827 Plan 1;
}

/// The same over PostgreSQL. There a case costs more: half as many cuts of two kinds, some calls of the others.
#[tokio::test]
async fn cuts_over_postgresql() {
    for (seed, how) in [
        (831, How::Events),
        (832, How::FallBack),
        (833, How::Snapshot),
        (834, How::Plan),
    ] {
        let Some(base) = crate::stores::database(&format!("cuts_{seed}")).await else {
            return;
        };
        match how {
            How::Events | How::Snapshot => at_every_answer(seed, how, base, false).await,
            How::FallBack => at_every_call(seed, how, base, 9).await,
            How::Plan => at_every_call(seed, how, base, 2).await,
        }
    }
}
