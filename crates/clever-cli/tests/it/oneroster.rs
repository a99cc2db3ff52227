//! The `OneRoster` export: whatever a row of the zip names is a row of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
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
    let path = folder.join("oneroster.zip");
    for sizes in sizes(&fs::read(&path).unwrap()) {
        assert!(
            sizes.iter().all(|size| *size < u32::MAX),
            "no file needs the 64-bit form"
        );
    }
    let mut zip = ZipArchive::new(File::open(&path).unwrap()).unwrap();
    let mut files = BTreeMap::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        conforms(&name, &text);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Result<Rows, _> = reader.deserialize().collect();
        files.insert(name, rows.unwrap());
    }
    declared(&files);
    files
}

/// The compressed and the whole size of each file, as the zip's directory has them.
fn sizes(zip: &[u8]) -> Vec<[u32; 2]> {
    let entry = |at: usize| {
        let size = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().unwrap());
        [size(at + 20), size(at + 24)]
    };
    let starts = zip
        .windows(4)
        .enumerate()
        .filter(|(_, bytes)| bytes == b"PK\x01\x02");
    starts.map(|(at, _)| entry(at)).collect()
}

/// The columns of each file in the order of the binding 1.2.1, a star after those that must say something.
const COLUMNS: [(&str, &str); 8] = [
    (
        "academicSessions.csv",
        "sourcedId* status dateLastModified title* type* startDate* endDate* parentSourcedId schoolYear*",
    ),
    (
        "classes.csv",
        "sourcedId* status dateLastModified title* grades courseSourcedId* classCode classType* location schoolSourcedId* \
         termSourcedIds* subjects subjectCodes periods",
    ),
    (
        "courses.csv",
        "sourcedId* status dateLastModified schoolYearSourcedId title* courseCode grades orgSourcedId* subjects subjectCodes",
    ),
    (
        "enrollments.csv",
        "sourcedId* status dateLastModified classSourcedId* schoolSourcedId* userSourcedId* role* primary beginDate endDate",
    ),
    ("manifest.csv", "propertyName* value*"),
    (
        "orgs.csv",
        "sourcedId* status dateLastModified name* type* identifier parentSourcedId",
    ),
    (
        "roles.csv",
        "sourcedId* status dateLastModified userSourcedId* roleType* role* beginDate endDate orgSourcedId* \
         userProfileSourcedId",
    ),
    (
        "users.csv",
        "sourcedId* status dateLastModified enabledUser* username* userIds givenName* familyName* middleName identifier \
         email sms phone agentSourcedIds grades password userMasterIdentifier preferredGivenName preferredMiddleName \
         preferredFamilyName primaryOrgSourcedId pronouns",
    ),
];

/// Columns whose words the binding lists.
const WORDS: [(&str, &str); 9] = [
    ("type", "district school term"),
    ("classType", "homeroom scheduled"),
    ("roleType", "primary secondary"),
    (
        "role",
        "aide counselor districtAdministrator guardian parent principal proctor relative siteAdministrator student \
         systemAdministrator teacher",
    ),
    ("enabledUser", "true false"),
    ("primary", "true false"),
    ("status", ""),
    ("dateLastModified", ""),
    ("password", ""),
];

/// Holds a file against the binding's rules, whatever the roster was.
fn conforms(name: &str, text: &str) {
    let (_, columns) = COLUMNS.iter().find(|(file, _)| *file == name).expect(name);
    let required = columns.split(' ').map(|column| column.ends_with('*'));
    let names = columns
        .split(' ')
        .map(|column| column.trim_end_matches('*'));
    let columns: Vec<(&str, bool)> = names.zip(required).collect();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(text.lines().count(), rows.len(), "{name}: a row is a line");
    assert!(rows.len() > 1, "{name}: a file without rows is not there");
    assert!(
        rows[0].iter().eq(columns.iter().map(|(column, _)| *column)),
        "{name}"
    );
    let day = |text: &str| {
        let part =
            |at: std::ops::Range<usize>| text.get(at).and_then(|part| part.parse::<u16>().ok());
        text.len() == 10 && part(0..4).is_some() && part(5..7).is_some() && part(8..10).is_some()
    };
    for row in &rows[1..] {
        let of = |column: &str| {
            let at = columns.iter().position(|(name, _)| *name == column);
            at.map(|at| &row[at])
        };
        for ((column, required), value) in columns.iter().zip(row) {
            assert!(
                !(*required && value.trim().is_empty()),
                "{name} {column}: {row:?}"
            );
            assert!(
                !value.contains(char::is_control),
                "{name} {column}: {row:?}"
            );
            if column.ends_with("Date") && !value.is_empty() {
                assert!(day(value), "{name} {column}: {value}");
            }
            let words = WORDS.iter().find(|(of, _)| of == column);
            if let Some((_, words)) = words.filter(|_| !value.is_empty()) {
                assert!(
                    words.split(' ').any(|word| word == value),
                    "{name} {column}: {value}"
                );
            }
        }
        if let Some(id) = of("userIds") {
            assert!(
                id.starts_with('{') && id.contains(':') && id.ends_with('}'),
                "{id}"
            );
        }
        if let (Some(subjects), Some(codes)) = (of("subjects"), of("subjectCodes")) {
            assert_eq!(
                subjects.split(',').count(),
                codes.split(',').count(),
                "{row:?}"
            );
            assert_eq!(subjects.is_empty(), codes.is_empty(), "{row:?}");
        }
        if let (Some(year), Some(end)) = (of("schoolYear"), of("endDate")) {
            assert!(year.len() == 4 && year.parse::<u16>().is_ok(), "{row:?}");
            assert!(year >= &end[..4], "a school year ends in it: {row:?}");
        }
    }
    let mut distinct = BTreeSet::new();
    for row in &rows {
        assert!(
            distinct.insert(row.iter().collect::<Vec<_>>()),
            "{name}: {row:?} twice"
        );
    }
}

/// The manifest says of each file whether it is there.
fn declared(files: &BTreeMap<String, Rows>) {
    for row in &files["manifest.csv"] {
        let Some(file) = row["propertyName"].strip_prefix("file.") else {
            continue;
        };
        let there = files.contains_key(&format!("{file}.csv"));
        assert_eq!(
            row["value"],
            if there { "bulk" } else { "absent" },
            "{file}"
        );
    }
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

/// The export of a district that has these lists.
fn of_pages<const N: usize>(folder: &Path, pages: [(&str, Value); N]) -> BTreeMap<String, Rows> {
    for kind in ["users", "sections"] {
        fs::write(folder.join(format!("{kind}.json")), r#"{"data":[]}"#).unwrap();
    }
    for (kind, records) in pages {
        let records = records.as_array().unwrap().iter();
        let data: Vec<Value> = records
            .map(|record| match record.get("data") {
                Some(_) => record.clone(),
                None => json!({ "data": record }),
            })
            .collect();
        let path = folder.join(format!("{kind}.json"));
        fs::write(path, json!({ "data": data }).to_string()).unwrap();
    }
    let files = exported(&["--recorded", folder.to_str().unwrap()]);
    check(&files);
    files
}

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
        for row in files.get(file).into_iter().flatten() {
            let value = &row[column];
            assert!(!required || !value.is_empty(), "{file} {column}: {row:?}");
            for id in value.split(',').filter(|id| !id.is_empty()) {
                assert!(
                    ids.get(named).is_some_and(|ids| ids.contains(id)),
                    "{file} {column} {id} is no row of {named}"
                );
            }
        }
    }
    for row in files.get("users.csv").into_iter().flatten() {
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
    let at: BTreeMap<&str, &str> = files
        .get("classes.csv")
        .into_iter()
        .flatten()
        .map(|row| (&*row["sourcedId"], &*row["schoolSourcedId"]))
        .collect();
    assert!(at.values().all(|school| schools.contains(school)));
    for row in files.get("enrollments.csv").into_iter().flatten() {
        assert_eq!(at[&*row["classSourcedId"]], row["schoolSourcedId"]);
    }
    for row in files.get("academicSessions.csv").into_iter().flatten() {
        let (start, end) = (&row["startDate"], &row["endDate"]);
        assert!(start.len() == 10 && start <= end, "{row:?}");
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
    let files = of_pages(folder.path(), pages);
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

/// A row's value in a column.
fn value<'a>(files: &'a BTreeMap<String, Rows>, file: &str, id: &str, column: &str) -> &'a str {
    let row = files[file].iter().find(|row| row["sourcedId"] == id);
    &row.unwrap_or_else(|| panic!("{file} has no {id}"))[column]
}

#[test]
fn field_08_terms_have_their_days_in_every_form_and_the_year_in_which_their_school_year_ends() {
    let folder = tempfile::TempDir::new().unwrap();
    let terms = [
        ("t1", "2026-08-17", "2026-12-18", "2026-08-17", "2026-12-18"),
        (
            "t2",
            "2027-01-05T00:00:00.000Z",
            "2027-06-04T00:00:00.000Z",
            "2027-01-05",
            "2027-06-04",
        ),
        ("t3", "8/17/2026", "08/17/2026", "2026-08-17", "2026-08-17"),
        (
            "t4",
            "2026-08-17 00:00:00.000000",
            "2026-08-18T23:00:00-07:00",
            "2026-08-17",
            "2026-08-18",
        ),
        (
            "t5",
            "2026-09-01",
            "Jun 4, 2027",
            "2026-09-01",
            "2027-06-04",
        ),
        ("t6", "null", "2027-03-01", "2026-08-17", "2027-03-01"),
        ("t7", "2026-10-20", "2026-08-17", "2026-10-20", "2027-06-04"),
    ];
    let records = terms
        .iter()
        .map(|(id, start, end, ..)| json!({ "id": id, "start_date": start, "end_date": end }));
    let files = of_pages(
        folder.path(),
        [
            ("districts", json!([{ "id": "d1", "name": "D" }])),
            ("terms", Value::Array(records.collect())),
        ],
    );
    for (id, .., start, end) in terms {
        let of = |column| value(&files, "academicSessions.csv", id, column);
        assert_eq!(
            (of("startDate"), of("endDate"), of("schoolYear")),
            (start, end, "2027"),
            "{id}"
        );
        assert_eq!(of("title"), format!("{start} to {end}"));
    }
}

#[test]
fn field_08_whatever_is_missing_odd_or_there_twice_makes_no_row_that_the_binding_forbids() {
    let folder = tempfile::TempDir::new().unwrap();
    let files = of_pages(
        folder.path(),
        [
            ("districts", json!([{ "id": "d1" }])),
            (
                "schools",
                json!([{ "id": "s1", "sis_id": "7" }, { "id": "s2", "name": "\n" }]),
            ),
            (
                "courses",
                json!([{ "id": "c1", "number": "M1" }, { "id": "c2", "name": "Algebra\r\nOne" }, { "id": "c3" }]),
            ),
            (
                "users",
                json!([
                    { "id": "u1", "name": { "first": "An\nn", "last": "Le\u{2028}e" }, "roles": { "student": {} } },
                    { "id": "u2", "name": { "last": "Madonna" }, "roles": { "contact": {} } },
                    { "id": "u3", "roles": { "teacher": { "schools": ["s1", "s1", "s2"], "school": "s1" }, "staff": {} } },
                    { "id": "u4", "name": { "first": "Solo", "last": "" }, "email": "\u{7}", "roles": {} },
                ]),
            ),
            (
                "sections",
                json!([
                    { "id": "x1", "course": "c2", "subject": "math, science", "period": "1, 2", "students": ["u1", "u1"],
                        "teacher": "u3", "teachers": ["u3", "u3"] },
                    { "id": "x2", "course": "c1", "section_number": "4", "students": ["u1"] },
                    { "id": "x3", "name": "   " },
                ]),
            ),
        ],
    );
    let of = |file: &str, id: &str, column: &str| value(&files, file, id, column).to_owned();
    assert_eq!(of("orgs.csv", "d1", "name"), "d1");
    assert_eq!(of("orgs.csv", "s1", "name"), "7");
    assert_eq!(of("orgs.csv", "s2", "name"), "s2");
    assert_eq!(of("courses.csv", "c1", "title"), "M1");
    assert_eq!(of("courses.csv", "c2", "title"), "Algebra One");
    assert_eq!(of("courses.csv", "c3", "title"), "c3");
    assert_eq!(of("classes.csv", "x1", "title"), "Algebra One");
    assert_eq!(of("classes.csv", "x2", "title"), "4");
    assert_eq!(of("classes.csv", "x3", "title"), "x3");
    assert_eq!(of("classes.csv", "x1", "subjectCodes"), "math,science");
    assert_eq!(of("classes.csv", "x1", "periods"), "1,2");
    let name = |id: &str| {
        [
            of("users.csv", id, "givenName"),
            of("users.csv", id, "familyName"),
        ]
        .join("|")
    };
    assert_eq!(
        ["u1", "u2", "u3", "u4"].map(name),
        ["An n|Le e", "-|Madonna", "-|-", "Solo|-"]
    );
    assert_eq!(of("users.csv", "u4", "username"), "u4");
    assert_eq!(files["enrollments.csv"].len(), 3);
    assert!(!files.contains_key("demographics.csv"));
}

#[test]
fn field_08_a_district_without_sections_or_anything_has_no_empty_files() {
    let folder = tempfile::TempDir::new().unwrap();
    let files = of_pages(
        folder.path(),
        [("districts", json!([{ "id": "d1", "name": "D" }]))],
    );
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["manifest.csv", "orgs.csv"]);
}
