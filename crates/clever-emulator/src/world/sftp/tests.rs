//! Sets of the realities that districts send, and what is wrong with a set.

use std::fs;

use clever_model::Role;
use tempfile::TempDir;

use super::*;
use crate::{EmulatorConfig, WorldSource, start};

const FILES: [(&str, &str); 6] = [
    (
        "schools.csv",
        "School_name,School id,School_number,School_state\nNorth,1,01,IL\nSouth,2,02,IL\n",
    ),
    (
        "students.csv",
        "School_id,Student_id,Last_name,First_name,DOB,Home_language,Contact_name,Contact_relationship,Contact_sis_id,Password\n\
         1,s1,\"Lee, Jr\",Ann,02/09/2014,spa,Kim Lee,Parent,,secret\n\
         1,s1,\"Lee, Jr\",Ann,02/09/2014,spa,Pat Lee,Parent,c9,secret\n\
         2,s1,\"Lee, Jr\",Ann,02/09/2014,spa,,,,secret\n\
         1,s2,Lee,Bo,2/9/2014,Elvish,Kim Lee,Parent,,secret\n",
    ),
    (
        "teachers.csv",
        include_str!("../../../tests/set/teachers.csv"),
    ),
    (
        "sections.csv",
        include_str!("../../../tests/set/sections.csv"),
    ),
    (
        "enrollments.csv",
        include_str!("../../../tests/set/enrollments.csv"),
    ),
    ("staff.csv", include_str!("../../../tests/set/staff.csv")),
];

const NOW: &str = "2026-09-14T12:00:00Z";

/// A set with some files in another text; an empty text is no file.
fn folder(changed: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in FILES.iter().chain(changed) {
        match *text {
            "" => fs::remove_file(folder.path().join(name)).unwrap(),
            text => fs::write(folder.path().join(name), text).unwrap(),
        }
    }
    folder
}

fn world(changed: &[(&str, &str)]) -> World {
    let (world, left_out) = read(folder(changed).path(), NOW.parse().unwrap(), false).unwrap();
    assert_eq!(left_out, []);
    world
}

fn wrong(changed: &[(&str, &str)]) -> String {
    let folder = folder(changed);
    let error = read(folder.path(), NOW.parse().unwrap(), false).unwrap_err();
    error
        .to_string()
        .replace(&format!("{}/", folder.path().display()), "")
}

fn one(world: &World, kind: RecordKind, word: &str, own: &str) -> Value {
    let school = ["1", "North"].map(ToOwned::to_owned);
    let id = made_id(NOW.parse().unwrap(), &school, word, own);
    world.value(kind, &id).unwrap()
}

#[test]
fn rows_of_a_student_are_contacts_and_schools() {
    let world = world(&[]);
    let (north, south) = (
        one(&world, RecordKind::Schools, "school", "1"),
        one(&world, RecordKind::Schools, "school", "2"),
    );
    assert_eq!(north["location"], json!({ "state": "IL" }));
    let ann = one(&world, RecordKind::Users, "student", "s1");
    let role = &ann["roles"]["student"];
    assert_eq!(ann["name"]["last"], "Lee, Jr");
    assert_eq!(role["dob"], "2/9/2014");
    assert_eq!(role["home_language_code"], "spa");
    assert_eq!(role["home_language"], "Spanish");
    assert_eq!(role["school"], north["id"]);
    assert_eq!(role["schools"], json!([north["id"], south["id"]]));
    let bo = one(&world, RecordKind::Users, "student", "s2");
    assert_eq!(bo["roles"]["student"]["home_language"], "Elvish");
    // The siblings share the contact that has no id of its own.
    assert_eq!(world.with_role(Role::Contact).len(), 2);
    let kim = "Kim Lee\0\0\0";
    let kim = one(&world, RecordKind::Users, "contact", kim);
    let related = &kim["roles"]["contact"]["student_relationships"];
    assert_eq!(
        *related,
        json!([
            { "relationship": "Parent", "student": ann["id"] },
            { "relationship": "Parent", "student": bo["id"] },
        ])
    );
    let all = world.list(RecordKind::Users);
    assert!(all.iter().all(|(_, user)| !user.json().contains("secret")));
}

#[test]
fn a_sixth_contact_is_not_read() {
    let rows: String = (0..7)
        .map(|at| format!("1,s1,Lee,Ann,Contact {at}\n1,s2,Lee,Bo,\n"))
        .collect();
    let header = "School_id,Student_id,Last_name,First_name,Contact_name\n";
    let world = world(&[("students.csv", &format!("{header}{rows}"))]);
    assert_eq!(world.with_role(Role::Contact).len(), 5);
}

#[test]
fn sections_have_teachers_courses_and_terms() {
    let world = world(&[]);
    let x1 = one(&world, RecordKind::Sections, "section", "x1");
    let [t1, t2] = ["t1", "t2"].map(|own| one(&world, RecordKind::Users, "teacher", own));
    assert_eq!(x1["teacher"], t2["id"]);
    assert_eq!(x1["teachers"], json!([t2["id"], t1["id"]]));
    assert_eq!(x1["students"].as_array().map(Vec::len), Some(2));
    assert_eq!(x1["name"], "Math - Two - 3");
    assert_eq!(x1["subject"], "math");
    let x2 = one(&world, RecordKind::Sections, "section", "x2");
    assert_eq!(
        (&x2["course"], &x2["term_id"]),
        (&x1["course"], &x1["term_id"])
    );
    assert_eq!(x2["name"], "Own name");
    assert_eq!(x2["subject"], "arts and music");
    let x3 = one(&world, RecordKind::Sections, "section", "x3");
    assert!(x3["course"].is_null() && x3["term_id"].is_null());
    assert_eq!(x3["subject"], "Basket weaving");
    let term = world
        .value(RecordKind::Terms, x1["term_id"].as_str().unwrap())
        .unwrap();
    assert_eq!(term["start_date"], "2026-08-17");
    assert_eq!(world.list(RecordKind::Courses).len(), 1);
    assert_eq!(world.sections_of(t1["id"].as_str().unwrap()).len(), 3);
}

#[test]
fn a_teacher_and_a_staff_member_with_one_address_are_one_user() {
    let world = world(&[]);
    let tia = one(&world, RecordKind::Users, "teacher", "t1");
    assert_eq!(tia["roles"]["staff"]["staff_id"], "f1");
    assert_eq!(tia["roles"]["staff"]["roles"], json!(["SchoolTechLead"]));
    let schools = |role: &str| tia["roles"][role]["schools"].as_array().map(Vec::len);
    assert_eq!((schools("teacher"), schools("staff")), (Some(2), Some(1)));
    // Rows without an address are not joined by it.
    let tom = one(&world, RecordKind::Users, "teacher", "t2");
    assert!(tom["roles"]["staff"].is_null());
    assert_eq!(world.with_role(Role::Staff).len(), 2);
}

#[test]
fn older_files_of_staff_are_read_and_none_is_needed() {
    let admins = "School_id,Staff_id,Admin_email,First_name,Last_name,Admin_title\n1,f9,,Ada,Four,Principal\n";
    let world = world(&[("staff.csv", ""), ("admins.csv", admins)]);
    let ada = one(&world, RecordKind::Users, "staff", "f9");
    assert_eq!(ada["roles"]["staff"]["title"], "Principal");
    assert_eq!(world.with_role(Role::Staff).len(), 1);
}

#[test]
fn ids_stay_when_the_set_changes() {
    let ids =
        |world: &World| -> BTreeSet<String> { world.list(RecordKind::Users).keys().collect() };
    let more = format!("{}3,t0,New,Teacher,\n", FILES[2].1).replace("\n3,", "\n1,");
    let (before, after) = (ids(&world(&[])), ids(&world(&[("teachers.csv", &more)])));
    assert!(before.is_subset(&after) && after.len() == before.len() + 1);
    assert!(before.iter().all(|id| id.len() == 24));
}

#[tokio::test]
async fn two_districts_have_nothing_in_common_but_what_they_call_theirs() {
    let schools = FILES[0].1.replace("North", "East");
    let folders = [folder(&[]), folder(&[("schools.csv", &schools)])];
    let [world, other] = folders.each_ref().map(|folder| WorldSource::Csv {
        folder: folder.path().to_owned(),
        lenient: false,
    });
    let config = EmulatorConfig {
        world,
        more_districts: vec![other],
        ..EmulatorConfig::default()
    };
    let emulator = start(config).await.unwrap();
    let districts = emulator.districts();
    assert_ne!(districts[0].id, districts[1].id);
    assert_ne!(districts[0].token, districts[1].token);
    let [ids, others] = [0, 1].map(|at| {
        let all = |world: &mut World| -> BTreeSet<String> {
            let kinds = RecordKind::ALL.into_iter();
            kinds.flat_map(|kind| world.list(kind).keys()).collect()
        };
        emulator.with_world_of(&districts[at].id, all).unwrap()
    });
    assert!(ids.is_disjoint(&others) && ids.len() == others.len());
    emulator.stop().await;
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_no_value() {
    let cases = [
        (
            "sections.csv",
            "",
            "sections.csv is missing: the set needs it, if only with its header",
        ),
        (
            "teachers.csv",
            "School_id,First_name,Last_name\n",
            "teachers.csv, column Teacher_id: missing; add it to the header and the rows",
        ),
        (
            "students.csv",
            "School_id,Student_id,Last_name,First_name\n1,s1,Lee,\"A\nB\"\n1,,Lee,Bo\n",
            "students.csv, line 4, column Student_id: empty; fill it or remove the row",
        ),
        (
            "students.csv",
            "School_id,Student_id,Last_name,First_name\n7,s1,Lee,Ann\n",
            "students.csv, line 2, column School_id: schools.csv has no such row; add it there or correct this one",
        ),
        (
            "sections.csv",
            "School_id,Section_id,Teacher_id,Teacher_3_id\n1,x1,t1,t7\n",
            "sections.csv, line 2, column Teacher_3_id: teachers.csv has no such row; add it there or correct this one",
        ),
        (
            "sections.csv",
            "School_id,Section_id,Teacher_id\n1,x1,t1\n1,x1,t2\n",
            "sections.csv, line 3, column Section_id: an earlier row has the same id; remove one of them",
        ),
        (
            "enrollments.csv",
            "School_id,Section_id,Student_id\n1,x1,s7\n",
            "enrollments.csv, line 2, column Student_id: students.csv has no such row; add it there or correct this one",
        ),
        (
            "enrollments.csv",
            "School_id,Section_id,Student_id\n1,x7,s1\n",
            "enrollments.csv, line 2, column Section_id: sections.csv has no such row; add it there or correct this one",
        ),
        (
            "enrollments.csv",
            "School_id,Section_id,Student_id\n1,x1\n",
            "enrollments.csv, line 2: could not be read as CSV in UTF-8 with as many values as the header has",
        ),
    ];
    for (file, text, message) in cases {
        let said = wrong(&[(file, text)]);
        assert!(said.lines().any(|line| line == message), "{said}");
    }
}

const SPOILT: [(&str, &str); 3] = [
    (
        "students.csv",
        "School_id,Student_id,Last_name,First_name\n1,s1,Lee,Ann\n7,s2,Lee,Bo\n8,s3,Lee,Cy\n1,,Lee,Di\n1,s4,Lee\n",
    ),
    (
        "sections.csv",
        "School_id,Section_id,Teacher_id\n1,x1,t1\n1,x2,t9\n1,x1,t2\n",
    ),
    (
        "enrollments.csv",
        "School_id,Section_id,Student_id\n1,x1,s1\n1,x2,s1\n1,x1,s2\n1,x9,s1\n",
    ),
];

#[test]
fn field_23_all_faults_of_a_set_are_told_at_once_and_what_follows_from_one_is_none() {
    assert_eq!(
        wrong(&SPOILT),
        "the set has 6 faults\n\
         students.csv, line 3, column School_id: schools.csv has no such row; add it there or correct this one \
         (and line 4)\n\
         students.csv, line 5, column Student_id: empty; fill it or remove the row\n\
         students.csv, line 6: could not be read as CSV in UTF-8 with as many values as the header has\n\
         sections.csv, line 3, column Teacher_id: teachers.csv has no such row; add it there or correct this one\n\
         sections.csv, line 4, column Section_id: an earlier row has the same id; remove one of them\n\
         enrollments.csv, line 5, column Section_id: sections.csv has no such row; add it there or correct this one"
    );
    // Files that are missing, or lack a column, are reported together, and rows that name theirs are no further faults.
    let files = [
        ("schools.csv", "School_id,School_name\n1,North\n"),
        ("teachers.csv", ""),
        ("enrollments.csv", ""),
    ];
    assert_eq!(
        wrong(&files),
        "the set has 3 faults\n\
         schools.csv, column School_number: missing; add it to the header and the rows\n\
         teachers.csv is missing: the set needs it, if only with its header\n\
         enrollments.csv is missing: the set needs it, if only with its header"
    );
}

#[test]
fn field_23_thousands_of_rows_with_one_fault_are_one_line() {
    let rows: String = (0..3956).map(|at| format!("1,x{at},s1\n")).collect();
    let header = "School_id,Section_id,Student_id\n";
    let said = wrong(&[("enrollments.csv", &format!("{header}1,x1,s1\n{rows}"))]);
    // Three of the sections are there.
    assert_eq!(
        said,
        "enrollments.csv, line 3, column Section_id: sections.csv has no such row; add it there or correct this one \
         (and lines 7, 8, 9, 10 and 3948 more)"
    );
}

#[test]
fn field_23_a_lenient_reading_leaves_out_rows_and_counts_them() {
    let folder = folder(&SPOILT);
    let (world, left_out) = read(folder.path(), NOW.parse().unwrap(), true).unwrap();
    assert_eq!(world.with_role(Role::Student).len(), 1);
    assert_eq!(world.list(RecordKind::Sections).len(), 1);
    let x1 = one(&world, RecordKind::Sections, "section", "x1");
    let s1 = one(&world, RecordKind::Users, "student", "s1");
    assert_eq!(x1["students"], json!([s1["id"]]));
    let t1 = one(&world, RecordKind::Users, "teacher", "t1");
    assert_eq!(
        x1["teachers"],
        json!([t1["id"]]),
        "the first row of two counts"
    );
    let rows: u64 = left_out.iter().map(|fault| fault.rows).sum();
    assert_eq!(rows, 2 + 1 + 1 + 1 + 1 + 3, "{left_out:?}");
    let follows = |fault: &&CsvFault| matches!(fault.flaw, Flaw::LeftOut(_));
    assert_eq!(
        left_out
            .iter()
            .filter(follows)
            .map(|fault| fault.rows)
            .sum::<u64>(),
        2
    );
    // A file that is missing is no row that could be left out.
    fs::remove_file(folder.path().join("teachers.csv")).unwrap();
    assert!(read(folder.path(), NOW.parse().unwrap(), true).is_err());
}
