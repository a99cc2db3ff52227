//! Who is in one file more than once: the same decision for each pair of records, and no two people joined by what
//! stands between them.

use std::collections::{BTreeMap, BTreeSet};

use clever_linkage::{Comparison, Pair};
use clever_model::Timestamp;

use crate::decide::{Decision, Rejection, decide};
use crate::directory::{Account, Candidate, Directory};
use crate::evidence::evidence_of;
use crate::policy::Policy;
use crate::subject::Subject;

/// Records that are one person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The records' ids, in their order.
    pub ids: BTreeSet<String>,
    /// The lowest score of the pairs that hold it together, in millibits.
    pub weakest: i32,
}

/// A record, and earlier ones of the file that may be the same person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsure {
    /// The place of the record in [`Comparison::all`].
    pub place: usize,
    /// The pairs, best first, and why the records are not joined. None if a block was too large to be read and nothing
    /// else was found.
    pub pairs: Vec<(Pair, Rejection)>,
    /// A block was too large to be read, so that a pair may be missing.
    pub cut: bool,
}

/// What a file has more than once, and what a person must look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Duplicates {
    /// The people with two records and more, in the order of their first records' ids.
    pub clusters: Vec<Cluster>,
    /// The records that a person must look at, in the order of their ids.
    pub unsure: Vec<Unsure>,
}

/// Finds who is in a file more than once. `holder` says of a record, by its place in the file (from 1), who its person
/// is and what account it is; records without one are left alone.
///
/// A later record is the subject and an earlier one the account of a [`decide`] of their own: the guards are those of
/// every link. Two clusters are joined only if no record of the one is kept apart from one of the other, so that two
/// twins don't become one because a third record could be either's.
#[must_use]
pub fn find(
    comparison: &Comparison<'_>,
    holder: impl Fn(usize) -> Option<(Subject, Account)>,
    policy: &Policy,
    now: Timestamp,
) -> Duplicates {
    let decided = |pair: &Pair| -> Option<Result<(), Rejection>> {
        let [left, right] = comparison.records(pair);
        let ((_, account), (subject, _)) = (holder(left)?, holder(right)?);
        let id = account.id.clone();
        let directory = Directory {
            accounts: BTreeMap::from([(id.clone(), account)]),
            candidates: vec![Candidate {
                account: id.clone(),
                evidence: evidence_of(comparison, pair),
            }],
            ..Directory::default()
        };
        let decided = decide(&subject, &[], &directory, policy, now);
        Some(match decided.decision {
            Decision::Link { .. } => Ok(()),
            _ => Err(decided
                .why
                .rejected
                .get(&id)
                .copied()
                .unwrap_or(Rejection::Weak)),
        })
    };
    let mut joined = Vec::new();
    let mut unsure: BTreeMap<usize, Unsure> = BTreeMap::new();
    for (place, matches) in comparison.all.iter().enumerate() {
        for pair in &matches.pairs {
            match decided(pair) {
                Some(Ok(())) => joined.push((place, *pair)),
                Some(Err(reason)) => add(&mut unsure, place, *pair, reason),
                None => {}
            }
        }
    }
    joined.sort_by_key(|(_, pair)| (std::cmp::Reverse(pair.millibits), comparison.ids(pair)));
    let apart = |one: End, other: End| match decided(&comparison.between(one.of(), other.of())) {
        Some(Ok(()) | Err(Rejection::Weak | Rejection::Policy)) => None,
        Some(Err(reason)) => Some(reason),
        None => Some(Rejection::OutOfReach),
    };
    let mut groups = Groups::default();
    for (place, pair) in joined {
        if let Some(reason) = groups.join(comparison.ids(&pair), pair, &apart) {
            add(&mut unsure, place, pair, reason);
        }
    }
    for (place, matches) in comparison.all.iter().enumerate() {
        if matches.cut {
            unsure
                .entry(place)
                .or_insert_with(|| Unsure {
                    place,
                    pairs: Vec::new(),
                    cut: true,
                })
                .cut = true;
        }
    }
    for one in unsure.values_mut() {
        one.pairs
            .sort_by_key(|(pair, _)| std::cmp::Reverse(pair.millibits));
    }
    Duplicates {
        clusters: groups.clusters(),
        unsure: unsure.into_values().collect(),
    }
}

fn add(unsure: &mut BTreeMap<usize, Unsure>, place: usize, pair: Pair, reason: Rejection) {
    let one = unsure.entry(place).or_insert_with(|| Unsure {
        place,
        pairs: Vec::new(),
        cut: false,
    });
    one.pairs.push((pair, reason));
}

/// One of a pair's records: the pair, and 0 for its left one.
#[derive(Debug, Clone, Copy)]
struct End(Pair, usize);

impl End {
    const fn of(&self) -> (&Pair, usize) {
        (&self.0, self.1)
    }
}

/// The records that were joined so far.
#[derive(Default)]
struct Groups {
    /// The group of each record, by its id.
    of: BTreeMap<String, usize>,
    /// The records of each group, and its weakest pair. A group that was joined to another is empty.
    all: Vec<(BTreeMap<String, End>, i32)>,
}

impl Groups {
    /// Joins the groups of two records, if nothing keeps two of their records apart; else what does.
    fn join(
        &mut self,
        ids: [&str; 2],
        pair: Pair,
        apart: &impl Fn(End, End) -> Option<Rejection>,
    ) -> Option<Rejection> {
        let [a, b] = [0, 1].map(|side| self.group(ids[side], End(pair, side)));
        if a == b {
            return None;
        }
        for (one, end) in &self.all[a].0 {
            for (other, with) in &self.all[b].0 {
                if (one.as_str(), other.as_str()) != (ids[0], ids[1])
                    && let Some(reason) = apart(*end, *with)
                {
                    return Some(reason);
                }
            }
        }
        let (gone, weakest) = std::mem::take(&mut self.all[b]);
        self.of.extend(gone.keys().map(|id| (id.clone(), a)));
        self.all[a].0.extend(gone);
        self.all[a].1 = self.all[a].1.min(weakest).min(pair.millibits);
        None
    }

    fn group(&mut self, id: &str, end: End) -> usize {
        if let Some(group) = self.of.get(id) {
            return *group;
        }
        self.all
            .push((BTreeMap::from([(id.to_owned(), end)]), i32::MAX));
        self.of.insert(id.to_owned(), self.all.len() - 1);
        self.all.len() - 1
    }

    fn clusters(self) -> Vec<Cluster> {
        let more = self.all.into_iter().filter(|(group, _)| group.len() > 1);
        let mut all: Vec<Cluster> = more
            .map(|(group, weakest)| Cluster {
                ids: group.into_keys().collect(),
                weakest,
            })
            .collect();
        all.sort_by(|a, b| a.ids.cmp(&b.ids));
        all
    }
}
