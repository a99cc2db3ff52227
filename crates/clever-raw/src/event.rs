//! Events, the same for all versions. An event is read without looking at its type, so that unknown
//! types and odd objects survive with their bytes.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::scalar::Timestamp;

/// One change in Clever's feed.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Event {
    /// The event's id; ids ascend in feed order.
    #[serde(default, deserialize_with = "crate::de::tolerant")]
    pub id: Option<String>,
    /// `users.updated`: the kind of record, and what happened. Open: versions add kinds.
    #[serde(rename = "type", default, deserialize_with = "crate::de::tolerant")]
    pub kind: Option<String>,
    /// When; hundreds of events share one time, so it orders nothing.
    #[serde(default, deserialize_with = "crate::de::tolerant")]
    pub created: Option<Timestamp>,
    /// The record after the change and what it was before.
    #[serde(default)]
    pub data: Option<EventData>,
    /// Where Clever's files declare it; on the wire it is inside `data`.
    #[serde(default)]
    previous_attributes: Option<Box<RawValue>>,
}

/// What an event is about.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct EventData {
    /// The whole record after the change; for `deleted`, as it last was.
    #[serde(default)]
    pub object: Option<Box<RawValue>>,
    /// The old values of what changed.
    #[serde(default)]
    pub previous_attributes: Option<Box<RawValue>>,
}

impl Event {
    /// The old values of what changed, wherever they stand.
    #[must_use]
    pub fn previous_attributes(&self) -> Option<&RawValue> {
        self.data
            .as_ref()
            .and_then(|data| data.previous_attributes.as_deref())
            .or(self.previous_attributes.as_deref())
    }

    /// The kind of record and what happened to it: `("users", "updated")`.
    #[must_use]
    pub fn subject(&self) -> Option<(&str, &str)> {
        self.kind.as_deref()?.split_once('.')
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for EventData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventData").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_of_the_old_values_are_read() {
        for json in [
            r#"{"type":"users.updated","id":"e","data":{"object":{"id":"u"},"previous_attributes":{"email":""}}}"#,
            r#"{"type":"users.updated","id":"e","data":{"object":{"id":"u"}},"previous_attributes":{"email":""}}"#,
        ] {
            let event: Event = serde_json::from_str(json).unwrap();
            assert_eq!(
                event.previous_attributes().unwrap().get(),
                r#"{"email":""}"#
            );
            assert_eq!(event.subject(), Some(("users", "updated")));
            assert_eq!(event.data.unwrap().object.unwrap().get(), r#"{"id":"u"}"#);
        }
        let odd: Event =
            serde_json::from_str(r#"{"type":"badges.awarded","data":null,"new":1}"#).unwrap();
        assert_eq!(odd.subject(), Some(("badges", "awarded")));
    }
}
