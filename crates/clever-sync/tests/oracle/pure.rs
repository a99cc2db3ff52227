//! Thousands of histories over a store in memory, so that nothing but the decisions is tried: the merge diff, the
//! fold of events, certificates, the guard, the numbers of the report. The model beside them keeps plain maps and
//! shares no code with the engine.
//!
//! Users and sections are at no school here: what the guard makes of schools is tried elsewhere.

#[path = "../../examples/own_store/store.rs"]
mod store;
#[path = "world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use clever_model::ManualClock;
use clever_model::{DistrictId, RecordKind};
use clever_sync::report::Part;
use clever_sync::store::{Known, Store};
use clever_sync::{
    ChangeFilter, ChangeLog, Outcome, RunPath, SyncError, SyncOptions, SyncPolicy, SyncReport, Way,
    sync,
};
use futures_util::FutureExt;
use proptest::prelude::*;

use self::store::{MemoryRun, MemoryStore};
use self::world::{DISTRICT, KINDS, Key, Record, Source, Step, Trouble, World};

/// Histories that are lived.
const CASES: u32 = 2000;

/// What is done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Op {
    Create,
    Update,
    Archive,
    Restore,
    Touch,
}

/// The store as plain maps have it.
#[derive(Default)]
struct Model {
    /// Each record, and whether it is here.
    records: BTreeMap<Key, (Record, bool)>,
    cursor: Option<String>,
    snapshot: bool,
    runs: u64,
    /// Active records, places and new ones of a kind, as its hold was first judged.
    sizes: BTreeMap<RecordKind, (usize, usize, usize)>,
}

/// What a run should come to.
#[derive(Debug, Default)]
struct Expected {
    path: Option<RunPath>,
    ops: BTreeMap<Key, (Op, Option<Record>, bool)>,
    holds: BTreeSet<(RecordKind, &'static str)>,
    seen: BTreeMap<RecordKind, usize>,
    kept: BTreeMap<RecordKind, usize>,
    whole: bool,
    sizes: BTreeMap<RecordKind, (usize, usize, usize)>,
    cursor: Option<String>,
}

impl Model {
    fn op(&self, key: &Key, now: Option<&Record>) -> Option<Op> {
        match (self.records.get(key), now) {
            (None, None) | (Some((_, false)), None) => None,
            (None, Some(_)) => Some(Op::Create),
            (Some((_, true)), None) => Some(Op::Archive),
            (Some((_, false)), Some(_)) => Some(Op::Restore),
            (Some((was, true)), Some(now)) if was.same_content(now) => None,
            (Some((was, true)), Some(now)) if was.same_meaning(now) => Some(Op::Touch),
            (Some((_, true)), Some(_)) => Some(Op::Update),
        }
    }

    fn active(&self, kind: RecordKind) -> usize {
        let of_kind = self.records.iter().filter(|((of, _), _)| *of == kind);
        of_kind.filter(|(_, (_, here))| *here).count()
    }

    /// What a run should do; `None` where it should refuse.
    fn expect(
        &self,
        source: &Source<'_>,
        way: Way,
        policy: &SyncPolicy,
        approved: bool,
    ) -> Option<Expected> {
        let events = &source.world.events[source.world.oldest..];
        let trouble = source.trouble(KINDS.len());
        let believed = self.cursor.as_ref().filter(|cursor| {
            let later = events.iter().filter(|(id, ..)| id > *cursor).count();
            let broken = match trouble {
                Some(Trouble::Backwards) => later > 1,
                Some(Trouble::Refused) => true,
                _ => false,
            };
            let whole = events.first().is_some_and(|(id, ..)| id <= *cursor);
            self.snapshot && whole && !broken
        });
        let mut expected = Expected {
            whole: true,
            ..Expected::default()
        };
        match believed.filter(|_| way != Way::Snapshot) {
            Some(cursor) => {
                expected.path = Some(RunPath::Events);
                let mut last: BTreeMap<&Key, Option<&Record>> = BTreeMap::new();
                expected.cursor = Some(cursor.clone());
                for (id, key, record) in events.iter().filter(|(id, ..)| id > cursor) {
                    last.insert(key, record.as_ref());
                    expected.cursor = Some(id.clone());
                }
                for (key, now) in last {
                    if let Some(op) = self.op(key, now) {
                        expected.ops.insert(key.clone(), (op, now.cloned(), false));
                    }
                }
                for kind in KINDS {
                    expected.seen.insert(kind, self.active(kind).max(1));
                }
            }
            None if way == Way::Events => return None,
            None => {
                expected.path = Some(RunPath::Snapshot);
                expected.cursor = events.last().map(|(id, ..)| id.clone());
                for kind in KINDS {
                    self.walk(source, kind, &mut expected)?;
                }
            }
        }
        self.guard(source, policy, &mut expected);
        if approved {
            expected.release();
        }
        expected.whole &= expected.holds.is_empty();
        let hollow = expected.path == Some(RunPath::Snapshot)
            && KINDS[1..].iter().any(|kind| expected.seen[kind] == 0);
        if hollow || (!expected.whole && expected.path == Some(RunPath::Snapshot)) {
            expected.cursor = None;
        } else if !expected.whole {
            expected.cursor.clone_from(&self.cursor);
        }
        Some(expected)
    }

    /// What a list should come to; `None` where it provably ended too early.
    fn walk(&self, source: &Source<'_>, kind: RecordKind, expected: &mut Expected) -> Option<()> {
        let mut all = source.world.records.keys().filter(|(of, _)| *of == kind);
        let real_end = all.next_back().map(|(_, id)| id.clone());
        let place = KINDS.iter().position(|of| *of == kind);
        let trouble = source.trouble(place.unwrap_or(9));
        let (pages, counted, refused) = if kind == RecordKind::Districts {
            let key = (kind, DISTRICT.to_owned());
            (
                vec![vec![(key.clone(), source.world.records[&key].clone())]],
                None,
                false,
            )
        } else {
            source.list(kind)
        };
        // What came last counts.
        let mut last: BTreeMap<Key, Record> = BTreeMap::new();
        let mut came = Vec::new();
        for (key, record) in pages.into_iter().flatten() {
            came.push(key.1.clone());
            last.insert(key, record);
        }
        let ascends = came.windows(2).all(|two| two[0] < two[1]);
        let elements = came.len() + usize::from(refused);
        let end = match (counted, trouble) {
            (Some(counted), _) => counted == elements,
            (None, Some(Trouble::NoEnd)) => false,
            // Nobody asks for the end of what is in doubt.
            (None, Some(Trouble::Short)) if real_end.is_some() => return None,
            (None, _) => true,
        };
        let proven = ascends && !refused && end;
        expected.seen.insert(kind, came.len());
        expected.whole &= proven;
        for (key, now) in &last {
            if let Some(op) = self.op(key, Some(now)) {
                expected
                    .ops
                    .insert(key.clone(), (op, Some(now.clone()), false));
            }
        }
        for (key, (_, here)) in &self.records {
            if key.0 != kind || !here || last.contains_key(key) {
                continue;
            }
            if proven {
                expected.ops.insert(key.clone(), (Op::Archive, None, false));
            } else {
                *expected.kept.entry(kind).or_default() += 1;
            }
        }
        Some(())
    }

    /// Holds what is too much.
    fn guard(&self, source: &Source<'_>, policy: &SyncPolicy, expected: &mut Expected) {
        let key = (RecordKind::Districts, DISTRICT.to_owned());
        let paused = source.world.records[&key].says != 0;
        let too_many = |count: usize, of: usize, percent: u64| {
            if (count as u64) < policy.floor {
                count > 2 && count * 2 > of && percent < 50
            } else {
                count as u64 * 100 > of as u64 * percent
            }
        };
        for kind in KINDS {
            let count = |op: Op| {
                let of_kind = expected.ops.iter().filter(|((of, _), _)| *of == kind);
                of_kind.filter(|(_, (of, ..))| *of == op).count()
            };
            let staged = expected.ops.keys().any(|(of, _)| *of == kind);
            if !staged {
                continue;
            }
            let before = self.sizes.get(&kind);
            let active = before
                .map_or(usize::MAX, |size| size.0)
                .min(self.active(kind));
            let places: usize = self.records.values().map(|(one, _)| one.people.len()).sum();
            let places = before.map_or(usize::MAX, |size| size.1).min(places);
            let created = count(Op::Create) + before.map_or(0, |size| size.2);
            let lost: usize = expected
                .ops
                .iter()
                .filter(|((of, _), (op, ..))| *of == kind && *op == Op::Update)
                .map(|(key, (_, now, _))| {
                    let now = now.as_ref().unwrap();
                    self.records[key].0.people.difference(&now.people).count()
                })
                .sum();
            let (gone, other) = (count(Op::Archive), count(Op::Update));
            let nobody = expected.seen[&kind] == 0;
            let mut held = Vec::new();
            if too_many(gone, active, policy.max_archived_percent)
                || (gone > 0 && (nobody || paused))
            {
                held.push((Op::Archive, "archive"));
            }
            if too_many(other, active, policy.max_updated_percent)
                || too_many(lost, places, policy.max_unenrolled_percent)
            {
                held.push((Op::Update, "update"));
            }
            for (op, name) in &held {
                expected.hold(kind, *op, name);
            }
            if !held.is_empty() {
                expected.sizes.insert(kind, (active, places, created));
            }
        }
        // A school goes with what is in it.
        let inside = [RecordKind::Users, RecordKind::Sections];
        if inside
            .iter()
            .any(|kind| expected.holds.contains(&(*kind, "archive")))
        {
            expected.hold(RecordKind::Schools, Op::Archive, "archive");
        }
    }

    /// Does it.
    fn apply(&mut self, expected: &Expected) {
        for (key, (_, now, held)) in &expected.ops {
            match now {
                _ if *held => {}
                Some(now) => drop(self.records.insert(key.clone(), (now.clone(), true))),
                None => self.records.get_mut(key).unwrap().1 = false,
            }
        }
        self.runs += 1;
        self.sizes.clone_from(&expected.sizes);
        self.cursor.clone_from(&expected.cursor);
        self.snapshot |= expected.whole && expected.path == Some(RunPath::Snapshot);
    }
}

impl Expected {
    fn hold(&mut self, kind: RecordKind, of: Op, name: &'static str) {
        for ((in_kind, _), (op, _, held)) in &mut self.ops {
            if *in_kind == kind && *op == of && !*held {
                *held = true;
                self.holds.insert((kind, name));
            }
        }
    }

    /// Lets through what is held.
    fn release(&mut self) {
        for (_, _, held) in self.ops.values_mut() {
            *held = false;
        }
        self.holds.clear();
        self.sizes.clear();
    }

    /// How many rows of a kind are let through for this, or held for anything.
    fn count(&self, kind: RecordKind, op: Option<Op>) -> u64 {
        let of_kind = self.ops.iter().filter(|((of, _), _)| *of == kind);
        let wanted = of_kind.filter(|(_, (of, _, held))| match op {
            Some(op) => *of == op && !held,
            None => *held,
        });
        wanted.count() as u64
    }
}

type Ended = Result<SyncReport, SyncError>;

fn run(
    store: &mut MemoryStore,
    source: &Source<'_>,
    options: &SyncOptions,
    policy: &SyncPolicy,
) -> Ended {
    let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
    // Nothing of it waits for anything.
    sync(source, store, policy, options, &clock, &())
        .now_or_never()
        .unwrap()
}

/// A run of the district, to look at what the store has.
fn begin(store: &mut MemoryStore) -> MemoryRun<'_> {
    let district = DistrictId::new(DISTRICT).unwrap();
    store.begin(&district).now_or_never().unwrap().unwrap()
}

/// What the store and its report say, beside what they should.
fn compare(
    store: &mut MemoryStore,
    model: &mut Model,
    report: &SyncReport,
    expected: &Expected,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(Some(report.path), expected.path);
    let holds = report.holds.iter().map(|hold| match hold.part {
        Part::Archive => (hold.kind, "archive"),
        _ => (hold.kind, "update"),
    });
    let holds: BTreeSet<_> = holds.collect();
    prop_assert_eq!(&holds, &expected.holds);
    prop_assert_eq!(report.outcome == Outcome::Held, !expected.holds.is_empty());
    prop_assert_eq!(report.whole, expected.whole);
    let filter = ChangeFilter {
        run: Some(model.runs + 1),
        limit: u32::MAX,
        ..ChangeFilter::default()
    };
    let told = store
        .changes(DISTRICT, &filter)
        .now_or_never()
        .unwrap()
        .unwrap();
    let told: BTreeMap<Key, (String, Option<String>, Option<String>)> = told
        .into_iter()
        .map(|one| {
            let text = |json: Option<Box<serde_json::value::RawValue>>| {
                json.map(|json| json.get().to_owned())
            };
            (
                (one.kind, one.id),
                (one.op.to_string(), text(one.before), text(one.after)),
            )
        })
        .collect();
    let free = expected
        .ops
        .iter()
        .filter(|(_, (op, _, held))| !held && *op != Op::Touch);
    let should: BTreeMap<Key, (String, Option<String>, Option<String>)> = free
        .map(|(key, (op, now, _))| {
            let before = model.records.get(key).map(|(was, _)| was.json(key));
            let told = (
                format!("{op:?}").to_lowercase(),
                before,
                now.as_ref().map(|now| now.json(key)),
            );
            (key.clone(), told)
        })
        .collect();
    prop_assert_eq!(told, should, "the feed");
    model.apply(expected);
    for kind in KINDS {
        let of_kind = &report.kinds[&kind];
        let counts = [
            of_kind.created,
            of_kind.updated,
            of_kind.archived,
            of_kind.restored,
            of_kind.held,
            of_kind.kept,
            of_kind.total,
        ];
        let of = |op| expected.count(kind, Some(op));
        let kept = expected.kept.get(&kind).copied().unwrap_or_default();
        let should = [
            of(Op::Create),
            of(Op::Update),
            of(Op::Archive),
            of(Op::Restore),
            expected.count(kind, None),
            kept as u64,
            model.active(kind) as u64,
        ];
        prop_assert_eq!(
            counts,
            should,
            "{}: {:?}, {:?}",
            kind,
            report.holds,
            expected.ops
        );
        let ids: Vec<&str> = model
            .records
            .keys()
            .filter(|(of, _)| *of == kind)
            .map(|(_, id)| id.as_str())
            .collect();
        let stored = begin(store)
            .find(kind, &ids)
            .now_or_never()
            .unwrap()
            .unwrap();
        prop_assert_eq!(stored.len(), ids.len());
        for (key, (record, here)) in model.records.iter().filter(|((of, _), _)| *of == kind) {
            let held = &stored[&key.1];
            prop_assert_eq!(
                (&held.record, held.state.archived),
                (&record.json(key), !here)
            );
        }
    }
    let base = begin(store).base().clone();
    prop_assert_eq!(&base.cursor, &model.cursor);
    prop_assert_eq!(
        (base.run, base.snapshot_at.is_some()),
        (model.runs, model.snapshot)
    );
    Ok(())
}

/// Lives a history. Returns what happened in it, to know that the histories are not all dull.
fn live(history: &[Step], policy: &SyncPolicy) -> Result<BTreeSet<&'static str>, TestCaseError> {
    let (mut store, mut model, mut world) =
        (MemoryStore::default(), Model::default(), World::default());
    let mut happened = BTreeSet::new();
    for step in history {
        world.become_(step);
        let source = Source {
            world: &world,
            step,
        };
        let way = step.way;
        let options = SyncOptions {
            way,
            ..SyncOptions::default()
        };
        let ended = run(&mut store, &source, &options, policy);
        let Some(expected) = model.expect(&source, way, policy, false) else {
            prop_assert!(
                matches!(
                    ended,
                    Err(SyncError::EventsAlone { .. } | SyncError::EndedEarly { .. })
                ),
                "{:?}",
                ended
            );
            happened.insert("refused");
            continue;
        };
        let report = ended.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        happened.insert(if report.path == RunPath::Events {
            "events"
        } else {
            "snapshot"
        });
        for (name, this) in [
            ("kept", !expected.kept.is_empty()),
            (
                "restored",
                expected.ops.values().any(|(op, ..)| *op == Op::Restore),
            ),
            (
                "touched",
                expected.ops.values().any(|(op, ..)| *op == Op::Touch),
            ),
        ] {
            if this {
                happened.insert(name);
            }
        }
        compare(&mut store, &mut model, &report, &expected)?;
        if report.outcome != Outcome::Held {
            continue;
        }
        happened.insert("held");
        // By the same way it is the same that is held, whatever was applied beside it.
        let way = if report.path == RunPath::Events {
            Way::Events
        } else {
            Way::Snapshot
        };
        let mut options = SyncOptions {
            way,
            ..SyncOptions::default()
        };
        if step.approves {
            options.approve = Some(report.plan_hash.clone());
        }
        let expected = model.expect(&source, way, policy, step.approves).unwrap();
        let again = run(&mut store, &source, &options, policy);
        let again = again.map_err(|error| TestCaseError::fail(format!("again: {error:?}")))?;
        if !step.approves {
            prop_assert_eq!(&again.plan_hash, &report.plan_hash);
        }
        compare(&mut store, &mut model, &again, &expected)?;
    }
    Ok(happened)
}

fn record() -> impl Strategy<Value = Record> {
    let people = prop::collection::btree_set(0_u8..12, 0..5);
    let record = (0_u8..4, people, 0_u8..3, any::<bool>());
    record.prop_map(|(says, people, written, shuffled)| Record {
        says,
        people,
        written,
        shuffled,
    })
}

fn trouble() -> impl Strategy<Value = (usize, Trouble)> {
    let all = [
        Trouble::Backwards,
        Trouble::Refused,
        Trouble::Miscounted,
        Trouble::Empty,
        Trouble::Twice,
        Trouble::Short,
        Trouble::NoEnd,
    ];
    (1_usize..=KINDS.len(), prop::sample::select(all.to_vec()))
}

/// Records come and go a few at a time, and sometimes most of them at once.
fn step() -> impl Strategy<Value = Step> {
    let key = (1_usize..KINDS.len(), 0_u8..14);
    let records = prop_oneof![
        4 => prop::collection::btree_map(key.clone(), record(), 18..34),
        1 => prop::collection::btree_map(key, record(), 0..8),
    ];
    let way = prop_oneof![4 => Just(Way::Auto), 2 => Just(Way::Snapshot), 1 => Just(Way::Events)];
    let rest = (
        prop::bool::weighted(0.1),
        way,
        1_usize..12,
        any::<bool>(),
        prop::option::weighted(0.4, trouble()),
        any::<bool>(),
    );
    (records, rest).prop_map(
        |(records, (forgets, way, page, counted, trouble, approves))| Step {
            records,
            forgets,
            way,
            page,
            counted,
            trouble,
            approves,
        },
    )
}

/// A step of which most is as it was before: each record of the one before stays, unless the new one has it too.
fn history() -> impl Strategy<Value = Vec<Step>> {
    let steps = prop::collection::vec((step(), 0_u8..4), 1..7);
    steps.prop_map(|steps| {
        let mut before: BTreeMap<(usize, u8), Record> = BTreeMap::new();
        let mut history = Vec::new();
        for (mut step, moves) in steps {
            if moves > 0 {
                // So many of its records are new ones, or go.
                let some: Vec<_> = step
                    .records
                    .into_iter()
                    .take(2 * usize::from(moves))
                    .collect();
                let mut records = before.clone();
                for (at, (key, record)) in some.into_iter().enumerate() {
                    if at % 3 == 2 {
                        records.remove(&key);
                    } else {
                        records.insert(key, record);
                    }
                }
                step.records = records;
            }
            before.clone_from(&step.records);
            history.push(step);
        }
        history
    })
}

fn policy() -> impl Strategy<Value = SyncPolicy> {
    let percent = || prop::sample::select(vec![0_u64, 10, 30, 75, 100]);
    let floor = prop::sample::select(vec![0_u64, 3, 25]);
    (percent(), percent(), percent(), floor).prop_map(|(archived, updated, unenrolled, floor)| {
        SyncPolicy {
            max_archived_percent: archived,
            max_updated_percent: updated,
            max_unenrolled_percent: unenrolled,
            floor,
            ..SyncPolicy::default()
        }
    })
}

#[test]
fn thousands_of_histories_come_to_what_plain_maps_come_to() {
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let seen = std::cell::RefCell::new(BTreeMap::<&str, u32>::new());
    let done = runner.run(&(history(), policy()), |(history, policy)| {
        for what in live(&history, &policy)? {
            *seen.borrow_mut().entry(what).or_default() += 1;
        }
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    eprintln!("of {CASES} histories: {seen:?}");
    for what in [
        "events", "snapshot", "refused", "kept", "held", "restored", "touched",
    ] {
        let share = seen.get(what).copied().unwrap_or_default() * 100 / CASES;
        assert!(share >= 5, "{what} in {share} % of the histories");
    }
}

/// A list that says a record twice, and not the same, is followed the same way each time: else each run would undo the
/// one before.
#[test]
fn a_record_that_comes_twice_counts_as_it_came_last() {
    let record = |says| Record {
        says,
        people: BTreeSet::new(),
        written: 0,
        shuffled: false,
    };
    let step = Step {
        records: (0..6).map(|id| ((2, id), record(1))).collect(),
        forgets: false,
        way: Way::Snapshot,
        page: 4,
        counted: false,
        trouble: None,
        approves: false,
    };
    let twice = Step {
        trouble: Some((2, Trouble::Twice)),
        ..step.clone()
    };
    let (mut store, mut world) = (MemoryStore::default(), World::default());
    world.become_(&step);
    let mut updated = Vec::new();
    for step in [&step, &twice, &twice, &twice, &step] {
        let source = Source {
            world: &world,
            step,
        };
        let policy = SyncPolicy {
            max_updated_percent: 100,
            ..SyncPolicy::default()
        };
        let report = run(&mut store, &source, &SyncOptions::default(), &policy).unwrap();
        updated.push(report.kinds[&RecordKind::Users].updated);
    }
    assert_eq!(updated, [0, 6, 0, 0, 6]);
}
