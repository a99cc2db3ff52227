//! What came and the models do not know: undeclared fields, unknown enum values, values of a wrong
//! type. Drift is counted, never fatal; it says that Clever moved and our documents should follow.
//!
//! A value may be personal, wherever it stands: a birthday typed into the field of the gender is an unknown value
//! too. So a count holds fields, types and lengths, and values only if whoever looks asked for them.

#[cfg(any(feature = "v3_0", feature = "v3_1"))]
pub mod survey;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::json::tree::Json;
use crate::models::shape::{Kind, Shape};

/// Most different entries that one count keeps; beyond it only the total grows.
const MAX_ENTRIES: usize = 200;
/// Longest part of an unknown enum value kept, in characters, where values are kept.
const MAX_VALUE: usize = 60;
/// Longest part of a field's name kept, in characters.
const MAX_NAME: usize = 100;

/// Counts of what was not expected, by place. A place is a kind and a path: `users.roles.student.gender`.
///
/// Holds no value of a record, unless it was made [`Drift::with_values`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Drift {
    /// Fields that no document declares.
    pub undeclared_fields: BTreeMap<String, u64>,
    /// Values that no document lists, by place and length: `users.roles.student.gender (5 characters)`, or
    /// `users.roles.student.gender = Other` where values are kept.
    pub unknown_values: BTreeMap<String, u64>,
    /// Values of another type than declared, by place; they read as absent where no text can be made of them.
    pub wrong_types: BTreeMap<String, u64>,
    /// Records looked at.
    pub records: u64,
    /// Whether unknown values are kept themselves.
    #[serde(skip)]
    values: bool,
}

impl Drift {
    /// Starts a count that keeps unknown values themselves, which may be personal data, instead of their lengths.
    #[must_use]
    pub fn with_values() -> Self {
        Self {
            values: true,
            ..Self::default()
        }
    }

    /// Says whether everything was as declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.undeclared_fields.is_empty()
            && self.unknown_values.is_empty()
            && self.wrong_types.is_empty()
    }

    /// Adds another count to this one.
    pub fn merge(&mut self, other: Self) {
        self.records += other.records;
        for (mine, theirs) in [
            (&mut self.undeclared_fields, other.undeclared_fields),
            (&mut self.unknown_values, other.unknown_values),
            (&mut self.wrong_types, other.wrong_types),
        ] {
            for (place, count) in theirs {
                add(mine, place, count);
            }
        }
    }

    /// Compares a record with what version 3.1 declares for its kind (`users`, `sections`, …).
    ///
    /// A kind that is not known is counted as one undeclared field.
    #[cfg(feature = "v3_1")]
    pub fn observe<J: Json>(&mut self, kind: &str, record: &J) {
        use crate::v3_1::shapes;
        self.compare(kind, shapes::of_kind(kind), record, shapes::named);
    }

    /// Compares a record with `shape`, whose parts `named` finds: those of any version's `shapes` module.
    ///
    /// Without a shape, the kind is counted as one undeclared field.
    pub fn compare<J: Json>(
        &mut self,
        kind: &str,
        shape: Option<&Shape>,
        record: &J,
        named: fn(&str) -> Option<&'static Shape>,
    ) {
        self.records += 1;
        let path = Path {
            above: None,
            name: kind,
        };
        match shape {
            Some(shape) => self.object(&path, shape, record, named),
            None => add(&mut self.undeclared_fields, path.to_string(), 1),
        }
    }

    fn object<J: Json>(
        &mut self,
        path: &Path<'_>,
        shape: &Shape,
        value: &J,
        named: fn(&str) -> Option<&'static Shape>,
    ) {
        let Some(fields) = value.entries() else {
            if !is_absent(value) {
                add(&mut self.wrong_types, path.to_string(), 1);
            }
            return;
        };
        for (name, value) in fields {
            let path = Path {
                above: Some(path),
                name,
            };
            match shape.field(name) {
                Some(kind) => self.value(&path, kind, value, named),
                None => add(&mut self.undeclared_fields, path.to_string(), 1),
            }
        }
    }

    fn value<J: Json>(
        &mut self,
        path: &Path<'_>,
        kind: &Kind,
        value: &J,
        named: fn(&str) -> Option<&'static Shape>,
    ) {
        if is_absent(value) {
            return;
        }
        let fits = match kind {
            Kind::Text => value.text().is_some(),
            Kind::Number => value.is_number(),
            Kind::Boolean => value.is_boolean(),
            Kind::Free => value.entries().is_some(),
            Kind::Enum(known) => match value.text() {
                Some(text) => {
                    if !known.contains(&text) {
                        let place = if self.values {
                            format!("{path} = {}", cut(text, MAX_VALUE))
                        } else {
                            let length = text.chars().count();
                            let s = if length == 1 { "" } else { "s" };
                            format!("{path} ({length} character{s})")
                        };
                        add(&mut self.unknown_values, place, 1);
                    }
                    true
                }
                None => false,
            },
            Kind::Object(name) => match named(name) {
                // It says itself what does not fit.
                Some(shape) => {
                    self.object(path, shape, value, named);
                    true
                }
                None => false,
            },
            Kind::List(element) => match value.elements() {
                Some(all) => {
                    for value in all {
                        self.value(path, element, value, named);
                    }
                    true
                }
                None => false,
            },
        };
        if !fits {
            add(&mut self.wrong_types, path.to_string(), 1);
        }
    }
}

/// A place in a record, put into words only if there is something to say of it.
struct Path<'a> {
    above: Option<&'a Path<'a>>,
    name: &'a str,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            write!(f, "{above}.")?;
        }
        f.write_str(&cut(self.name, MAX_NAME))
    }
}

/// The first `most` characters of a text.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
        None => Cow::Borrowed(text),
    }
}

/// The three ways in which absence is written.
fn is_absent<J: Json>(value: &J) -> bool {
    value.is_null() || value.text() == Some("")
}

fn add(counts: &mut BTreeMap<String, u64>, place: String, count: u64) {
    let full = counts.len() >= MAX_ENTRIES;
    match counts.get_mut(&place) {
        Some(known) => *known += count,
        None if full => *counts.entry("(others)".to_owned()).or_default() += count,
        None => {
            counts.insert(place, count);
        }
    }
}

#[cfg(all(test, feature = "v3_1"))]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn observed(kind: &str, record: &Value) -> Drift {
        let mut drift = Drift::default();
        drift.observe(kind, record);
        drift
    }

    #[test]
    fn what_is_declared_is_no_drift_and_absence_is_none_either() {
        let user = json!({ "id": "u", "name": { "first": "A" }, "email": "", "district": null,
            "roles": { "student": { "gender": "X", "grade": "", "ext": { "shirt": "M" }, "schools": [], "email": "a" } } });
        assert!(
            observed("users", &user).is_empty(),
            "{:?}",
            observed("users", &user)
        );
    }

    #[test]
    fn what_is_not_declared_is_counted_by_place_and_no_value_is_kept() {
        let user = json!({ "id": "u", "zz_field": "Bo", "roles": { "student": {
            "gender": "zz-word", "sis_id": { "secret": 1 }, "schools": "s", "location": { "zz_place": "Earth" },
        }, "zz_role": {} } });
        let drift = observed("users", &user);
        let fields: Vec<&str> = drift.undeclared_fields.keys().map(String::as_str).collect();
        assert_eq!(
            fields,
            [
                "users.roles.student.location.zz_place",
                "users.roles.zz_role",
                "users.zz_field",
            ]
        );
        assert_eq!(
            drift.unknown_values["users.roles.student.gender (7 characters)"],
            1
        );
        let mut kept = Drift::with_values();
        kept.observe("users", &user);
        assert_eq!(
            kept.unknown_values["users.roles.student.gender = zz-word"],
            1
        );
        let wrong: Vec<&str> = drift.wrong_types.keys().map(String::as_str).collect();
        assert_eq!(
            wrong,
            ["users.roles.student.schools", "users.roles.student.sis_id"]
        );
        let shown = serde_json::to_string(&drift).unwrap();
        assert!(
            !shown.contains("Bo") && !shown.contains("secret") && !shown.contains("Earth"),
            "{shown}"
        );
        assert!(!format!("{shown}{drift:?}").contains("zz-word"));
    }

    #[test]
    fn field_13_a_value_of_any_type_in_any_place_is_kept_only_on_demand() {
        let user = json!({ "id": "u", "name": "Ada One", "roles": { "student": {
            "gender": "born 2010-05-17, 12 Elm St", "grade": "Ada Two", "ell_status": ["Ada Three"], "race": { "Elm": 1 },
            "schools": { "x": "Ada Four" }, "home_language": "Ada Five",
        }, "contact": { "student_relationships": [ { "relationship": "Ada Six", "type": 17 } ] } } });
        let drift = observed("users", &user);
        let shown = format!("{}{drift:?}", serde_json::to_string(&drift).unwrap());
        assert!(!drift.unknown_values.is_empty() && !drift.wrong_types.is_empty());
        for word in ["Elm", "2010", "Ada"] {
            assert!(!shown.contains(word), "{word}: {shown}");
        }
        let mut long = Drift::default();
        long.observe("users", &json!({ "id": "u", "n".repeat(100_000): 1 }));
        assert!(serde_json::to_string(&long).unwrap().len() < 1000);
    }

    #[test]
    fn counts_add_up_and_stay_bounded() {
        let mut all = Drift::default();
        for number in 0..1000 {
            all.merge(observed("schools", &json!({ format!("f{number}"): 1 })));
        }
        assert_eq!(all.records, 1000);
        assert_eq!(all.undeclared_fields.values().sum::<u64>(), 1000);
        assert!(all.undeclared_fields.len() <= MAX_ENTRIES + 1);
    }
}
