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

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::mem;

use clever_model::RecordKind;
use clever_raw::tree::{Json, Tree};
use serde_json::Value;

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
    let members = |set: &Value| -> Vec<Tree<'static>> {
        let all = set.as_array().cloned().unwrap_or_default().into_iter();
        all.map(Tree::from)
            .filter_map(|mut member| reduce(&mut member, false).then_some(member))
            .collect()
    };
    let those: BTreeSet<String> = members(those).iter().map(text).collect();
    let gone = members(these).into_iter();
    gone.filter(|member| !those.contains(&text(member)))
        .filter_map(|member| serde_json::to_value(member).ok())
        .collect()
}

/// Reduces a record to its content: apart from how it is written, and with Clever's bookkeeping.
pub(crate) fn content(kind: RecordKind, mut record: Tree<'_>) -> Tree<'_> {
    let address = record.key("email");
    if address.is_some() && record.at("/roles/student/email") == address {
        let student = key_mut(&mut record, "roles").and_then(|roles| key_mut(roles, "student"));
        if let Some(Tree::Object(student)) = student {
            student.retain(|(key, _)| key != "email");
        }
    }
    settled(kind, record, false)
}

/// Reduces the content of a record to what it says.
pub(crate) fn meant(kind: RecordKind, content: Tree<'_>) -> Tree<'_> {
    settled(kind, content, true)
}

/// Reduces a record to what it says.
pub(crate) fn canonical(kind: RecordKind, record: Tree<'_>) -> Tree<'_> {
    meant(kind, content(kind, record))
}

/// Its JSON, on one line and without blanks.
pub(crate) fn text(tree: &Tree<'_>) -> String {
    serde_json::to_string(tree).unwrap_or_default()
}

/// The value of an object's key, of which the last counts.
fn key_mut<'t, 'a>(tree: &'t mut Tree<'a>, key: &str) -> Option<&'t mut Tree<'a>> {
    let Tree::Object(fields) = tree else {
        return None;
    };
    let found = fields.iter_mut().rev().find(|(name, _)| name == key);
    found.map(|(_, value)| value)
}

fn settled(kind: RecordKind, mut record: Tree<'_>, meaning: bool) -> Tree<'_> {
    if !reduce(&mut record, meaning) {
        return Tree::Object(Vec::new());
    }
    for set in sets(kind) {
        sort(&mut record, set);
    }
    record
}

/// Leaves out what is absent, and with `meaning` also the bookkeeping, and puts keys in order; says whether anything is left.
fn reduce(value: &mut Tree<'_>, meaning: bool) -> bool {
    match value {
        Tree::Null => false,
        Tree::Text(text) => !text.is_empty(),
        Tree::Object(fields) => {
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            // Of a key that is there twice the last counts.
            fields.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    mem::swap(later, earlier);
                }
                same
            });
            fields.retain_mut(|(key, value)| {
                !(meaning && BOOKKEEPING.contains(&&**key)) && reduce(value, meaning)
            });
            !fields.is_empty()
        }
        Tree::List(all) => {
            all.retain_mut(|element| reduce(element, meaning));
            !all.is_empty()
        }
        Tree::Bool(_) | Tree::Number(_) => true,
    }
}

/// Puts the members of the sets at a path in the order of their text, once each.
fn sort(value: &mut Tree<'_>, path: &[&str]) {
    match (path, value) {
        ([], Tree::List(all)) if all.iter().all(|member| member.text().is_some()) => {
            all.sort_unstable_by(|a, b| a.text().cmp(&b.text()));
            all.dedup();
        }
        ([], Tree::List(all)) => {
            all.sort_by_cached_key(text);
            all.dedup();
        }
        ([key, rest @ ..], Tree::Object(fields)) => {
            for (_, value) in fields
                .iter_mut()
                .filter(|(name, _)| *key == ANY || name == key)
            {
                sort(value, rest);
            }
        }
        _ => {}
    }
}

/// The paths at which two canonical records differ, in order: `roles.student.grade`. A list is one leaf,
/// as in Clever's `previous_attributes`.
pub(crate) fn changed_paths(before: &Tree<'_>, after: &Tree<'_>) -> Vec<String> {
    let mut paths = Vec::new();
    compare("", before, after, &mut paths);
    paths.sort();
    paths.dedup();
    paths
}

fn compare(path: &str, before: &Tree<'_>, after: &Tree<'_>, paths: &mut Vec<String>) {
    if before == after {
        return;
    }
    let (old, new) = match (before, after) {
        (Tree::Object(old), Tree::Object(new)) => (&old[..], &new[..]),
        // A whole part came or went: name what is in it.
        (Tree::Object(old), Tree::Null) => (&old[..], &[][..]),
        (Tree::Null, Tree::Object(new)) => (&[][..], &new[..]),
        _ => return paths.push(path.to_owned()),
    };
    let within = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    // Both are in the order of their keys.
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let before = old.next_if(|_| order.is_le());
        let after = new.next_if(|_| order.is_ge());
        let Some((key, _)) = before.or(after) else {
            return;
        };
        let [before, after] =
            [before, after].map(|field| field.map_or(&Tree::Null, |(_, value)| value));
        if before != after {
            compare(&within(key), before, after, paths);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KIND: RecordKind = RecordKind::Users;

    fn content(kind: RecordKind, value: Value) -> Tree<'static> {
        super::content(kind, value.into())
    }

    fn canonical(kind: RecordKind, value: Value) -> Tree<'static> {
        super::canonical(kind, value.into())
    }

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
    fn of_a_key_that_is_there_twice_the_last_counts() {
        let of = |json| super::canonical(KIND, Tree::read(json).unwrap());
        let twice = of(r#"{"b":"1","a":{"x":1},"b":"2","email":"e","a":{"y":1},"email":""}"#);
        assert_eq!(twice, of(r#"{"a":{"y":1},"b":"2"}"#));
        assert_eq!(text(&twice), r#"{"a":{"y":1},"b":"2"}"#);
        assert_eq!(of(r#"{"b":"1","b":null}"#), Tree::Object(Vec::new()));
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

    /// The same with the keys of each object the other way round.
    fn turned(tree: &mut Tree<'_>) {
        match tree {
            Tree::Object(fields) => {
                fields.reverse();
                fields.iter_mut().for_each(|(_, value)| turned(value));
            }
            Tree::List(all) => all.iter_mut().for_each(turned),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn canonical_is_a_fixed_point(value in record()) {
            let once = canonical(KIND, value);
            prop_assert_eq!(super::canonical(KIND, once.clone()), once);
        }

        #[test]
        fn no_order_of_keys_says_anything(value in record()) {
            let mut tree = Tree::from(json!({ "r": value }));
            let canonical = super::canonical(KIND, tree.clone());
            turned(&mut tree);
            prop_assert_eq!(super::canonical(KIND, tree), canonical);
        }

        #[test]
        fn there_are_paths_exactly_when_there_is_a_difference(a in record(), b in record()) {
            let (a, b) = (canonical(KIND, json!({ "r": a })), canonical(KIND, json!({ "r": b })));
            prop_assert_eq!(changed_paths(&a, &b).is_empty(), a == b);
        }
    }
}
