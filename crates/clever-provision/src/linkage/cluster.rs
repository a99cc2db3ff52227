//! Records of one file that are one person's.

use std::collections::BTreeMap;

use super::link::Pair;
use super::people::People;

/// Records that are one person's; in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    rows: Vec<u32>,
    /// The lowest score of the pairs that hold it together, in millibits.
    pub weakest: i32,
}

/// All clusters of two records and more.
#[derive(Debug)]
pub struct Clusters<'a> {
    people: &'a People,
    /// The pairs, best first.
    pub pairs: Vec<Pair>,
    /// The clusters, in the order of their first records' ids.
    pub all: Vec<Cluster>,
}

impl<'a> Clusters<'a> {
    /// Joins all that the pairs join.
    pub(crate) fn new(people: &'a People, pairs: Vec<Pair>) -> Self {
        let mut parent: Vec<u32> =
            (0..u32::try_from(people.left.len()).unwrap_or(u32::MAX)).collect();
        let mut weakest: BTreeMap<u32, i32> = BTreeMap::new();
        for pair in &pairs {
            let (a, b) = (
                root(&mut parent, pair.rows.0),
                root(&mut parent, pair.rows.1),
            );
            if a == b {
                continue;
            }
            let (low, high) = (a.min(b), a.max(b));
            parent[high as usize] = low;
            let least = weakest
                .remove(&high)
                .unwrap_or(i32::MAX)
                .min(pair.millibits);
            let of_low = weakest.entry(low).or_insert(i32::MAX);
            *of_low = least.min(*of_low);
        }
        let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for pair in &pairs {
            for row in [pair.rows.0, pair.rows.1] {
                members.entry(root(&mut parent, row)).or_default().push(row);
            }
        }
        let all = members
            .into_iter()
            .map(|(root, mut rows)| {
                rows.sort_unstable();
                rows.dedup();
                Cluster {
                    rows,
                    weakest: weakest.get(&root).copied().unwrap_or_default(),
                }
            })
            .collect();
        Self { people, pairs, all }
    }

    /// The ids of a cluster's records.
    pub fn ids(&self, cluster: &Cluster) -> impl Iterator<Item = &str> {
        cluster
            .rows
            .iter()
            .map(|row| self.people.left.id(*row as usize))
    }

    /// The ids of a pair.
    #[must_use]
    pub fn pair_ids(&self, pair: &Pair) -> (&str, &str) {
        (
            self.people.left.id(pair.rows.0 as usize),
            self.people.left.id(pair.rows.1 as usize),
        )
    }
}

fn root(parent: &mut [u32], row: u32) -> u32 {
    let mut at = row;
    while parent[at as usize] != at {
        let above = parent[parent[at as usize] as usize];
        parent[at as usize] = above;
        at = above;
    }
    at
}
