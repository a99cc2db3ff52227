//! Any JSON that Clever may send decodes: valid records, changed in every way that was seen or feared.
#![cfg(feature = "v3_1")]

use std::path::PathBuf;

use clever_raw::drift::Drift;
use clever_raw::page::RawPage;
use clever_raw::v3_1::types::{Course, District, School, Section, Term, User};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A record of each kind that sync reads, with every sort of field.
fn records() -> Vec<(&'static str, Value)> {
    vec![
        (
            "users",
            json!({
                "id": "5a25ffb0c1bc2a00360003ed", "district": "d", "email": "a@example.org", "created": "2021-03-02T22:24:53.347Z",
                "name": { "first": "A", "middle": "", "last": "B" }, "lms_status": { "synced_in_lms": true },
                "roles": {
                    "student": { "dob": "1/16/1998", "gender": "M", "grade": "Kindergarten", "ell_status": "Y",
                        "ext": { "gifted_status": "" }, "schools": ["s"], "school": "s", "sis_id": "7", "email": "a@example.org",
                        "location": { "zip": "10459" }, "credentials": { "district_username": "a" },
                        "enrollments": [{ "school": "s", "start_date": "2020-08-01" }] },
                    "teacher": { "schools": ["s"], "title": "T", "name": { "first": "A" } },
                    "staff": { "roles": ["PortalOnly"], "staff_id": "9" },
                    "district_admin": { "title": "D" },
                    "contact": { "phone_type": "Cell", "student_relationships": [{ "relationship": "Self", "student": "s", "type": "Family" }] },
                },
            }),
        ),
        (
            "schools",
            json!({ "id": "s", "name": "S", "low_grade": "1", "location": { "lat": "1.5" }, "principal": { "name": "P" }, "ext": {} }),
        ),
        (
            "sections",
            json!({ "id": "x", "students": ["a", "b"], "teachers": ["t"], "teacher": "t", "subject": "math", "grade": "3", "lms_status": {} }),
        ),
        ("courses", json!({ "id": "c", "name": "C", "number": "1" })),
        (
            "terms",
            json!({ "id": "t", "name": "T", "start_date": "2012-08-01", "end_date": "2012-12-02T00:00:00.000Z" }),
        ),
        (
            "districts",
            json!({ "id": "d", "name": "D", "state": "running", "login_methods": ["LDAP"], "launch_date": "2021-03-10",
            "district_contact": { "name": { "first": "A" }, "title": "" } }),
        ),
    ]
}

/// Decodes a record with the model of its kind, to JSON again; a model's `Debug` must show nothing of it.
fn decode(kind: &str, json: &str) -> Result<Value, serde_json::Error> {
    fn through<T>(json: &str) -> Result<Value, serde_json::Error>
    where
        T: serde::de::DeserializeOwned + serde::Serialize + std::fmt::Debug,
    {
        let model: T = serde_json::from_str(json)?;
        let shown = format!("{model:?}");
        assert!(!shown.contains('@') && !shown.contains('"'), "{shown}");
        serde_json::to_value(&model)
    }
    match kind {
        "users" => through::<User>(json),
        "schools" => through::<School>(json),
        "sections" => through::<Section>(json),
        "courses" => through::<Course>(json),
        "terms" => through::<Term>(json),
        _ => through::<District>(json),
    }
}

/// Every place in a value below its root.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(all) => all
            .iter()
            .enumerate()
            .map(|(at, value)| (at.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let path = format!("{path}/{key}");
        places(child, &path, found);
        found.push(path);
    }
}

#[test]
fn a_valid_record_keeps_everything_it_says() {
    for (kind, record) in records() {
        let decoded = decode(kind, &record.to_string()).unwrap();
        let mut all = Vec::new();
        places(&record, "", &mut all);
        for place in all {
            let value = record.pointer(&place).unwrap();
            if value.is_string() && value != "" {
                assert_eq!(decoded.pointer(&place), Some(value), "{kind}{place}");
            }
        }
        let mut drift = Drift::default();
        drift.observe(kind, &record);
        assert!(drift.is_empty(), "{kind}: {drift:?}");
    }
}

proptest! {
    #[test]
    fn any_change_of_one_place_costs_at_most_that_place(
        which in 0_usize..6,
        place in any::<prop::sample::Index>(),
        with in prop::sample::select(vec![
            json!(null), json!(""), json!("word that nobody lists"), json!(7), json!(-1.5e300), json!(true), json!([]),
            json!({}), json!([null, 7, {}, "x"]), json!({ "a": { "b": null } }), json!("2012-08-01 00:00:00.000000"), json!("\\\"é\u{1F600}"),
        ]),
    ) {
        let (kind, record) = records().swap_remove(which);
        let mut all = Vec::new();
        places(&record, "", &mut all);
        let place = place.get(&all).clone();
        let mut changed = record.clone();
        *changed.pointer_mut(&place).unwrap() = with.clone();
        let decoded = decode(kind, &changed.to_string());
        prop_assert!(decoded.is_ok(), "{}{} = {}: {:?}", kind, place, with, decoded.err());
        let decoded = decoded.unwrap();
        // What stands elsewhere is untouched.
        for other in all.iter().filter(|other| !other.starts_with(&place) && !place.starts_with(other.as_str())) {
            let value = record.pointer(other).unwrap();
            let parent = other.rsplit_once('/').unwrap().0;
            if value.is_string() && value != "" && !record.pointer(parent).unwrap().is_array() {
                prop_assert_eq!(decoded.pointer(other), Some(value), "{}{} after {}", kind, other, place);
            }
        }
        let mut drift = Drift::default();
        drift.observe(kind, &changed);
    }

    #[test]
    fn unknown_fields_and_other_key_orders_change_nothing(which in 0_usize..6, name in "[a-z_]{3,12}x9") {
        let (kind, record) = records().swap_remove(which);
        let mut more = record.clone();
        more[&name] = json!({ "new": [1] });
        prop_assert_eq!(decode(kind, &more.to_string()).unwrap(), decode(kind, &record.to_string()).unwrap());
        let backwards: Vec<String> =
            record.as_object().unwrap().iter().rev().map(|(key, value)| format!("{key:?}:{value}")).collect();
        let backwards = format!("{{{}}}", backwards.join(","));
        prop_assert_eq!(decode(kind, &backwards).unwrap(), decode(kind, &record.to_string()).unwrap());
    }
}

#[test]
fn the_recorded_district_decodes_without_drift() {
    let shared = std::env::var_os("CLEVER_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("recorded/demo-district");
    if !folder.join("users.json").is_file() {
        eprintln!(
            "skipped: no recorded district in {} (set CLEVER_SHARED)",
            shared.display()
        );
        return;
    }
    let mut drift = Drift::default();
    for (kind, expected) in [("users", 2098), ("sections", 378), ("districts", 1)] {
        let body = std::fs::read(folder.join(format!("{kind}.json"))).unwrap();
        let page = RawPage::split(body.into()).unwrap();
        assert_eq!((page.len(), page.refused().len()), (expected, 0), "{kind}");
        for record in page.records() {
            let value: Value = serde_json::from_str(record.json).unwrap();
            let decoded = decode(kind, record.json).unwrap();
            assert_eq!(decoded["id"], value["id"]);
            drift.observe(kind, &value);
        }
    }
    assert!(drift.is_empty(), "{drift:?}");
}
