//! A list that is walked from both ends, whose pages come in any turn: the same as from one end, with the same requests.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use clever_model::{ManualClock, RecordKind};
use clever_raw::page::RawPage;
use clever_sync::given::Begin;
use clever_sync::{Progress, RosterSource, SqliteStore, SyncError, SyncOptions, SyncReport, sync};
use futures_core::Stream;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Users, id, lax, replayed, user};

/// Nothing came.
#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken on command")
    }
}

impl std::error::Error for Broken {}

/// A district of users alone.
struct Ends {
    users: RefCell<Users>,
    page: usize,
    two: bool,
    /// How often each answer lets others go first.
    turns: Vec<u8>,
    /// The users from this answer on.
    moves: Option<(usize, Users)>,
    /// What was asked for, of users.
    asked: RefCell<Vec<Begin>>,
    /// Ends that break off, at which of their answers.
    breaks: Vec<(bool, usize)>,
    shuffled: bool,
    answers: Cell<usize>,
}

impl Ends {
    fn of(users: &Users, page: usize, turns: &[u8]) -> Self {
        Self {
            users: RefCell::new(users.clone()),
            page,
            two: true,
            turns: turns.to_vec(),
            moves: None,
            asked: RefCell::default(),
            breaks: Vec::new(),
            shuffled: false,
            answers: Cell::new(0),
        }
    }

    /// The page at a place, and where the next one is.
    fn answer(&self, at: &Begin) -> (RawPage, Option<Begin>) {
        let answer = self.answers.replace(self.answers.get() + 1);
        if let Some((when, users)) = &self.moves
            && answer == *when
        {
            self.users.replace(users.clone());
        }
        self.asked.borrow_mut().push(at.clone());
        let users = self.users.borrow();
        let there: Vec<(String, Value)> = users
            .iter()
            .map(|(number, one)| (id(*number), user(*number, *one)))
            .filter(|(id, _)| match at {
                Begin::After(after) => id > after,
                Begin::Before(before) => id < before,
                Begin::Front | Begin::Back => true,
            })
            .collect();
        let back = matches!(at, Begin::Back | Begin::Before(_));
        let more = there.len() > self.page;
        let first = if back {
            there.len().saturating_sub(self.page)
        } else {
            0
        };
        let mut page: Vec<&(String, Value)> = there.iter().skip(first).take(self.page).collect();
        let ids = page.iter().map(|(id, _)| id.clone());
        let on = match back {
            true => ids.min().map(Begin::Before),
            false => ids.max().map(Begin::After),
        };
        if self.shuffled {
            page.reverse();
        }
        let elements: Vec<Value> = page.iter().map(|(_, one)| json!({ "data": one })).collect();
        let page = json!({ "data": elements, "count": users.len() });
        let page = RawPage::split(page.to_string().into()).unwrap();
        (page, on.filter(|_| more))
    }
}

impl RosterSource for Ends {
    type Error = Broken;

    async fn district(&self) -> Result<RawPage, Broken> {
        let record = json!({ "id": "d", "name": "D", "state": "running", "last_sync": "1" });
        let page = json!({ "data": [{ "data": record }] });
        Ok(RawPage::split(page.to_string().into()).unwrap())
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, Broken>> {
        self.pages_from(kind, Begin::Front)
    }

    fn resumes(&self) -> Option<String> {
        Some("ends".to_owned())
    }

    fn has_two_ends(&self) -> bool {
        self.two
    }

    fn pages_from(
        &self,
        kind: RecordKind,
        begin: Begin,
    ) -> impl Stream<Item = Result<RawPage, Broken>> {
        async_stream::stream! {
            if kind != RecordKind::Users {
                let none = json!({ "data": [], "count": 0 });
                yield Ok(RawPage::split(none.to_string().into()).unwrap());
                return;
            }
            let back = matches!(begin, Begin::Back | Begin::Before(_));
            let mut at = Some(begin);
            let mut number = 0;
            while let Some(place) = at.take() {
                let turn = self.turns.get(self.answers.get() % self.turns.len().max(1));
                for _ in 0..turn.copied().unwrap_or(0) {
                    tokio::task::yield_now().await;
                }
                if self.breaks.contains(&(back, number)) {
                    yield Err(Broken);
                    return;
                }
                number += 1;
                let (page, on) = self.answer(&place);
                at = on;
                yield Ok(page);
            }
        }
    }
}

/// Counts the users of which a page tells a person who watches.
#[derive(Default)]
struct Told(AtomicUsize);

impl Progress for Told {
    fn page(&self, kind: RecordKind, records: usize, _: usize, _: Option<u64>) {
        if kind == RecordKind::Users {
            self.0.fetch_add(records, Ordering::Relaxed);
        }
    }
}

async fn run(store: &mut SqliteStore, source: &Ends) -> Result<SyncReport, SyncError> {
    watched(store, source, &()).await
}

async fn watched(
    store: &mut SqliteStore,
    source: &Ends,
    progress: &dyn Progress,
) -> Result<SyncReport, SyncError> {
    let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
    let options = SyncOptions::default();
    sync(source, store, &lax(), &options, &clock, progress).await
}

fn wanted(users: &Users) -> BTreeMap<String, Value> {
    let users = users.iter();
    users
        .map(|(number, one)| (id(*number), user(*number, *one)))
        .collect()
}

/// Walks a list from both ends over a store that has another, and in all the ways in which that goes wrong.
async fn check(
    before: Users,
    after: Users,
    page: usize,
    turns: Vec<u8>,
    at: usize,
) -> Result<(), TestCaseError> {
    let begin = async || {
        let mut store = SqliteStore::in_memory().unwrap();
        drop(
            run(&mut store, &Ends::of(&before, page, &turns))
                .await
                .unwrap(),
        );
        store
    };
    // Some rosters are held as empty answers: they are none of ours.
    prop_assume!(!before.is_empty() && !after.is_empty());

    // As from one end, and with no more requests but one.
    let mut one = begin().await;
    let mut single = Ends::of(&after, page, &turns);
    single.two = false;
    let from_one = run(&mut one, &single).await.unwrap();
    let mut store = begin().await;
    let both = Ends::of(&after, page, &turns);
    let told = Told::default();
    let report = watched(&mut store, &both, &told).await.unwrap();
    prop_assert_eq!(&report.kinds, &from_one.kinds);
    prop_assert_eq!(told.0.into_inner(), after.len());
    prop_assert!(report.whole);
    prop_assert_eq!(replayed(&mut store).await, wanted(&after));
    let (asked, alone) = (both.asked.borrow().len(), single.asked.borrow().len());
    prop_assert!(asked <= alone + 1, "{asked} of {alone}: {:?}", both.asked);
    let from_back = both
        .asked
        .borrow()
        .iter()
        .filter(|at| matches!(at, Begin::Back))
        .count();
    prop_assert_eq!(from_back, usize::from(after.len() > 2 * page));

    // The back breaks off: the front is as good.
    let mut store = begin().await;
    let mut source = Ends::of(&after, page, &turns);
    source.breaks = vec![(true, at)];
    let report = run(&mut store, &source).await.unwrap();
    prop_assert!(report.whole);
    prop_assert_eq!(replayed(&mut store).await, wanted(&after));

    // The front does: the store is as it was, and the next run asks for what is missing.
    let mut store = begin().await;
    let mut source = Ends::of(&after, page, &turns);
    source.breaks = vec![(false, at)];
    if run(&mut store, &source).await.is_err() {
        prop_assert_eq!(replayed(&mut store).await, wanted(&before));
        let rest = Ends::of(&after, page, &turns);
        let report = run(&mut store, &rest).await.unwrap();
        prop_assert!(report.whole);
        prop_assert_eq!(replayed(&mut store).await, wanted(&after));
    }

    // The list moves while it is walked: who was there all the time is there, and the next run puts all right.
    let mut store = begin().await;
    let mut source = Ends::of(&before, page, &turns);
    source.moves = Some((at, after.clone()));
    drop(run(&mut store, &source).await.unwrap());
    let has: BTreeSet<String> = replayed(&mut store).await.into_keys().collect();
    for number in before.keys().filter(|number| after.contains_key(number)) {
        prop_assert!(has.contains(&id(*number)), "{number} is gone");
    }
    drop(
        run(&mut store, &Ends::of(&after, page, &turns))
            .await
            .unwrap(),
    );
    prop_assert_eq!(replayed(&mut store).await, wanted(&after));

    // Out of order nothing is proven, and nothing is lost.
    let mut store = begin().await;
    let mut source = Ends::of(&after, page, &turns);
    source.shuffled = true;
    drop(run(&mut store, &source).await.unwrap());
    let has = replayed(&mut store).await;
    for (id, one) in wanted(&after) {
        prop_assert_eq!(has.get(&id), Some(&one));
    }
    let in_order = page == 1 || after.len() == 1;
    let goners = before.keys().filter(|number| !after.contains_key(number));
    for number in goners.filter(|_| !in_order) {
        prop_assert!(
            has.contains_key(&id(*number)),
            "{number} was not proven to be gone"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_list_that_is_walked_from_both_ends_is_the_same(
        before in prop::collection::btree_map(0_u8..60, (0_u8..4, any::<bool>()), 0..50),
        after in prop::collection::btree_map(0_u8..60, (0_u8..4, any::<bool>()), 0..50),
        page in 1_usize..9,
        turns in prop::collection::vec(0_u8..4, 1..12),
        at in 0_usize..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(before, after, page, turns, at))?;
    }
}
