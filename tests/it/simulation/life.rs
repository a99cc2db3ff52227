//! One life of one district: things happen, answers break, the store fails, people plan, approve, undo and
//! edit; after each step the invariants.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clever_model::ManualClock;
use clever_model::{Clock as _, DistrictId, RecordKind};
use clever_sync::{
    Outcome, RunPath, SyncError, SyncOptions, SyncPolicies, SyncPolicy, SyncReport, Way, sync,
};
use futures_util::FutureExt;

mod hands;

use super::chance::Chance;
use super::crash::Crashing;
use super::invariants::{self, Run};
use super::kept::{Kept, Look};
use super::server::{Key, Meaning, Server, happen, meaning};
use super::source::{Counting, Sent, Source, Trouble};

/// Steps of a life.
const STEPS: usize = 8;

/// What became of a run.
type Ended = Result<SyncReport, SyncError>;

pub(crate) struct Life<'a> {
    chance: Chance,
    server: Server,
    kept: &'a Kept,
    district: String,
    clock: ManualClock,
    policy: SyncPolicy,
    page: usize,
    folder: PathBuf,
    /// How the district was before each run.
    before_runs: BTreeMap<i64, Look>,
    /// Everything that was ever sent of a record, and when.
    sent: BTreeMap<Key, Vec<(u32, Option<Meaning>)>>,
    /// Events that an answer left out.
    lost: BTreeSet<String>,
    /// What an undo put aside: none for absence.
    undone: BTreeMap<Key, Option<Meaning>>,
    /// The last hold, if nothing ran since.
    held: Option<String>,
    /// What earlier runs that failed had received, and when: the next one may continue their walks.
    left: Vec<(Sent, u32)>,
    /// How often one did.
    pub(crate) resumed: u32,
    /// When the first of what the last run stands on was sent, and whether any answer of that was wrong.
    last: (u32, bool),
    /// A plan's file with the run it was made from, and what it was made of.
    plan: Option<(PathBuf, i64, u32, Sent)>,
    /// What happened, for whoever reads a failure.
    pub(crate) story: &'a RefCell<Vec<String>>,
}

impl<'a> Life<'a> {
    pub(crate) async fn begin(
        seed: u64,
        kept: &'a Kept,
        folder: PathBuf,
        story: &'a RefCell<Vec<String>>,
    ) -> Self {
        let mut chance = Chance::new(seed);
        let students = 5 + u32::try_from(chance.below(36)).unwrap();
        let server = Server::start(seed, students).await;
        // The feed says nothing of the time before it was switched on.
        server.act(|emulator| drop(emulator.advance_days(1)));
        let policy = match chance.below(3) {
            0 => SyncPolicy::default(),
            1 => SyncPolicy {
                max_archived_percent: 100,
                max_updated_percent: 100,
                max_unenrolled_percent: 100,
                floor: 0,
                ..SyncPolicy::default()
            },
            _ => {
                let text = "[sticky]\nusers = [\"email\"]";
                SyncPolicies::read(text).unwrap().of("any").clone()
            }
        };
        story.borrow_mut().push(format!(
            "{students} students, archives at most {} %, sticky {:?}",
            policy.max_archived_percent, policy.sticky
        ));
        Self {
            district: server.district_id(),
            clock: ManualClock::at(server.now()),
            page: 1 + chance.below(40),
            chance,
            server,
            kept,
            policy,
            folder,
            before_runs: BTreeMap::new(),
            sent: BTreeMap::new(),
            lost: BTreeSet::new(),
            undone: BTreeMap::new(),
            held: None,
            left: Vec::new(),
            resumed: 0,
            last: (0, false),
            plan: None,
            story,
        }
    }

    fn tell(&self, what: impl Into<String>) {
        self.story.borrow_mut().push(what.into());
    }

    /// Lives it to its end.
    pub(crate) async fn live(&mut self) {
        for step in 0..STEPS {
            self.tell(format!("step {step}"));
            for _ in 0..self.chance.below(3) {
                let what = happen(&self.server, &mut self.chance);
                self.tell(what);
            }
            let world = self.server.now().as_second() - self.clock.now().as_second();
            // Clocks follow the world's, and sometimes jump.
            self.clock.advance_seconds(match self.chance.below(12) {
                0 => 3 * 365 * 86_400,
                1 => -3 * 365 * 86_400,
                _ => world + 60,
            });
            match self.chance.below(10) {
                0 => self.plan_or_apply().await,
                1 => self.take_back().await,
                2 => self.approve().await,
                3 => self.hand_edit().await,
                _ => self.run().await,
            }
            if step % 4 == 3 {
                self.settle().await;
            }
        }
        let feed = self.kept.feed(&self.district, 0).await;
        let look = self.kept.look(&self.district).await;
        invariants::the_feed_replays_to_the_tables(&feed, &look);
    }

    /// A source with trouble, mostly.
    fn source(&self, chance: &mut Chance) -> Source<'_> {
        let mut source = Source::fine(&self.server, self.page);
        source.counting = [
            Counting::Walk,
            Counting::Walk,
            Counting::Pages,
            Counting::None,
        ][chance.below(4)];
        if chance.once_in(2) {
            for _ in 0..=chance.below(2) {
                let trouble = Trouble::ALL[chance.below(Trouble::ALL.len())];
                source.troubles.push((chance.below(20), trouble));
            }
        }
        if chance.once_in(4) {
            let moves = RefCell::new(Chance::new(chance.below(1 << 30) as u64));
            source.moves = Some((chance.below(20), moves));
        }
        source
    }

    /// A sync with whatever befalls it, and if it fails often another at once, which continues its walk.
    async fn run(&mut self) {
        for _ in 0..3 {
            if self.run_once().await || self.chance.once_in(3) {
                break;
            }
        }
    }

    /// One sync; says whether it came to its end.
    async fn run_once(&mut self) -> bool {
        let mut chance = Chance::new(self.chance.below(1 << 30) as u64);
        let way = [Way::Auto, Way::Auto, Way::Auto, Way::Snapshot, Way::Events][chance.below(5)];
        let options = SyncOptions {
            way,
            ..SyncOptions::default()
        };
        let calls = if chance.once_in(3) {
            u32::try_from(chance.below(90)).unwrap()
        } else {
            u32::MAX
        };
        let before = self.kept.look(&self.district).await;
        let from = self.server.time();
        let paused = self.paused();
        let version = self.kept.version(&self.district).await;
        let mut source = self.source(&mut chance);
        source.watch = Box::new(|| {
            // (3) Whoever looks while a run reads sees the old state. PostgreSQL's readers are seen to elsewhere.
            if let Some(seen) = self.kept.version(&self.district).now_or_never() {
                assert_eq!(seen, version, "a run shows before its end");
            }
        });
        let mut store = Crashing {
            store: self.kept.open().await,
            left: calls,
        };
        let ended = sync(
            &source,
            &mut store,
            &self.policy,
            &options,
            &self.clock,
            &(),
        )
        .await;
        drop(store);
        let troubles = source.troubles.clone();
        let told = source.told.take();
        let sent = source.sent.take();
        drop(source);
        self.tell(format!(
            "{way:?}, crash at {calls}, {troubles:?}, {told:?}: {}",
            said(&ended)
        ));
        let moved = !told.is_empty();
        let paused = paused || self.paused();
        self.judge(&before, &ended, (sent, from), false, paused)
            .await;
        // (4) Again, nothing new: no row is written.
        let (from, troubled) = self.last;
        let quiet = !moved && troubles.is_empty() && !troubled && from == self.server.time();
        let done = ended.is_ok();
        if let Some(report) = ended.ok().filter(|_| quiet && chance.once_in(2)) {
            self.again(&report, &options).await;
        }
        done
    }

    fn paused(&self) -> bool {
        let district = self.server.list(RecordKind::Districts);
        district[0].1.contains("\"paused\"")
    }

    /// What must hold after a run.
    async fn judge(
        &mut self,
        before: &Look,
        ended: &Ended,
        (sent, from): (Sent, u32),
        approved: bool,
        paused: bool,
    ) {
        let after = self.kept.look(&self.district).await;
        let Ok(report) = ended else {
            // (7) Whatever failed, the store is as it was.
            assert_eq!(*before, after, "a run that failed wrote something");
            self.left = self.left_before(&sent);
            self.left.push((sent, from));
            return;
        };
        let to = self.server.time();
        let (sent, from) = self.with_what_was_left(report, sent, from);
        for (key, said) in &sent.events {
            let log = self.sent.entry(key.clone()).or_default();
            log.push((from, said.clone()));
        }
        self.lost.extend(sent.lost.iter().cloned());
        // A list of terms or courses that came empty contradicts nothing.
        let hollow = [RecordKind::Terms, RecordKind::Courses];
        if sent.lied {
            let past = self.server.past.borrow();
            let told = past
                .events
                .iter()
                .filter(|(_, (_, (kind, _)))| hollow.contains(kind) && sent.empty.contains(kind));
            self.lost.extend(told.map(|(id, _)| id.clone()));
        }
        let entries = self.kept.feed(&self.district, before.seq).await;
        let run = Run {
            before,
            after: &after,
            entries: &entries,
            report,
            policy: &self.policy,
            sent: &sent,
            from,
            to,
            approved,
        };
        assert_eq!(after.runs, before.runs + 1);
        invariants::the_feed_tells_each_change_once(before, &after, &entries);
        invariants::the_store_is_what_was_told(&run, &self.server);
        invariants::the_guard_held(&run, paused);
        invariants::the_cursor_is_not_ahead(&after, &self.server, &self.lost, &self.sent);
        for entry in &entries {
            let says = entry.after.as_deref().map(meaning);
            let put_aside = self.undone.remove(&entry.key);
            assert!(
                approved || put_aside != Some(says),
                "{:?} was undone and is applied again",
                entry.key
            );
        }
        self.before_runs.insert(after.runs, before.clone());
        self.held = (report.outcome == Outcome::Held).then(|| report.plan_hash.clone());
    }

    /// What failed runs were sent that this one did not ask for again.
    fn left_before(&mut self, sent: &Sent) -> Vec<(Sent, u32)> {
        let left = std::mem::take(&mut self.left).into_iter();
        left.map(|(earlier, when)| (earlier.without(sent), when))
            .collect()
    }

    /// All that a run stands on that ended well: what it was sent, and if it continued another's walk also
    /// what that one was sent.
    fn with_what_was_left(
        &mut self,
        report: &SyncReport,
        mut sent: Sent,
        mut from: u32,
    ) -> (Sent, u32) {
        self.log(&sent);
        let left = self.left_before(&sent);
        if report.resumed.is_some() {
            self.resumed += 1;
            for (earlier, when) in left {
                self.log(&earlier);
                sent.add(&earlier);
                from = from.min(when);
            }
        }
        self.last = (from, sent.troubled);
        (sent, from)
    }

    fn log(&mut self, sent: &Sent) {
        for (key, said) in &sent.records {
            let log = self.sent.entry(key.clone()).or_default();
            log.extend(said.iter().map(|(said, when)| (*when, Some(said.clone()))));
        }
    }

    /// (4) The same input writes no row.
    async fn again(&mut self, first: &SyncReport, options: &SyncOptions) {
        let before = self.kept.all(&self.district).await;
        let look = self.kept.look(&self.district).await;
        let source = Source::fine(&self.server, self.page);
        let mut store = self.kept.open().await;
        let again = sync(&source, &mut store, &self.policy, options, &self.clock, &()).await;
        let from = self.server.time();
        let sent = source.sent.take();
        drop(source);
        self.tell(format!("again: {}", said(&again)));
        if let Ok(report) = &again {
            assert_eq!(
                self.kept.all(&self.district).await,
                before,
                "a row was written"
            );
            assert_eq!(report.outcome, first.outcome);
            if first.outcome == Outcome::Held && first.path == report.path {
                assert_eq!(report.plan_hash, first.plan_hash);
            }
        }
        let paused = self.paused();
        self.judge(&look, &again, (sent, from), false, paused).await;
    }

    /// Lets through what was held, if it is still what was looked at.
    async fn approve(&mut self) {
        let Some(hash) = self.held.clone() else {
            return self.run().await;
        };
        let options = SyncOptions {
            approve: Some(hash),
            ..SyncOptions::default()
        };
        let before = self.kept.look(&self.district).await;
        let source = Source::fine(&self.server, self.page);
        let from = self.server.time();
        let mut store = self.kept.open().await;
        let ended = sync(
            &source,
            &mut store,
            &self.policy,
            &options,
            &self.clock,
            &(),
        )
        .await;
        let sent = source.sent.take();
        drop(source);
        self.tell(format!("approved: {}", said(&ended)));
        match &ended {
            Ok(report) => assert_eq!(report.outcome, Outcome::Done),
            Err(error) => assert!(matches!(error, SyncError::OtherPlan { .. }), "{error:?}"),
        }
        self.judge(&before, &ended, (sent, from), true, false).await;
    }

    /// Once all is well, a snapshot makes it right: the store is the district, and like a new one; what follows
    /// writes nothing.
    async fn settle(&mut self) {
        let mut options = SyncOptions {
            way: Way::Snapshot,
            ..SyncOptions::default()
        };
        let mut approved = false;
        loop {
            let before = self.kept.look(&self.district).await;
            let source = Source::fine(&self.server, self.page);
            let from = self.server.time();
            let mut store = self.kept.open().await;
            let ended = sync(
                &source,
                &mut store,
                &self.policy,
                &options,
                &self.clock,
                &(),
            )
            .await;
            let sent = source.sent.take();
            drop(source);
            self.tell(format!("all is well: {}", said(&ended)));
            let paused = self.paused();
            self.judge(&before, &ended, (sent, from), approved, paused)
                .await;
            let report = ended.unwrap();
            if report.resumed.is_some() {
                // Part of it was read when all was not well.
                continue;
            }
            if report.outcome == Outcome::Done {
                self.compare(&report).await;
                break;
            }
            assert!(!approved, "held again: {:?}", report.holds);
            (options.approve, approved) = (Some(report.plan_hash), true);
        }
        let done = SyncOptions::default();
        let before = self.kept.all(&self.district).await;
        let look = self.kept.look(&self.district).await;
        let source = Source::fine(&self.server, self.page);
        let mut store = self.kept.open().await;
        let next = sync(&source, &mut store, &self.policy, &done, &self.clock, &()).await;
        let sent = source.sent.take();
        drop(source);
        self.tell(format!("and then: {}", said(&next)));
        assert!(next.as_ref().unwrap().is_unchanged());
        assert_eq!(
            self.kept.all(&self.district).await,
            before,
            "a row was written"
        );
        let time = self.server.time();
        self.judge(&look, &next, (sent, time), false, false).await;
    }

    /// The store is the district, and as a new store would have it.
    async fn compare(&self, report: &SyncReport) {
        let look = self.kept.look(&self.district).await;
        let active = look.records.iter().filter(|(_, held)| held.active);
        let stored: BTreeMap<Key, Meaning> = active
            .map(|(key, held)| (key.clone(), held.says.clone()))
            .collect();
        let served: BTreeMap<Key, Meaning> = {
            let past = self.server.past.borrow();
            let now = past.now.iter();
            now.map(|(key, json)| (key.clone(), meaning(json)))
                .collect()
        };
        assert_eq!(stored, served, "the store is the district");
        let path = self.folder.join("fresh.db");
        for suffix in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{suffix}", path.display())));
        }
        let fresh = Kept::sqlite(path);
        let source = Source::fine(&self.server, 100);
        let mut store = fresh.open().await;
        let options = SyncOptions::default();
        let new = sync(
            &source,
            &mut store,
            &self.policy,
            &options,
            &self.clock,
            &(),
        )
        .await
        .unwrap();
        let mut of_new = fresh.derived(&self.district).await;
        let mut of_old = self.kept.derived(&self.district).await;
        if !self.policy.sticky.is_empty() {
            for row in of_new.get_mut("users").unwrap() {
                row[3] = None;
            }
            for row in of_old.get_mut("users").unwrap() {
                let ours = row[3].take();
                assert!(ours.is_none_or(|ours| ours == "edited"), "the app's own");
            }
        }
        assert_eq!(of_old, of_new, "what follows from the records");
        assert_eq!(report.enrollments, new.enrollments);
        assert_eq!(report.roles, new.roles);
        assert_eq!(report.findings, new.findings);
        for kind in RecordKind::ROSTER {
            assert_eq!(report.kinds[&kind].total, new.kinds[&kind].total, "{kind}");
        }
    }
}

fn said(ended: &Ended) -> String {
    match ended {
        Ok(report) => {
            let changes: Vec<String> = report
                .kinds
                .iter()
                .map(|(kind, of)| {
                    let counts = [of.created, of.updated, of.archived, of.restored, of.held];
                    format!("{kind} {counts:?}")
                })
                .filter(|text| !text.ends_with("[0, 0, 0, 0, 0]"))
                .collect();
            let why = report.why.as_ref().map(ToString::to_string);
            let outcome = report.outcome;
            let resumed = report.resumed.as_ref().map(|resumed| resumed.records);
            format!(
                "{:?} {outcome:?} {why:?} continued after {resumed:?}: {}",
                report.path,
                changes.join(", ")
            )
        }
        Err(error) => {
            let source = std::error::Error::source(error).map(ToString::to_string);
            format!("{error} {source:?}")
        }
    }
}

/// A store that a life's runs leave alone: another district's, in the same tables.
pub(crate) async fn others(kept: &Kept, but: &str) -> BTreeMap<String, Vec<super::kept::Line>> {
    let mut all = BTreeMap::new();
    for row in kept.rows("SELECT district_id FROM _districts").await {
        let id = row[0].clone().unwrap();
        if id != but {
            for (table, rows) in kept.all(&id).await {
                all.insert(format!("{id} {table}"), rows);
            }
        }
    }
    all
}

impl Life<'_> {
    pub(crate) fn district(&self) -> &str {
        &self.district
    }
}
