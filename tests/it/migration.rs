//! Stores of earlier versions with rows in them: brought up to date when they are opened, they say what they said, and
//! from there on they are followed as a store that was always of this version.
//!
//! `migration/rows-*.sql` is what two runs leave: all come, then one is archived and one updated. The rows were written
//! by version 3 and cut down to the columns of those versions, and to the people whom those noted: who is named by a
//! section.

use std::collections::BTreeMap;
use std::convert::Infallible;

use clever_model::RecordKind;
use clever_model::clock::ManualClock;
use clever_raw::page::RawPage;
use clever_sync::{
    ChangeFilter, End, RosterSource, RunPath, SCHEMA_VERSION, SyncOptions, SyncPolicy, SyncReport,
    sync,
};
use futures_core::Stream;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::simulation::kept::Kept;
use crate::stores::database;

/// Rows in columns of version 1.
const ROWS_1: &str = include_str!("migration/rows-1.sql");

/// What version 2 wrote besides.
const ROWS_2: &str = include_str!("migration/rows-2.sql");

const SQLITE: [&str; 3] = [
    include_str!("../../crates/clever-sync/src/store/schema/sqlite-1.sql"),
    include_str!("../../crates/clever-sync/src/store/schema/sqlite-2.sql"),
    include_str!("../../crates/clever-sync/src/store/schema/sqlite-3.sql"),
];

/// Those of versions 2 and 3; there was no first.
const POSTGRES: [&str; 2] = [
    include_str!("../../crates/clever-sync/src/store/schema/postgres-2.sql"),
    include_str!("../../crates/clever-sync/src/store/schema/postgres-3.sql"),
];

/// A roster, by kind.
#[derive(Clone)]
struct Roster(BTreeMap<RecordKind, Vec<Value>>);

fn student(id: &str, school: &str, last: &str) -> Value {
    json!({ "id": id, "name": { "last": last }, "email": format!("{id}@example.org"),
            "roles": { "student": { "school": school, "grade": "3" } } })
}

impl Roster {
    /// As the first run found it: a contact of a student who is not shared, a section of a school that is not.
    fn first() -> Self {
        Self(BTreeMap::from([
            (
                RecordKind::Districts,
                vec![json!({ "id": "d", "name": "D", "state": "running", "last_sync": "1" })],
            ),
            (
                RecordKind::Schools,
                vec![
                    json!({ "id": "s1", "name": "One" }),
                    json!({ "id": "s2", "name": "Two" }),
                ],
            ),
            (
                RecordKind::Terms,
                vec![json!({ "id": "t1", "name": "Fall" })],
            ),
            (
                RecordKind::Courses,
                vec![json!({ "id": "c1", "name": "Art" })],
            ),
            (
                RecordKind::Users,
                vec![
                    student("u1", "s1", "A"),
                    student("u2", "s1", "B"),
                    json!({ "id": "u3", "name": { "last": "C" }, "roles": { "teacher": { "school": "s1" } } }),
                    json!({ "id": "u4", "name": { "last": "D" }, "roles": { "contact": { "student_relationships": [
                        { "student": "u1", "relationship": "Parent", "type": "Parent/Guardian" },
                        { "student": "ghost1", "relationship": "Parent", "type": "Parent/Guardian" } ] } } }),
                    student("u5", "s2", "E"),
                ],
            ),
            (
                RecordKind::Sections,
                vec![
                    json!({ "id": "k1", "name": "K", "school": "s1", "course": "c1", "term_id": "t1", "teacher": "u3",
                            "teachers": ["u3"], "students": ["u1", "u2", "ghost2"] }),
                    json!({ "id": "k2", "name": "L", "school": "s9", "teachers": ["u3"], "students": ["u5"] }),
                ],
            ),
        ]))
    }

    fn users(&mut self) -> &mut Vec<Value> {
        self.0.get_mut(&RecordKind::Users).unwrap()
    }

    /// As the second found it.
    fn second() -> Self {
        let mut roster = Self::first();
        roster.users().retain(|user| user["id"] != "u5");
        roster.users()[1]["name"]["last"] = "Changed".into();
        roster
    }

    /// As it is after the move: who was only named comes, and another goes.
    fn third() -> Self {
        let mut roster = Self::second();
        roster.users().retain(|user| user["id"] != "u1");
        roster.users().push(student("u5", "s2", "E"));
        roster.users().insert(0, student("ghost1", "s1", "F"));
        let sections = roster.0.get_mut(&RecordKind::Sections).unwrap();
        sections[0]["students"] = json!(["u2", "u5", "ghost3"]);
        sections[1]["school"] = "s2".into();
        roster
    }
}

fn page(records: &[Value]) -> RawPage {
    let elements: Vec<Value> = records.iter().map(|one| json!({ "data": one })).collect();
    RawPage::split(json!({ "data": elements }).to_string().into()).unwrap()
}

impl RosterSource for Roster {
    type Error = Infallible;

    async fn district(&self) -> Result<RawPage, Infallible> {
        Ok(page(&self.0[&RecordKind::Districts]))
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, Infallible>> {
        let page = page(&self.0[&kind]);
        futures_util::stream::iter([Ok(page)])
    }

    async fn end(&self, kind: RecordKind) -> Result<End, Infallible> {
        let last = self.0[&kind].last();
        Ok(last.map_or(End::Empty, |last| {
            End::At(last["id"].as_str().unwrap().to_owned())
        }))
    }
}

async fn run(kept: &Kept, roster: &Roster, minute: i64) -> SyncReport {
    let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
    clock.advance_seconds(60 * minute);
    let policy = SyncPolicy {
        max_archived_percent: 100,
        max_updated_percent: 100,
        max_unenrolled_percent: 100,
        ..SyncPolicy::default()
    };
    let mut store = kept.open().await;
    let options = SyncOptions::default();
    sync(roster, &mut store, &policy, &options, &clock, &())
        .await
        .unwrap()
}

/// What the store says of the district, apart from the numbers that it gives rows.
async fn said(kept: &Kept) -> Value {
    let look = kept.look("d").await;
    let records: BTreeMap<String, (bool, &str)> = look
        .records
        .iter()
        .map(|((kind, id), held)| (format!("{kind} {id}"), (held.active, &*held.json)))
        .collect();
    let feed: Vec<String> = kept
        .feed("d", 0)
        .await
        .iter()
        .map(|entry| format!("{entry:?}"))
        .collect();
    json!({ "records": records, "feed": feed, "derived": kept.derived("d").await })
}

/// What a report says of the store.
fn totals(report: &SyncReport) -> Value {
    let kinds: BTreeMap<String, u64> = report
        .kinds
        .iter()
        .map(|(kind, of)| (kind.to_string(), of.total))
        .collect();
    json!([
        kinds,
        report.enrollments,
        report.roles,
        report.findings,
        report.outcome
    ])
}

/// Each record's history, found from its last change, is what the feed says of it.
async fn histories(kept: &Kept) {
    let mut store = kept.open().await;
    let mut filter = ChangeFilter {
        limit: 1000,
        ..ChangeFilter::default()
    };
    let feed = store.changes("d", &filter).await.unwrap();
    let mut long = 0;
    for change in &feed {
        filter.kind = Some(change.kind.parse().unwrap());
        filter.id = Some(change.id.clone());
        let of_record: Vec<u64> = feed
            .iter()
            .filter(|other| (&other.kind, &other.id) == (&change.kind, &change.id))
            .map(|other| other.seq)
            .collect();
        let found = store.changes("d", &filter).await.unwrap();
        let found: Vec<u64> = found.iter().map(|change| change.seq).collect();
        assert_eq!(found, of_record, "{} {}", change.kind, change.id);
        long = long.max(found.len());
    }
    assert!(long > 1);
}

/// Brings an old store up to date, and holds it against one that was always new.
async fn moved(kept: Kept, consumers: bool) {
    let folder = TempDir::new().unwrap();
    let new = Kept::sqlite(folder.path().join("new.db"));
    drop(run(&new, &Roster::first(), 0).await);
    let second = run(&new, &Roster::second(), 1).await;
    assert_eq!(said(&kept).await, said(&new).await, "it says what it said");
    let mut store = kept.open().await;
    assert_eq!(store.districts().await.unwrap(), ["d"]);
    let filter = ChangeFilter {
        limit: 100,
        ..ChangeFilter::default()
    };
    assert_eq!(store.changes("d", &filter).await.unwrap().len(), 14);
    histories(&kept).await;
    if consumers {
        assert_eq!(store.position("d", "reader").await.unwrap(), 7);
    }
    drop(store);
    // The same again: nothing is new, and what is counted is right.
    let same = run(&kept, &Roster::second(), 2).await;
    assert!(same.is_unchanged() && same.path == RunPath::Snapshot);
    let same_of_new = run(&new, &Roster::second(), 2).await;
    assert_eq!(totals(&same), totals(&same_of_new));
    assert_eq!(totals(&same_of_new), totals(&second));
    for (minute, roster) in [(3, Roster::third()), (4, Roster::first())] {
        let here = run(&kept, &roster, minute).await;
        let there = run(&new, &roster, minute).await;
        assert!(!here.is_unchanged());
        assert_eq!(totals(&here), totals(&there), "minute {minute}");
        assert_eq!(said(&kept).await, said(&new).await, "minute {minute}");
    }
    histories(&kept).await;
}

/// The rows as the database spells them.
fn postgres(rows: &str) -> String {
    rows.replace("x'", "'\\x")
}

#[tokio::test]
async fn a_sqlite_store_of_an_earlier_version_is_followed_as_a_new_one() {
    for version in [1, 2, 3] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("old.db");
        let old = Connection::open(&path).unwrap();
        let id = 0x436c_7672;
        // A store of version 3 is one of version 2 that was brought up to it.
        let steps = match version {
            1 => format!("{} {ROWS_1}", SQLITE[0]),
            2 => format!("{} {ROWS_1} {ROWS_2}", SQLITE[..2].concat()),
            _ => format!("{} {ROWS_1} {ROWS_2} {}", SQLITE[..2].concat(), SQLITE[2]),
        };
        old.execute_batch(&format!(
            "{steps} PRAGMA application_id = {id}; PRAGMA user_version = {version};"
        ))
        .unwrap();
        drop(old);
        let kept = Kept::sqlite(path.clone());
        let found = kept.rows("PRAGMA user_version").await;
        assert_eq!(found, [[Some(SCHEMA_VERSION.to_string())]]);
        moved(kept, version > 1).await;
    }
}

#[tokio::test]
async fn a_postgresql_store_of_an_earlier_version_is_followed_as_a_new_one() {
    for version in [2, 3] {
        let Some(url) = database(&format!("migration{version}")).await else {
            return;
        };
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let rows = postgres(&[ROWS_1, ROWS_2].concat());
        client.batch_execute(POSTGRES[0]).await.unwrap();
        client.batch_execute(&rows).await.unwrap();
        // Numbers that were given are not given again.
        for (table, key) in [
            ("_districts", "district"),
            ("_people", "key"),
            ("users", "key"),
            ("sections", "key"),
            ("schools", "key"),
            ("terms", "key"),
            ("courses", "key"),
            ("districts", "key"),
        ] {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', '{key}'), (SELECT max({key}) FROM {table}))"
            );
            client.batch_execute(&sql).await.unwrap();
        }
        if version == 3 {
            client.batch_execute(POSTGRES[1]).await.unwrap();
        }
        let kept = Kept::postgres(&url).await;
        let found = kept.rows("SELECT max(version) FROM _schema").await;
        assert_eq!(found, [[Some(SCHEMA_VERSION.to_string())]]);
        moved(kept, true).await;
    }
}
