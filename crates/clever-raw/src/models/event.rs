//! Events, the same for all versions. An event is read without looking at its type, so that unknown
//! types and odd objects survive with their bytes.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use crate::models::event_type::EventType;
use crate::models::scalar::Timestamp;

/// The record that an event is about, as a version has it: each version's `EventObject`.
pub trait EventRecord {
    /// Reads a record of the kind `records`: what stands before the dot of the event's type.
    fn read(records: &str, json: &RawValue) -> Self;
}

/// One change in Clever's feed.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Event {
    /// The event's id; ids ascend in feed order.
    #[serde(default, deserialize_with = "crate::models::de::tolerant")]
    pub id: Option<String>,
    /// The kind of record, and what happened to it.
    #[serde(
        rename = "type",
        default,
        deserialize_with = "crate::models::de::tolerant"
    )]
    pub event_type: Option<EventType>,
    /// When; hundreds of events share one time, so it orders nothing.
    #[serde(default, deserialize_with = "crate::models::de::tolerant")]
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
        self.event_type.as_ref()?.as_str().split_once('.')
    }

    /// The record after the change, as a version's model; for `deleted`, as it last was. `None` when the
    /// event has none.
    #[must_use]
    pub fn object<T: EventRecord>(&self) -> Option<T> {
        let json = self.data.as_ref()?.object.as_deref()?;
        let records = self.subject().map_or("", |(records, _)| records);
        Some(T::read(records, json))
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("type", &self.event_type)
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
        let plain: Event = serde_json::from_str(r#"{"type":"users.updated"}"#).unwrap();
        assert_eq!(plain.event_type, Some(EventType::UsersUpdated));
        let odd: Event =
            serde_json::from_str(r#"{"type":"badges.awarded","data":null,"new":1}"#).unwrap();
        assert_eq!(odd.subject(), Some(("badges", "awarded")));
    }

    #[cfg(feature = "v3_1")]
    #[test]
    fn the_record_is_read_by_what_stands_before_the_dot_and_never_lost() {
        use crate::v3_1::EventObject;
        let object = |kind: &str, json: &str| {
            let text = format!(r#"{{"type":{kind:?},"data":{{"object":{json}}}}}"#);
            let event: Event = serde_json::from_str(&text).unwrap();
            event.object::<EventObject>()
        };
        match object("users.deleted", r#"{"id":"u"}"#) {
            Some(EventObject::User(user)) => assert_eq!(user.id.as_deref(), Some("u")),
            other => panic!("{other:?}"),
        }
        for (kind, json) in [
            ("badges.awarded", r#"{"id":"b","name":"Ada"}"#),
            ("users.updated", "[7]"),
            ("", "{}"),
        ] {
            match object(kind, json) {
                Some(EventObject::Unknown(raw)) => assert_eq!(raw.get(), json),
                other => panic!("{kind}: {other:?}"),
            }
        }
        assert!(object("users.updated", "null").is_none());
        let shown = format!("{:?}", object("users.updated", r#"{"email":"ada"}"#));
        assert_eq!(shown, "Some(User)");
    }
}
