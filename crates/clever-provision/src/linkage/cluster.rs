//! Records of one file that are one person's.
//!
//! Two records are joined where a link would be made without a person's word: the same guards hold. What two
//! clusters contradict each other in keeps them apart, whatever stands between them: two twins don't become
//! one because a third record could be either's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::block::Blocks;
use super::compare::Comparer;
use super::kin::Kin;
use super::link::{Candidate, Doubt, Link, Links, Verdict, given_is_equal, pair_doubt};
use super::model::{Model, ModelError};
use super::nicknames::Nicknames;
use super::people::People;
use super::{Run, Shape, walk};

/// Two records of one file that may be one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The two rows, the smaller first.
    pub(crate) rows: (u32, u32),
    /// The log-odds that both are one person's, in millibits.
    pub millibits: i32,
    /// Why they are not joined without a person's word.
    pub doubt: Option<Doubt>,
    candidate: Candidate,
    sibling: bool,
}

/// Records that are one person's; in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    rows: Vec<u32>,
    /// The lowest score of the pairs that hold it together, in millibits.
    pub weakest: i32,
}

/// All clusters of two records and more, and what a person must look at.
#[derive(Debug)]
pub struct Clusters<'a> {
    people: &'a People,
    /// The pairs, best first: those that are joined, and those that a person must look at.
    pub pairs: Vec<Pair>,
    /// The clusters, in the order of their first records' ids.
    pub all: Vec<Cluster>,
    /// What a person must look at: records, and the earlier ones of the file that may be the same person's.
    pub review: Links<'a>,
}

/// Finds who is in the left file more than once: joins two records from `least` millibits on.
pub(crate) fn clusters<'a>(
    people: &'a People,
    nicknames: &Nicknames,
    model: &Model,
    least: i32,
    run: &Run<'_>,
) -> Result<Clusters<'a>, ModelError> {
    let scorer = Arc::new(model.scorer(people)?);
    let blocks = Blocks::new(people, true);
    let kin = Kin::new(people, true);
    let floor = people.config.decide.review.min(least);
    let state = || (Comparer::new(people, nicknames, true), Vec::new());
    let parts = walk::chunks(
        people.left.len(),
        run.threads,
        run.progress,
        state,
        |(comparer, rows), range| {
            let mut found = Vec::new();
            let mut cut = Vec::new();
            for row in range {
                let cells = people.left.row(row);
                let right = u32::try_from(row).unwrap_or(u32::MAX);
                if blocks.candidates(people, cells, row, rows) {
                    cut.push(right);
                }
                for left in rows
                    .iter()
                    .filter(|left| Shape::OneFile.counts(**left as usize, row))
                {
                    let other = people.left.row(*left as usize);
                    let pattern = comparer.compare(other, cells);
                    let millibits = scorer.score(pattern, other);
                    if millibits < floor {
                        continue;
                    }
                    let candidate = Candidate {
                        left: *left,
                        pattern,
                        millibits,
                        in_reach: true,
                        may_be_sibling: kin.may_be_siblings(pattern, other, cells),
                    };
                    let sibling = kin.has_sibling(comparer, *left, right);
                    let mut doubt =
                        pair_doubt(people, &kin, pattern, candidate.may_be_sibling, || {
                            millibits < least
                        });
                    if doubt.is_none() && sibling && !given_is_equal(people, pattern) {
                        doubt = Some(Doubt::Sibling);
                    }
                    found.push(Pair {
                        rows: (*left, right),
                        millibits,
                        doubt,
                        candidate,
                        sibling,
                    });
                }
            }
            (found, cut)
        },
    );
    let mut pairs = Vec::new();
    let mut cut = BTreeSet::new();
    for (found, of_part) in parts {
        pairs.extend(found);
        cut.extend(of_part);
    }
    pairs.sort_unstable_by_key(|pair| (std::cmp::Reverse(pair.millibits), pair.rows));
    let mut comparer = Comparer::new(people, nicknames, true);
    let mut apart = |a: u32, b: u32| {
        let (left, right) = (people.left.row(a as usize), people.left.row(b as usize));
        let pattern = comparer.compare(left, right);
        let may_be = kin.may_be_siblings(pattern, left, right);
        pair_doubt(people, &kin, pattern, may_be, || false)
    };
    let all = joined(people.left.len(), &mut pairs, &mut apart);
    let review = for_review(&pairs, &cut, people);
    Ok(Clusters {
        people,
        pairs,
        all,
        review: Links::within(people, scorer, review),
    })
}

/// Joins the pairs without a doubt, best first. A pair whose records' clusters hold two that can't be one
/// person's gets that doubt.
fn joined(
    rows: usize,
    pairs: &mut [Pair],
    apart: &mut impl FnMut(u32, u32) -> Option<Doubt>,
) -> Vec<Cluster> {
    let mut parent: Vec<u32> = (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect();
    let mut clusters: BTreeMap<u32, Cluster> = BTreeMap::new();
    for pair in pairs.iter_mut().filter(|pair| pair.doubt.is_none()) {
        let (a, b) = (
            root(&mut parent, pair.rows.0),
            root(&mut parent, pair.rows.1),
        );
        if a == b {
            continue;
        }
        let members = |root: u32| {
            clusters
                .get(&root)
                .map_or_else(|| vec![root], |cluster| cluster.rows.clone())
        };
        let (of_a, of_b) = (members(a), members(b));
        let across = of_a
            .iter()
            .flat_map(|one| of_b.iter().map(move |other| (*one, *other)));
        pair.doubt = across
            .filter(|rows| *rows != pair.rows)
            .find_map(|(one, other)| apart(one.min(other), one.max(other)));
        if pair.doubt.is_some() {
            continue;
        }
        let (low, high) = (a.min(b), a.max(b));
        parent[high as usize] = low;
        let weakest = [clusters.remove(&a), clusters.remove(&b)]
            .into_iter()
            .flatten()
            .map(|cluster| cluster.weakest)
            .fold(pair.millibits, i32::min);
        let mut rows = of_a;
        rows.extend(of_b);
        rows.sort_unstable();
        clusters.insert(low, Cluster { rows, weakest });
    }
    let mut all: Vec<Cluster> = clusters.into_values().collect();
    all.sort_unstable_by(|a, b| a.rows.cmp(&b.rows));
    all
}

/// The pairs in doubt, a record after another; and the records whose block was too large to be read.
fn for_review(pairs: &[Pair], cut: &BTreeSet<u32>, people: &People) -> Vec<Link> {
    let thresholds = &people.config.decide;
    let mut links: BTreeMap<u32, Link> = BTreeMap::new();
    let empty = |right: u32| Link {
        right,
        verdict: Verdict::Review,
        doubt: Some(Doubt::Cut),
        candidates: Vec::new(),
        lead: 0,
        cut: cut.contains(&right),
        sibling: false,
    };
    let in_doubt = pairs
        .iter()
        .filter(|pair| pair.doubt.is_some() && pair.millibits >= thresholds.review);
    for pair in in_doubt {
        let link = links
            .entry(pair.rows.1)
            .or_insert_with(|| empty(pair.rows.1));
        if link.candidates.is_empty() {
            (link.doubt, link.sibling) = (pair.doubt, pair.sibling);
            link.lead = pair.millibits.saturating_sub(thresholds.review);
        } else if link.candidates.len() == 1 {
            link.lead = link.candidates[0].millibits.saturating_sub(pair.millibits);
        }
        if link.candidates.len() < usize::from(thresholds.candidates) {
            link.candidates.push(pair.candidate);
        }
    }
    for right in cut {
        links.entry(*right).or_insert_with(|| empty(*right));
    }
    links.into_values().collect()
}

impl Clusters<'_> {
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
