//! Which parts of a record become columns of its table. The whole record is kept beside them.

use std::borrow::Cow;

use clever_model::RecordKind;
use clever_raw::tree::Json;

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
