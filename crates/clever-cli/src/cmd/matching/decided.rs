//! Decisions about the records of files, and what the files that are written show of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use clever_linkage::{Comparison, Matches, Pair, Side};
use clever_model::Timestamp;
use clever_provision::duplicates::Unsure;
use clever_provision::{
    AccountId, Decided, Decision, Directory, Outcome, Policy, Rejection, Subject, candidates,
    decide_all,
};
use serde::Serialize;

use super::roll::Roll;

/// Decides about every right record by the files alone; `None` for people for whom nobody vouches.
pub(super) fn by_files(
    comparison: &Comparison<'_>,
    roll: &Roll,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Option<Decided>> {
    let mut vouched = Vec::with_capacity(comparison.all.len());
    let asked = comparison.all.iter().filter_map(|matches| {
        let subject = subject(comparison, roll, matches);
        vouched.push(subject.is_some());
        Some((subject?, directory(comparison, roll, matches)))
    });
    let mut decided = decide_all(asked, policy, now).into_iter();
    vouched
        .into_iter()
        .map(|is| if is { decided.next() } else { None })
        .collect()
}

/// The person of a right record.
pub(super) fn subject(
    comparison: &Comparison<'_>,
    roll: &Roll,
    matches: &Matches,
) -> Option<Subject> {
    let place = comparison.right_record(matches);
    roll.subject(Side::Right, place, comparison.right_id(matches))
}

/// What the files know of the accounts that may be the person's.
fn directory(comparison: &Comparison<'_>, roll: &Roll, matches: &Matches) -> Directory {
    let accounts = matches.pairs.iter().filter_map(|pair| {
        let ([id, _], [place, _]) = (comparison.ids(pair), comparison.records(pair));
        Some((AccountId::new(id), roll.account(Side::Left, place, id)?))
    });
    Directory {
        accounts: accounts.collect(),
        candidates: candidates(comparison, matches),
        truncated: matches.cut,
        ..Directory::default()
    }
}

/// What the files show of the decision about a record.
pub(super) struct Shown {
    /// The record's place in [`Comparison::all`].
    pub(super) place: usize,
    pub(super) decision: String,
    pub(super) rule: String,
    /// Why it is not a link.
    pub(super) doubt: Option<String>,
    /// The pairs to show, best first.
    pub(super) pairs: Vec<Pair>,
    /// A person must look at it.
    pub(super) is_asked: bool,
    /// The pair that is a link now.
    pub(super) linked: Option<Pair>,
}

/// What is shown of the decisions about all right records; at most `most` pairs of each.
pub(super) fn shown(
    comparison: &Comparison<'_>,
    decided: &[Option<Decided>],
    most: usize,
) -> Result<Vec<Shown>> {
    let all = comparison.all.iter().zip(decided).enumerate();
    all.map(|(place, (matches, decided))| {
        let Some(decided) = decided else {
            return Ok(Shown {
                place,
                decision: word(Outcome::Refuse)?,
                rule: String::new(),
                doubt: Some("nobody_shares".to_owned()),
                pairs: matches.pairs.iter().take(most).copied().collect(),
                is_asked: false,
                linked: None,
            });
        };
        let taken = match &decided.decision {
            Decision::LogIn { account } | Decision::Link { account, .. } => Some(account),
            _ => None,
        };
        let is_taken =
            |pair: &Pair| taken.is_some_and(|account| account.as_str() == comparison.ids(pair)[0]);
        let rejection = |pair: &Pair| {
            let account = AccountId::new(comparison.ids(pair)[0]);
            decided.why.rejected.get(&account).copied()
        };
        let is_far = |pair: &Pair| {
            matches!(
                rejection(pair),
                Some(Rejection::OutOfReach | Rejection::OtherClass)
            )
        };
        let mut pairs = matches.pairs.clone();
        // Whom the decision was between comes first; each part stays in the order of the scores.
        pairs.sort_by_key(|pair| (!is_taken(pair), is_far(pair)));
        let doubt = match pairs.first() {
            _ if taken.is_some() => None,
            _ if matches.cut => Some(Rejection::Cut),
            Some(best) => rejection(best),
            None => None,
        };
        pairs.truncate(most);
        let outcome = decided.outcome();
        let is_link = matches!(decided.decision, Decision::Link { .. });
        Ok(Shown {
            place,
            decision: word(outcome)?,
            rule: decided.why.rule.to_string(),
            doubt: doubt.map(word).transpose()?,
            is_asked: matches!(outcome, Outcome::Review | Outcome::CreateAndPark),
            linked: pairs
                .first()
                .copied()
                .filter(|pair| is_link && is_taken(pair)),
            pairs,
        })
    })
    .collect()
}

/// What is shown of a record that may be in its file before; at most `most` pairs.
pub(super) fn shown_again(unsure: &Unsure, most: usize) -> Result<Shown> {
    let first = unsure.pairs.first().map(|(_, reason)| *reason);
    let doubt = first.unwrap_or(Rejection::Cut);
    Ok(Shown {
        place: unsure.place,
        decision: word(Outcome::Review)?,
        rule: String::new(),
        doubt: Some(word(doubt)?),
        pairs: unsure
            .pairs
            .iter()
            .take(most)
            .map(|(pair, _)| *pair)
            .collect(),
        is_asked: true,
        linked: None,
    })
}

/// How often each decision was made.
pub(super) fn decisions(shown: &[Shown]) -> BTreeMap<String, usize> {
    counted(shown.iter().map(|one| &one.decision))
}

/// Why a person must look, and how often.
pub(super) fn doubts(shown: &[Shown]) -> BTreeMap<String, usize> {
    let asked = shown.iter().filter(|one| one.is_asked);
    counted(asked.filter_map(|one| one.doubt.as_ref()))
}

fn counted<'s>(words: impl Iterator<Item = &'s String>) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for word in words {
        *all.entry(word.clone()).or_default() += 1;
    }
    all
}

/// The ids of the records that a person must look at, of the left and of the right file.
pub(super) fn asked<'c>(comparison: &'c Comparison<'_>, shown: &[Shown]) -> [BTreeSet<&'c str>; 2] {
    let mut ids = [BTreeSet::new(), BTreeSet::new()];
    for one in shown.iter().filter(|one| one.is_asked) {
        ids[1].insert(comparison.right_id(&comparison.all[one.place]));
        ids[0].extend(one.pairs.iter().map(|pair| comparison.ids(pair)[0]));
    }
    ids
}

/// A unit variant's name, as it is written in files.
fn word(value: impl Serialize) -> Result<String> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        other => Ok(other.to_string()),
    }
}
