//! Records of every version, whole and damaged, as persons.

use clever_model::{Role, UserId};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::person::{PersonRead, RecordError, RecordPart, RecordSource};

use crate::Person;

fn read(record: &Value) -> PersonRead {
    Person::from_record(record, &RecordSource::default()).unwrap()
}

fn id(text: &str) -> UserId {
    UserId::new(text).unwrap()
}

#[test]
fn every_role_brings_its_ids_from_before_v3_and_its_id_in_the_district() {
    let record = json!({
        "id": "u1", "district": "d1", "name": { "first": "Ana", "middle": null, "last": "Núñez" },
        "roles": {
            "teacher": { "legacy_id": "t1", "sis_id": "T-7", "state_id": "S-1" },
            "staff": { "legacy_id": "s1", "staff_id": "T-7" },
            "district_admin": { "legacy_id": "a1" },
            "contact": null,
        },
    });
    let PersonRead { person, unread } = read(&record);
    assert!(unread.is_empty());
    assert_eq!(
        person.roles,
        [Role::Teacher, Role::Staff, Role::DistrictAdmin].into()
    );
    assert_eq!(person.legacy_ids, [id("t1"), id("s1"), id("a1")].into());
    // The same id of two roles is one.
    assert_eq!(person.sis_ids.len(), 1);
    assert_eq!(person.state_id.as_deref(), Some("S-1"));
}

#[test]
fn birth_dates_of_every_form_are_one_date_and_others_are_counted() {
    let born = |dob: Value| {
        let record =
            json!({ "id": "u1", "district": "d1", "roles": { "student": { "dob": dob } } });
        let PersonRead { person, unread } = read(&record);
        (person.birth, unread.parts().collect::<Vec<_>>())
    };
    for text in [
        "1/31/2010",
        "01/31/2010",
        "2010-01-31",
        "2010-01-31T00:00:00.000Z",
        "2010-01-31 00:00:00.000000",
        "20100131",
    ] {
        assert_eq!(born(json!(text)), (Some((2010, 1, 31)), vec![]), "{text}");
    }
    assert_eq!(born(json!(20_100_131)).0, Some((2010, 1, 31)));
    for nothing in [json!(null), json!(""), json!("N/A")] {
        assert_eq!(born(nothing), (None, vec![]));
    }
    // The day first, or a year of two digits: it would be a guess.
    for odd in [
        json!("31/1/2010"),
        json!("1/31/10"),
        json!([2010]),
        json!("soon"),
    ] {
        assert_eq!(born(odd), (None, vec![(RecordPart::Birth, 1)]));
    }
}

#[test]
fn records_from_before_v3_take_their_role_from_where_they_were_read() {
    let student = json!({
        "id": "u1", "district": "d1", "name": { "first": "Li", "last": "Wei" },
        "sis_id": "9", "student_number": "9", "dob": "1/2/2011",
    });
    let source = RecordSource {
        role: Some(Role::Student),
        ..RecordSource::default()
    };
    let told = Person::from_record(&student, &source).unwrap();
    let address = "/v2.1/students/u1?limit=1";
    for envelope in [
        json!({ "data": student, "uri": address }),
        json!({ "data": student, "links": [{ "rel": "self", "uri": address }] }),
        json!({ "type": "student", "data": student }),
    ] {
        let named = read(&envelope);
        assert!(named.unread.is_empty());
        for one in [&named.person, &told.person] {
            assert_eq!(one.roles, [Role::Student].into());
            assert_eq!(one.birth, Some((2011, 1, 2)));
            assert!(one.student_number.is_some() && one.sis_ids.len() == 1);
        }
    }
    let contact = json!({ "data": { "id": "c", "district": "d1", "name": "Mei Wei", "type": "Family" },
        "uri": "/v2.1/contacts/c" });
    let contact = read(&contact).person;
    assert_eq!(contact.roles, [Role::Contact].into());
    assert_eq!(contact.name.last.as_deref(), Some("Mei Wei"));
    let admin = json!({ "data": { "id": "a", "district": "d1", "staff_id": "7" }, "uri": "/v2.0/school_admins/a" });
    let admin = read(&admin).person;
    assert_eq!(
        (admin.roles, admin.sis_ids.len()),
        ([Role::Staff].into(), 1)
    );
    // Without any of it the person has no role: such subjects are refused, and not guessed at.
    assert!(read(&student).person.roles.is_empty());
}

#[test]
fn a_library_student_is_shared_by_the_teacher_and_a_districts_by_the_district() {
    let source = RecordSource {
        shared_by: Some(id("teacher")),
        ..RecordSource::default()
    };
    let mut record = json!({ "id": "u1", "name": { "first": "Ana", "last": "N" },
        "roles": { "student": { "sis_id": "7" } } });
    let library = Person::from_record(&record, &source).unwrap();
    assert_eq!(library.person.shared_by, Some(id("teacher")));
    // An id that is of no district is not used.
    assert!(library.person.sis_ids.is_empty());
    assert_eq!(
        library.unread.parts().collect::<Vec<_>>(),
        [(RecordPart::SisId, 1)]
    );
    record["district"] = json!("d1");
    let districts = Person::from_record(&record, &source).unwrap().person;
    assert_eq!(districts.shared_by, None);
    assert_eq!(districts.sis_ids.len(), 1);
}

#[test]
fn what_cannot_be_read_is_counted_and_never_taken_for_absent() {
    let record = json!({ "id": "u1", "district": "d1", "name": 7.5, "email": {},
        "roles": { "student": 7, "mentor": {}, "teacher": { "legacy_id": "../x", "sis_id": [1] } } });
    let PersonRead { person, unread } = read(&record);
    // The key says that there is a role; so two roles that never meet are seen, and refused.
    assert_eq!(person.roles, [Role::Student, Role::Teacher].into());
    let counted: Vec<_> = unread.parts().collect();
    assert_eq!(
        counted,
        [
            (RecordPart::Role, 2),
            (RecordPart::LegacyId, 1),
            (RecordPart::SisId, 1),
            (RecordPart::Name, 1),
            (RecordPart::Email, 1),
        ]
    );
    let refused = |record: Value| Person::from_record(&record, &RecordSource::default()).err();
    for (record, error) in [
        (json!(null), RecordError::NoObject),
        (json!({ "data": [] }), RecordError::NoObject),
        (json!({}), RecordError::NoId),
        (json!({ "id": "a/b" }), RecordError::NoId),
        // Without its district the person would pass for one of Clever Library.
        (json!({ "id": "u1", "district": 7 }), RecordError::District),
        (
            json!({ "id": "u1", "district": "a/b" }),
            RecordError::District,
        ),
    ] {
        assert_eq!(refused(record), Some(error));
    }
}

/// Any JSON, of a little depth, with the fields that are read among its keys.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[a-f0-9]{24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key(), inner), 0..8)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

const KEYS: &[&str] = &[
    "id",
    "data",
    "district",
    "roles",
    "student",
    "teacher",
    "staff",
    "contact",
    "name",
    "first",
    "last",
    "dob",
    "sis_id",
    "staff_id",
    "state_id",
    "student_number",
    "legacy_id",
    "email",
    "type",
    "uri",
    "links",
];

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(KEYS).prop_map(ToOwned::to_owned),
        1 => "[a-z_]{1,8}",
    ]
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused_without_telling_a_value(record in json()) {
        match Person::from_record(&record, &RecordSource::default()) {
            Ok(read) => {
                prop_assert!(!read.person.legacy_ids.contains(&read.person.id));
                prop_assert!(read.person.district.is_some() || read.person.sis_ids.is_empty());
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    /// What Clever adds tomorrow changes nothing of what is read today.
    #[test]
    fn fields_that_nobody_knows_change_nothing(extra in json(), place in 0..4_usize) {
        let whole = json!({ "id": "u1", "district": "d1", "name": { "first": "Ana", "last": "Lee" },
            "roles": { "student": { "sis_id": "7", "dob": "1/2/2011" } } });
        let mut more = whole.clone();
        let at = ["", "/name", "/roles/student", "/roles"][place];
        let key = if at == "/roles" { "mentor" } else { "of_tomorrow" };
        more.pointer_mut(at).unwrap()[key] = extra.clone();
        let (before, after) = (read(&whole), read(&more));
        let same = |one: &Person| (
            one.id.clone(), one.roles.clone(), one.sis_ids.clone(), one.name.clone(), one.birth,
        );
        prop_assert_eq!(same(&before.person), same(&after.person));
        let unknown_role = at == "/roles" && !extra.is_null();
        prop_assert_eq!(after.unread.is_empty(), !unknown_role);
    }
}
