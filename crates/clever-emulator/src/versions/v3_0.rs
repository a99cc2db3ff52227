//! What v3.0 has of a record: v3.1's text, less what v3.1 added.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
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

/// Cuts out of a record, or of a part of one, what v3.0 lacks: of the text from `start` to the end. A text that has nothing new
/// stays as it is, and so does one that is no record.
pub(crate) fn v3_0(kind: RecordKind, out: &mut Vec<u8>, start: usize) {
    let Some((_, added)) = ADDED.iter().find(|(of, _)| *of == kind) else {
        return;
    };
    let written = out.get(start..).unwrap_or_default();
    if NEW.as_ref().is_some_and(|new| !new.is_match(written)) {
        return;
    }
    let Ok(text) = std::str::from_utf8(written) else {
        return;
    };
    let mut cuts = Vec::with_capacity(8);
    let record = Object {
        place: Place::Record(kind, added),
        text,
        cuts: &mut cuts,
    };
    if record
        .deserialize(&mut serde_json::Deserializer::from_str(text))
        .is_err()
    {
        return;
    }
    // What stays moves up to where the first cut begins.
    let mut to = None;
    let ends = cuts.iter().skip(1).map(|cut| cut.start);
    let ends: Vec<usize> = ends.chain([text.len()]).collect();
    for (cut, end) in cuts.iter().zip(ends) {
        let at = to.unwrap_or(cut.start);
        out.copy_within(start + cut.end..start + end, start + at);
        to = Some(at + end - cut.end);
    }
    if let Some(to) = to {
        out.truncate(start + to);
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

    /// Whether v3.0 has fewer words for the member's value.
    fn narrows(self, key: &str) -> bool {
        matches!(self, Self::Student) && key == NARROWED
    }
}

/// Whether v3.0 has a word for the value of a member.
fn has_word(key: &str, value: &str) -> bool {
    let value: Value = serde_json::from_str(value).unwrap_or_default();
    narrowed(Version::V3_0, key, &value).is_some()
}

/// Finds what is to be cut out of an object, in order.
struct Object<'o, 't> {
    place: Place,
    /// The whole text.
    text: &'t str,
    cuts: &'o mut Vec<Range<usize>>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { place, text, cuts } = self;
        let mut stays = false;
        while let Some(Key(key)) = map.next_key()? {
            // One that is written with escapes is none of those that were added.
            let Cow::Borrowed(key) = key else {
                map.next_value::<IgnoredAny>()?;
                stays = true;
                continue;
            };
            if let Some(place) = place.inner(key) {
                let cuts = &mut *cuts;
                map.next_value_seed(Object { place, text, cuts })?;
                stays = true;
                continue;
            }
            if place.has(key) && !place.narrows(key) {
                map.next_value::<IgnoredAny>()?;
                stays = true;
                continue;
            }
            let value: &RawValue = map.next_value()?;
            if place.has(key) && has_word(key, value.get()) {
                stays = true;
                continue;
            }
            // Before the key stands its quotation mark; and before that a comma, if a member that stays does.
            let begin = key.as_ptr() as usize - text.as_ptr() as usize - 1;
            let end = value.get().as_ptr() as usize - text.as_ptr() as usize + value.get().len();
            cuts.push(if stays {
                let before = text.get(..begin).unwrap_or_default().trim_end();
                before.len() - 1..end
            } else {
                let after = text.get(end..).unwrap_or_default().trim_start();
                let after = after.strip_prefix(',').unwrap_or(after).trim_start();
                begin..text.len() - after.len()
            });
        }
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
                r#"{"a":1.50,"q\"\u00e9":"\u00e9"}"#,
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
            (
                RecordKind::Users,
                "{ \"lms_status\" : {} , \"lms_status\":[1],\n \"id\" : \"u\" , \"lms_status\" : 2 }",
                "{ \"id\" : \"u\"  }",
            ),
            (
                RecordKind::Districts,
                r#"{"lms_state":1,"id":"d","lms_type":"x","last_lms_sync":"","name":"D"}"#,
                r#"{"id":"d","name":"D"}"#,
            ),
            (RecordKind::Users, "null", "null"),
            (
                RecordKind::Users,
                r#"{"lms_status":1"#,
                r#"{"lms_status":1"#,
            ),
        ] {
            let mut out = format!("before{text}").into_bytes();
            v3_0(kind, &mut out, "before".len());
            assert_eq!(String::from_utf8(out).unwrap(), format!("before{wanted}"));
        }
    }
}
