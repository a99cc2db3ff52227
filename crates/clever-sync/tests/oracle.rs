//! Syncs over made-up histories, compared with a reconcile of a few lines that keeps everything in memory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "oracle/ends.rs"]
mod ends;
#[path = "oracle/pure.rs"]
mod pure;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;

use clever_model::ManualClock;
use clever_model::RecordKind;
use clever_raw::page::RawPage;
use clever_sync::{
    Change, ChangeFilter, End, RosterSource, SqliteStore, SyncOptions, SyncPolicy, SyncReport, sync,
};
use futures_core::Stream;
use futures_util::StreamExt;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A roster as the district has it: name and role of each user, by a number that makes its id.
type Users = BTreeMap<u8, (u8, bool)>;

struct Source {
    users: Users,
    page: usize,
    /// Pages come in reverse, which proves nothing.
    backwards: bool,
}

fn id(number: u8) -> String {
    format!("u{number:03}")
}

fn user(number: u8, (name, teacher): (u8, bool)) -> Value {
    let role = if teacher { "teacher" } else { "student" };
    json!({ "id": id(number), "name": { "last": format!("N{name}") }, "roles": { role: { "school": "s" } } })
}

fn page(records: &[Value]) -> RawPage {
    let elements: Vec<Value> = records
        .iter()
        .map(|record| json!({ "data": record }))
        .collect();
    RawPage::split(json!({ "data": elements }).to_string().into()).unwrap()
}

impl RosterSource for Source {
    type Error = Infallible;

    async fn district(&self) -> Result<RawPage, Infallible> {
        Ok(page(&[
            json!({ "id": "d", "name": "D", "state": "running", "last_sync": "1" }),
        ]))
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, Infallible>> {
        let mut pages = Vec::new();
        if kind == RecordKind::Users {
            let users: Vec<Value> = self
                .users
                .iter()
                .map(|(number, known)| user(*number, *known))
                .collect();
            pages = users.chunks(self.page.max(1)).map(page).collect();
            if self.backwards {
                pages.reverse();
            }
        }
        futures_util::stream::iter(pages.into_iter().map(Ok))
    }

    async fn end(&self, kind: RecordKind) -> Result<End, Infallible> {
        let mut users = self.users.iter().filter(|_| kind == RecordKind::Users);
        let last = users
            .next_back()
            .map(|(number, known)| user(*number, *known));
        Ok(last.map_or(End::Empty, |last| {
            End::At(last["id"].as_str().unwrap().to_owned())
        }))
    }
}

/// What the policy of these tests lets through: everything but an empty list.
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

async fn run(store: &mut SqliteStore, source: &Source) -> SyncReport {
    let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
    sync(source, store, &lax(), &SyncOptions::default(), &clock, &())
        .await
        .unwrap()
}

/// The whole feed.
async fn feed(store: &mut SqliteStore) -> Vec<Change> {
    let all = ChangeFilter {
        limit: u32::MAX,
        ..ChangeFilter::default()
    };
    store.changes("d", &all).await.unwrap()
}

/// The active users, as the feed's replay has them.
async fn replayed(store: &mut SqliteStore) -> BTreeMap<String, Value> {
    let mut users = BTreeMap::new();
    for change in feed(store)
        .await
        .into_iter()
        .filter(|change| change.kind == RecordKind::Users)
    {
        match change.after {
            Some(after) => users.insert(change.id, serde_json::from_str(after.get()).unwrap()),
            None => users.remove(&change.id),
        };
    }
    users
}

/// What a plain reconcile gives: without proof, or without a single user, nobody goes.
fn reconciled(known: &Users, source: &Source) -> Users {
    let mut after = source.users.clone();
    let proven = !source.backwards || source.users.len() <= source.page;
    if !proven || source.users.is_empty() {
        for (number, user) in known {
            after.entry(*number).or_insert(*user);
        }
    }
    after
}

async fn check(history: Vec<(Users, usize, bool)>) {
    let folder = tempfile::TempDir::new().unwrap();
    let mut store = SqliteStore::open(&folder.path().join("a.db")).unwrap();
    let mut known = Users::new();
    for (users, page, backwards) in history {
        let source = Source {
            users,
            page,
            backwards,
        };
        let after = reconciled(&known, &source);
        let new = after
            .keys()
            .filter(|number| !known.contains_key(number))
            .count();
        let other = after
            .iter()
            .filter(|(number, user)| known.get(number).is_some_and(|k| k != *user))
            .count();
        let gone = known
            .keys()
            .filter(|number| !after.contains_key(number))
            .count();

        let report = run(&mut store, &source).await;
        let kind = &report.kinds[&RecordKind::Users];
        let counts = [
            kind.created + kind.restored,
            kind.updated,
            kind.archived,
            kind.total,
        ];
        assert_eq!(
            counts,
            [new, other, gone, after.len()].map(|count| count as u64)
        );
        known = after;

        let wanted: BTreeMap<String, Value> = known
            .iter()
            .map(|(number, known)| (id(*number), user(*number, *known)))
            .collect();
        assert_eq!(replayed(&mut store).await, wanted);
        let changes = feed(&mut store).await;
        assert!(
            changes.iter().zip(1..).all(|(change, at)| change.seq == at),
            "the feed has no gap"
        );

        // The same again says nothing new.
        let again = run(&mut store, &source).await;
        let of = |kind: &clever_sync::report::KindReport| {
            kind.created + kind.updated + kind.archived + kind.restored
        };
        assert_eq!(again.kinds.values().map(of).sum::<u64>(), 0);
        assert_eq!(feed(&mut store).await.len(), changes.len());
    }
}

fn history() -> impl Strategy<Value = Vec<(Users, usize, bool)>> {
    let users = prop::collection::btree_map(0_u8..40, (0_u8..4, any::<bool>()), 0..30);
    prop::collection::vec((users, 1_usize..12, prop::bool::weighted(0.15)), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_store_is_what_a_plain_reconcile_gives(history in history()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(history));
    }
}

/// A source during whose reading another run finishes.
struct Meddling<'a> {
    source: &'a Source,
    path: PathBuf,
}

fn one_user(number: u8) -> Source {
    Source {
        users: BTreeMap::from([(number, (1, false))]),
        page: 5,
        backwards: false,
    }
}

impl RosterSource for Meddling<'_> {
    type Error = Infallible;

    async fn district(&self) -> Result<RawPage, Infallible> {
        self.source.district().await
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, Infallible>> {
        async_stream::stream! {
            if kind == RecordKind::Users {
                let mut other = SqliteStore::open(&self.path).unwrap();
                drop(run(&mut other, &one_user(2)).await);
            }
            for page in self.source.pages(kind).collect::<Vec<_>>().await {
                yield page;
            }
        }
    }

    async fn end(&self, kind: RecordKind) -> Result<End, Infallible> {
        self.source.end(kind).await
    }
}

#[tokio::test]
async fn of_two_runs_at_once_the_slower_one_is_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("a.db");
    let mut store = SqliteStore::open(&path).unwrap();
    let source = one_user(1);
    drop(run(&mut store, &source).await);
    let meddling = Meddling {
        source: &source,
        path,
    };
    let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
    let error = sync(
        &meddling,
        &mut store,
        &lax(),
        &SyncOptions::default(),
        &clock,
        &(),
    )
    .await
    .unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "another run changed this district meanwhile");
    assert_eq!(
        replayed(&mut store).await.into_keys().collect::<Vec<_>>(),
        ["u002"],
        "the other run stands"
    );
}
