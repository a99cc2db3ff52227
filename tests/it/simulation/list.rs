//! The sceptic's list over both databases, each item with a district of its own in one store: nobody is lost,
//! the feed is right, and once the trouble is over a run makes it so. `sceptic.rs` has the same over HTTP.

use std::path::Path;

use clever_emulator::Happening;
use clever_model::ManualClock;
use clever_model::{Clock as _, DistrictId, RecordKind};
use clever_sync::report::{Cause, Doubt, Part, Why};
use clever_sync::{
    DatabaseError, Outcome, RunPath, StoreError, SyncError, SyncOptions, SyncPolicy, SyncReport,
    UndoError, UndoRequest, Way, apply_plan, mark_edited, sync, undo,
};
use tempfile::TempDir;

use super::invariants;
use super::kept::{Kept, Look};
use super::server::Server;
use super::source::{Counting, Source, Trouble};

/// A synced district in a store.
pub(super) struct Case<'a> {
    kept: &'a Kept,
    pub(super) server: Server,
    pub(super) district: String,
    clock: ManualClock,
    seed: u64,
}

type Ended = Result<SyncReport, SyncError>;

impl<'a> Case<'a> {
    pub(super) async fn new(kept: &'a Kept, seed: u64, students: u32) -> Self {
        let server = Server::start(seed, students).await;
        server.act(|emulator| drop(emulator.advance_days(1)));
        let case = Self {
            kept,
            district: server.district_id(),
            clock: ManualClock::at(server.now()),
            server,
            seed,
        };
        assert_eq!(case.sync(Way::Auto).await.unwrap().outcome, Outcome::Done);
        case
    }

    async fn run(&self, source: &Source<'_>, way: Way) -> Ended {
        let options = SyncOptions {
            way,
            ..SyncOptions::default()
        };
        let world = self.server.now().as_second() - self.clock.now().as_second();
        self.clock.advance_seconds(world + 60);
        let mut store = self.kept.open().await;
        let before = self.look().await;
        let policy = SyncPolicy::default();
        let ended = sync(source, &mut store, &policy, &options, &self.clock, &()).await;
        let after = self.look().await;
        match &ended {
            Ok(_) => {
                let entries = self.kept.feed(&self.district, before.seq).await;
                invariants::the_feed_tells_each_change_once(&before, &after, &entries);
            }
            Err(_) => assert_eq!(before, after, "{}", self.seed),
        }
        ended
    }

    /// All is well.
    pub(super) async fn sync(&self, way: Way) -> Ended {
        self.run(&Source::fine(&self.server, 1000), way).await
    }

    /// Writes what a snapshot would do now to a file.
    pub(super) async fn plan(&self, path: &Path) {
        let options = SyncOptions {
            way: Way::Snapshot,
            dry_run: true,
            plan: Some(path.to_owned()),
            ..SyncOptions::default()
        };
        let source = Source::fine(&self.server, 1000);
        let mut store = self.kept.open().await;
        let policy = SyncPolicy::default();
        let planned = sync(&source, &mut store, &policy, &options, &self.clock, &()).await;
        assert_eq!(planned.unwrap().outcome, Outcome::Planned);
    }

    /// Applies it.
    pub(super) async fn apply(&self, path: &Path) -> Ended {
        let mut store = self.kept.open().await;
        apply_plan(path, &mut store, &SyncPolicy::default(), &self.clock, &()).await
    }

    /// Takes the last run back.
    pub(super) async fn undo(&self) -> Result<SyncReport, UndoError> {
        let (run, _) = self.kept.version(&self.district).await;
        let request = UndoRequest {
            district_id: self.district.clone(),
            run: run.unsigned_abs(),
            only: None,
            dry_run: false,
        };
        let mut store = self.kept.open().await;
        undo(
            &mut store,
            &request,
            &SyncPolicy::default(),
            &self.clock,
            &(),
        )
        .await
    }

    /// One thing goes wrong with the users, which are one page.
    async fn troubled(&self, trouble: Trouble) -> Ended {
        let mut source = Source::fine(&self.server, 1000);
        source.counting = Counting::Pages;
        source.at_users = Some(trouble);
        self.run(&source, Way::Snapshot).await
    }

    async fn look(&self) -> Look {
        self.kept.look(&self.district).await
    }

    async fn archived(&self) -> usize {
        let look = self.look().await;
        look.records.values().filter(|held| !held.active).count()
    }

    /// Nobody was archived, and the next run without trouble has all.
    async fn nobody_left(&self, what: &str) {
        assert_eq!(self.archived().await, 0, "{what}");
        assert_eq!(
            self.sync(Way::Snapshot).await.unwrap().outcome,
            Outcome::Done
        );
        assert_eq!(self.archived().await, 0, "{what}");
        let look = self.look().await;
        assert_eq!(
            look.records.len(),
            self.server.past.borrow().now.len(),
            "{what}"
        );
    }

    /// A happening is held, with its cause, and nobody of the kind is archived.
    async fn held(&self, happening: Option<Happening>, kind: RecordKind, cause: &[Cause]) {
        if let Some(happening) = happening {
            self.server.act(|emulator| {
                emulator.happen(happening);
            });
        }
        let report = self.sync(Way::Snapshot).await.unwrap();
        let hold = report.holds.iter().find(|hold| hold.kind == kind);
        let hold = hold.unwrap_or_else(|| panic!("{happening:?}: {:?}", report.kinds));
        assert!(
            cause.contains(&hold.cause),
            "{happening:?}: {:?}",
            hold.cause
        );
        assert_eq!(hold.part, Part::Archive);
        let look = self.look().await;
        let gone = look
            .records
            .iter()
            .filter(|((of, _), held)| *of == kind && !held.active);
        assert_eq!(gone.count(), 0, "{happening:?}");
    }
}

async fn the_list(kept: &Kept, first: u64) {
    let mut seed = first;
    let mut next = async || {
        seed += 1;
        Case::new(kept, seed, 60).await
    };

    let case = next().await;
    let report = case.troubled(Trouble::EmptyList).await.unwrap();
    assert_eq!(report.holds[0].cause, Cause::EmptyAnswer);
    case.nobody_left("empty answer").await;

    let case = next().await;
    let mut short = Source::fine(&case.server, 40);
    short.counting = Counting::Pages;
    short.at_users = Some(Trouble::EarlyEnd);
    short.two_ends = false;
    let report = case.run(&short, Way::Snapshot).await.unwrap();
    let users = &report.kinds[&RecordKind::Users];
    assert!(matches!(
        users.certificate.doubts[0],
        Doubt::CountDiffers { .. }
    ));
    assert!(users.kept > 0);
    case.nobody_left("short answer").await;

    // Also if it may be walked from its end.
    let case = next().await;
    let mut short = Source::fine(&case.server, 40);
    short.counting = Counting::Pages;
    short.at_users = Some(Trouble::EarlyEnd);
    drop(case.run(&short, Way::Snapshot).await.unwrap());
    case.nobody_left("short answer from the front").await;

    // Nobody counts, and a list ends early: its last record is another one.
    let case = next().await;
    let mut short = Source::fine(&case.server, 40);
    short.counting = Counting::None;
    short.at_users = Some(Trouble::EarlyEnd);
    let ended = case.run(&short, Way::Snapshot).await;
    assert!(
        matches!(
            ended,
            Err(SyncError::EndedEarly {
                kind: RecordKind::Users
            })
        ),
        "{ended:?}"
    );
    case.nobody_left("short answer without a count").await;

    // Nobody counts, and nobody knows the last record.
    let case = next().await;
    case.server.act(|emulator| {
        emulator.with_world(|world| world.retain(RecordKind::Users, |at| at != 7));
    });
    let mut endless = Source::fine(&case.server, 1000);
    endless.counting = Counting::None;
    endless
        .troubles
        .extend((0..40).map(|at| (at, Trouble::NoEnd)));
    let report = case.run(&endless, Way::Snapshot).await.unwrap();
    let users = &report.kinds[&RecordKind::Users];
    assert_eq!(users.certificate.doubts, [Doubt::EndUnproven]);
    assert_eq!((users.kept, case.archived().await), (1, 0));

    let case = next().await;
    let cut = case.troubled(Trouble::Broken).await;
    assert!(matches!(
        cut,
        Err(SyncError::Fetch {
            kind: RecordKind::Users,
            ..
        })
    ));
    case.nobody_left("cut walk").await;

    let case = next().await;
    case.server.act(|emulator| {
        emulator.with_world(|world| {
            world.retain(RecordKind::Users, |at| at % 3 != 0);
        });
    });
    case.held(None, RecordKind::Users, &[Cause::Unexplained])
        .await;

    for (happening, kind, causes) in [
        (
            Happening::Rollover,
            RecordKind::Sections,
            &[Cause::SisRekeyed, Cause::Rollover][..],
        ),
        (Happening::SisRekey, RecordKind::Users, &[Cause::SisRekeyed]),
        (
            Happening::RoleOff,
            RecordKind::Users,
            &[Cause::RoleSwitchedOff(clever_model::Role::Contact)],
        ),
    ] {
        next().await.held(Some(happening), kind, causes).await;
    }

    let case = next().await;
    case.server.act(|emulator| {
        emulator.happen(Happening::Pause);
        // A paused district stands still, but what it shares may still change.
        emulator.with_world(|world| world.retain(RecordKind::Users, |at| at != 7));
    });
    case.held(None, RecordKind::Users, &[Cause::DistrictPaused])
        .await;

    for trouble in [
        Trouble::Twice,
        Trouble::Backwards,
        Trouble::Refused,
        Trouble::Unreadable,
        Trouble::NotUtf8,
        Trouble::OddCount,
    ] {
        let case = next().await;
        drop(case.troubled(trouble).await.unwrap());
        case.nobody_left(&format!("{trouble:?}")).await;
    }

    // Expired cursor; events off.
    let case = next().await;
    case.server.act(|emulator| drop(emulator.advance_days(2)));
    assert_eq!(case.sync(Way::Auto).await.unwrap().path, RunPath::Events);
    case.server.act(|emulator| drop(emulator.advance_days(33)));
    let alone = case.sync(Way::Events).await;
    assert!(
        matches!(
            alone,
            Err(SyncError::EventsAlone {
                why: Why::Gap { .. }
            })
        ),
        "{alone:?}"
    );
    let report = case.sync(Way::Auto).await.unwrap();
    assert_eq!(report.path, RunPath::Snapshot);
    case.server
        .act(|emulator| emulator.with_world(|world| world.set_events(false)));
    assert_eq!(case.sync(Way::Auto).await.unwrap().path, RunPath::Snapshot);

    // An event for an unknown kind is passed by.
    let case = next().await;
    case.server.act(|emulator| drop(emulator.advance_days(1)));
    let mut source = Source::fine(&case.server, 1000);
    // The district, the oldest event, the feed.
    source.troubles.push((2, Trouble::OtherKind));
    let report = case.run(&source, Way::Auto).await.unwrap();
    assert_eq!(report.events.unwrap().skipped["homework.created"], 1);

    // A clock that jumped ahead and back: a snapshot is due, not put off for years.
    let case = next().await;
    case.clock.advance_seconds(40 * 365 * 86_400);
    let mut store = case.kept.open().await;
    let policy = SyncPolicy::default();
    let full = SyncOptions {
        way: Way::Snapshot,
        ..SyncOptions::default()
    };
    let source = Source::fine(&case.server, 1000);
    let ahead = sync(&source, &mut store, &policy, &full, &case.clock, &()).await;
    drop(ahead.unwrap());
    let back = case.sync(Way::Auto).await.unwrap();
    assert!(matches!(back.why, Some(Why::Due { .. })), "{:?}", back.why);

    // Two at once: the second to write is refused, and its next run is right.
    let case = next().await;
    case.server.act(|emulator| drop(emulator.advance_days(1)));
    let (mut one, mut two) = (case.kept.open().await, case.kept.open().await);
    let (first, second) = (
        Source::fine(&case.server, 20),
        Source::fine(&case.server, 20),
    );
    let options = SyncOptions::default();
    let (first, second) = tokio::join!(
        sync(&first, &mut one, &policy, &options, &case.clock, &()),
        sync(&second, &mut two, &policy, &options, &case.clock, &())
    );
    let refused = |ended: &Ended| {
        matches!(
            ended,
            Err(SyncError::Store(
                StoreError::Moved | StoreError::Database(DatabaseError::Locked)
            ))
        )
    };
    assert!(first.is_ok() || second.is_ok());
    assert!(
        [&first, &second]
            .iter()
            .all(|ended| ended.is_ok() || refused(ended)),
        "{first:?} {second:?}"
    );
    assert!(case.sync(Way::Auto).await.unwrap().is_unchanged());

    // A hand edit is found and mended.
    let case = next().await;
    let names = format!(
        "SELECT id, last_name FROM users WHERE district_id = '{}' ORDER BY id",
        case.district
    );
    let before = kept.rows(&names).await;
    kept.edit(&format!(
        "UPDATE users SET last_name = 'Edited' WHERE district_id = '{}'",
        case.district
    ))
    .await;
    let id = DistrictId::new(case.district.as_str()).unwrap();
    let mut store = kept.open().await;
    let found = mark_edited(&mut store, &id, &policy).await.unwrap();
    assert_eq!(found, before.len() as u64);
    assert!(case.sync(Way::Snapshot).await.unwrap().is_unchanged());
    assert_eq!(kept.rows(&names).await, before);
}

#[tokio::test]
async fn the_sceptics_list_over_sqlite() {
    let folder = TempDir::new().unwrap();
    let kept = Kept::sqlite(folder.path().join("roster.db"));
    the_list(&kept, 900).await;
}

#[tokio::test]
async fn the_sceptics_list_over_postgresql() {
    if let Some(url) = crate::stores::database("list").await {
        let kept = Kept::postgres(&url).await;
        the_list(&kept, 900).await;
    }
}

/// Readers look all the time while runs are applied: each sees the numbers of one run, never a mixture.
async fn readers(kept: &Kept) {
    let case = Case::new(kept, 990, 60).await;
    let id = &case.district;
    // One statement, so one view of the store: the last run's own numbers beside those of the tables.
    let sql = format!(
        "SELECT (SELECT report FROM runs r WHERE r.district_id = '{id}' ORDER BY run DESC LIMIT 1),
                (SELECT count(*) FROM users WHERE district_id = '{id}' AND archived_at IS NULL),
                (SELECT count(*) FROM sections WHERE district_id = '{id}' AND archived_at IS NULL),
                (SELECT count(*) FROM enrollments WHERE district_id = '{id}'),
                (SELECT count(*) FROM changes WHERE district_id = '{id}'),
                (SELECT max(seq) FROM changes WHERE district_id = '{id}')"
    );
    let stop = std::cell::Cell::new(false);
    let looking = async {
        let mut seen = std::collections::BTreeSet::new();
        while !stop.get() {
            let row = kept.rows(&sql).await.remove(0);
            let text = |at: usize| row[at].clone().unwrap();
            let report: serde_json::Value = serde_json::from_str(&text(0)).unwrap();
            let places = &report["enrollments"];
            let places =
                places["students"].as_u64().unwrap() + places["teachers"].as_u64().unwrap();
            assert_eq!(report["kinds"]["users"]["total"].to_string(), text(1));
            assert_eq!(report["kinds"]["sections"]["total"].to_string(), text(2));
            assert_eq!(places.to_string(), text(3));
            assert_eq!(text(4), text(5));
            seen.insert(report["run"].as_u64());
            tokio::task::yield_now().await;
        }
        seen
    };
    let writing = async {
        for day in 0..12 {
            case.server.act(|emulator| drop(emulator.advance_days(1)));
            let way = [Way::Auto, Way::Snapshot][day % 2];
            assert_eq!(case.sync(way).await.unwrap().outcome, Outcome::Done);
        }
        stop.set(true);
    };
    let (seen, ()) = tokio::join!(looking, writing);
    assert!(seen.len() > 3, "{seen:?}");
}

#[tokio::test]
async fn a_reader_sees_the_old_state_or_the_new_one() {
    // Over SQLite a run's writing gives way to nobody in this thread; who looks from another process is seen to
    // by the kills of the real binary.
    if let Some(url) = crate::stores::database("readers").await {
        readers(&Kept::postgres(&url).await).await;
    }
}
