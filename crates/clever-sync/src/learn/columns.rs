//! Which parts of a record become columns of its table. The whole record is kept beside them.
//!
//! Decision: columns are places in a JSON value, not fields of clever-raw's models. A sync must keep what no model
//! declares, and it names each changed field by its path; models would lose the first and hide the second. Drift is
//! counted against `v3_1::shapes`, which is generated from the same document as the models.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;
use clever_raw::tree::Json;
use serde_json::Value;

/// A column and the place in the record (RFC 6901) that it is filled from.
pub(crate) type Column = (&'static str, &'static str);

/// The typed columns of a kind's table. All are text; absent is NULL.
pub(crate) const fn columns(kind: RecordKind) -> &'static [Column] {
    match kind {
        RecordKind::Districts => &[
            ("name", "/name"),
            ("state", "/state"),
            ("sis_type", "/sis_type"),
            ("nces_id", "/nces_id"),
            ("mdr_number", "/mdr_number"),
            ("launch_date", "/launch_date"),
            ("last_sync", "/last_sync"),
        ],
        RecordKind::Schools => &[
            ("name", "/name"),
            ("school_number", "/school_number"),
            ("sis_id", "/sis_id"),
            ("state_id", "/state_id"),
            ("nces_id", "/nces_id"),
            ("low_grade", "/low_grade"),
            ("high_grade", "/high_grade"),
            ("phone", "/phone"),
            ("city", "/location/city"),
            ("state", "/location/state"),
            ("zip", "/location/zip"),
        ],
        RecordKind::Terms => &[
            ("name", "/name"),
            ("start_date", "/start_date"),
            ("end_date", "/end_date"),
        ],
        RecordKind::Courses => &[("name", "/name"), ("number", "/number")],
        RecordKind::Users => &[
            ("first_name", "/name/first"),
            ("middle_name", "/name/middle"),
            ("last_name", "/name/last"),
            ("email", "/email"),
            ("created", "/created"),
            ("last_modified", "/last_modified"),
        ],
        RecordKind::Sections => &[
            ("name", "/name"),
            ("school_id", "/school"),
            ("course_id", "/course"),
            ("term_id", "/term_id"),
            ("teacher_id", "/teacher"),
            ("subject", "/subject"),
            ("grade", "/grade"),
            ("period", "/period"),
            ("section_number", "/section_number"),
            ("sis_id", "/sis_id"),
        ],
        RecordKind::Resources => &[("resource_id", "/resource_id"), ("title", "/title")],
    }
}

/// The columns of a kind that a sync writes: all but those that the app owns.
pub(crate) fn ours(
    kind: RecordKind,
    sticky: &BTreeMap<RecordKind, BTreeSet<String>>,
) -> Vec<Column> {
    let theirs = sticky.get(&kind);
    let ours = columns(kind).iter().copied();
    ours.filter(|(name, _)| theirs.is_none_or(|theirs| !theirs.contains(*name)))
        .collect()
}

/// The columns of `user_roles`, filled from one role's object. A role has one of the places of each.
pub(crate) const ROLE_COLUMNS: &[(&str, &[&str])] = &[
    ("legacy_id", &["/legacy_id"]),
    ("school_id", &["/school"]),
    ("sis_id", &["/sis_id", "/staff_id"]),
    ("number", &["/student_number", "/teacher_number"]),
    ("state_id", &["/state_id"]),
    ("username", &["/credentials/district_username"]),
    ("grade", &["/grade"]),
    ("title", &["/title"]),
];

/// Reads a place as text: numbers and booleans too; absent where it is empty or no scalar.
pub(crate) fn text<J: Json>(record: &J, place: &str) -> Option<String> {
    cell(record, place).map(Cow::into_owned)
}

/// As [`text`], borrowed where the record has it so.
pub(crate) fn cell<'a, J: Json>(record: &'a J, place: &str) -> Option<Cow<'a, str>> {
    let text = record.at(place)?.scalar()?;
    if text.is_empty() {
        None
    } else if text.contains('\0') {
        // PostgreSQL's text has no NUL; the record keeps it, escaped.
        Some(text.replace('\0', "\u{fffd}").into())
    } else {
        Some(text)
    }
}

/// Longest text that is a key of a table, in bytes; PostgreSQL's indices end at 2,704.
const MAX_KEY: usize = 512;

/// Says whether a text can be a key in each database: PostgreSQL has no NUL.
pub(crate) fn is_key(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_KEY && !text.contains('\0')
}

/// What a record says at a place, to be compared with what it said before: what is there and is no text is not absent.
pub(crate) fn said(record: &Value, place: &str) -> Option<String> {
    let odd = || {
        let value = record.pointer(place)?;
        (value.is_object() || value.is_array()).then(|| value.to_string())
    };
    text(record, place).or_else(odd)
}

/// Says whether a district's record says that it is paused, or says something of its state that nobody can read.
pub(crate) fn is_paused(district: &Value) -> bool {
    match district.pointer("/state") {
        Some(Value::String(state)) => state.trim().eq_ignore_ascii_case("paused"),
        Some(state) => !state.is_null(),
        None => false,
    }
}

/// Says whether it can't be read who belongs to a record: taken for nobody, all of them would go.
pub(crate) fn hides_members<J: Json>(kind: RecordKind, record: &J) -> bool {
    let absent = |value: &J| {
        value.text() == Some("") || (value.scalar().is_none() && value.entries().is_none())
    };
    let list = |place: &str, readable: fn(&J) -> bool| {
        record
            .at(place)
            .is_some_and(|value| match value.elements() {
                Some(all) => !all.iter().all(readable),
                None => !absent(value),
            })
    };
    match kind {
        RecordKind::Sections => ["/students", "/teachers"]
            .iter()
            .any(|place| list(place, |one| one.text().is_some())),
        RecordKind::Users => {
            let roles = record.at("/roles");
            roles.is_some_and(|roles| {
                roles.entries().is_none() && (roles.elements().is_some() || !absent(roles))
            }) || list("/roles/contact/student_relationships", |one| {
                one.entries().is_some()
            })
        }
        _ => false,
    }
}

/// Reads a list of ids; whatever is no text is left out.
pub(crate) fn ids<'a, J: Json>(record: &'a J, place: &str) -> Vec<&'a str> {
    let all = record.at(place).and_then(Json::elements);
    all.into_iter()
        .flatten()
        .filter_map(Json::text)
        .filter(|id| is_key(id))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn field_01_what_can_not_be_read_is_not_absent() {
        let hides = |kind, record: Value| hides_members(kind, &record);
        for odd in [
            json!("none"),
            json!(7),
            json!({}),
            json!([{ "id": "a" }]),
            json!(["a", null]),
        ] {
            assert!(
                hides(RecordKind::Sections, json!({ "students": odd })),
                "{odd}"
            );
            assert!(
                hides(RecordKind::Sections, json!({ "teachers": odd })),
                "{odd}"
            );
        }
        for plain in [json!(null), json!(""), json!([]), json!(["a"])] {
            assert!(
                !hides(RecordKind::Sections, json!({ "students": plain })),
                "{plain}"
            );
        }
        assert!(!hides(RecordKind::Sections, json!({})));
        for odd in [json!("x"), json!(7), json!([]), json!(["student"])] {
            assert!(hides(RecordKind::Users, json!({ "roles": odd })), "{odd}");
            let contact = json!({ "roles": { "contact": { "student_relationships": odd } } });
            assert_eq!(hides(RecordKind::Users, contact), odd != json!([]), "{odd}");
        }
        assert!(!hides(RecordKind::Users, json!({ "roles": null })));
        assert!(!hides(
            RecordKind::Users,
            json!({ "roles": { "student": {} } })
        ));

        let place = "/last_sync";
        assert_eq!(
            said(&json!({ "last_sync": "x" }), place).as_deref(),
            Some("x")
        );
        assert_eq!(
            said(&json!({ "last_sync": { "at": 1 } }), place).as_deref(),
            Some(r#"{"at":1}"#)
        );
        assert_eq!(said(&json!({ "last_sync": null }), place), None);
        for (state, paused) in [
            (json!("paused"), true),
            (json!(" PAUSED"), true),
            (json!({ "is": "paused" }), true),
            (json!("running"), false),
            (json!(null), false),
        ] {
            assert_eq!(is_paused(&json!({ "state": state })), paused, "{state}");
        }
    }

    #[test]
    fn any_json_reads_as_text_or_as_absent() {
        let record = json!({ "a": "x", "b": "", "c": 7, "d": { "e": true }, "f": [], "g": null });
        let read = |place| text(&record, place);
        assert_eq!(read("/a").as_deref(), Some("x"));
        assert_eq!(read("/c").as_deref(), Some("7"));
        assert_eq!(read("/d/e").as_deref(), Some("true"));
        for absent in ["/b", "/d", "/f", "/g", "/h", "/a/b"] {
            assert_eq!(read(absent), None, "{absent}");
        }
        assert_eq!(
            ids(&json!({ "students": ["a", "", 7, "b"] }), "/students"),
            ["a", "b"]
        );
    }
}
