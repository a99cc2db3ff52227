//! Answers as Clever's wire has them, made by hand after what was recorded and documented: each quirk once.
#![cfg(all(
    feature = "v1_2",
    feature = "v2_0",
    feature = "v2_1",
    feature = "v3_0",
    feature = "v3_1"
))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use clever_raw::drift::Drift;
use clever_raw::envelope::{BarePage, Envelope, Page};
use clever_raw::event::{Event, EventType};
use clever_raw::page::RawPage;
use clever_raw::{v1_2, v2_0, v2_1, v3_0, v3_1};
use serde::de::DeserializeOwned;

fn read<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

/// What version 3.1's documents do not know of a record.
fn drift(kind: &str, record: &str) -> Drift {
    let mut drift = Drift::default();
    drift.observe::<serde_json::Value>(kind, &read(record));
    drift
}

#[test]
fn who_a_token_is_in_every_version() {
    // v1.2: the whole profile, and links without a version.
    let me: Envelope<v1_2::types::Me> = read(
        r#"{"type":"teacher","data":{"id":"t","district":"d","type":"teacher","name":{"first":"A","last":"B"},"email":"a@example.org","sis_id":"7"},
            "links":[{"rel":"self","uri":"/me"},{"rel":"canonical","uri":"/v1.2/teachers/t"}]}"#,
    );
    assert_eq!(me.data.name.unwrap().last.as_deref(), Some("B"));
    assert_eq!(me.links[1].uri, "/v1.2/teachers/t");
    // v2.0, shared by a teacher: no district, and no word about who shared.
    let me: Envelope<v2_0::types::Me> = read(r#"{"data":{"id":"t","type":"teacher"},"links":[]}"#);
    assert_eq!((me.data.district, me.data.authorized_by), (None, None));
    let me: Envelope<v2_1::types::Me> =
        read(r#"{"data":{"id":"t","type":"teacher","authorized_by":"teacher"}}"#);
    assert_eq!(me.data.authorized_by.as_deref(), Some("teacher"));
    let me: Envelope<v3_0::types::Me> = read(
        r#"{"type":"user","data":{"id":"u","district":"d","type":"user","authorized_by":"district"},
            "links":[{"rel":"self","uri":"/me"},{"rel":"canonical","uri":"/v3.0/users/u"},{"rel":"district","uri":"/v3.0/districts/d"}]}"#,
    );
    assert_eq!(me.links[2].rel, "district");
    // The short answer of old demo tokens.
    let me: Envelope<v3_1::types::Me> =
        read(r#"{"data":{"id":"legacy","district":"d","type":"teacher"}}"#);
    assert_eq!(me.data.id.as_deref(), Some("legacy"));
}

#[test]
fn identity_outside_the_versions() {
    let info: v3_1::types::UserInfo = read(
        r#"{"sub":"u","user_id":"legacy","multi_role_user_id":"u","user_type":"teacher","district_id":"d","district":"d","email":"a@example.org",
            "name":{"first":"A","last":"B","middle":""},"schools":[],"given_name":"A","family_name":"B","email_verified":false,"authorized_by":"district"}"#,
    );
    // A name in parts, where OpenID Connect has a text.
    assert_eq!(info.name.unwrap().middle, None);
    assert_eq!(info.email_verified, Some(false));
    let tokens: BarePage<v3_1::types::DistrictToken> = read(
        r#"{"data":[{"id":"a","created":"2022-06-23T21:56:32.335Z","owner":{"type":"district","id":"d"},"access_token":"secret","scopes":["read:user_id"]}],
            "links":[{"rel":"self","uri":"/oauth/tokens?owner_type=district"}]}"#,
    );
    let token = &tokens.data[0];
    assert_eq!(token.owner.as_ref().unwrap().id.as_deref(), Some("d"));
    assert!(!format!("{tokens:?}").contains("secret"));
    let exchanged: v3_1::types::ExchangedToken =
        read(r#"{"access_token":"ilsecret","token_type":"bearer","scope":"read:sis"}"#);
    assert_eq!(exchanged.id_token, None);
}

#[test]
fn people_with_what_the_wire_leaves_out_or_adds() {
    let student = r#"{"id":"s","district":"d","created":"2023-04-23T16:07:28.860Z","last_modified":"2020-01-01T00:00:00.000Z","email":"","name":{"first":"A","last":"B"},
        "roles":{"student":{"dob":"1/16/1998","gender":"","grade":"TransitionalKindergarten","ext":[],"enrollments":[],"email":"s@example.org",
        "location":{"address":"","city":"","state":"","zip":"10459","lat":"","lon":""},"credentials":{"district_username":""},"schools":["x"],"school":"x"}}}"#;
    let user: v3_1::types::User = read(student);
    assert_eq!(user.email, None);
    let role = user.roles.unwrap().student.unwrap();
    assert_eq!(role.gender, None);
    assert_eq!(role.dob.as_deref(), Some("1/16/1998"));
    assert_eq!(role.location.unwrap().zip.as_deref(), Some("10459"));
    // `ext` as an empty list is how some systems write an empty object: counted, not fatal.
    assert_eq!(
        drift("users", student)
            .wrong_types
            .keys()
            .collect::<Vec<_>>(),
        ["users.roles.student.ext"]
    );
    let contact = r#"{"id":"c","name":{"last":"Sam Doe"},"roles":{"contact":{"phone":"555-0100","phone_type":"Cell",
        "student_relationships":[{"relationship":"Stepparent","student":"s","type":"Parent/Guardian"}]}}}"#;
    let user: v3_1::types::User = read(contact);
    let name = user.name.unwrap();
    assert_eq!(
        (name.first.as_deref(), name.last.as_deref()),
        (None, Some("Sam Doe"))
    );
    let relation = user
        .roles
        .unwrap()
        .contact
        .unwrap()
        .student_relationships
        .unwrap()
        .remove(0);
    assert!(!relation.relationship.unwrap().is_recognized());
    let found = drift("users", contact).unknown_values;
    assert_eq!(
        found.into_keys().collect::<Vec<_>>(),
        ["users.roles.contact.student_relationships.relationship (10 characters)"]
    );
}

#[test]
fn dates_in_every_form_keep_their_text() {
    for date in [
        "2012-08-01",
        "2012-12-02T00:00:00.000Z",
        "2015-08-25 00:00:00.000000",
    ] {
        let term: v3_0::types::Term = read(&format!(r#"{{"id":"t","start_date":"{date}"}}"#));
        let start = term.start_date.unwrap();
        assert_eq!(start.as_str(), date);
        assert!(start.date().is_some(), "{date}");
    }
    for date in ["2021-03-10", "2021-03-10T00:00:00.000Z"] {
        let json = format!(
            r#"{{"id":"d","launch_date":"{date}","pause_end":"{date}","state":"success","error":""}}"#
        );
        let (v3, v2): (v3_1::types::District, v2_1::types::District) = (read(&json), read(&json));
        assert_eq!(v3.launch_date.unwrap().as_str(), date);
        assert_eq!(v2.pause_end.unwrap().as_str(), date);
        assert_eq!(v3.error, None);
    }
}

#[test]
fn lists_of_every_form() {
    // v1.2 has counts beside its links.
    let page: Page<v1_2::types::Student> = read(
        r#"{"data":[{"data":{"id":"s","grade":"9"},"uri":"/v1.2/students/s"}],"paging":{"current":1,"total":1,"count":1},"links":[{"rel":"self","uri":"/v1.2/students"}]}"#,
    );
    assert_eq!(page.data[0].data.id.as_deref(), Some("s"));
    // A district without resources answers with another key, and no links.
    let none = RawPage::split(r#"{"resources":[]}"#.into()).unwrap();
    assert_eq!((none.len(), none.next()), (0, Ok(None)));
    // Attendance: no envelope around a record, no id in it.
    let marks: BarePage<v3_1::types::Attendance> = read(
        r#"{"data":[{"attendance_date":"2025-09-02","attendance_status":"tardy","attendance_type":"section","district_id":"d","school_id":"x","section_id":"k","student_id":"s","excuse_code":"BUS"}],
            "links":[{"rel":"next","uri":"/v3.1/attendance/sections/k?starting_after=m"}]}"#,
    );
    assert_eq!(marks.data[0].excuse_code.as_deref(), Some("BUS"));
    // Submissions: going away is their id, and `next` is all that links.
    let page: BarePage<v3_1::types::Submission> = read(
        r#"{"data":[{"id":"","assignment_id":"a","user_id":"s","state":"returned","grade_points":9.5,"flags":["late"]}],"links":[{"rel":"next","uri":"/v3.1/sections/k/assignments/a/submissions?cursor=x"}]}"#,
    );
    assert_eq!(
        (page.data[0].id.as_deref(), page.data[0].grade_points),
        (None, Some(9.5))
    );
    // A link that nobody declared.
    let page: Page<Event> = read(
        r#"{"data":[],"links":[{"rel":"self","uri":"/v3.0/events?"},{"rel":"canonical","uri":"/x"}]}"#,
    );
    assert_eq!(page.links[1].rel, "canonical");
}

#[test]
fn events_of_an_old_and_of_a_new_version() {
    let event: Event = read(
        r#"{"id":"e","type":"students.updated","created":"2014-03-04T21:19:56.000Z","data":{"object":{"id":"s","grade":"4"},"previous_attributes":{"grade":"3"}}}"#,
    );
    assert_eq!(event.event_type, Some(EventType::StudentsUpdated));
    assert_eq!(
        event.previous_attributes().unwrap().get(),
        r#"{"grade":"3"}"#
    );
    match event.object::<v1_2::EventObject>() {
        Some(v1_2::EventObject::Student(student)) => assert_eq!(student.id.as_deref(), Some("s")),
        other => panic!("{other:?}"),
    }
    // A version that has no students of its own keeps the record as it came.
    match event.object::<v3_1::EventObject>() {
        Some(v3_1::EventObject::Unknown(raw)) => assert_eq!(raw.get(), r#"{"id":"s","grade":"4"}"#),
        other => panic!("{other:?}"),
    }
}
