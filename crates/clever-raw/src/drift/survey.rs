//! Looks through saved answers of the API and says what the models make of them: records read, records
//! refused, drift. For deciding whether a new version of our documents is due.
//!
//! Takes whatever Clever answers: lists, single records, event lists, and bare records, several of them one
//! after the other in one text.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Deserializer, Value};

use crate::drift::Drift;
use crate::models::event::Event;
use crate::models::shape::Shape;

/// A version whose models are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Version {
    /// Version 3.0.
    #[cfg(feature = "v3_0")]
    V3_0,
    /// Version 3.1.
    #[cfg(feature = "v3_1")]
    V3_1,
}

/// A record, or a text, that could not be read. Holds nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refused {
    /// Where it stands: the text's name, and the record's place in it.
    pub place: String,
    /// What was wrong with it.
    pub reason: String,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Survey {
    /// Records read, by kind.
    pub read: BTreeMap<String, u64>,
    /// What could not be read.
    pub refused: Vec<Refused>,
    /// What the models do not know.
    pub drift: Drift,
}

impl Survey {
    /// Starts a survey whose drift keeps unknown values, which may be personal data.
    #[must_use]
    pub fn with_values() -> Self {
        Self {
            drift: Drift::with_values(),
            ..Self::default()
        }
    }

    /// Looks through `text`, which `name` names.
    pub fn look(&mut self, name: &str, text: &str, version: Version) {
        let mut count = 0;
        // Files that editors of Windows saved begin with a mark of their bytes' order.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for value in Deserializer::from_str(text).into_iter::<Value>() {
            match value {
                Ok(value) => {
                    let mut place = 0;
                    self.answer(name, &mut place, &value, version);
                    count += 1;
                }
                Err(error) => {
                    let reason = format!(
                        "not JSON at line {}, column {}",
                        error.line(),
                        error.column()
                    );
                    self.refuse(name.to_owned(), reason);
                    return;
                }
            }
        }
        if count == 0 {
            self.refuse(name.to_owned(), "empty".to_owned());
        }
    }

    fn refuse(&mut self, place: String, reason: String) {
        self.refused.push(Refused { place, reason });
    }

    /// Takes one answer apart into its records.
    fn answer(&mut self, name: &str, place: &mut usize, value: &Value, version: Version) {
        match value {
            Value::Array(all) => all
                .iter()
                .for_each(|value| self.answer(name, place, value, version)),
            // An event has a `data` of its own; everything else that has one is an envelope.
            Value::Object(map) if map.contains_key("data") && !map.contains_key("type") => {
                let kind = map.get("uri").and_then(Value::as_str).and_then(kind_of_uri);
                match &map["data"] {
                    Value::Array(all) => {
                        all.iter()
                            .for_each(|value| self.answer(name, place, value, version));
                    }
                    Value::Null => {}
                    record => self.record(name, place, record, kind, version),
                }
            }
            Value::Object(map) if map.contains_key("resources") && !map.contains_key("id") => {
                self.answer(name, place, &map["resources"], version);
            }
            record => self.record(name, place, record, None, version),
        }
    }

    fn record(
        &mut self,
        name: &str,
        place: &mut usize,
        record: &Value,
        kind: Option<&str>,
        version: Version,
    ) {
        *place += 1;
        let here = format!("{name}, record {place}");
        if record["id"].as_str().is_none_or(str::is_empty) {
            return self.refuse(here, "no id".to_owned());
        }
        if kind == Some("events")
            || record["type"]
                .as_str()
                .is_some_and(|text| text.contains('.'))
        {
            return self.event(here, record, version);
        }
        let kind = kind.or_else(|| kind_of_fields(record));
        match kind.or_else(|| kind_of_name(name)) {
            Some(kind) => self.of_kind(here, kind, record, version),
            None => self.refuse(here, "no kind of record has its fields".to_owned()),
        }
    }

    fn event(&mut self, here: String, record: &Value, version: Version) {
        let event: Event = match serde_json::from_str(&record.to_string()) {
            Ok(event) => event,
            Err(_) => return self.refuse(here, "an event of another form".to_owned()),
        };
        *self.read.entry("events".to_owned()).or_default() += 1;
        let Some((kind, _)) = event.subject() else {
            return self.refuse(here, "an event without a type".to_owned());
        };
        if let Some(object) = event.data.as_ref().and_then(|data| data.object.as_ref()) {
            // The object came as JSON in JSON, so it reads.
            let object: Value = serde_json::from_str(object.get()).unwrap_or_default();
            self.of_kind(here, kind, &object, version);
        }
    }

    /// Decodes a record with the model of its kind, and compares it with the model's shape.
    fn of_kind(&mut self, here: String, kind: &str, record: &Value, version: Version) {
        let version = version.shapes();
        let shape = (version.of_kind)(kind);
        self.drift.compare(kind, shape, record, version.named);
        let Some(shape) = shape else {
            return self.refuse(here, "a kind of record that no document has".to_owned());
        };
        match (version.read)(shape.name, &record.to_string()) {
            Some(Ok(_)) => *self.read.entry(kind.to_owned()).or_default() += 1,
            _ => self.refuse(here, format!("not a record of {kind}")),
        }
    }
}

/// What a version declares and reads.
struct Shapes {
    of_kind: fn(&str) -> Option<&'static Shape>,
    named: fn(&str) -> Option<&'static Shape>,
    read: fn(&str, &str) -> Option<Result<Value, serde_json::Error>>,
}

impl Version {
    fn shapes(self) -> Shapes {
        macro_rules! of {
            ($module:ident) => {{
                use crate::$module::shapes::{named, of_kind, read};
                Shapes {
                    of_kind,
                    named,
                    read,
                }
            }};
        }
        match self {
            #[cfg(feature = "v3_0")]
            Self::V3_0 => of!(v3_0),
            #[cfg(feature = "v3_1")]
            Self::V3_1 => of!(v3_1),
        }
    }
}

/// The kind in `/v3.0/users/58da…`.
fn kind_of_uri(uri: &str) -> Option<&str> {
    uri.split('/').nth(2).filter(|kind| !kind.is_empty())
}

/// The kind that a text is named for: `users.json`, `saved/users-2.json`.
fn kind_of_name(name: &str) -> Option<&'static str> {
    let file = name.rsplit('/').next().unwrap_or(name);
    [
        "users",
        "sections",
        "schools",
        "districts",
        "resources",
        "terms",
        "courses",
    ]
    .into_iter()
    .find(|kind| file.starts_with(kind))
}

/// The kind of a record that came without its address, by a field that no other kind has.
fn kind_of_fields(record: &Value) -> Option<&'static str> {
    // Only people have names in parts.
    if record["name"].is_object() {
        return Some("users");
    }
    let has = |names: &[&str]| names.iter().any(|name| record.get(*name).is_some());
    [
        ("users", &["roles"][..]),
        ("sections", &["students", "teachers", "term_id"]),
        (
            "schools",
            &["school_number", "low_grade", "high_grade", "principal"],
        ),
        (
            "districts",
            &["sis_type", "login_methods", "portal_url", "launch_date"],
        ),
        ("resources", &["resource_id"]),
        ("terms", &["start_date", "end_date"]),
        ("courses", &["number"]),
    ]
    .into_iter()
    .find(|(_, names)| has(names))
    .map(|(kind, _)| kind)
}

#[cfg(all(test, feature = "v3_1"))]
mod tests {
    use super::*;

    fn survey(text: &str) -> Survey {
        let mut survey = Survey::default();
        survey.look("f.json", text, Version::V3_1);
        survey
    }

    #[test]
    fn every_form_of_answer_is_taken_apart() {
        let found = survey(
            r#"{"data":[{"data":{"id":"u","roles":{}},"uri":"/v3.0/users/u"},{"data":{"id":"c","name":"C"},"uri":"/v3.0/courses/c"}],"links":[]}
               {"data":{"id":"s","school_number":"1"},"links":[]}
               {"id":"t","start_date":"2012-08-01"}
               [{"id":"x","students":[]}]
               {"resources":[]}
               {"data":[{"data":{"type":"users.updated","id":"e","data":{"object":{"id":"u","roles":{"student":{"gender":"zz-word"}}}}},"uri":"/v3.0/events/e"}]}"#,
        );
        assert_eq!(found.refused, []);
        let read: Vec<(&str, u64)> = found
            .read
            .iter()
            .map(|(kind, count)| (kind.as_str(), *count))
            .collect();
        assert_eq!(
            read,
            [
                ("courses", 1),
                ("events", 1),
                ("schools", 1),
                ("sections", 1),
                ("terms", 1),
                ("users", 2)
            ]
        );
        assert_eq!(
            found.drift.unknown_values["users.roles.student.gender (7 characters)"],
            1
        );
    }

    #[test]
    fn what_is_refused_is_named_by_place_and_shows_nothing() {
        let reasons = |text: &str| -> Vec<(String, String)> {
            survey(text)
                .refused
                .into_iter()
                .map(|refused| (refused.place, refused.reason))
                .collect()
        };
        let one = |place: &str, reason: &str| vec![(place.to_owned(), reason.to_owned())];
        assert_eq!(reasons(""), one("f.json", "empty"));
        assert_eq!(
            reasons("<html>Ada</html>"),
            one("f.json", "not JSON at line 1, column 1")
        );
        assert_eq!(
            reasons(r#"{"data":[{"data":{"name":"Ada"}}]}"#),
            one("f.json, record 1", "no id")
        );
        assert_eq!(
            reasons(r#"{"id":"b","badge":"Ada"}"#),
            one("f.json, record 1", "no kind of record has its fields")
        );
        assert_eq!(
            reasons(r#"{"type":"badges.created","id":"e","data":{"object":{"id":"b"}}}"#),
            one("f.json, record 1", "a kind of record that no document has")
        );
    }
}
