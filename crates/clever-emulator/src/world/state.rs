//! One district's records by kind and id, its clock, and what it remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use clever_model::{RecordKind, Role, Timestamp};
use serde_json::Value;

use super::base::Base;
use super::index::Indexes;
use super::journal::{Before, Feed, Journal};
use super::list::List;
use super::mapping::Mapping;
use super::overlay::{Kept, Overlay};
use super::past::Past;
use super::roles::Roles;

/// One district and its clock.
#[derive(Debug, Clone)]
pub struct World {
    /// What the world began with, if that is not kept as text.
    pub(super) base: Option<Arc<dyn Base>>,
    lists: BTreeMap<RecordKind, Overlay>,
    /// The district's id.
    pub(super) district: Box<str>,
    /// Of kept records: who is named by which section or contact.
    named: BTreeMap<Box<str>, Vec<(RecordKind, Box<str>)>>,
    /// What time it is there.
    pub(crate) now: Timestamp,
    /// Days that have passed since the start.
    pub(crate) day: u64,
    /// The seed of everything that is made up from here on.
    pub(crate) seed: u64,
    /// How the records touched since the last publication were.
    pub(super) journal: Journal,
    /// What was published.
    pub(super) feed: Feed,
    /// Who left, and who became two.
    pub(crate) past: Past,
    /// Which courses have which resources.
    pub(crate) mapped: Mapping,
    /// The ids that people had before v3.0, as far as they were asked for.
    pub(crate) indexes: Indexes,
}

impl World {
    pub(super) fn empty(now: Timestamp, seed: u64) -> Self {
        let lists = RecordKind::ALL
            .into_iter()
            .map(|kind| (kind, Overlay::new()))
            .collect();
        Self {
            base: None,
            lists,
            district: Box::default(),
            named: BTreeMap::new(),
            now,
            day: 0,
            seed,
            journal: Journal::new(),
            feed: Feed::default(),
            past: Past::default(),
            mapped: Mapping::default(),
            indexes: Indexes::default(),
        }
    }

    pub(super) fn base(&self) -> Option<&dyn Base> {
        self.base.as_deref()
    }

    /// The records of a kind, ascending by id.
    #[must_use]
    pub fn list(&self, kind: RecordKind) -> List<'_> {
        static NONE: Overlay = Overlay::new();
        List::new(kind, self.base(), self.lists.get(&kind).unwrap_or(&NONE))
    }

    /// The users of a role, ascending by id.
    #[must_use]
    pub fn with_role(&self, role: Role) -> List<'_> {
        self.list(RecordKind::Users).with_role(role)
    }

    /// What time it is in the world.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Puts a record in, replacing the one with its id.
    pub fn put(&mut self, kind: RecordKind, id: &str, json: impl Into<Box<str>>) {
        let kept = Kept::new(json);
        let names = kept.names();
        let below = self.leave_overlay(kind, id);
        for name in names {
            let by = self.named.entry(name.into()).or_default();
            by.push((kind, id.into()));
        }
        let below = below.map(|at| self.roles_below(kind, at));
        self.lists.entry(kind).or_default().put(id, kept, below);
        if kind == RecordKind::Districts && !self.list(kind).contains_key(&self.district) {
            self.district = id.into();
        }
    }

    /// Takes a record out; says whether it was there.
    pub fn remove(&mut self, kind: RecordKind, id: &str) -> bool {
        if !self.list(kind).contains_key(id) {
            return false;
        }
        let below = self.leave_overlay(kind, id);
        let below = below.map(|at| self.roles_below(kind, at));
        self.lists.entry(kind).or_default().remove(id, below);
        true
    }

    fn roles_below(&self, kind: RecordKind, at: u32) -> Roles {
        let users = self.base().filter(|_| kind == RecordKind::Users);
        users.map(|base| base.roles(at)).unwrap_or_default()
    }

    /// Notes how a record is before it is touched, and forgets whom it names; its position in the base, if it has
    /// one there.
    fn leave_overlay(&mut self, kind: RecordKind, id: &str) -> Option<u32> {
        if kind == RecordKind::Users {
            self.indexes.note(id);
        }
        let below = self.base().and_then(|base| base.position(kind, id).ok());
        let kept = self.lists.get(&kind).and_then(|list| list.records.get(id));
        let before = match kept {
            Some(Some(kept)) => Before::Kept(kept.json.clone()),
            Some(None) => Before::Absent,
            None if below.is_some() => Before::Made,
            None => Before::Absent,
        };
        for name in kept.into_iter().flatten().flat_map(Kept::names) {
            let Some(by) = self.named.get_mut(&*name) else {
                continue;
            };
            by.retain(|(of, one)| (*of, &**one) != (kind, id));
            if by.is_empty() {
                self.named.remove(&*name);
            }
        }
        self.journal.entry((kind, id.into())).or_insert(before);
        below
    }

    /// The sections in which someone is, as student or teacher, ascending.
    pub(crate) fn sections_of(&self, person: &str) -> Vec<String> {
        self.naming(RecordKind::Sections, person, |base, at| {
            base.sections_of(at)
        })
    }

    /// The contacts of a student, ascending.
    pub(crate) fn contacts_of(&self, student: &str) -> Vec<String> {
        self.naming(RecordKind::Users, student, |base, at| base.contacts_of(at))
    }

    /// The sections of a school, or the people who are students, teachers or staff there, ascending.
    pub(crate) fn at_school(&self, kind: RecordKind, school: &str) -> Vec<String> {
        let list = self.lists.get(&kind);
        let kept = list.into_iter().flat_map(|list| &list.records);
        let kept = kept.filter_map(|(id, kept)| Some((id, kept.as_ref()?)));
        let mut all: Vec<String> = kept
            .filter(|(_, kept)| kept.json.contains(school) && is_at(&kept.json, school))
            .map(|(id, _)| id.to_string())
            .collect();
        if let Some(base) = self.base()
            && let Ok(at) = base.position(RecordKind::Schools, school)
        {
            let made = base.at_school(kind, at).into_iter();
            let made = made.map(|at| base.id(kind, at).as_str().to_owned());
            all.extend(
                made.filter(|id| list.is_none_or(|list| !list.records.contains_key(id.as_str()))),
            );
        }
        all.sort_unstable();
        all
    }

    /// The records of `kind` that name `person`: those of the base that nothing lies over, and the kept ones.
    fn naming(
        &self,
        kind: RecordKind,
        person: &str,
        below: impl FnOnce(&dyn Base, u32) -> Vec<u32>,
    ) -> Vec<String> {
        let kept = self.named.get(person).into_iter().flatten();
        let mut all: Vec<String> = kept
            .filter(|(of, _)| *of == kind)
            .map(|(_, id)| id.to_string())
            .collect();
        if let Some(base) = self.base()
            && let Ok(at) = base.position(RecordKind::Users, person)
        {
            let list = self.lists.get(&kind);
            let untouched =
                |id: &String| list.is_none_or(|list| !list.records.contains_key(id.as_str()));
            let made = below(base, at).into_iter();
            let made = made.map(|at| base.id(kind, at).as_str().to_owned());
            all.extend(made.filter(untouched));
        }
        all.sort_unstable();
        all
    }

    /// Keeps the records of `kind` whose position (from 0) `keep` lets stay; says how many went.
    pub fn retain(&mut self, kind: RecordKind, mut keep: impl FnMut(usize) -> bool) -> usize {
        let gone: Vec<String> = self
            .list(kind)
            .keys()
            .enumerate()
            .filter(|(at, _)| !keep(*at))
            .map(|(_, id)| id)
            .collect();
        for id in &gone {
            self.remove(kind, id);
        }
        gone.len()
    }

    /// Changes one record as a JSON value; does nothing when it is not there.
    pub fn edit(&mut self, kind: RecordKind, id: &str, change: impl FnOnce(&mut Value)) {
        let Some(mut value) = self.value(kind, id) else {
            return;
        };
        change(&mut value);
        self.put(kind, id, value.to_string());
    }

    /// Reads one record as a JSON value.
    #[must_use]
    pub fn value(&self, kind: RecordKind, id: &str) -> Option<Value> {
        serde_json::from_str(&self.list(kind).get(id)?.json()).ok()
    }

    /// The district's id; a world has one district.
    #[must_use]
    pub fn district_id(&self) -> &str {
        &self.district
    }
}

/// Whether a section or a person is at a school.
fn is_at(json: &str, school: &str) -> bool {
    let record: Value = serde_json::from_str(json).unwrap_or_default();
    let roles = ["student", "teacher", "staff"];
    record["school"] == school
        || roles.iter().any(|role| {
            let schools = record["roles"][role]["schools"].as_array();
            schools.is_some_and(|schools| schools.iter().any(|one| one == school))
        })
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
        assert!(world.with_role(Role::Teacher).contains_key("u1"));
        world.edit(RecordKind::Users, "u1", |user| {
            user["roles"] = serde_json::json!({ "staff": {} });
        });
        let user = world.list(RecordKind::Users).get("u1").unwrap();
        assert!(user.has_role(Role::Staff) && !user.has_role(Role::Teacher));
        assert!(world.remove(RecordKind::Users, "u1") && !world.remove(RecordKind::Users, "u1"));
    }
}
