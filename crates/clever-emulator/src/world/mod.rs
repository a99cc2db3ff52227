//! A world: one district's records by kind and id, as Clever would write them.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Role, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

pub mod events;
pub mod generate;
mod names;
pub(crate) mod people;
pub mod recorded;

/// One record, kept as the JSON text that is served.
#[derive(Debug, Clone)]
pub struct Record {
    json: Box<str>,
    roles: Vec<Role>,
}

impl Record {
    /// Takes `json`, one object, as a record.
    pub(crate) fn new(json: impl Into<Box<str>>) -> Self {
        #[derive(Deserialize)]
        struct Roles {
            #[serde(default)]
            roles: Option<BTreeMap<String, IgnoredAny>>,
        }
        let json = json.into();
        let roles = serde_json::from_str::<Roles>(&json)
            .ok()
            .and_then(|record| record.roles)
            .map(|roles| roles.keys().filter_map(|role| role.parse().ok()).collect())
            .unwrap_or_default();
        Self { json, roles }
    }

    /// The record's JSON object.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Says whether the record is a user of this role.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// The records of one kind, by id, ascending.
pub type List = BTreeMap<Box<str>, Record>;

/// One district and its clock.
#[derive(Debug, Clone)]
pub struct World {
    lists: BTreeMap<RecordKind, List>,
    /// What time it is there.
    pub(crate) now: Timestamp,
    /// Days that have passed since the start.
    pub(crate) day: u64,
    /// The seed of everything that is made up from here on.
    pub(crate) seed: u64,
    /// How the records touched since the last publication were.
    journal: events::Journal,
    /// What was published.
    feed: events::Feed,
}

impl World {
    fn empty(now: Timestamp, seed: u64) -> Self {
        let lists = RecordKind::ALL
            .into_iter()
            .map(|kind| (kind, List::new()))
            .collect();
        Self {
            lists,
            now,
            day: 0,
            seed,
            journal: events::Journal::new(),
            feed: events::Feed::default(),
        }
    }

    /// The records of a kind, ascending by id.
    #[must_use]
    pub fn list(&self, kind: RecordKind) -> &List {
        static NONE: List = List::new();
        self.lists.get(&kind).unwrap_or(&NONE)
    }

    /// What time it is in the world.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Puts a record in, replacing the one with its id.
    pub fn put(&mut self, kind: RecordKind, id: &str, json: impl Into<Box<str>>) {
        let before = self
            .lists
            .entry(kind)
            .or_default()
            .insert(id.into(), Record::new(json));
        self.note(kind, id, before);
    }

    /// Keeps how a record was, if it was not touched before.
    fn note(&mut self, kind: RecordKind, id: &str, before: Option<Record>) {
        self.journal
            .entry((kind, id.into()))
            .or_insert_with(|| before.map(|record| record.json));
    }

    /// Takes a record out; says whether it was there.
    pub fn remove(&mut self, kind: RecordKind, id: &str) -> bool {
        let before = self.lists.get_mut(&kind).and_then(|list| list.remove(id));
        let was_there = before.is_some();
        if was_there {
            self.note(kind, id, before);
        }
        was_there
    }

    /// Keeps the records of `kind` whose position (from 0) `keep` lets stay; says how many went.
    pub fn retain(&mut self, kind: RecordKind, mut keep: impl FnMut(usize) -> bool) -> usize {
        let gone: Vec<Box<str>> = self
            .list(kind)
            .keys()
            .enumerate()
            .filter(|(at, _)| !keep(*at))
            .map(|(_, id)| id.clone())
            .collect();
        for id in &gone {
            self.remove(kind, id);
        }
        gone.len()
    }

    /// Changes one record as a JSON value; does nothing when it is not there.
    pub fn edit(&mut self, kind: RecordKind, id: &str, change: impl FnOnce(&mut Value)) {
        let Some(record) = self.list(kind).get(id) else {
            return;
        };
        // A record got in as an object, so it reads as one.
        let mut value = serde_json::from_str(&record.json).unwrap_or_default();
        change(&mut value);
        self.put(kind, id, value.to_string());
    }

    /// Reads one record as a JSON value.
    #[must_use]
    pub fn value(&self, kind: RecordKind, id: &str) -> Option<Value> {
        serde_json::from_str(&self.list(kind).get(id)?.json).ok()
    }

    /// The district's id; a world has one district.
    #[must_use]
    pub fn district_id(&self) -> &str {
        self.list(RecordKind::Districts)
            .keys()
            .next()
            .map_or("", |id| id)
    }
}

/// Writes an ObjectID: the Unix time, what tells this world's ids from others', and a number.
#[must_use]
pub fn object_id(time: Timestamp, seed: u64, number: u32) -> String {
    let seconds = u32::try_from(time.as_second()).unwrap_or(u32::MAX);
    format!(
        "{seconds:08x}{:08x}{number:08x}",
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_seen_and_roles_follow() {
        let mut world = World::empty("2026-09-14T12:00:00Z".parse().unwrap(), 1);
        world.put(
            RecordKind::Users,
            "u1",
            r#"{"id":"u1","roles":{"teacher":{}}}"#,
        );
        assert!(world.list(RecordKind::Users)["u1"].has_role(Role::Teacher));
        world.edit(RecordKind::Users, "u1", |user| {
            user["roles"] = serde_json::json!({ "staff": {} });
        });
        let user = &world.list(RecordKind::Users)["u1"];
        assert!(user.has_role(Role::Staff) && !user.has_role(Role::Teacher));
        assert!(world.remove(RecordKind::Users, "u1") && !world.remove(RecordKind::Users, "u1"));
    }

    #[test]
    fn ids_ascend_with_their_number_and_carry_their_time() {
        let time = "2023-03-26T16:09:40Z".parse().unwrap();
        let (a, b) = (object_id(time, 7, 9), object_id(time, 7, 10));
        assert!(a < b && a.len() == 24 && a.starts_with("64206e44"));
    }
}
