//! What a record says, apart from how it is written.
//!
//! Two records say the same when they differ only in key order, in how absence is written (`null`,
//! `""`, `[]`, `{}` or no key), in Clever's own bookkeeping (`last_modified` and its kin), or in a second
//! copy of a student's address, which lists have and events have not.

use serde_json::{Map, Value};

/// Fields that Clever moves without any change of meaning. `created` is not stable between snapshots.
const BOOKKEEPING: [&str; 4] = [
    "created",
    "last_modified",
    "last_sync",
    "last_attendance_sync",
];

/// Reduces a record to what it says.
pub(crate) fn canonical(mut value: Value) -> Value {
    let address = value.get("email");
    if address.is_some() && value.pointer("/roles/student/email") == address {
        let student = value.pointer_mut("/roles/student");
        if let Some(student) = student.and_then(Value::as_object_mut) {
            student.remove("email");
        }
    }
    if reduce(&mut value) {
        value
    } else {
        Value::Object(Map::new())
    }
}

/// Leaves out what is absent; says whether anything is left.
fn reduce(value: &mut Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(map) => {
            map.retain(|key, value| !BOOKKEEPING.contains(&key.as_str()) && reduce(value));
            // Also where an app has switched on serde_json's `preserve_order`.
            map.sort_keys();
            !map.is_empty()
        }
        Value::Array(all) => {
            all.retain_mut(reduce);
            !all.is_empty()
        }
        _ => true,
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

    #[test]
    fn writing_is_not_meaning() {
        let a = json!({ "id": "u", "name": { "first": "A", "middle": "" }, "email": null, "schools": [], "last_modified": "1" });
        let b = json!({ "last_modified": "2", "name": { "first": "A" }, "ext": {}, "id": "u" });
        assert_eq!(canonical(a), canonical(b));
    }

    #[test]
    fn differences_are_named_by_leaf() {
        let a = canonical(
            json!({ "email": "a", "roles": { "student": { "grade": "3", "schools": ["x"] } } }),
        );
        let b = canonical(
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
        assert_eq!(canonical(student("a")), canonical(event.clone()));
        assert_ne!(canonical(student("b")), canonical(event.clone()));
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
            let once = canonical(value);
            prop_assert_eq!(canonical(once.clone()), once);
        }

        #[test]
        fn there_are_paths_exactly_when_there_is_a_difference(a in record(), b in record()) {
            let (a, b) = (canonical(json!({ "r": a })), canonical(json!({ "r": b })));
            prop_assert_eq!(changed_paths(&a, &b).is_empty(), a == b);
        }
    }
}
