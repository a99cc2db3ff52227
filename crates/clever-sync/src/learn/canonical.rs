//! What a record says, apart from how it is written.
//!
//! Two records say the same when they differ only in key order, in how absence is written (`null`,
//! `""`, `[]`, `{}` or no key), in the order of a list that is a set or in how often it names a member, in Clever's own
//! bookkeeping (`last_modified` and its kin), or in a second copy of a student's address, which lists have and events
//! have not.
//!
//! Decision: each list that a model has is a set: students, teachers, schools, relationships, enrolments at schools, roles,
//! ways to log in. A list that no model has keeps its order, because nobody knows what it means. A record that is only
//! written differently is not stored again: Clever may write it differently at each reading. The price is that it is read
//! again each night.

use std::collections::BTreeSet;

use clever_model::RecordKind;
use serde_json::{Map, Value};

/// Fields that Clever moves without any change of meaning. `created` is not stable between snapshots.
const BOOKKEEPING: [&str; 4] = [
    "created",
    "last_modified",
    "last_sync",
    "last_attendance_sync",
];

/// Any key of an object.
const ANY: &str = "*";

/// The lists of a kind's records that are sets: Clever promises no order of them. These are all lists that the models
/// have; a list that no model has, in `ext` or elsewhere, keeps its order, for nobody knows what it means.
const fn sets(kind: RecordKind) -> &'static [&'static [&'static str]] {
    match kind {
        RecordKind::Districts => &[&["login_methods"]],
        RecordKind::Users => &[
            &["roles", ANY, "schools"],
            &["roles", ANY, "student_relationships"],
            &["roles", ANY, "enrollments"],
            // Of staff: what they do, in words.
            &["roles", ANY, "roles"],
        ],
        RecordKind::Sections => &[&["students"], &["teachers"]],
        RecordKind::Resources => &[&["roles"]],
        RecordKind::Schools | RecordKind::Terms | RecordKind::Courses => &[],
    }
}

/// Says whether a field, by its path (`roles.student.schools`), is a set.
pub(crate) fn is_set(kind: RecordKind, field: &str) -> bool {
    sets(kind).iter().any(|set| {
        let keys = field.split('.');
        keys.clone().count() == set.len()
            && keys.zip(*set).all(|(key, of)| *of == ANY || *of == key)
    })
}

/// What of a set is not in another, in its own order.
pub(crate) fn members_beyond(these: &Value, those: &Value) -> Vec<Value> {
    let members = |set: &Value| -> Vec<Value> {
        let all = set.as_array().cloned().unwrap_or_default().into_iter();
        all.filter_map(|mut member| reduce(&mut member, false).then_some(member))
            .collect()
    };
    let those: BTreeSet<String> = members(those).iter().map(Value::to_string).collect();
    let mut gone = members(these);
    gone.retain(|member| !those.contains(&member.to_string()));
    gone
}

/// Reduces a record to its content: apart from how it is written, and with Clever's bookkeeping.
pub(crate) fn content(kind: RecordKind, mut value: Value) -> Value {
    let address = value.get("email");
    if address.is_some() && value.pointer("/roles/student/email") == address {
        let student = value.pointer_mut("/roles/student");
        if let Some(student) = student.and_then(Value::as_object_mut) {
            student.remove("email");
        }
    }
    settled(kind, value, false)
}

/// Reduces a record to what it says.
pub(crate) fn canonical(kind: RecordKind, value: Value) -> Value {
    settled(kind, content(kind, value), true)
}

fn settled(kind: RecordKind, mut value: Value, meaning: bool) -> Value {
    if !reduce(&mut value, meaning) {
        return Value::Object(Map::new());
    }
    for set in sets(kind) {
        sort(&mut value, set);
    }
    value
}

/// Leaves out what is absent, and with `meaning` also the bookkeeping; says whether anything is left.
fn reduce(value: &mut Value, meaning: bool) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(map) => {
            map.retain(|key, value| {
                !(meaning && BOOKKEEPING.contains(&key.as_str())) && reduce(value, meaning)
            });
            // Also where an app has switched on serde_json's `preserve_order`.
            map.sort_keys();
            !map.is_empty()
        }
        Value::Array(all) => {
            all.retain_mut(|element| reduce(element, meaning));
            !all.is_empty()
        }
        _ => true,
    }
}

/// Puts the members of the sets at a path in the order of their text, once each.
fn sort(value: &mut Value, path: &[&str]) {
    match (path, value) {
        ([], Value::Array(all)) if all.iter().all(Value::is_string) => {
            all.sort_unstable_by(|a, b| a.as_str().cmp(&b.as_str()));
            all.dedup();
        }
        ([], Value::Array(all)) => {
            all.sort_by_cached_key(Value::to_string);
            all.dedup();
        }
        ([key, rest @ ..], Value::Object(map)) if *key == ANY => {
            map.values_mut().for_each(|value| sort(value, rest));
        }
        ([key, rest @ ..], Value::Object(map)) => {
            if let Some(value) = map.get_mut(*key) {
                sort(value, rest);
            }
        }
        _ => {}
    }
}

/// The paths at which two canonical records differ, in order: `roles.student.grade`. A list is one leaf,
/// as in Clever's `previous_attributes`.
pub(crate) fn changed_paths(before: &Value, after: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    compare("", before, after, &mut paths);
    paths.sort();
    paths.dedup();
    paths
}

fn compare(path: &str, before: &Value, after: &Value, paths: &mut Vec<String>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let new = after.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(new) {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let (old, new) = (before.get(key), after.get(key));
                compare(
                    &path,
                    old.unwrap_or(&Value::Null),
                    new.unwrap_or(&Value::Null),
                    paths,
                );
            }
        }
        // A whole part came or went: name what is in it.
        (Value::Object(_), Value::Null) => compare(path, before, &Value::Object(Map::new()), paths),
        (Value::Null, Value::Object(_)) => compare(path, &Value::Object(Map::new()), after, paths),
        _ => paths.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KIND: RecordKind = RecordKind::Users;

    #[test]
    fn field_02_order_and_repetition_of_a_set_say_nothing_and_of_another_list_they_may() {
        let same = |kind, a: Value, b: Value| canonical(kind, a) == canonical(kind, b);
        let roles = |role: &str, list: Value| json!({ "roles": { role: list } });
        for (kind, a, b) in [
            (
                RecordKind::Sections,
                json!({ "students": ["a", "b"] }),
                json!({ "students": ["b", "a", "", "b", null] }),
            ),
            (
                RecordKind::Sections,
                json!({ "teachers": ["a", "b"] }),
                json!({ "teachers": ["b", "a"] }),
            ),
            (
                RecordKind::Users,
                roles("teacher", json!({ "schools": ["a", "b"] })),
                roles("teacher", json!({ "schools": ["b", "a"] })),
            ),
            (
                RecordKind::Users,
                roles("new", json!({ "schools": ["a", "b"] })),
                roles("new", json!({ "schools": ["b", "a"] })),
            ),
            (
                RecordKind::Users,
                roles("staff", json!({ "roles": ["a", "b"] })),
                roles("staff", json!({ "roles": ["b", "a"] })),
            ),
            (
                RecordKind::Users,
                roles(
                    "student",
                    json!({ "enrollments": [{ "school": "a", "start_date": "1" }, { "school": "b" }] }),
                ),
                roles(
                    "student",
                    json!({ "enrollments": [{ "end_date": "", "school": "b" }, { "start_date": "1", "school": "a" }] }),
                ),
            ),
            (
                RecordKind::Users,
                roles(
                    "contact",
                    json!({ "student_relationships": [{ "student": "a", "type": "" }, { "student": "b" }] }),
                ),
                roles(
                    "contact",
                    json!({ "student_relationships": [{ "student": "b" }, { "student": "a" }, { "student": "a" }] }),
                ),
            ),
            (
                RecordKind::Resources,
                json!({ "roles": ["a", "b"] }),
                json!({ "roles": ["b", "a"] }),
            ),
            (
                RecordKind::Districts,
                json!({ "login_methods": ["a", "b"] }),
                json!({ "login_methods": ["b", "a"] }),
            ),
        ] {
            assert!(same(kind, a.clone(), b), "{a}");
        }
        for (kind, a, b) in [
            (
                RecordKind::Sections,
                json!({ "students": ["a"] }),
                json!({ "students": ["a", "b"] }),
            ),
            (
                RecordKind::Sections,
                json!({ "students": ["a"] }),
                json!({ "teachers": ["a"] }),
            ),
            // Nobody knows what these mean.
            (
                RecordKind::Sections,
                json!({ "ext": { "x": ["a", "b"] } }),
                json!({ "ext": { "x": ["b", "a"] } }),
            ),
            (
                RecordKind::Users,
                json!({ "students": ["a", "b"] }),
                json!({ "students": ["b", "a"] }),
            ),
        ] {
            assert!(!same(kind, a.clone(), b), "{a}");
        }
    }

    #[test]
    fn members_are_told_apart_whatever_their_order() {
        let gone = |a: Value, b: Value| members_beyond(&a, &b);
        assert_eq!(gone(json!(["c", "a", "b"]), json!(["b", "c"])), ["a"]);
        let (old, new) = (
            json!([{ "student": "a", "type": "" }]),
            json!([{ "student": "a" }]),
        );
        assert!(gone(old, new).is_empty());
        assert_eq!(gone(json!(["a"]), Value::Null), ["a"]);
        assert!(is_set(KIND, "roles.student.schools") && !is_set(KIND, "roles.student.school"));
        assert!(!is_set(KIND, "schools") && !is_set(RecordKind::Sections, "students.x"));
    }

    #[test]
    fn content_keeps_the_bookkeeping() {
        let of = |text: &str| json!({ "id": "s", "last_modified": text, "students": ["a", "b"] });
        let other = json!({ "students": ["b", "a"], "last_modified": "1", "ext": {}, "id": "s" });
        let kind = RecordKind::Sections;
        assert_eq!(content(kind, of("1")), content(kind, other));
        assert_ne!(content(kind, of("1")), content(kind, of("2")));
        assert_eq!(canonical(kind, of("1")), canonical(kind, of("2")));
    }

    #[test]
    fn writing_is_not_meaning() {
        let a = json!({ "id": "u", "name": { "first": "A", "middle": "" }, "email": null, "schools": [], "last_modified": "1" });
        let b = json!({ "last_modified": "2", "name": { "first": "A" }, "ext": {}, "id": "u" });
        assert_eq!(canonical(KIND, a), canonical(KIND, b));
    }

    #[test]
    fn differences_are_named_by_leaf() {
        let a = canonical(
            KIND,
            json!({ "email": "a", "roles": { "student": { "grade": "3", "schools": ["x"] } } }),
        );
        let b = canonical(
            KIND,
            json!({ "roles": { "student": { "grade": "4", "schools": ["x", "y"] }, "staff": { "title": "T" } } }),
        );
        assert_eq!(
            changed_paths(&a, &b),
            [
                "email",
                "roles.staff.title",
                "roles.student.grade",
                "roles.student.schools"
            ]
        );
    }

    #[test]
    fn the_second_copy_of_an_address_says_nothing_and_another_address_does() {
        let student = |email: &str| json!({ "id": "u", "email": "a", "roles": { "student": { "grade": "3", "email": email } } });
        let event = json!({ "id": "u", "email": "a", "roles": { "student": { "grade": "3" } } });
        assert_eq!(
            canonical(KIND, student("a")),
            canonical(KIND, event.clone())
        );
        assert_ne!(
            canonical(KIND, student("b")),
            canonical(KIND, event.clone())
        );
    }

    fn record() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            Just(json!("")),
            "[ab]{0,2}".prop_map(Value::from),
            any::<bool>().prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_is_a_fixed_point(value in record()) {
            let once = canonical(KIND, value);
            prop_assert_eq!(canonical(KIND, once.clone()), once);
        }

        #[test]
        fn there_are_paths_exactly_when_there_is_a_difference(a in record(), b in record()) {
            let (a, b) = (canonical(KIND, json!({ "r": a })), canonical(KIND, json!({ "r": b })));
            prop_assert_eq!(changed_paths(&a, &b).is_empty(), a == b);
        }
    }
}
