//! The events feed: what changed in a world, as Clever's `/events` tells it.
//!
//! The world's journal remembers how each touched record was; `World::publish` turns it into events.
//! As at Clever, the feed is switched off until an app switches it on, knows nothing of the time before,
//! and forgets what is older than 30 days: a cursor that old silently gets the oldest events still kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use clever_model::{RecordKind, Timestamp};
use serde_json::{Map, Value, json};

use super::base::text;
use super::journal::{Before, Journal, Touched};
use super::list::List;
use super::overlay::{Kept, Overlay};
use super::stamp::{object_id, stamp};
use super::state::World;

/// How long events are kept.
const KEPT_SECONDS: i64 = 30 * 86_400;
/// Events appear about a minute after a sync.
const LAG_SECONDS: i64 = 65;
/// Tells the ids of events from those of records made in the same second.
const EVENT_IDS: u64 = 0x00E7_E275;

/// Sorts a journal into what was created, updated and deleted; what came and went is none of them.
pub(crate) fn touched(world: &World, journal: &Journal) -> BTreeMap<RecordKind, Touched> {
    let mut kinds: BTreeMap<RecordKind, Touched> = BTreeMap::new();
    for ((kind, id), before) in journal {
        let of_kind = kinds.entry(*kind).or_default();
        let ids = match (world.before(*kind, id, before), world.list(*kind).get(id)) {
            (None, Some(_)) => &mut of_kind.created,
            (Some(_), None) => &mut of_kind.deleted,
            (Some(before), Some(now)) if before != now.json() => &mut of_kind.updated,
            _ => continue,
        };
        ids.insert(id.to_string());
    }
    kinds.retain(|_, touched| *touched != Touched::default());
    kinds
}

impl World {
    /// Switches the events feed on or off. Switched off, nothing is added, and nothing is shown.
    pub fn set_events(&mut self, on: bool) {
        self.feed.enabled = on;
    }

    /// Whether the events feed is switched on.
    pub(crate) fn has_events(&self) -> bool {
        self.feed.enabled
    }

    /// Begins a new history: earlier events are no longer served.
    pub(crate) fn forget_events(&mut self) {
        drop(self.publish());
        self.feed.events = Overlay::default();
    }

    /// The events that a reader sees, oldest first: by id, as Clever writes them.
    #[must_use]
    pub fn events(&self) -> List<'_> {
        static NONE: Overlay = Overlay::new();
        List::of(if self.feed.enabled {
            &self.feed.events
        } else {
            &NONE
        })
    }

    /// The text of a record as the journal has it; `None` where it was not there.
    fn before<'a>(
        &'a self,
        kind: RecordKind,
        id: &str,
        before: &'a Before,
    ) -> Option<Cow<'a, str>> {
        match before {
            Before::Absent => None,
            Before::Kept(json) => Some(Cow::Borrowed(json)),
            Before::Made => {
                let base = self.base()?;
                Some(Cow::Owned(text(base, kind, base.position(kind, id).ok()?)))
            }
        }
    }

    /// Tells what was touched since the last call as events, and gives the journal of it.
    pub(crate) fn publish(&mut self) -> Journal {
        let journal = std::mem::take(&mut self.journal);
        let at = later(self.now, LAG_SECONDS);
        if self.feed.enabled {
            for (kind, touched) in touched(self, &journal) {
                let parts = [
                    ("created", touched.created),
                    ("updated", touched.updated),
                    ("deleted", touched.deleted),
                ];
                for (what, ids) in parts {
                    for id in ids {
                        let before = journal
                            .get(&(kind, id.as_str().into()))
                            .and_then(|before| self.before(kind, &id, before))
                            .map(Cow::into_owned);
                        self.tell(kind, &id, what, before.as_deref(), at);
                    }
                }
            }
        }
        let oldest = object_id(later(at, -KEPT_SECONDS), 0, 0);
        let expired: Vec<String> = List::of(&self.feed.events)
            .range(None, Some(&oldest[..8]))
            .map(|event| event.id().into_owned())
            .collect();
        for id in expired {
            self.feed.events.remove(&id, None);
        }
        journal
    }

    fn tell(
        &mut self,
        kind: RecordKind,
        record: &str,
        what: &str,
        before: Option<&str>,
        at: Timestamp,
    ) {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let before = before.map(read).map(without_conveniences);
        let now = self.value(kind, record).map(without_conveniences);
        let previous = match (&before, &now) {
            (Some(before), Some(now)) => Some(previous_attributes(before, now)),
            _ => None,
        };
        let mut data = json!({ "object": now.or(before) });
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        self.feed.made += 1;
        let id = object_id(at, self.seed ^ EVENT_IDS, self.feed.made);
        let event = json!({
            "type": format!("{kind}.{what}"), "id": id, "created": whole_second(at), "data": data,
        });
        self.feed
            .events
            .put(&id, Kept::new(event.to_string()), None);
    }
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(time.as_second() + seconds).unwrap_or(time)
}

/// Events tell their time to the second, with zeros behind.
fn whole_second(time: Timestamp) -> String {
    stamp(later(time, 0))
}

/// Takes out what only the data API adds: the student's address, once more, in the role.
fn without_conveniences(mut record: Value) -> Value {
    if let Some(student) = record
        .pointer_mut("/roles/student")
        .and_then(Value::as_object_mut)
    {
        student.remove("email");
    }
    record
}

/// The old values of what differs, nested as in the record. Lists are given whole; what was not there
/// before is `""`; `last_modified` is not among them.
pub(crate) fn previous_attributes(before: &Value, now: &Value) -> Value {
    let (Value::Object(before), Value::Object(now)) = (before, now) else {
        return before.clone();
    };
    let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut previous = Map::new();
    for key in keys {
        let value = match (before.get(key), now.get(key)) {
            _ if key == "last_modified" => continue,
            (Some(old), Some(new)) if old == new => continue,
            (Some(old), Some(new)) if old.is_object() && new.is_object() => {
                previous_attributes(old, new)
            }
            (Some(old), _) => old.clone(),
            (None, _) => json!(""),
        };
        previous.insert(key.clone(), value);
    }
    Value::Object(previous)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::life::days::pass;
    use crate::world::generate::generate;

    fn world() -> World {
        let mut world = generate(9, 120, "2026-09-14T12:00:00Z".parse().unwrap());
        world.set_events(true);
        world
    }

    fn events(world: &World) -> Vec<Value> {
        let events = world.events().values();
        events.map(|event| event.value()).collect()
    }

    /// Every record by kind and id, less what events don't tell.
    fn content(world: &World) -> BTreeMap<(String, String), Value> {
        let mut all = BTreeMap::new();
        for kind in RecordKind::ALL {
            for id in world.list(kind).keys() {
                let record = without_conveniences(world.value(kind, &id).unwrap());
                all.insert((kind.to_string(), id.to_string()), record);
            }
        }
        all
    }

    #[test]
    fn folding_the_events_of_each_day_gives_the_snapshot() {
        let mut world = world();
        let mut folded = content(&world);
        let mut cursor = String::new();
        for _ in 0..90 {
            pass(&mut world, 1);
            for event in events(&world) {
                if event["id"].as_str().unwrap() <= cursor.as_str() {
                    continue;
                }
                cursor = event["id"].as_str().unwrap().to_owned();
                let (kind, what) = event["type"].as_str().unwrap().split_once('.').unwrap();
                let object = event["data"]["object"].clone();
                let key = (kind.to_owned(), object["id"].as_str().unwrap().to_owned());
                if what == "deleted" {
                    assert!(folded.remove(&key).is_some());
                } else {
                    let old = folded.insert(key, object);
                    assert_eq!(old.is_some(), what == "updated");
                }
            }
            assert_eq!(folded, content(&world));
        }
    }

    #[test]
    fn the_feed_forgets_what_is_older_than_thirty_days() {
        let mut world = world();
        pass(&mut world, 1);
        let first = world.events().keys().next().unwrap();
        pass(&mut world, 28);
        assert!(world.events().contains_key(&first));
        pass(&mut world, 5);
        assert!(!world.events().contains_key(&first));
        // An expired cursor is only a position before everything.
        let after = world.events().range(Some(&first), None);
        assert_eq!(after.count(), world.events().len());
    }

    #[test]
    fn switched_off_it_tells_nothing_and_what_passed_meanwhile_is_lost() {
        let mut world = world();
        world.set_events(false);
        pass(&mut world, 2);
        assert!(world.events().is_empty());
        world.set_events(true);
        assert!(world.events().is_empty());
        pass(&mut world, 1);
        assert!(!world.events().is_empty());
    }

    #[test]
    fn only_what_changed_is_told_with_its_old_value() {
        let before = json!({"a": 1, "last_modified": "x", "ext": {"p": "1", "q": "2"}, "students": ["s"], "gone": "g"});
        let now = json!({"a": 1, "last_modified": "y", "ext": {"p": "1", "q": "3"}, "students": ["s", "t"], "new": "n"});
        assert_eq!(
            previous_attributes(&before, &now),
            json!({"ext": {"q": "2"}, "students": ["s"], "gone": "g", "new": ""})
        );
    }
}
