//! Users by other ids than their own, ascending: lists by those ids can't be read off the world's order.
//!
//! An index is made when it is first asked for, by reading its people once, and kept with the world: 48 bytes a
//! person. A change of the world touches the entries of the changed people only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use clever_model::Role;
use compact_str::CompactString;

use super::list::{List, Record};

/// Other ids with the users who have them, ascending.
#[derive(Clone, Default)]
pub(crate) struct Index {
    entries: Vec<(CompactString, CompactString)>,
}

impl Index {
    /// The user who has this other id.
    pub(crate) fn user(&self, other: &str) -> Option<&str> {
        let at = self.entries.partition_point(|(id, _)| id.as_str() < other);
        let (id, user) = self.entries.get(at)?;
        (id == other).then_some(user)
    }

    /// The ids between two, without these, with their users. Of two users with one id the first has it.
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

    fn add(&mut self, user: &Record<'_>, ids: Vec<String>) {
        let own = user.id();
        let entries = ids.into_iter().map(|id| (id.into(), (*own).into()));
        self.entries.extend(entries);
    }
}

/// Which index: the role, and whether a user has one id for each student.
pub(crate) type Key = (Role, bool);

/// The indexes of a world that were asked for.
#[derive(Default)]
pub(crate) struct Indexes(Mutex<BTreeMap<Key, Made>>);

#[derive(Default)]
struct Made {
    index: Arc<Index>,
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
    /// Notes that a user changed.
    pub(crate) fn note(&mut self, user: &str) {
        let made = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for made in made.values_mut() {
            made.changed.insert(user.into());
        }
    }

    /// The index with this key, as `users` are now; `ids` gives a user's other ids, always the same for a key.
    pub(crate) fn of(
        &self,
        key: Key,
        users: List<'_>,
        ids: impl Fn(&Record<'_>) -> Vec<String>,
    ) -> Arc<Index> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = all.entry(key).or_insert_with(|| {
            let mut index = Index::default();
            for user in users.with_role(key.0).values() {
                index.add(&user, ids(&user));
            }
            index.entries.sort_unstable();
            Made {
                index: Arc::new(index),
                changed: BTreeSet::new(),
            }
        });
        if !made.changed.is_empty() {
            let index = Arc::make_mut(&mut made.index);
            index
                .entries
                .retain(|(_, user)| !made.changed.contains(user));
            for user in std::mem::take(&mut made.changed) {
                if let Some(user) = users.get(&user) {
                    index.add(&user, ids(&user));
                }
            }
            index.entries.sort_unstable();
        }
        Arc::clone(&made.index)
    }
}
