//! What a sceptic would try, each as one test: none of it may lose, wreck or invent anything. More of the list
//! stands in `life.rs` (unshared school, role switched off, paused district), `events.rs` (expired cursor,
//! events off) and `stores.rs` (two syncs at once).

use clever_emulator::Fault;
use clever_emulator::World;
use clever_model::ManualClock;
use clever_model::RecordKind;
use clever_sync::report::{Cause, Doubt, Part};
use clever_sync::{
    DatabaseError, Outcome, RunPath, SqliteStore, StoreError, SyncError, SyncOptions, SyncPolicies,
    SyncPolicy, SyncReport, Way, mark_edited, sync,
};
use rusqlite::Connection;

use crate::ground::Ground;

/// A synced district.
async fn synced(seed: u64, students: u32) -> Ground {
    let ground = Ground::new(seed, students).await;
    drop(ground.sync().await.unwrap());
    ground
}

/// Nobody of a kind was archived.
fn nobody_left(ground: &Ground, kind: RecordKind) {
    assert_eq!(ground.counts(kind).1, 0, "{kind}");
    ground.check_feed();
}

fn hold_of(report: &SyncReport, kind: RecordKind) -> &clever_sync::report::Hold {
    report.holds.iter().find(|hold| hold.kind == kind).unwrap()
}

#[tokio::test]
async fn empty_answer() {
    let ground = synced(61, 60).await;
    ground
        .emulator
        .with_world(|world| world.retain(RecordKind::Users, |_| false));
    let report = ground.sync().await.unwrap();
    assert_eq!(
        hold_of(&report, RecordKind::Users).cause,
        Cause::EmptyAnswer
    );
    nobody_left(&ground, RecordKind::Users);
}

#[tokio::test]
async fn short_answer() {
    let ground = synced(62, 120).await;
    ground
        .emulator
        .faults()
        .add(Fault::EarlyEnd.on("/users").nth(2));
    let before = ground.stored();
    let report = ground.sync().await;
    assert!(
        matches!(
            report,
            Err(SyncError::Fetch {
                kind: RecordKind::Users,
                ..
            })
        ),
        "the count told: {report:?}"
    );
    assert_eq!(ground.stored(), before);
    nobody_left(&ground, RecordKind::Users);
}

#[tokio::test]
async fn cut_walk() {
    let ground = synced(63, 80).await;
    let before = ground.stored();
    ground.emulator.advance_days(1);
    ground
        .emulator
        .faults()
        .add(Fault::Cut.on("/users").times(u64::MAX));
    assert!(matches!(
        ground.sync().await,
        Err(SyncError::Fetch {
            kind: RecordKind::Users,
            ..
        })
    ));
    assert_eq!(ground.stored(), before);
}

#[tokio::test]
async fn list_that_shrank_by_a_third() {
    let ground = synced(64, 150).await;
    ground
        .emulator
        .with_world(|world| world.retain(RecordKind::Users, |at| at % 3 != 0));
    let report = ground.sync().await.unwrap();
    let hold = hold_of(&report, RecordKind::Users);
    assert_eq!(
        (hold.part, &hold.cause),
        (Part::Archive, &Cause::Unexplained)
    );
    nobody_left(&ground, RecordKind::Users);
}

/// Gives every record of a kind another id; `edit` sees it, too.
fn rekey(world: &mut World, kind: RecordKind) {
    let ids: Vec<String> = world.list(kind).keys().collect();
    for id in ids {
        let mut record = world.value(kind, &id).unwrap();
        let other = format!("f{}", &id[1..]);
        record["id"] = other.as_str().into();
        world.remove(kind, &id);
        world.put(kind, &other, record.to_string());
    }
}

#[tokio::test]
async fn rollover() {
    let ground = synced(65, 200).await;
    ground.emulator.with_world(|world| {
        rekey(world, RecordKind::Terms);
        rekey(world, RecordKind::Sections);
    });
    let report = ground.sync().await.unwrap();
    assert_eq!(
        hold_of(&report, RecordKind::Sections).cause,
        Cause::Rollover
    );
    nobody_left(&ground, RecordKind::Sections);
}

#[tokio::test]
async fn rekeyed_sis() {
    let ground = synced(66, 100).await;
    ground
        .emulator
        .with_world(|world| rekey(world, RecordKind::Users));
    let report = ground.sync().await.unwrap();
    assert_eq!(hold_of(&report, RecordKind::Users).cause, Cause::SisRekeyed);
    nobody_left(&ground, RecordKind::Users);
}

#[tokio::test]
async fn narrowed_token() {
    let ground = synced(67, 60).await;
    let before = ground.stored();
    ground
        .emulator
        .faults()
        .add(Fault::Html404.on("/sections").times(u64::MAX));
    assert!(matches!(
        ground.sync().await,
        Err(SyncError::Fetch {
            kind: RecordKind::Sections,
            ..
        })
    ));
    assert_eq!(ground.stored(), before);
}

#[tokio::test]
async fn token_rotated_mid_walk() {
    let ground = synced(68, 120).await;
    let before = ground.stored();
    ground
        .emulator
        .faults()
        .add(Fault::TokenRotated.on("starting_after").times(u64::MAX));
    assert!(ground.sync().await.is_err());
    assert_eq!(ground.stored(), before);
    nobody_left(&ground, RecordKind::Users);
}

#[tokio::test]
async fn duplicated_pages() {
    for fault in [Fault::DuplicatedRecords, Fault::RepeatedPage] {
        let ground = synced(69, 80).await;
        ground.emulator.advance_days(1);
        ground
            .emulator
            .faults()
            .add(fault.on("/users").times(u64::MAX));
        drop(ground.sync().await);
        nobody_left(&ground, RecordKind::Users);
        ground.emulator.faults().clear();
        drop(ground.sync().await.unwrap());
        assert_eq!(ground.stored(), ground.served());
    }
}

#[tokio::test]
async fn unordered_ids() {
    let ground = synced(70, 80).await;
    ground
        .emulator
        .with_world(|world| world.retain(RecordKind::Users, |at| at != 3));
    ground
        .emulator
        .faults()
        .add(Fault::Unordered.on("/users").times(u64::MAX));
    let report = ground.sync().await.unwrap();
    let users = &report.kinds[&RecordKind::Users];
    assert_eq!(users.certificate.doubts[0], Doubt::Unordered);
    assert_eq!(
        (users.kept, users.archived, users.created, users.updated),
        (1, 0, 0, 0)
    );
    nobody_left(&ground, RecordKind::Users);
}

#[tokio::test]
async fn event_for_an_unknown_kind() {
    let ground = Ground::with_events(71, 40).await;
    ground.emulator.advance_days(1);
    drop(ground.sync().await.unwrap());
    ground.emulator.with_world(|world| {
        world.put(
            RecordKind::Resources,
            "5a25ffb0c1bc2a0036000001",
            "{\"id\":\"5a25ffb0c1bc2a0036000001\"}",
        );
    });
    let report = ground.sync().await.unwrap();
    assert_eq!(report.path, RunPath::Events);
    assert_eq!(report.events.unwrap().skipped["resources.created"], 1);
    assert!(
        ground
            .sync()
            .await
            .unwrap()
            .events
            .unwrap()
            .skipped
            .is_empty(),
        "it was passed"
    );
}

#[tokio::test]
async fn clock_skew() {
    let ground = Ground::with_events(72, 40).await;
    ground.emulator.advance_days(1);
    let clock = ManualClock::at("2026-09-15T12:00:00Z".parse().unwrap());
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    for years in [1, -40, 60, -20] {
        let policy = SyncPolicy::default();
        let options = SyncOptions::default();
        let report = sync(&ground.district, &mut store, &policy, &options, &clock, &()).await;
        assert_eq!(report.unwrap().outcome, Outcome::Done);
        clock.advance_seconds(years * 365 * 86_400);
        ground.emulator.advance_days(1);
    }
    drop(store);
    drop(
        ground
            .sync_with(
                &SyncOptions {
                    way: Way::Snapshot,
                    ..SyncOptions::default()
                },
                &SyncPolicy::default(),
            )
            .await
            .unwrap(),
    );
    assert_eq!(ground.stored(), ground.served());
    ground.check_feed();
}

#[tokio::test]
async fn store_locked() {
    let ground = synced(73, 40).await;
    ground.emulator.advance_days(1);
    let before = ground.stored();
    let other = Connection::open(ground.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let report = ground.sync().await;
    assert!(
        matches!(
            report,
            Err(SyncError::Store(StoreError::Database(
                DatabaseError::Locked
            )))
        ),
        "{report:?}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ground.stored(), before);
    drop(ground.sync().await.unwrap());
    assert_eq!(ground.stored(), ground.served());
}

#[tokio::test]
async fn a_hand_edit_is_found_and_mended_or_kept_where_it_is_the_apps_own() {
    let ground = synced(74, 60).await;
    let connection = Connection::open(ground.path()).unwrap();
    let names = || -> Vec<(Option<String>, Option<String>)> {
        let mut rows = connection
            .prepare("SELECT last_name, email FROM users ORDER BY id")
            .unwrap();
        let rows = rows
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        rows.map(Result::unwrap).collect()
    };
    let before = names();
    connection
        .execute_batch(
            "UPDATE users SET last_name = 'Edited' WHERE id = (SELECT min(id) FROM users);
             UPDATE users SET email = 'ours@example.org' WHERE id = (SELECT max(id) FROM users);",
        )
        .unwrap();
    let full = SyncOptions {
        way: Way::Snapshot,
        ..SyncOptions::default()
    };
    let policies = SyncPolicies::read("[sticky]\nusers = [\"email\"]").unwrap();
    let policy = policies.of("any");
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    let id = clever_model::DistrictId::new(store.districts().await.unwrap().remove(0)).unwrap();
    assert_eq!(mark_edited(&mut store, &id, policy).await.unwrap(), 1);
    let report = ground.sync_into(&mut store, &full, policy).await.unwrap();
    assert!(
        report.is_unchanged(),
        "the roster is as it was: {:?}",
        report.kinds
    );
    let after = names();
    assert_eq!(after[0], before[0], "mended");
    assert_eq!(
        after.last().unwrap().1.as_deref(),
        Some("ours@example.org"),
        "the app's own"
    );
    assert_eq!(
        mark_edited(&mut store, &id, &SyncPolicy::default())
            .await
            .unwrap(),
        1
    );
    drop(
        ground
            .sync_into(&mut store, &full, &SyncPolicy::default())
            .await
            .unwrap(),
    );
    assert_eq!(names(), before);
    assert_eq!(
        mark_edited(&mut store, &id, &SyncPolicy::default())
            .await
            .unwrap(),
        0
    );
    ground.check_feed();
}

#[tokio::test]
async fn what_is_held_is_not_let_through_by_what_is_applied_beside_it() {
    // As many come as go: once the new ones are in, those who went are a small share of all.
    let ground = synced(75, 60).await;
    let before = ground.counts(RecordKind::Users).0;
    ground
        .emulator
        .with_world(|world| rekey(world, RecordKind::Users));
    let first = ground.sync().await.unwrap();
    assert_eq!(first.outcome, Outcome::Held);
    let held = hold_of(&first, RecordKind::Users).clone();
    for _ in 0..3 {
        // The sizes that the first hold was judged by stay those of the next.
        let again = ground.sync().await.unwrap();
        let hold = hold_of(&again, RecordKind::Users);
        // Those who came show the cause, and they are in.
        assert_eq!((hold.count, hold.of), (held.count, held.of));
        assert_eq!(again.plan_hash, first.plan_hash);
        nobody_left(&ground, RecordKind::Users);
    }
    let policy = SyncPolicy {
        max_archived_percent: 60,
        ..SyncPolicy::default()
    };
    // All of one half, as before the others came; not half of all.
    let report = ground.sync_with(&SyncOptions::default(), &policy).await;
    assert_eq!(report.unwrap().outcome, Outcome::Held);
    let options = SyncOptions {
        approve: Some(first.plan_hash),
        ..SyncOptions::default()
    };
    let approved = ground.sync_with(&options, &SyncPolicy::default()).await;
    assert_eq!(approved.unwrap().outcome, Outcome::Done);
    assert_eq!(ground.counts(RecordKind::Users), (before, before));
    ground.check_feed();
}

#[tokio::test]
async fn a_record_that_is_no_value_costs_itself_alone() {
    let ground = synced(76, 40).await;
    let ids: Vec<String> = ground.emulator.with_world(|world| {
        let users = world.list(RecordKind::Users);
        users.iter().take(3).map(|(id, _)| id.to_string()).collect()
    });
    let before = ground.stored();
    ground.emulator.with_world(|world| {
        // Half of an emoji, which is mended; a number beyond all numbers, which is not.
        let text =
            |id: &str, rest: &str| format!(r#"{{"id":"{id}","name":{{"last":"X\ud83d"}}{rest}}}"#);
        world.put(RecordKind::Users, &ids[0], text(&ids[0], ""));
        world.put(RecordKind::Users, &ids[1], text(&ids[1], r#","n":1e999"#));
        world.remove(RecordKind::Users, &ids[2]);
    });
    let report = ground.sync().await.unwrap();
    let users = &report.kinds[&RecordKind::Users];
    assert_eq!((users.updated, users.unreadable, users.archived), (1, 1, 1));
    let after = ground.stored();
    let key = |at: usize| (RecordKind::Users, ids[at].clone());
    assert!(after[&key(0)].contains(r"X\ud83d"), "kept as it was sent");
    assert_eq!(after[&key(1)], before[&key(1)], "as it was");
    assert!(!after.contains_key(&key(2)), "its absence is proven");
    ground.check_feed();
}

#[tokio::test]
async fn rows_edited_deleted_archived_and_added_by_hand_are_mended() {
    let ground = synced(77, 40).await;
    let connection = Connection::open(ground.path()).unwrap();
    let before = ground.stored();
    let places = || -> i64 {
        let sql = "SELECT count(*) FROM enrollments";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let enrolled = places();
    connection
        .execute_batch(
            "UPDATE users SET archived_at = 'now' WHERE id = (SELECT min(id) FROM users);
             UPDATE users SET record = '{}' WHERE id = (SELECT max(id) FROM users);
             DELETE FROM sections WHERE id = (SELECT max(id) FROM sections);
             INSERT INTO schools (district_id, id, record, first_seen_at, changed_at, source)
                 SELECT district_id, 'mine', '{}', 'x', 'x', 1 FROM districts;",
        )
        .unwrap();
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    let id = clever_model::DistrictId::new(store.districts().await.unwrap().remove(0)).unwrap();
    let policy = SyncPolicy::default();
    assert_eq!(mark_edited(&mut store, &id, &policy).await.unwrap(), 4);
    let full = SyncOptions {
        way: Way::Snapshot,
        ..SyncOptions::default()
    };
    let report = ground.sync_into(&mut store, &full, &policy).await.unwrap();
    assert!(report.is_unchanged(), "{:?}", report.kinds);
    assert_eq!(ground.stored(), before);
    assert_eq!(places(), enrolled);
    assert_eq!(mark_edited(&mut store, &id, &policy).await.unwrap(), 0);
    ground.check_feed();
}

/// A row that was deleted by hand, and whose record then changes, is written again; what hung on it is no hindrance.
#[tokio::test]
async fn a_deleted_row_whose_record_changes_is_written_anew() {
    let ground = synced(78, 40).await;
    let connection = Connection::open(ground.path()).unwrap();
    let student: String = connection
        .query_row(
            "SELECT min(user_id) FROM user_roles WHERE role = 'student'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let section: String = connection
        .query_row("SELECT min(id) FROM sections", [], |row| row.get(0))
        .unwrap();
    for (table, id) in [("users", &student), ("sections", &section)] {
        let sql = format!("DELETE FROM {table} WHERE id = ?1");
        assert_eq!(connection.execute(&sql, [id]).unwrap(), 1);
    }
    ground.emulator.with_world(|world| {
        world.edit(RecordKind::Users, &student, |user| {
            user["name"]["last"] = "Other".into();
        });
        world.edit(RecordKind::Sections, &section, |section| {
            section["name"] = "Other".into();
        });
    });
    drop(ground.sync().await.unwrap());
    assert_eq!(ground.stored(), ground.served());
}

/// A row beside a contact's own that no sync would write, with a key that is no text, goes when the contact's changes.
#[tokio::test]
async fn an_odd_row_beside_a_contact_is_no_hindrance() {
    let ground = synced(79, 40).await;
    let connection = Connection::open(ground.path()).unwrap();
    let contact: String = connection
        .query_row("SELECT min(contact_id) FROM contacts", [], |row| row.get(0))
        .unwrap();
    let rows = |wanted: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM _contacts WHERE contact_id = ?1 AND {wanted}");
        let count = connection.query_row(&sql, [&contact], |row| row.get(0));
        count.unwrap()
    };
    let children = rows("true");
    let sql = "INSERT INTO _contacts (district_id, contact_id, student_id)
         SELECT district_id, contact_id, x'00' FROM contacts WHERE contact_id = ?1 LIMIT 1";
    assert_eq!(connection.execute(sql, [&contact]).unwrap(), 1);
    ground.emulator.with_world(|world| {
        world.edit(RecordKind::Users, &contact, |user| {
            user["roles"]["contact"]["phone"] = "555-0100".into();
        });
    });
    drop(ground.sync().await.unwrap());
    assert!(children > 0);
    assert_eq!(rows("phone = '555-0100'"), children);
    assert_eq!(rows("typeof(student_id) <> 'text'"), 0);
}

/// Gives every student the next grade.
fn advance_grades(world: &mut World) {
    let ids: Vec<String> = world
        .list(RecordKind::Users)
        .iter()
        .filter(|(_, user)| user.has_role(clever_model::Role::Student))
        .map(|(id, _)| id)
        .collect();
    for id in ids {
        world.edit(RecordKind::Users, &id, |user| {
            user["roles"]["student"]["grade"] = "Other".into();
        });
    }
}

/// Gives every term other dates.
fn move_terms(world: &mut World) {
    let ids: Vec<String> = world.list(RecordKind::Terms).keys().collect();
    for id in ids {
        world.edit(RecordKind::Terms, &id, |term| {
            term["start_date"] = "2027-08-16".into();
            term["end_date"] = "2028-06-02".into();
        });
    }
}

#[tokio::test]
async fn a_rollover_that_keeps_the_ids_of_its_terms_is_no_rekeyed_sis() {
    let ground = synced(75, 200).await;
    ground.emulator.with_world(|world| {
        move_terms(world);
        rekey(world, RecordKind::Sections);
    });
    let report = ground.sync().await.unwrap();
    let hold = hold_of(&report, RecordKind::Sections);
    assert_eq!((hold.part, &hold.cause), (Part::Archive, &Cause::Rollover));
}

#[tokio::test]
async fn a_rollover_that_keeps_the_ids_of_its_sections_is_told() {
    let ground = synced(76, 200).await;
    ground.emulator.with_world(|world| {
        move_terms(world);
        let ids: Vec<String> = world.list(RecordKind::Sections).keys().collect();
        for id in ids {
            world.edit(RecordKind::Sections, &id, |section| {
                section["students"] = serde_json::json!([]);
            });
        }
    });
    let report = ground.sync().await.unwrap();
    let hold = hold_of(&report, RecordKind::Sections);
    assert_eq!((hold.part, &hold.cause), (Part::Update, &Cause::Rollover));
}

#[tokio::test]
async fn a_rollover_of_a_district_that_shares_no_terms_is_told_by_its_grades() {
    let ground = synced(77, 200).await;
    ground.emulator.with_world(|world| {
        advance_grades(world);
        rekey(world, RecordKind::Sections);
    });
    let report = ground.sync().await.unwrap();
    assert_eq!(
        hold_of(&report, RecordKind::Sections).cause,
        Cause::Rollover
    );
}

#[tokio::test]
async fn sections_that_come_again_under_other_ids_and_nothing_else_are_a_rekeyed_sis() {
    let ground = synced(78, 200).await;
    ground
        .emulator
        .with_world(|world| rekey(world, RecordKind::Sections));
    let report = ground.sync().await.unwrap();
    assert_eq!(
        hold_of(&report, RecordKind::Sections).cause,
        Cause::SisRekeyed
    );
}

/// The people of a school, and its sections.
fn of_school(world: &World, kind: RecordKind, school: &str) -> Vec<String> {
    let quoted = format!("\"school\":\"{school}\"");
    let list = world.list(kind).iter();
    list.filter(|(_, record)| record.json().contains(&quoted))
        .map(|(id, _)| id)
        .collect()
}

/// The school with the fewest people, and one person of another school.
fn smallest(world: &World) -> (String, String) {
    let mut schools: Vec<String> = world.list(RecordKind::Schools).keys().collect();
    schools.sort_by_key(|school| of_school(world, RecordKind::Users, school).len());
    let other = schools.last().unwrap();
    let person = of_school(world, RecordKind::Users, other).remove(0);
    (schools.remove(0), person)
}

#[tokio::test]
async fn one_school_of_many_mostly_gone_is_held_alone() {
    let ground = synced(79, 3200).await;
    let (school, person) = ground.emulator.with_world(|world| {
        let (school, person) = smallest(world);
        let students = of_school(world, RecordKind::Users, &school);
        let all = world.list(RecordKind::Users).len();
        let gone = students.len() * 4 / 5;
        assert!(gone * 10 < all, "{gone} of {all} would be held anyway");
        for id in students.iter().take(gone) {
            world.remove(RecordKind::Users, id);
        }
        world.remove(RecordKind::Users, &person);
        (school, person)
    });
    let report = ground.sync().await.unwrap();
    assert_eq!(report.outcome, Outcome::Held);
    let [hold] = report.holds.as_slice() else {
        panic!("{:?}", report.holds)
    };
    assert_eq!(
        (hold.kind, hold.part, hold.school.as_deref()),
        (RecordKind::Users, Part::Archive, Some(school.as_str()))
    );
    assert!(hold.to_string().contains(&school), "{hold}");
    let archived = archived(&ground, RecordKind::Users);
    assert_eq!(archived, [person], "the rest goes on");
    ground.check_feed();
    let options = SyncOptions {
        approve: Some(report.plan_hash),
        ..SyncOptions::default()
    };
    let done = ground
        .sync_with(&options, &SyncPolicy::default())
        .await
        .unwrap();
    assert_eq!(done.outcome, Outcome::Done);
    assert_eq!(ground.stored(), ground.served());
}

/// The archived records of a kind.
fn archived(ground: &Ground, kind: RecordKind) -> Vec<String> {
    let connection = Connection::open(ground.path()).unwrap();
    let mut rows = connection
        .prepare(&format!(
            "SELECT id FROM {kind} WHERE archived_at IS NOT NULL"
        ))
        .unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn one_school_of_three_unshared_is_held_whole_with_its_people() {
    let ground = synced(80, 300).await;
    let school = ground.emulator.with_world(|world| {
        let (school, _) = smallest(world);
        for kind in [RecordKind::Users, RecordKind::Sections] {
            for id in of_school(world, kind, &school) {
                world.remove(kind, &id);
            }
        }
        world.remove(RecordKind::Schools, &school);
        school
    });
    let report = ground.sync().await.unwrap();
    for kind in [RecordKind::Schools, RecordKind::Users, RecordKind::Sections] {
        let hold = hold_of(&report, kind);
        assert_eq!(hold.school.as_deref(), Some(school.as_str()), "{kind}");
        assert_eq!(hold.cause, Cause::SchoolUnshared, "{kind}");
        nobody_left(&ground, kind);
    }
}
