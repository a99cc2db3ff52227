//! A record without the people in it who were forgotten.
//!
//! Pure: a run leaves them out of what Clever sends, and a forgetting takes them out of what the store has, by the same
//! functions, so that what the one left is what the other expects.

use std::collections::BTreeMap;

use clever_model::RecordKind;
use clever_raw::page::RawPage;
use serde_json::Value;

use crate::learn::reading;
use crate::store::KeptOut;

/// What is shown of a record that names somebody who is kept out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nothing: it is of the person.
    Nothing,
    /// The record without the person.
    Rest(String),
}

/// Looks through a page for people who are kept out: what is shown of the records that name one, by id.
pub(crate) fn page<'p>(
    kind: RecordKind,
    page: &'p RawPage,
    kept_out: Option<&KeptOut>,
) -> BTreeMap<&'p str, Shown> {
    let mut all = BTreeMap::new();
    if kept_out.is_some() {
        for read in page.records() {
            let shown = record(kind, read.id, read.json, kept_out);
            all.extend(shown.map(|shown| (read.id, shown)));
        }
    }
    all
}

/// What is shown of a record; `None` where it names nobody who is kept out.
pub(crate) fn record(
    kind: RecordKind,
    id: &str,
    json: &str,
    kept_out: Option<&KeptOut>,
) -> Option<Shown> {
    let kept_out = kept_out?;
    if kind == RecordKind::Users && kept_out.has(id) {
        return Some(Shown::Nothing);
    }
    // An id stands between quotes, and few are of anybody who is kept out: only then is the record read.
    let mut texts = json
        .split('"')
        .filter(|text| clever_model::check_id(text).is_ok());
    if !texts.any(|text| kept_out.has(text)) {
        return None;
    }
    without(json, &|text| kept_out.has(text)).map(Shown::Rest)
}

/// Takes the ids that `is_out` names out of a record: members of lists, objects that are about them, single fields.
/// `None` where there is none.
pub(crate) fn without(json: &str, is_out: &dyn Fn(&str) -> bool) -> Option<String> {
    let mut value = reading::value(json)?;
    take_out(&mut value, is_out).then(|| value.to_string())
}

fn take_out(value: &mut Value, is_out: &dyn Fn(&str) -> bool) -> bool {
    let is = |value: &Value| value.as_str().is_some_and(is_out);
    match value {
        Value::Array(all) => {
            let before = all.len();
            all.retain(|one| {
                let about = one.as_object().is_some_and(|one| one.values().any(is));
                !about && !is(one)
            });
            let fewer = all.len() < before;
            all.iter_mut()
                .fold(fewer, |found, one| take_out(one, is_out) | found)
        }
        Value::Object(fields) => fields.values_mut().fold(false, |found, field| {
            if is(field) {
                *field = Value::Null;
                return true;
            }
            take_out(field, is_out) | found
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whoever_is_kept_out_is_in_no_list_and_in_no_field() {
        let out = KeptOut::of(&["s1", "t1"]);
        let section = json!({"id": "x", "students": ["s1", "s2"], "teacher": "t1", "teachers": ["t1", "t2"], "name": "s1 t1"});
        let shown = record(RecordKind::Sections, "x", &section.to_string(), Some(&out));
        let rest = json!({"id": "x", "students": ["s2"], "teacher": null, "teachers": ["t2"], "name": "s1 t1"});
        assert_eq!(shown, Some(Shown::Rest(rest.to_string())));
        let contact = json!({"id": "c", "roles": {"contact": {"student_relationships": [
            {"relationship": "Mother", "student": "s1"}, {"relationship": "Aunt", "student": "s2"}]}}});
        let shown = record(RecordKind::Users, "c", &contact.to_string(), Some(&out));
        let rest = json!({"id": "c", "roles": {"contact": {"student_relationships": [{"relationship": "Aunt", "student": "s2"}]}}});
        assert_eq!(shown, Some(Shown::Rest(rest.to_string())));
        let own = json!({"id": "s1", "name": {"first": "Ada"}}).to_string();
        assert_eq!(
            record(RecordKind::Users, "s1", &own, Some(&out)),
            Some(Shown::Nothing)
        );
        for other in [json!({"id": "s2"}), json!({"id": "s10", "a": "xs1"})] {
            assert_eq!(
                record(RecordKind::Users, "s2", &other.to_string(), Some(&out)),
                None
            );
            assert_eq!(
                record(RecordKind::Users, "s2", &other.to_string(), None),
                None
            );
        }
    }
}
