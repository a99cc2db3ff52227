//! What the tables promise to an app's own SQL: cases 06, 09, 16 and 22 of the field, over both stores.

use std::collections::BTreeMap;
use std::convert::Infallible;

use clever_model::ManualClock;
use clever_model::{DistrictId, RecordKind};
use clever_raw::page::RawPage;
use clever_sync::report::{Cause, Hold, Part, Unit};
use clever_sync::{
    Admit, AnyStore, Only, Outcome, RosterSource, SyncOptions, SyncPolicy, SyncReport, UndoRequest,
    mark_edited, sync, undo,
};
use futures_core::Stream;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::simulation::kept::Kept;
use crate::stores::database;

/// A district as somebody wrote it down.
#[derive(Clone)]
pub(crate) struct Roster(BTreeMap<RecordKind, Vec<Value>>);

fn page(records: &[Value]) -> RawPage {
    let mut records = records.to_vec();
    records.sort_by_key(|record| record["id"].as_str().unwrap().to_owned());
    let elements: Vec<Value> = records.iter().map(|one| json!({ "data": one })).collect();
    let page = json!({ "data": elements, "links": [], "count": elements.len() });
    RawPage::split(page.to_string().into()).unwrap()
}

impl RosterSource for Roster {
    type Error = Infallible;

    async fn district(&self) -> Result<RawPage, Infallible> {
        let record = json!({ "id": "d", "name": "D", "state": "running", "last_sync": "1" });
        Ok(page(&[record]))
    }

    fn pages(&self, kind: RecordKind) -> impl Stream<Item = Result<RawPage, Infallible>> {
        let none = Vec::new();
        futures_util::stream::iter([Ok(page(self.0.get(&kind).unwrap_or(&none)))])
    }
}

pub(crate) fn student(number: usize, school: &str) -> Value {
    json!({ "id": format!("u{number:03}"), "name": { "last": format!("N{number}") },
            "roles": { "student": { "school": school, "schools": [school], "grade": "3" } } })
}

fn section(number: usize, students: impl IntoIterator<Item = usize>) -> Value {
    let students: Vec<String> = students
        .into_iter()
        .map(|one| format!("u{one:03}"))
        .collect();
    json!({ "id": format!("k{number:03}"), "name": format!("K{number}"), "school": "s1", "course": "c1",
            "term_id": "t1", "teacher": "v1", "teachers": ["v1"], "students": students })
}

fn named(id: &str) -> Value {
    json!({ "id": id, "name": format!("Name of {id}") })
}

impl Roster {
    /// Two schools, so many students at the first and sections with ten of them each.
    pub(crate) fn new(students: usize, sections: usize) -> Self {
        let mut users: Vec<Value> = (1..=students).map(|number| student(number, "s1")).collect();
        users.push(json!({ "id": "v1", "name": { "last": "T" }, "roles": { "teacher": { "school": "s1", "schools": ["s1"] } } }));
        Self(BTreeMap::from([
            (RecordKind::Schools, vec![named("s1"), named("s2")]),
            (RecordKind::Terms, vec![named("t1")]),
            (RecordKind::Courses, vec![named("c1")]),
            (RecordKind::Users, users),
            (
                RecordKind::Sections,
                (1..=sections)
                    .map(|number| section(number, 1..=10))
                    .collect(),
            ),
        ]))
    }

    pub(crate) fn all(&mut self, kind: RecordKind) -> &mut Vec<Value> {
        self.0.entry(kind).or_default()
    }

    pub(crate) fn one(&mut self, kind: RecordKind, id: &str) -> &mut Value {
        self.all(kind)
            .iter_mut()
            .find(|one| one["id"] == id)
            .unwrap()
    }

    pub(crate) fn remove(&mut self, kind: RecordKind, id: &str) {
        self.all(kind).retain(|one| one["id"] != id);
    }

    /// Gives the one record of a kind a new id, which its sections name from now on.
    fn renew(&mut self, kind: RecordKind, field: &str, old: &str, new: &str) {
        self.remove(kind, old);
        self.all(kind).push(named(new));
        for section in self.all(RecordKind::Sections) {
            section[field] = new.into();
        }
    }
}

/// An empty store of each kind, by what the test calls it.
pub(crate) async fn stores(folder: &TempDir, name: &str) -> Vec<Kept> {
    let mut all = vec![Kept::sqlite(folder.path().join("roster.db"))];
    if let Some(url) = database(name).await {
        all.push(Kept::postgres(&url).await);
    }
    all
}

async fn run(kept: &Kept, roster: &Roster, options: &SyncOptions) -> SyncReport {
    let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
    let policy = SyncPolicy::default();
    let mut store = kept.open().await;
    sync(roster, &mut store, &policy, options, &clock, &())
        .await
        .unwrap()
}

pub(crate) async fn again(kept: &Kept, roster: &Roster) -> SyncReport {
    run(kept, roster, &SyncOptions::default()).await
}

async fn approve(kept: &Kept, roster: &Roster, report: &SyncReport) -> SyncReport {
    let options = SyncOptions {
        approve: Some(report.plan_hash.clone()),
        ..SyncOptions::default()
    };
    run(kept, roster, &options).await
}

pub(crate) async fn audit(kept: &Kept) -> u64 {
    let mut store: AnyStore = kept.open().await;
    let district = DistrictId::new("d").unwrap();
    mark_edited(&mut store, &district, &SyncPolicy::default())
        .await
        .unwrap()
}

pub(crate) async fn lines(kept: &Kept, sql: &str) -> Vec<String> {
    let rows = kept.rows(sql).await.into_iter();
    let text = |row: Vec<Option<String>>| {
        let cells = row
            .into_iter()
            .map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
        cells.collect::<Vec<_>>().join(" ")
    };
    let mut rows: Vec<String> = rows.map(text).collect();
    rows.sort();
    rows
}

pub(crate) async fn number(kept: &Kept, sql: &str) -> u64 {
    lines(kept, sql).await[0].parse().unwrap()
}

/// The report's places are those of the view.
async fn places(kept: &Kept, report: &SyncReport) -> (u64, u64) {
    let of = |role: &str| format!("SELECT count(*) FROM enrollments WHERE role = '{role}'");
    let found = (
        number(kept, &of("student")).await,
        number(kept, &of("teacher")).await,
    );
    let told = report.enrollments;
    assert_eq!((told.students, told.teachers), found);
    found
}

#[tokio::test]
async fn field_09_nobody_who_is_archived_or_unknown_has_a_place_or_a_contact() {
    let folder = TempDir::new().unwrap();
    for kept in stores(&folder, "nobody").await {
        let mut roster = Roster::new(40, 4);
        roster.one(RecordKind::Sections, "k001")["students"] = json!(["u001", "u002", "ghost"]);
        roster.one(RecordKind::Sections, "k002")["teachers"] = json!(["v1", "ghost"]);
        roster.all(RecordKind::Users).push(json!({ "id": "p1", "roles": { "contact": { "student_relationships": [
            { "student": "u001", "relationship": "Mother" }, { "student": "ghost", "relationship": "Aunt" }] } } }));
        let first = again(&kept, &roster).await;
        assert_eq!(places(&kept, &first).await, (32, 4));
        let contacts = "SELECT contact_id, student_id, relationship FROM contacts";
        assert_eq!(lines(&kept, contacts).await, ["p1 u001 Mother"]);
        assert!(
            lines(
                &kept,
                "SELECT user_id FROM enrollments WHERE user_id = 'ghost'"
            )
            .await
            .is_empty()
        );

        // A student leaves whom sections and a contact still name.
        roster.remove(RecordKind::Users, "u001");
        let second = again(&kept, &roster).await;
        assert_eq!(second.kinds[&RecordKind::Users].archived, 1);
        assert_eq!(places(&kept, &second).await, (28, 4));
        assert!(lines(&kept, contacts).await.is_empty());
        let found: Vec<(String, u64)> = second
            .findings
            .iter()
            .map(|found| (found.field.clone(), found.count))
            .collect();
        assert!(found.contains(&("students".to_owned(), 5)), "{found:?}");
        assert!(
            found.contains(&("student_relationships.student".to_owned(), 2)),
            "{found:?}"
        );
        // Nothing changes, and the numbers stay.
        let third = again(&kept, &roster).await;
        assert!(third.is_unchanged());
        assert_eq!(places(&kept, &third).await, (28, 4));

        // The one returns, another comes who was only named, a section goes.
        roster.all(RecordKind::Users).push(student(1, "s1"));
        roster
            .all(RecordKind::Users)
            .push(json!({ "id": "ghost", "roles": { "student": { "school": "s1" } } }));
        roster.remove(RecordKind::Sections, "k004");
        let fourth = again(&kept, &roster).await;
        assert_eq!(fourth.kinds[&RecordKind::Users].restored, 1);
        assert_eq!(places(&kept, &fourth).await, (23, 4));
        assert_eq!(
            lines(&kept, contacts).await,
            ["p1 ghost Aunt", "p1 u001 Mother"]
        );
        // Counted again, they are as many.
        assert_eq!(audit(&kept).await, 0);
        let fifth = again(&kept, &roster).await;
        assert_eq!(places(&kept, &fifth).await, (23, 4));
        let strangers = "SELECT r.user_id FROM user_roles r LEFT JOIN users u
            ON u.district_id = r.district_id AND u.id = r.user_id AND u.archived_at IS NULL WHERE u.id IS NULL";
        assert!(lines(&kept, strangers).await.is_empty());
    }
}

#[tokio::test]
async fn field_16_who_is_at_a_school_can_be_asked_for_every_role() {
    let folder = TempDir::new().unwrap();
    for kept in stores(&folder, "whois").await {
        let mut roster = Roster::new(3, 0);
        let users = roster.all(RecordKind::Users);
        let person =
            |id: &str, roles: Value| json!({ "id": id, "name": { "last": "X" }, "roles": roles });
        users.push(person(
            "v2",
            json!({ "teacher": { "school": "s1", "schools": ["s2", "s1", "s2"] } }),
        ));
        users.push(person(
            "w1",
            json!({ "staff": { "schools": ["s1", "s2"] } }),
        ));
        users.push(person(
            "w2",
            json!({ "staff": { "schools": ["s2"] }, "teacher": { "schools": ["s2"] } }),
        ));
        users.push(person(
            "x1",
            json!({ "district_admin": { "title": "Head" } }),
        ));
        users.push(person(
            "y1",
            json!({ "contact": { "student_relationships": [{ "student": "u001" }] } }),
        ));
        let first = again(&kept, &roster).await;
        let at = |school: &str| {
            format!(
                "SELECT user_id, role, is_primary FROM user_schools WHERE district_id = 'd' AND school_id = '{school}'"
            )
        };
        assert_eq!(
            lines(&kept, &at("s1")).await,
            [
                "u001 student 1",
                "u002 student 1",
                "u003 student 1",
                "v1 teacher 1",
                "v2 teacher 1",
                "w1 staff 0"
            ]
        );
        let second = ["v2 teacher 0", "w1 staff 0", "w2 staff 0", "w2 teacher 0"];
        assert_eq!(lines(&kept, &at("s2")).await, second);
        assert!(first.findings.is_empty(), "{:?}", first.findings);
        assert_eq!(audit(&kept).await, 0);

        // One moves, one leaves, one names a school that is not shared.
        roster.one(RecordKind::Users, "v2")["roles"]["teacher"] =
            json!({ "school": "s2", "schools": ["s1", "s2"] });
        roster.remove(RecordKind::Users, "w2");
        roster.one(RecordKind::Users, "w1")["roles"]["staff"]["schools"] = json!(["s2", "s9"]);
        let report = again(&kept, &roster).await;
        assert_eq!(report.outcome, Outcome::Done);
        assert_eq!(
            lines(&kept, &at("s2")).await,
            ["v2 teacher 1", "w1 staff 0"]
        );
        let found: Vec<(&str, u64)> = report
            .findings
            .iter()
            .map(|found| (found.field.as_str(), found.count))
            .collect();
        assert_eq!(found, [("schools", 1)]);
        // By hand: found and mended.
        kept.edit("DELETE FROM _user_schools WHERE user_id = 'w1' AND school_id = 's9'")
            .await;
        kept.edit("INSERT INTO _user_schools VALUES ('d', 'w1', 'staff', 's1')")
            .await;
        kept.edit("INSERT INTO _user_schools VALUES ('d', 'nobody', 'staff', 's1')")
            .await;
        assert_eq!(audit(&kept).await, 3);
        assert_eq!(lines(&kept, &at("s9")).await, ["w1 staff 0"]);
        assert!(again(&kept, &roster).await.is_unchanged());
        // The school comes, and nothing leads nowhere.
        roster.all(RecordKind::Schools).push(named("s9"));
        assert!(again(&kept, &roster).await.findings.is_empty());
    }
}

#[tokio::test]
async fn field_16_the_guard_sees_the_staff_of_a_school() {
    let folder = TempDir::new().unwrap();
    for kept in stores(&folder, "guard").await {
        let mut roster = Roster::new(900, 1);
        for number in 0..40 {
            roster.all(RecordKind::Users).push(json!({ "id": format!("w{number:03}"), "name": { "last": "X" },
                "roles": { "staff": { "schools": if number < 30 { json!(["s2"]) } else { json!(["s1"]) } } } }));
        }
        drop(again(&kept, &roster).await);
        // Of the staff of the second school most are gone: 2 % of all people.
        roster.all(RecordKind::Users).retain(|user| {
            let id = user["id"].as_str().unwrap();
            !id.starts_with('w') || id >= "w020"
        });
        let report = again(&kept, &roster).await;
        assert_eq!(report.kinds[&RecordKind::Users].held, 20);
        let [hold] = report.holds.as_slice() else {
            panic!("{:?}", report.holds)
        };
        assert_eq!(
            (hold.school.as_deref(), hold.count, hold.of),
            (Some("s2"), 20, 30)
        );
        // An update of nearly all of them is that school's, too.
        let mut renamed = Roster::new(900, 1);
        renamed
            .0
            .insert(RecordKind::Users, roster.all(RecordKind::Users).clone());
        for number in 0..30 {
            renamed.remove(RecordKind::Users, &format!("w{number:03}"));
            renamed.all(RecordKind::Users).push(
                json!({ "id": format!("w{number:03}"), "name": { "last": "Y" },
                "roles": { "staff": { "schools": ["s2"] } } }),
            );
        }
        let report = again(&kept, &renamed).await;
        let holds: Vec<_> = report
            .holds
            .iter()
            .map(|hold| (hold.part, hold.school.as_deref(), hold.count))
            .collect();
        assert_eq!(holds, [(Part::Update, Some("s2"), 30)]);
    }
}

/// Sections by what their term, course and school are.
async fn joined(kept: &Kept) -> (u64, u64, u64) {
    let of = |table: &str, column: &str| {
        format!(
            "SELECT count(*) FROM sections s JOIN {table} t ON t.district_id = s.district_id AND t.id = s.{column}
             AND t.archived_at IS NULL WHERE s.archived_at IS NULL"
        )
    };
    (
        number(kept, &of("terms", "term_id")).await,
        number(kept, &of("courses", "course_id")).await,
        number(kept, &of("schools", "school_id")).await,
    )
}

fn hold_of(report: &SyncReport, kind: RecordKind) -> &Hold {
    let mut all = report.holds.iter();
    all.find(|hold| hold.kind == kind)
        .unwrap_or_else(|| panic!("{kind}: {:?}", report.holds))
}

#[tokio::test]
async fn field_06_what_a_held_section_names_stays_with_it() {
    let folder = TempDir::new().unwrap();
    for kept in stores(&folder, "stays").await {
        let mut roster = Roster::new(100, 40);
        drop(again(&kept, &roster).await);
        for (kind, field, old, new) in [
            (RecordKind::Terms, "term_id", "t1", "t2"),
            (RecordKind::Courses, "course", "c1", "c2"),
            (RecordKind::Schools, "school", "s1", "s3"),
        ] {
            roster.renew(kind, field, old, new);
            if kind == RecordKind::Schools {
                for user in roster.all(RecordKind::Users) {
                    for role in ["student", "teacher"] {
                        if user["roles"][role].is_object() {
                            user["roles"][role]["school"] = new.into();
                            user["roles"][role]["schools"] = json!([new]);
                        }
                    }
                }
            }
            let mut hash = None;
            // Held in the first run, and still in the next ones.
            for _ in 0..3 {
                let held = again(&kept, &roster).await;
                assert_eq!(held.outcome, Outcome::Held);
                assert_eq!(hold_of(&held, RecordKind::Sections).part, Part::Update);
                let hold = hold_of(&held, kind);
                assert_eq!(
                    (hold.part, hold.count, &hold.school),
                    (Part::Archive, 1, &None)
                );
                assert!(matches!(hold.cause, Cause::StillNamed(_)), "{hold:?}");
                assert!(hold.to_string().contains("held still name"), "{hold}");
                assert_eq!(held.kinds[&kind].archived, 0);
                assert_eq!(joined(&kept).await, (40, 40, 40));
                assert!(held.findings.is_empty(), "{:?}", held.findings);
                assert_eq!(*hash.get_or_insert(held.plan_hash.clone()), held.plan_hash);
            }
            let held = again(&kept, &roster).await;
            let done = approve(&kept, &roster, &held).await;
            assert_eq!(
                (done.outcome, done.kinds[&kind].archived),
                (Outcome::Done, 1)
            );
            assert_eq!(joined(&kept).await, (40, 40, 40));
            assert!(again(&kept, &roster).await.is_unchanged());
        }
    }
}

#[tokio::test]
async fn field_06_what_nobody_names_any_more_goes_and_what_clever_takes_back_is_let_go() {
    let folder = TempDir::new().unwrap();
    for kept in stores(&folder, "lets_go").await {
        let mut roster = Roster::new(100, 40);
        roster.all(RecordKind::Terms).push(named("t0"));
        drop(again(&kept, &roster).await);
        let before = roster.clone();
        // A term that no section names goes at once, beside one that waits.
        roster.remove(RecordKind::Terms, "t0");
        roster.renew(RecordKind::Terms, "term_id", "t1", "t2");
        let held = again(&kept, &roster).await;
        assert_eq!(
            (
                held.kinds[&RecordKind::Terms].archived,
                hold_of(&held, RecordKind::Terms).count
            ),
            (1, 1)
        );
        // Clever says again what it said: nothing is held, the new term goes.
        let back = again(&kept, &before).await;
        assert_eq!((back.outcome, back.holds.len()), (Outcome::Done, 0));
        assert_eq!(joined(&kept).await, (40, 40, 40));
    }
}

#[tokio::test]
async fn field_06_what_an_undo_holds_keeps_what_it_names() {
    let folder = TempDir::new().unwrap();
    for kept in stores(&folder, "undone").await {
        let mut roster = Roster::new(100, 40);
        roster.all(RecordKind::Terms).push(named("t2"));
        drop(again(&kept, &roster).await);
        roster.one(RecordKind::Sections, "k001")["term_id"] = "t2".into();
        let report = again(&kept, &roster).await;
        assert_eq!(report.kinds[&RecordKind::Sections].updated, 1);
        let mut store = kept.open().await;
        let request = UndoRequest {
            district_id: "d".to_owned(),
            run: report.run.unwrap(),
            only: Some(Only::Section("k001".to_owned())),
            dry_run: false,
        };
        let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
        drop(
            undo(&mut store, &request, &SyncPolicy::default(), &clock, &())
                .await
                .unwrap(),
        );
        drop(store);
        // The others move, too, a few at a time, and the old term goes: but one section says it still.
        for number in 2..=40 {
            roster.one(RecordKind::Sections, &format!("k{number:03}"))["term_id"] = "t2".into();
            if number % 20 == 0 {
                drop(again(&kept, &roster).await);
            }
        }
        roster.remove(RecordKind::Terms, "t1");
        let held = again(&kept, &roster).await;
        assert_eq!(hold_of(&held, RecordKind::Sections).part, Part::Reapply);
        assert_eq!(
            hold_of(&held, RecordKind::Terms).cause,
            Cause::StillNamed(RecordKind::Sections)
        );
        assert_eq!(joined(&kept).await, (40, 40, 40));
        let done = approve(&kept, &roster, &held).await;
        assert_eq!(done.kinds[&RecordKind::Terms].archived, 1);
        assert_eq!(joined(&kept).await, (40, 40, 40));
    }
}

#[tokio::test]
async fn field_06_a_school_stays_while_held_people_are_at_it() {
    let folder = TempDir::new().unwrap();
    for kept in stores(&folder, "people").await {
        let mut roster = Roster::new(100, 0);
        roster.all(RecordKind::Schools).push(named("s4"));
        for number in 1..=40 {
            roster.one(RecordKind::Users, &format!("u{number:03}"))["roles"]["student"]["schools"] =
                json!(["s1", "s4"]);
        }
        drop(again(&kept, &roster).await);
        roster.remove(RecordKind::Schools, "s4");
        for number in 1..=100 {
            let user = roster.one(RecordKind::Users, &format!("u{number:03}"));
            user["name"]["last"] = "Other".into();
            user["roles"]["student"]["schools"] = json!(["s1"]);
        }
        let held = again(&kept, &roster).await;
        assert_eq!(hold_of(&held, RecordKind::Users).part, Part::Update);
        assert_eq!(
            hold_of(&held, RecordKind::Schools).cause,
            Cause::StillNamed(RecordKind::Users)
        );
        let here = "SELECT count(*) FROM user_schools u JOIN schools s ON s.id = u.school_id AND s.archived_at IS NULL";
        let before = number(&kept, here).await;
        assert_eq!(before, 141);
        let done = approve(&kept, &roster, &held).await;
        assert_eq!(done.kinds[&RecordKind::Schools].archived, 1);
        assert_eq!(number(&kept, here).await, 101);
    }
}

#[tokio::test]
async fn field_22_places_are_called_places_and_the_section_that_lost_them_is_named() {
    let folder = TempDir::new().unwrap();
    for kept in stores(&folder, "lost_places").await {
        let mut roster = Roster::new(60, 0);
        roster
            .all(RecordKind::Sections)
            .extend([section(1, 1..=60), section(2, 1..=30)]);
        let before = roster.clone();
        drop(again(&kept, &roster).await);
        roster.one(RecordKind::Sections, "k001")["students"] =
            section(1, 1..=20)["students"].clone();
        let held = again(&kept, &roster).await;
        let hold = hold_of(&held, RecordKind::Sections);
        assert_eq!((hold.unit, hold.count, hold.of), (Unit::Places, 40, 92));
        assert_eq!(
            hold.to_string(),
            "taking away 40 of 92 places in sections (limit 30 %); most of it is of section k001"
        );
        // All of them.
        let mut empty = before.clone();
        empty.one(RecordKind::Sections, "k001")["students"] = json!([]);
        let held = again(&kept, &empty).await;
        let told = hold_of(&held, RecordKind::Sections).to_string();
        assert_eq!(
            told,
            "taking away 60 of 92 places in sections (limit 30 %); a section lost all of its students"
        );
        // Of every section: records are counted, and the cause is the same.
        let mut many = Roster::new(60, 40);
        drop(again(&kept, &many).await);
        let held = again(&kept, &many).await;
        drop(approve_if_held(&kept, &many, held).await);
        for number in 1..=40 {
            let section = many.one(RecordKind::Sections, &format!("k{number:03}"));
            section.as_object_mut().unwrap().remove("students");
        }
        let held = again(&kept, &many).await;
        let hold = hold_of(&held, RecordKind::Sections);
        assert_eq!(
            (hold.unit, &hold.cause),
            (Unit::Records, &Cause::SectionsEmptied(40))
        );
    }
}

async fn approve_if_held(kept: &Kept, roster: &Roster, report: SyncReport) -> SyncReport {
    if report.outcome == Outcome::Held {
        return approve(kept, roster, &report).await;
    }
    report
}

#[tokio::test]
async fn field_23_another_district_is_refused_before_anything_is_written() {
    let folder = TempDir::new().unwrap();
    let roster = Roster::new(3, 1);
    let other = DistrictId::new("other").unwrap();
    for kept in stores(&folder, "admit").await {
        let admit = |admit| SyncOptions {
            admit,
            ..SyncOptions::default()
        };
        let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
        for (options, said) in [
            (admit(Admit::Only(other.clone())), "not other"),
            (
                admit(Admit::Known(["other".to_owned()].into())),
                "new to the store",
            ),
        ] {
            let mut store = kept.open().await;
            let policy = SyncPolicy::default();
            let refused = sync(&roster, &mut store, &policy, &options, &clock, &()).await;
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
            assert!(store.districts().await.unwrap().is_empty());
        }
        let known = admit(Admit::Known(["d".to_owned()].into()));
        drop(
            run(
                &kept,
                &roster,
                &admit(Admit::Only(DistrictId::new("d").unwrap())),
            )
            .await,
        );
        assert!(run(&kept, &roster, &known).await.is_unchanged());
    }
}
