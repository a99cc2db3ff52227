//! What each version's feed makes of one event of the world: nothing, one event, or several.
//!
//! Before v3.0 there were events for each role. A user who gains a role is a created teacher there, a user who
//! loses it a deleted one; what only a newer version's fields say makes no event; a v1 contact is one for each
//! student. So an event is taken apart into the record before and after, both are shaped, and the difference
//! makes the events.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;
use serde_json::{Map, Value, json};

use super::shape::{Look, shaped};
use super::v3_0::v3_0;
use super::{Collection, Version};
use crate::world::events::previous_attributes;

/// Events that one of the world's may become. Their ids are the world's number times this, and on from there: so
/// they ascend as the world's do, and are unique.
const ROOM: u32 = 64;

/// The first sixteen digits of an event's id: its second and its world.
const FIXED: usize = 16;

/// An event as a version tells it.
pub(crate) struct Told<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) json: Cow<'a, str>,
}

/// The id of the `part`-th event that an older version makes of the world's event `id`.
fn id_of_part(id: &str, part: u32) -> Option<String> {
    let (fixed, number) = id.split_at_checked(FIXED)?;
    let number = u32::from_str_radix(number, 16).ok()?;
    let number = number.checked_mul(ROOM)?.checked_add(part)?;
    Some(format!("{fixed}{number:08x}"))
}

/// The world's event that an older version's event `id` was made of.
pub(crate) fn origin(version: Version, id: &str) -> Option<Cow<'_, str>> {
    if version.has_users() {
        return Some(Cow::Borrowed(id));
    }
    let (fixed, number) = id.split_at_checked(FIXED)?;
    let number = u32::from_str_radix(number, 16).ok()?;
    Some(Cow::Owned(format!("{fixed}{:08x}", number / ROOM)))
}

/// The lowest and highest id that `version` may give to what it makes of the world's event `id`.
pub(crate) fn span(version: Version, id: &str) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    if version.has_users() {
        return Some((Cow::Borrowed(id), Cow::Borrowed(id)));
    }
    let part = |part| id_of_part(id, part).map(Cow::Owned);
    Some((part(0)?, part(ROOM - 1)?))
}

/// The part of a cursor that the world's ids and the version's have in common.
pub(crate) fn common(cursor: &str) -> &str {
    cursor.get(..FIXED).unwrap_or(cursor)
}

/// What `version` tells of the world's event `id`, ascending by id.
pub(crate) fn told<'a>(
    version: Version,
    id: Cow<'a, str>,
    json: Cow<'a, str>,
    look: &dyn Look,
) -> Vec<Told<'a>> {
    if version == Version::V3_1 {
        return vec![Told { id, json }];
    }
    let event: Value = serde_json::from_str(&json).unwrap_or_default();
    if version == Version::V3_0 {
        return less(&event).map_or_else(Vec::new, |json| {
            vec![Told {
                id,
                json: Cow::Owned(json),
            }]
        });
    }
    let Some(change) = Change::of(&event) else {
        return Vec::new();
    };
    let events = change.told(version, look).into_iter().zip(0..ROOM);
    let events = events.filter_map(|(event, part)| {
        let id = id_of_part(&id, part)?;
        let json = json!({
            "type": event.kind, "id": id, "created": change.created, "data": event.data,
        });
        Some(Told {
            id: Cow::Owned(id),
            json: Cow::Owned(json.to_string()),
        })
    });
    events.collect()
}

/// An event without what v3.1 added; `None` if it says nothing else.
fn less(event: &Value) -> Option<String> {
    let kind: RecordKind = event["type"].as_str()?.split_once('.')?.0.parse().ok()?;
    let mut event = event.clone();
    let less = |part: &Value| -> Value {
        let mut text = part.to_string().into_bytes();
        v3_0(kind, &mut text, 0);
        serde_json::from_slice(&text).unwrap_or_default()
    };
    event["data"]["object"] = less(&event["data"]["object"]);
    if event["data"]["previous_attributes"].is_object() {
        let previous = &mut event["data"]["previous_attributes"];
        let told = previous.clone();
        *previous = less(previous);
        prune(previous);
        if *previous != told && previous.as_object().is_some_and(Map::is_empty) {
            return None;
        }
    }
    Some(event.to_string())
}

/// Takes out objects that are empty, from the inside.
fn prune(value: &mut Value) {
    if let Value::Object(map) = value {
        map.values_mut().for_each(prune);
        map.retain(|_, value| !value.as_object().is_some_and(Map::is_empty));
    }
}

/// A record of the world before and after an event.
struct Change<'a> {
    kind: RecordKind,
    created: &'a Value,
    before: Option<Value>,
    after: Option<&'a Value>,
}

/// What a version tells of a change, less the id.
struct Parted {
    kind: String,
    data: Value,
}

impl<'a> Change<'a> {
    fn of(event: &'a Value) -> Option<Self> {
        let (kind, what) = event["type"].as_str()?.split_once('.')?;
        let object = &event["data"]["object"];
        let (before, after) = match what {
            "created" => (None, Some(object)),
            "deleted" => (Some(object.clone()), None),
            _ => {
                let mut before = object.clone();
                restore(&mut before, &event["data"]["previous_attributes"]);
                (Some(before), Some(object))
            }
        };
        Some(Self {
            kind: kind.parse().ok()?,
            created: &event["created"],
            before,
            after,
        })
    }

    fn told(&self, version: Version, look: &dyn Look) -> Vec<Parted> {
        let mut told = Vec::new();
        let collections = Collection::ALL
            .into_iter()
            .filter(|collection| collection.kind() == self.kind && collection.is_in(version));
        for collection in collections {
            let Some(noun) = collection.event_noun(version) else {
                continue;
            };
            let shape = |record: Option<&Value>| -> BTreeMap<String, Value> {
                let shaped = record.map(|record| shaped(version, collection, record, look));
                let shaped = shaped.into_iter().flatten();
                shaped.map(|one| (one.id, one.record)).collect()
            };
            let (before, after) = (shape(self.before.as_ref()), shape(self.after));
            let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for id in ids {
                let (what, data) = match (before.get(id), after.get(id)) {
                    (None, Some(now)) => ("created", json!({ "object": now })),
                    (Some(last), None) => ("deleted", json!({ "object": last })),
                    (Some(last), Some(now)) => {
                        let previous = previous_attributes(last, now);
                        // That it was written again is nothing to tell.
                        if previous.as_object().is_none_or(Map::is_empty) {
                            continue;
                        }
                        (
                            "updated",
                            json!({ "object": now, "previous_attributes": previous }),
                        )
                    }
                    (None, None) => continue,
                };
                told.push(Parted {
                    kind: format!("{noun}.{what}"),
                    data,
                });
            }
        }
        told
    }
}

/// Puts the old values back.
fn restore(record: &mut Value, previous: &Value) {
    let (Some(previous), true) = (previous.as_object(), record.is_object()) else {
        return;
    };
    for (key, old) in previous {
        match record.get_mut(key) {
            Some(now) if now.is_object() && old.is_object() => restore(now, old),
            _ => record[key] = old.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::generate::generate;

    const ID: &str = "6a702e605384541200000003";

    fn tell(version: Version, event: &Value) -> Vec<Value> {
        let nobody = generate(1, 1, "2026-09-14T12:00:00Z".parse().unwrap());
        let told = told(version, ID.into(), event.to_string().into(), &nobody);
        let ids: Vec<_> = told.iter().map(|event| event.id.clone()).collect();
        assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 24));
        let origins = ids.iter().map(|id| origin(version, id).unwrap());
        assert!(origins.eq(ids.iter().map(|_| ID)));
        told.iter()
            .map(|event| serde_json::from_str(&event.json).unwrap())
            .collect()
    }

    fn types(events: &[Value]) -> Vec<&str> {
        events
            .iter()
            .map(|event| event["type"].as_str().unwrap())
            .collect()
    }

    fn updated(object: &Value, previous: &Value) -> Value {
        json!({
            "type": "users.updated", "id": ID, "created": "2026-09-14T12:00:00.000Z",
            "data": { "object": object, "previous_attributes": previous },
        })
    }

    fn employee() -> Value {
        json!({
            "id": "6a", "district": "d", "email": "a@example.org", "name": { "first": "Ann", "last": "Lee" },
            "roles": {
                "teacher": { "legacy_id": "5a", "sis_id": "T1", "schools": ["s"], "school": "s" },
                "staff": { "legacy_id": "5b", "staff_id": "S1", "schools": ["s"] },
            },
        })
    }

    #[test]
    fn a_user_of_two_roles_is_told_as_two_older_people() {
        let event = updated(&employee(), &json!({ "name": { "last": "Ray" } }));
        let told = tell(V2, &event);
        assert_eq!(types(&told), ["teachers.updated", "schooladmins.updated"]);
        assert_eq!(told[0]["data"]["object"]["id"], "5a");
        assert_eq!(told[1]["data"]["object"]["id"], "5b");
        for event in &told {
            assert_eq!(
                event["data"]["previous_attributes"],
                json!({ "name": { "last": "Ray" } })
            );
        }
    }

    const V2: Version = Version::V2_1;

    #[test]
    fn a_role_gained_is_created_and_a_role_lost_is_deleted() {
        let gained = updated(&employee(), &json!({ "roles": { "staff": "" } }));
        assert_eq!(types(&tell(V2, &gained)), ["schooladmins.created"]);
        let mut less = employee();
        less["roles"]
            .as_object_mut()
            .unwrap()
            .remove("staff")
            .unwrap();
        let lost = updated(
            &less,
            &json!({ "roles": { "staff": employee()["roles"]["staff"] } }),
        );
        let told = tell(V2, &lost);
        assert_eq!(types(&told), ["schooladmins.deleted"]);
        assert_eq!(told[0]["data"]["object"]["staff_id"], "S1");
    }

    #[test]
    fn what_only_newer_fields_tell_is_not_in_an_older_feed() {
        let student = json!({
            "id": "5c", "district": "d", "name": { "first": "Bo" }, "lms_status": { "synced_in_lms": true },
            "roles": { "student": { "gifted_status": "Y", "ext": { "a": "1" }, "grade": "3" } },
        });
        let newest = updated(
            &student,
            &json!({ "lms_status": "", "roles": { "student": { "gifted_status": "" } } }),
        );
        assert_eq!(tell(Version::V3_1, &newest).len(), 1);
        for version in [Version::V3_0, Version::V2_1, Version::V2_0, Version::V1_2] {
            assert!(tell(version, &newest).is_empty(), "{version:?}");
        }
        let extended = updated(
            &student,
            &json!({ "roles": { "student": { "ext": { "a": "" } } } }),
        );
        assert_eq!(tell(Version::V3_0, &extended).len(), 1);
        let told = tell(Version::V3_0, &extended);
        assert!(!told[0].to_string().contains("gifted_status"));
        assert_eq!(types(&tell(Version::V2_1, &extended)), ["students.updated"]);
        assert!(tell(Version::V2_0, &extended).is_empty());
    }

    #[test]
    fn a_contact_of_v1_is_one_for_each_student() {
        let contact = |students: &[&str]| {
            let relations: Vec<Value> = students
                .iter()
                .map(|student| json!({ "student": student, "relationship": "Parent", "type": "Primary" }))
                .collect();
            json!({
                "id": "6a702e605384541200000009", "district": "d", "name": { "last": "Cy Ito" },
                "roles": { "contact": { "student_relationships": relations } },
            })
        };
        let one_more = updated(
            &contact(&["s1", "s2"]),
            &json!({ "roles": { "contact": { "student_relationships":
                contact(&["s1"])["roles"]["contact"]["student_relationships"] } } }),
        );
        let told = tell(Version::V1_2, &one_more);
        assert_eq!(types(&told), ["studentcontacts.created"]);
        assert_eq!(told[0]["data"]["object"]["student"], "s2");
        assert_eq!(told[0]["data"]["object"]["name"], "Cy Ito");
        let told = tell(Version::V2_0, &one_more);
        assert_eq!(types(&told), ["contacts.updated"]);
        assert_eq!(
            told[0]["data"]["previous_attributes"],
            json!({ "students": ["s1"] })
        );
    }

    #[test]
    fn ids_of_older_events_ascend_as_the_worlds_do_and_leave_room() {
        let (low, high) = span(V2, "6a702e605384541200000003").unwrap();
        let (next, _) = span(V2, "6a702e605384541200000004").unwrap();
        assert!(low < high && high < next);
        assert_eq!(low, "6a702e6053845412000000c0");
        assert!(origin(V2, "short").is_none() && span(V2, "né").is_none());
    }
}
