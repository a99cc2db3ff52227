//! What v3.0 has of a record: v3.1's text, less what v3.1 added.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use clever_model::RecordKind;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Version;
use super::fields::{ADDED, ADDED_TO_STUDENTS};
use super::shape::narrowed;

/// A field of students that has fewer values in v3.0.
const NARROWED: &str = "home_language";

/// Finds the words of fields that v3.0 lacks or narrows. Most records have none, and are not read any further.
static NEW: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let added = ADDED.iter().flat_map(|(_, fields)| fields.iter());
    let all = added.chain(&ADDED_TO_STUDENTS).chain([&NARROWED]);
    AhoCorasick::new(all).ok()
});

/// What v3.0 has of the text of a record, or of a part of one. A text that has nothing new stays as it is, and so does one
/// that is no record.
pub(crate) fn v3_0(kind: RecordKind, text: &str) -> Cow<'_, str> {
    let Some((_, added)) = ADDED.iter().find(|(of, _)| *of == kind) else {
        return Cow::Borrowed(text);
    };
    if NEW.as_ref().is_some_and(|new| !new.is_match(text)) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut changed) = (String::with_capacity(text.len()), false);
    let record = Object {
        place: Place::Record(kind, added),
        out: &mut out,
        changed: &mut changed,
    };
    let read = record.deserialize(&mut serde_json::Deserializer::from_str(text));
    match read {
        Ok(()) if changed => Cow::Owned(out),
        _ => Cow::Borrowed(text),
    }
}

/// Which object of a record it is.
#[derive(Clone, Copy)]
enum Place {
    /// The record, with what was added to those of its kind.
    Record(RecordKind, &'static [&'static str]),
    /// A user's roles.
    Roles,
    /// The role of a student.
    Student,
}

impl Place {
    /// The member that is an object to be changed, too.
    fn inner(self, key: &str) -> Option<Self> {
        match (self, key) {
            (Self::Record(RecordKind::Users, _), "roles") => Some(Self::Roles),
            (Self::Roles, "student") => Some(Self::Student),
            _ => None,
        }
    }

    /// Whether v3.0 has the member.
    fn has(self, key: &str) -> bool {
        match self {
            Self::Record(_, added) => !added.contains(&key),
            Self::Roles => true,
            Self::Student => !ADDED_TO_STUDENTS.contains(&key),
        }
    }

    /// Whether v3.0 has a word for the member's value.
    fn has_word(self, key: &str, value: &str) -> bool {
        if !matches!(self, Self::Student) || key != NARROWED {
            return true;
        }
        let value: Value = serde_json::from_str(value).unwrap_or_default();
        narrowed(Version::V3_0, key, &value).is_some()
    }
}

/// Writes an object's members as v3.0 has them, each value as it stands.
struct Object<'o> {
    place: Place,
    out: &'o mut String,
    changed: &'o mut bool,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self {
            place,
            out,
            changed,
        } = self;
        let mut before = '{';
        while let Some(Key(key)) = map.next_key()? {
            if !place.has(&key) {
                *changed = true;
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let mut begin = |out: &mut String| {
                out.push(before);
                before = ',';
                match &key {
                    Cow::Borrowed(key) => out.extend(["\"", key, "\""]),
                    // One that had to be unescaped is escaped again.
                    Cow::Owned(key) => out.push_str(&Value::from(key.as_str()).to_string()),
                }
                out.push(':');
            };
            if let Some(place) = place.inner(&key) {
                begin(out);
                let inner = Object {
                    place,
                    out: &mut *out,
                    changed: &mut *changed,
                };
                map.next_value_seed(inner)?;
                continue;
            }
            let value: &RawValue = map.next_value()?;
            if place.has_word(&key, value.get()) {
                begin(out);
                out.push_str(value.get());
            } else {
                *changed = true;
            }
        }
        if before == '{' {
            out.push('{');
        }
        out.push('}');
        Ok(())
    }
}

/// A member's key.
#[derive(Deserialize)]
struct Key<'t>(#[serde(borrow)] Cow<'t, str>);

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
