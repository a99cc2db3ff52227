//! What somebody edits by hand in the tables beside a record's own is found, counted and mended, over both stores.

use clever_model::{RecordKind, SystemClock};
use clever_sync::report::Finding;
use clever_sync::{
    AnyStore, Open, SyncOptions, SyncPolicies, SyncPolicy, SyncReport, Way, mark_edited, sync,
};
use rusqlite::Connection;
use rusqlite::types::Value;
use tokio_postgres::SimpleQueryMessage;

use crate::ground::Ground;
use crate::stores::stores;

/// Runs statements by hand; gives the rows of the last, as text.
pub(crate) async fn by_hand(url: &str, sql: &str) -> Vec<String> {
    let Some(path) = url.strip_prefix("sqlite:") else {
        let client = crate::stores::client(url).await;
        let mut rows = Vec::new();
        for message in client.simple_query(sql).await.unwrap() {
            if let SimpleQueryMessage::Row(row) = message {
                let cells = (0..row.len()).map(|at| row.get(at).unwrap_or("-"));
                rows.push(cells.collect::<Vec<_>>().join("|"));
            }
        }
        return rows;
    };
    let connection = Connection::open(path).unwrap();
    if !sql.starts_with("SELECT") {
        connection.execute_batch(sql).unwrap();
        return Vec::new();
    }
    let mut statement = connection.prepare(sql).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells = (0..width).map(|at| {
            Ok::<_, rusqlite::Error>(match row.get(at)? {
                Value::Null => "-".to_owned(),
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => text,
                other => format!("{other:?}"),
            })
        });
        Ok(cells.collect::<Result<Vec<_>, _>>()?.join("|"))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// All four, as people see them; contacts also of students who are not here.
async fn beside(url: &str) -> Vec<String> {
    let mut all = Vec::new();
    for table in ["user_roles", "user_schools", "_contacts", "enrollments"] {
        all.extend(by_hand(url, &format!("SELECT * FROM {table} ORDER BY 1, 2, 3, 4")).await);
    }
    all.sort();
    all
}

async fn run(ground: &Ground, url: &str, policy: &SyncPolicy) -> SyncReport {
    let mut store = AnyStore::open(&url.parse().unwrap(), Open::Create)
        .await
        .unwrap();
    let full = SyncOptions {
        way: Way::Snapshot,
        ..SyncOptions::default()
    };
    let clock = SystemClock;
    sync(&ground.district, &mut store, policy, &full, &clock, &())
        .await
        .unwrap()
}

async fn audit(url: &str, policy: &SyncPolicy) -> u64 {
    let mut store = AnyStore::open(&url.parse().unwrap(), Open::Existing)
        .await
        .unwrap();
    let district = store.districts().await.unwrap().remove(0);
    mark_edited(&mut store, &district.parse().unwrap(), policy)
        .await
        .unwrap()
}

const STUDENT: &str = "(SELECT min(user_id) FROM user_roles WHERE role = 'student')";
const LAST: &str = "(SELECT max(user_id) FROM user_roles WHERE role = 'student')";
/// Somebody who is not in that section.
const ANOTHER: &str =
    "(SELECT max(key) FROM _people WHERE key NOT IN (SELECT person FROM _enrollments e
    WHERE e.section = (SELECT min(section) FROM _enrollments)))";
const SECTION: &str = "(SELECT min(section) FROM _enrollments)";

#[tokio::test]
async fn each_edit_beside_a_record_is_found_and_mended() {
    let ground = Ground::new(701, 90).await;
    for url in stores(&ground, "beside").await {
        let policy = SyncPolicy::default();
        let first = run(&ground, &url, &policy).await;
        let before = beside(&url).await;
        assert_eq!(audit(&url, &policy).await, 0, "nobody edited");
        let edits = [
            (1, format!("UPDATE user_roles SET grade = '99', sis_id = 'x' WHERE user_id = {STUDENT}")),
            (1, format!("DELETE FROM user_roles WHERE user_id = {STUDENT}")),
            (1, format!("UPDATE user_roles SET role = 'staff' WHERE user_id = {STUDENT}")),
            (1, format!("INSERT INTO user_roles (district_id, user_id, role) SELECT district_id, {STUDENT}, 'mine' FROM districts")),
            (2, "INSERT INTO user_roles (district_id, user_id, role) SELECT district_id, 'nobody', 'staff' FROM districts;
                 INSERT INTO _contacts (district_id, contact_id, student_id) SELECT district_id, 'nobody', 'x' FROM districts".to_owned()),
            (1, "UPDATE _contacts SET phone = 'edited' WHERE contact_id = (SELECT min(contact_id) FROM _contacts)
                    AND student_id = (SELECT min(student_id) FROM _contacts c WHERE c.contact_id = _contacts.contact_id)".to_owned()),
            (1, "DELETE FROM _user_schools WHERE user_id = (SELECT min(user_id) FROM _user_schools)
                    AND school_id = (SELECT min(school_id) FROM _user_schools s WHERE s.user_id = _user_schools.user_id)".to_owned()),
            (1, format!("INSERT INTO _user_schools (district_id, user_id, role, school_id) SELECT district_id, {STUDENT}, 'student', 'mine' FROM districts")),
            (1, format!("DELETE FROM _enrollments WHERE section = {SECTION} AND role = 0
                    AND person = (SELECT min(person) FROM _enrollments WHERE section = {SECTION} AND role = 0)")),
            (1, format!("INSERT INTO _enrollments (district, section, role, person, is_primary)
                    SELECT district, {SECTION}, 0, {ANOTHER}, 0 FROM _districts")),
            (1, format!("UPDATE _enrollments SET is_primary = 1 - is_primary WHERE section = {SECTION} AND role = 1
                    AND person = (SELECT min(person) FROM _enrollments WHERE section = {SECTION} AND role = 1)")),
        ];
        let mut all = 0;
        for (wrong, edit) in &edits {
            // The role that was renamed is one missing and one too many.
            let wrong = wrong + u64::from(edit.contains("SET role"));
            by_hand(&url, edit).await;
            assert!(beside(&url).await != before, "{edit}");
            assert_eq!(audit(&url, &policy).await, wrong, "{edit}");
            assert!(beside(&url).await == before, "{edit}");
            all += wrong;
        }
        assert_eq!(audit(&url, &policy).await, 0);
        // All at once, where what one needs is not taken by another.
        by_hand(&url, &edits[10].1).await;
        for edit in [&edits[0].1.replace(STUDENT, LAST), &edits[1].1, &edits[9].1] {
            by_hand(&url, edit).await;
        }
        by_hand(&url, "DELETE FROM _contacts").await;
        assert_eq!(audit(&url, &policy).await, 4 + contacts(&before));
        assert!(beside(&url).await == before);
        assert!(all > 11);
        let report = run(&ground, &url, &policy).await;
        assert!(report.is_unchanged());
        assert_eq!(
            (report.roles, report.enrollments, report.findings),
            (first.roles, first.enrollments, first.findings)
        );
    }
}

#[tokio::test]
async fn a_section_that_changes_has_the_places_that_its_record_tells_whatever_stood() {
    let ground = Ground::new(702, 200).await;
    let policy = SyncPolicy::default();
    // Of the sections that the last run wrote.
    let places = "SELECT e.section_id, e.user_id, e.role, e.is_primary FROM enrollments e
        JOIN sections s ON s.id = e.section_id WHERE s.source = (SELECT max(run) FROM runs) ORDER BY 1, 2, 3";
    let urls = stores(&ground, "whatever").await;
    for url in &urls {
        drop(run(&ground, url, &policy).await);
    }
    for url in &urls {
        // Fewer stand than the record told, or more.
        let edit = format!(
            "DELETE FROM _enrollments WHERE role = 0 AND section % 2 = 0;
             INSERT INTO _enrollments (district, section, role, person, is_primary)
                SELECT d.district, s.key, 0, {ANOTHER}, 0 FROM _districts d, sections s
                WHERE s.key % 2 = 1 AND NOT EXISTS (SELECT 1 FROM _enrollments e
                    WHERE e.section = s.key AND e.role = 0 AND e.person = {ANOTHER})"
        );
        by_hand(url, &edit).await;
    }
    ground.emulator.advance_days(2);
    let untouched = stores(&ground, "untouched").await.remove(0);
    drop(run(&ground, &untouched, &policy).await);
    let all = "SELECT section_id, user_id, role, is_primary FROM enrollments";
    let expected = by_hand(&untouched, all).await;
    for url in &urls {
        let report = run(&ground, url, &policy).await;
        let sections = &report.kinds[&RecordKind::Sections];
        assert!(sections.updated > 5, "{sections:?}");
        let found = by_hand(url, places).await;
        assert!(found.len() > 100, "{}", found.len());
        for place in found {
            assert!(expected.contains(&place), "{place}");
        }
    }
}

/// How many of the rows are of contacts: those have as many cells as no other.
fn contacts(rows: &[String]) -> u64 {
    rows.iter()
        .filter(|row| row.split('|').count() == 7)
        .count() as u64
}

#[tokio::test]
async fn what_hangs_on_a_deleted_row_comes_back_with_it_and_what_left_has_nothing() {
    let ground = Ground::new(702, 60).await;
    for url in stores(&ground, "hangs").await {
        let policy = SyncPolicy::default();
        drop(run(&ground, &url, &policy).await);
        let before = beside(&url).await;
        // The rows and what hangs on them: two edits.
        by_hand(
            &url,
            &format!(
                "DELETE FROM sections WHERE key = {SECTION}; DELETE FROM users WHERE id = {STUDENT};
                 DELETE FROM user_roles WHERE user_id = {STUDENT}"
            ),
        )
        .await;
        assert_eq!(audit(&url, &policy).await, 2);
        assert!(beside(&url).await == before);
        assert!(run(&ground, &url, &policy).await.is_unchanged());
        assert!(beside(&url).await == before);
        // Of somebody who left.
        let gone = by_hand(&url, &format!("SELECT {LAST}")).await.remove(0);
        ground
            .emulator
            .with_world(|world| world.remove(RecordKind::Users, &gone));
        assert_eq!(
            run(&ground, &url, &policy).await.kinds[&RecordKind::Users].archived,
            1
        );
        let without = beside(&url).await;
        by_hand(
            &url,
            &format!(
                "INSERT INTO user_roles (district_id, user_id, role) SELECT district_id, '{gone}', 'student' FROM districts"
            ),
        )
        .await;
        assert_eq!(audit(&url, &policy).await, 1);
        assert!(beside(&url).await == without);
    }
}

#[tokio::test]
async fn sticky_columns_stay_and_findings_are_looked_for_anew() {
    let ground = Ground::new(703, 60).await;
    let policies =
        SyncPolicies::read("[sticky]\nusers = [\"email\"]\nsections = [\"name\"]").unwrap();
    let policy = policies.of("any");
    for url in stores(&ground, "sticky").await {
        drop(run(&ground, &url, policy).await);
        by_hand(
            &url,
            &format!(
                "UPDATE users SET email = 'ours' WHERE id = {STUDENT}; UPDATE sections SET name = 'ours';
                 UPDATE user_roles SET school_id = 'nowhere1' WHERE user_id = {STUDENT}"
            ),
        )
        .await;
        // A school that comes makes a run look for references to schools that lead nowhere.
        ground.emulator.with_world(|world| {
            let id = format!("5a25ffb0c1bc2a0036{:06}", url.len());
            world.put(
                RecordKind::Schools,
                &id,
                format!(r#"{{"id":"{id}","name":"New"}}"#),
            );
        });
        let lost = |findings: &[Finding]| {
            let mut all = findings.iter();
            all.any(|found| found.samples.iter().any(|id| id == "nowhere1"))
        };
        let report = run(&ground, &url, policy).await;
        assert!(lost(&report.findings), "{:?}", report.findings);
        assert_eq!(audit(&url, policy).await, 1);
        let mut store = AnyStore::open(&url.parse().unwrap(), Open::Existing)
            .await
            .unwrap();
        let status = store.status().await.unwrap().remove(0);
        assert!(!lost(&status.findings), "{:?}", status.findings);
        let sql = "SELECT (SELECT count(*) FROM users WHERE email = 'ours'),
            (SELECT count(*) FROM sections WHERE name <> 'ours')";
        assert_eq!(by_hand(&url, sql).await[0].split('|').next(), Some("1"));
        assert!(run(&ground, &url, policy).await.is_unchanged());
        let ours = "SELECT count(*) FROM sections WHERE name = 'ours'";
        assert_ne!(by_hand(&url, ours).await, ["0"]);
    }
}
