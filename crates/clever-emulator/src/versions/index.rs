//! The ids that people had before they were users, ascending: those lists can't be read off the world's order.
//!
//! One index for each of those collections, made when it is first asked for by reading its people once, and kept
//! with the world: 48 bytes a person. A change of the world touches the entries of the changed people only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use clever_model::RecordKind;
use compact_str::CompactString;

use super::shape::old_ids;
use super::{Collection, Version};
use crate::world::{List, World};

/// The older ids of one collection with the users that have them, ascending.
#[derive(Clone, Default)]
pub(crate) struct Index {
    entries: Vec<(CompactString, CompactString)>,
}

impl Index {
    /// The user who has this older id.
    pub(crate) fn user(&self, old: &str) -> Option<&str> {
        let at = self.entries.partition_point(|(id, _)| id.as_str() < old);
        let (id, user) = self.entries.get(at)?;
        (id == old).then_some(user)
    }

    /// The ids between two, both left out, with their users. Of two users with one id the first has it.
    pub(crate) fn range(
        &self,
        after: Option<&str>,
        before: Option<&str>,
    ) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        let start = after.map_or(0, |after| {
            self.entries.partition_point(|(id, _)| id.as_str() <= after)
        });
        let end = before.map_or(self.entries.len(), |before| {
            self.entries.partition_point(|(id, _)| id.as_str() < before)
        });
        self.entries[start.min(end)..end]
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(|same| same.first())
            .map(|(id, user)| (id.as_str(), user.as_str()))
    }

    fn add(&mut self, version: Version, collection: Collection, world: &World, user: &str) {
        let Some(record) = world.list(RecordKind::Users).get(user) else {
            return;
        };
        let ids = old_ids(version, collection, &record);
        self.entries
            .extend(ids.into_iter().map(|id| (id.into(), user.into())));
    }
}

/// The indexes of a world, as far as they were asked for.
#[derive(Default)]
pub(crate) struct Indexes(Mutex<State>);

#[derive(Default)]
struct State {
    /// By collection, and whether it is v1's: its contacts are others.
    made: BTreeMap<(Collection, bool), Arc<Index>>,
    /// Users who changed since.
    changed: BTreeSet<CompactString>,
}

impl fmt::Debug for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Indexes")
    }
}

impl Clone for Indexes {
    /// A copy of a world makes its own.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Indexes {
    /// Notes that a user is another than before.
    pub(crate) fn note(&mut self, user: &str) {
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !state.made.is_empty() {
            state.changed.insert(user.into());
        }
    }

    /// The index of `collection` in `version`, as the world is now.
    pub(crate) fn of(&self, version: Version, collection: Collection, world: &World) -> Arc<Index> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        if !state.changed.is_empty() {
            for ((collection, first), index) in &mut state.made {
                let index = Arc::make_mut(index);
                index
                    .entries
                    .retain(|(_, user)| !state.changed.contains(user));
                for user in &state.changed {
                    index.add(some_version(*first), *collection, world, user);
                }
                index.entries.sort_unstable();
            }
            state.changed.clear();
        }
        let made = state
            .made
            .entry((collection, version.is_first()))
            .or_insert_with(|| {
                let mut index = Index::default();
                let people = world.list(RecordKind::Users);
                let people = collection.role().map(|role| people.with_role(role));
                for person in people.iter().flat_map(List::values) {
                    let id = person.id();
                    let ids = old_ids(version, collection, &person);
                    let entries = ids.into_iter().map(|old| (old.into(), (*id).into()));
                    index.entries.extend(entries);
                }
                index.entries.sort_unstable();
                Arc::new(index)
            });
        Arc::clone(made)
    }
}

/// Any version with the same ids.
fn some_version(first: bool) -> Version {
    if first { Version::V1_2 } else { Version::V2_1 }
}
