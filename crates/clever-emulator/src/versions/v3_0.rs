//! What v3.0 has of a record: v3.1's text, less what v3.1 added.

use std::borrow::Cow;
use std::fmt;

use clever_model::RecordKind;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Version;
use super::fields::{ADDED, ADDED_TO_STUDENTS};
use super::shape::narrowed;

/// What v3.0 has of the text of a record, or of a part of one. A text that has nothing new stays as it is.
pub(crate) fn v3_0(kind: RecordKind, text: &str) -> Cow<'_, str> {
    let Some((_, added)) = ADDED.iter().find(|(of, _)| *of == kind) else {
        return Cow::Borrowed(text);
    };
    rewritten(text, &|key, value| match key {
        key if added.contains(&key) => None,
        "roles" if kind == RecordKind::Users => Some(rewritten(value, &|role, value| {
            Some(match role {
                "student" => rewritten(value, &|key, value| {
                    is_known(key, value).then_some(Cow::Borrowed(value))
                }),
                _ => Cow::Borrowed(value),
            })
        })),
        _ => Some(Cow::Borrowed(value)),
    })
}

/// Whether v3.0 has a field of a student, and a word for its value.
fn is_known(key: &str, value: &str) -> bool {
    if key != "home_language" {
        return !ADDED_TO_STUDENTS.contains(&key);
    }
    let value: Value = serde_json::from_str(value).unwrap_or_default();
    narrowed(Version::V3_0, key, &value).is_some()
}

/// An object's text with its members changed. What is no object stays as it is.
fn rewritten<'t>(
    object: &'t str,
    change: &dyn Fn(&str, &'t str) -> Option<Cow<'t, str>>,
) -> Cow<'t, str> {
    let Ok(Members(members)) = serde_json::from_str(object) else {
        return Cow::Borrowed(object);
    };
    let changed: Vec<_> = members
        .iter()
        .map(|(Key(key), value)| (key, change(key, value.get())))
        .collect();
    if changed
        .iter()
        .all(|(_, value)| matches!(value, Some(Cow::Borrowed(_))))
    {
        return Cow::Borrowed(object);
    }
    let mut out = String::with_capacity(object.len());
    for (key, value) in changed {
        let Some(value) = value else { continue };
        out.push(if out.is_empty() { '{' } else { ',' });
        match key {
            Cow::Borrowed(key) => out.extend(["\"", key, "\""]),
            // One that had to be unescaped is escaped again.
            Cow::Owned(key) => out.push_str(&Value::from(key.as_str()).to_string()),
        }
        out.push(':');
        out.push_str(&value);
    }
    if out.is_empty() {
        out.push('{');
    }
    out.push('}');
    Cow::Owned(out)
}

/// A member's key.
#[derive(Deserialize)]
struct Key<'t>(#[serde(borrow)] Cow<'t, str>);

/// An object's members in their order, each value as it stands.
struct Members<'t>(Vec<(Key<'t>, &'t RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::with_capacity(32);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        reader.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_v3_1_added_goes_and_the_rest_stays_as_it_stands() {
        for (kind, text, wanted) in [
            (
                RecordKind::Terms,
                r#"{"lms_status": 1}"#,
                r#"{"lms_status": 1}"#,
            ),
            (
                RecordKind::Sections,
                r#"{ "a" : 1.50 }"#,
                r#"{ "a" : 1.50 }"#,
            ),
            (RecordKind::Sections, r#"{"lms_status":{"a":[1]}}"#, "{}"),
            (
                RecordKind::Sections,
                r#"{"a":1.50,"lms_status":null,"q\"\u00e9":"\u00e9"}"#,
                r#"{"a":1.50,"q\"é":"\u00e9"}"#,
            ),
            (
                RecordKind::Users,
                r#"{"id":"u","lms_status":1,"roles":{"student":{"gifted_status":"Y","grade":"1","home_language":"Klingon"},"x":{"gifted_status":"Y"}}}"#,
                r#"{"id":"u","roles":{"student":{"grade":"1"},"x":{"gifted_status":"Y"}}}"#,
            ),
            (
                RecordKind::Users,
                r#"{"roles":"none"}"#,
                r#"{"roles":"none"}"#,
            ),
            (RecordKind::Users, "null", "null"),
        ] {
            assert_eq!(v3_0(kind, text), wanted);
        }
    }
}
