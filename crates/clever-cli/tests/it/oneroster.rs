//! The `OneRoster` export: whatever a row of the zip names is a row of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;

use serde_json::json;
use zip::ZipArchive;

use crate::ground::{Emulator, Store, cleverctl, errors, recorded};

/// A file's rows, by the names of its columns.
type Rows = Vec<BTreeMap<String, String>>;

/// Syncs what an emulator serves and reads the files of its export.
fn exported(args: &[&str]) -> BTreeMap<String, Rows> {
    let store = Store::new();
    store.report(&Emulator::start(args), 0);
    let folder = store.path().with_extension("files");
    let output = cleverctl()
        .args(["export", "--format", "oneroster", "--store", &store.url()])
        .arg(&folder)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let mut zip = ZipArchive::new(File::open(folder.join("oneroster.zip")).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Result<Rows, _> = reader.deserialize().collect();
        files.insert(name, rows.unwrap());
    }
    files
}

/// File, column, whether it must say something, and the file that it names.
const REFERENCES: [(&str, &str, bool, &str); 13] = [
    ("orgs.csv", "parentSourcedId", false, "orgs.csv"),
    (
        "academicSessions.csv",
        "parentSourcedId",
        false,
        "academicSessions.csv",
    ),
    ("courses.csv", "orgSourcedId", true, "orgs.csv"),
    (
        "courses.csv",
        "schoolYearSourcedId",
        false,
        "academicSessions.csv",
    ),
    ("classes.csv", "courseSourcedId", true, "courses.csv"),
    ("classes.csv", "schoolSourcedId", true, "orgs.csv"),
    (
        "classes.csv",
        "termSourcedIds",
        true,
        "academicSessions.csv",
    ),
    ("users.csv", "agentSourcedIds", false, "users.csv"),
    ("users.csv", "primaryOrgSourcedId", false, "orgs.csv"),
    ("roles.csv", "userSourcedId", true, "users.csv"),
    ("roles.csv", "orgSourcedId", true, "orgs.csv"),
    ("enrollments.csv", "classSourcedId", true, "classes.csv"),
    ("enrollments.csv", "userSourcedId", true, "users.csv"),
];

fn check(files: &BTreeMap<String, Rows>) {
    let ids: BTreeMap<&str, BTreeSet<&str>> = files
        .iter()
        .filter(|(file, _)| *file != "manifest.csv")
        .map(|(file, rows)| {
            let ids: BTreeSet<&str> = rows.iter().map(|row| &*row["sourcedId"]).collect();
            assert_eq!(ids.len(), rows.len(), "{file} has an id once");
            (file.as_str(), ids)
        })
        .collect();
    for (file, column, required, named) in REFERENCES {
        for row in &files[file] {
            let value = &row[column];
            assert!(!required || !value.is_empty(), "{file} {column}: {row:?}");
            for id in value.split(',').filter(|id| !id.is_empty()) {
                assert!(
                    ids[named].contains(id),
                    "{file} {column} {id} is no row of {named}"
                );
            }
        }
    }
    for row in &files["users.csv"] {
        for column in ["enabledUser", "username", "givenName", "familyName"] {
            assert!(!row[column].is_empty(), "{column} of {}", row["sourcedId"]);
        }
    }
    // A class and its enrollments are at one school, which is no district.
    let schools: BTreeSet<&str> = files["orgs.csv"]
        .iter()
        .filter(|row| row["type"] == "school")
        .map(|row| &*row["sourcedId"])
        .collect();
    let at: BTreeMap<&str, &str> = files["classes.csv"]
        .iter()
        .map(|row| (&*row["sourcedId"], &*row["schoolSourcedId"]))
        .collect();
    assert!(at.values().all(|school| schools.contains(school)));
    for row in &files["enrollments.csv"] {
        assert_eq!(at[&*row["classSourcedId"]], row["schoolSourcedId"]);
    }
    for row in &files["academicSessions.csv"] {
        let (start, end) = (&row["startDate"], &row["endDate"]);
        assert!(start.len() == 10 && start < end, "{row:?}");
        assert_eq!(row["schoolYear"], end[..4]);
        assert!(!row["title"].is_empty() && row["type"] == "term");
    }
}

#[test]
fn whatever_a_row_names_is_there() {
    let files = exported(&["--students", "300"]);
    check(&files);
    assert!(files["enrollments.csv"].len() > 1000);
    if let Some(folder) = recorded() {
        // The recording names schools, courses and terms, and has none.
        let files = exported(&["--recorded", folder.to_str().unwrap()]);
        check(&files);
        assert_eq!(files["classes.csv"].len(), 378);
        assert!(files["courses.csv"].len() > 1);
    }
}

#[test]
fn a_class_without_school_course_and_term_leads_to_rows_that_stand_for_none() {
    let folder = tempfile::TempDir::new().unwrap();
    let pages = [
        (
            "districts",
            json!([{ "data": { "id": "d1", "name": "D" } }]),
        ),
        (
            "terms",
            json!([{ "data": { "id": "t1", "name": "Endless" } }]),
        ),
        (
            "users",
            json!([
                { "data": { "id": "u1", "name": { "first": "A", "last": "B" },
                    "roles": { "student": { "school": "gone", "schools": ["gone", "gone"] } } } },
                { "data": { "id": "u2", "name": { "first": "C", "last": "D" }, "roles": { "teacher": {} } } },
            ]),
        ),
        (
            "sections",
            json!([
                { "data": { "id": "x1", "name": "X", "students": ["u1"], "teacher": "u2", "teachers": ["u2"] } },
                { "data": { "id": "x2", "name": "Y", "students": ["u1", "u9"], "teachers": [], "school": "gone",
                    "term_id": "t1", "course": "c9" } },
            ]),
        ),
    ];
    for (kind, data) in pages {
        let path = folder.path().join(format!("{kind}.json"));
        fs::write(path, json!({ "data": data }).to_string()).unwrap();
    }
    let files = exported(&["--recorded", folder.path().to_str().unwrap()]);
    check(&files);
    let of = |file: &str, id: &str, column: &str| {
        let row = files[file].iter().find(|row| row["sourcedId"] == id);
        row.map(|row| row[column].clone())
    };
    for (column, none) in [
        ("schoolSourcedId", "d1-no-school"),
        ("courseSourcedId", "d1-no-course"),
        ("termSourcedIds", "d1-no-term"),
    ] {
        assert_eq!(of("classes.csv", "x1", column).as_deref(), Some(none));
    }
    assert_eq!(
        of("orgs.csv", "d1-no-school", "name").as_deref(),
        Some("No school")
    );
    assert_eq!(of("orgs.csv", "gone", "type").as_deref(), Some("school"));
    assert_eq!(
        of("courses.csv", "c9", "title").as_deref(),
        Some("Unknown course c9")
    );
    assert_eq!(
        of("classes.csv", "x2", "termSourcedIds").as_deref(),
        Some("t1")
    );
    // Nobody whom the roster lacks has a place.
    assert_eq!(files["enrollments.csv"].len(), 3);
}
