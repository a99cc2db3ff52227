//! The records of one kind that are kept as text: all of a recorded world, and what life changed in a made one.

use std::collections::BTreeMap;
use std::fmt;

use clever_model::Role;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

use super::roles::Roles;

/// A record as the JSON text that is served.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(super) json: Box<str>,
    pub(super) roles: Roles,
    /// Its place of its own for drawing lots.
    pub(super) slot: Option<u32>,
}

impl fmt::Debug for Kept {
    /// Shows no content: it may be of a recorded district.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} bytes, {:?})", self.json.len(), self.roles)
    }
}

/// What is read of a record that gets in: whom it names, and what roles it has.
#[derive(Debug, Default, Deserialize)]
struct Known<'a> {
    #[serde(default)]
    roles: Option<BTreeMap<Cow<'a, str>, IgnoredAny>>,
}

/// The people whom a record names: a section its students and teachers, a contact its students.
#[derive(Default, Deserialize)]
struct Names {
    #[serde(default)]
    students: Option<Vec<String>>,
    #[serde(default)]
    teachers: Option<Vec<String>>,
    #[serde(default)]
    roles: Option<ContactRole>,
}

#[derive(Default, Deserialize)]
struct ContactRole {
    #[serde(default)]
    contact: Option<Relationships>,
}

#[derive(Default, Deserialize)]
struct Relationships {
    #[serde(default)]
    student_relationships: Option<Vec<Relationship>>,
}

#[derive(Deserialize)]
struct Relationship {
    #[serde(default)]
    student: Option<String>,
}

impl Kept {
    pub(crate) fn new(json: impl Into<Box<str>>) -> Self {
        let json = json.into();
        let known = serde_json::from_str::<Known<'_>>(&json).unwrap_or_default();
        let roles = known.roles.unwrap_or_default();
        let roles = roles
            .keys()
            .filter_map(|role| role.parse::<Role>().ok())
            .collect();
        Self {
            json,
            roles,
            slot: None,
        }
    }

    /// The people whom the record names, each once.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = serde_json::from_str::<Names>(&self.json).unwrap_or_default();
        let relations = names
            .roles
            .and_then(|roles| roles.contact)
            .and_then(|contact| contact.student_relationships);
        let mut all = names.students.unwrap_or_default();
        all.extend(names.teachers.unwrap_or_default());
        all.extend(
            relations
                .unwrap_or_default()
                .into_iter()
                .filter_map(|one| one.student),
        );
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Records over a base: `None` hides the base's record of that id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    pub(super) records: BTreeMap<Box<str>, Option<Kept>>,
    /// The ids that the base has not or has with other roles, in no order: to draw one of them without counting.
    places: Vec<Box<str>>,
    /// How many records the base has not.
    added: usize,
    /// How many of the base's records are hidden.
    hidden: u32,
    /// How many more users of each role there are than in the base.
    roles: [i64; Role::ALL.len()],
}

impl Overlay {
    pub(super) const fn new() -> Self {
        Self {
            records: BTreeMap::new(),
            places: Vec::new(),
            added: 0,
            hidden: 0,
            roles: [0; Role::ALL.len()],
        }
    }

    /// Puts a record in. `below` are the roles of the base's record of that id, if it has one.
    pub(super) fn put(&mut self, id: &str, mut kept: Kept, below: Option<Roles>) {
        let before = self.records.get(id).map(|before| {
            let before = before.as_ref();
            before.map(|before| (before.roles, before.slot))
        });
        match before {
            Some(Some((roles, slot))) => {
                kept.slot = slot;
                self.count(roles, -1);
            }
            Some(None) => self.hidden -= 1,
            None => match below {
                Some(roles) => self.count(roles, -1),
                None => self.added += 1,
            },
        }
        self.count(kept.roles, 1);
        if kept.slot.is_none() && below != Some(kept.roles) {
            kept.slot = u32::try_from(self.places.len()).ok();
            self.places.push(id.into());
        }
        self.records.insert(id.into(), Some(kept));
    }

    /// Takes a record out that is there; `below` as for [`Overlay::put`].
    pub(super) fn remove(&mut self, id: &str, below: Option<Roles>) {
        match self.records.remove(id) {
            Some(Some(before)) => {
                self.count(before.roles, -1);
                if let Some(slot) = before.slot {
                    self.vacate(slot);
                }
                if below.is_none() {
                    self.added -= 1;
                }
            }
            Some(None) => self.hidden -= 1,
            None => self.count(below.unwrap_or_default(), -1),
        }
        if below.is_some() {
            self.hidden += 1;
            self.records.insert(id.into(), None);
        }
    }

    /// Gives the last of the places' ids the place `slot`.
    fn vacate(&mut self, slot: u32) {
        let at = slot as usize;
        if at >= self.places.len() {
            return;
        }
        self.places.swap_remove(at);
        if let Some(moved) = self.places.get(at)
            && let Some(Some(kept)) = self.records.get_mut(moved)
        {
            kept.slot = Some(slot);
        }
    }

    fn count(&mut self, roles: Roles, by: i64) {
        for role in Role::ALL.into_iter().filter(|role| roles.has(*role)) {
            self.roles[role as usize] += by;
        }
    }

    /// The ids that have places of their own, in no order that means anything.
    pub(super) fn places(&self) -> &[Box<str>] {
        &self.places
    }

    /// How many records there are over a base of `below`.
    pub(super) fn len(&self, below: u32) -> usize {
        (below - self.hidden) as usize + self.added
    }

    /// How many users of `role` there are over a base that has `below`.
    pub(super) fn role_len(&self, role: Role, below: u32) -> usize {
        usize::try_from(i64::from(below) + self.roles[role as usize]).unwrap_or(0)
    }
}

impl<K: Into<Box<str>>> FromIterator<(K, Kept)> for Overlay {
    fn from_iter<I: IntoIterator<Item = (K, Kept)>>(records: I) -> Self {
        let mut overlay = Self::new();
        for (id, kept) in records {
            overlay.put(&id.into(), kept, None);
        }
        overlay
    }
}
