//! `match --accounts`: the decisions about a roster land in a store of accounts.
//!
//! The store says who governs an account, what opens it, and which pairs somebody declined; the files say how alike the
//! records are. A second run changes nothing.

use std::collections::BTreeMap;
use std::sync::mpsc;

use anyhow::{Context, Result};
use clever_linkage::{Comparison, Matches, Pair, Side};
use clever_model::Timestamp;
use clever_provision::store::{
    AccountStore, AccountsError, Applied, CandidateMaterial, Material, Refusal,
};
use clever_provision::{
    AccountId, Candidate, Decided, Decision, Directory, Policy, Subject, candidates, decide,
    decide_all,
};
use serde::Serialize;

use super::config::MatchFile;
use super::decided::subject;
use super::roll::Roll;
use super::table::{SeparatedFile, Table, TableError, rows_of};

/// How often a decision is made again because somebody else changed what it saw.
const TRIES: usize = 3;

/// What landed.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Default, Serialize)]
pub(crate) struct Landed {
    /// People whose account opens for them from now on.
    pub(super) linked: usize,
    /// Open questions to a person, those of earlier runs among them.
    pub(super) reviews: usize,
    /// People about whom nothing was written, because their accounts changed while the run worked.
    pub(super) changed_meanwhile: usize,
    /// How many entries the ledger has more than before.
    ledger_entries: u64,
}

/// Decides about every right record by the store's accounts; `None` for people for whom nobody vouches.
///
/// # Errors
///
/// [`TableError::NotInStore`] if the left file has accounts that the store lacks.
pub(super) async fn by_store(
    store: &mut AccountStore,
    comparison: &Comparison<'_>,
    (file, left): (&MatchFile, SeparatedFile<'_>),
    roll: &Roll,
    policy: &Policy,
    now: Timestamp,
) -> Result<Vec<Option<Decided>>> {
    let (send, receive) = mpsc::sync_channel::<(Subject, Directory)>(256);
    let of_worker = policy.clone();
    let worker = tokio::task::spawn_blocking(move || decide_all(receive, &of_worker, now));
    let mut vouched = Vec::with_capacity(comparison.all.len());
    let mut missing = BTreeMap::new();
    for matches in &comparison.all {
        let subject = subject(comparison, roll, matches);
        vouched.push(subject.is_some());
        let Some(subject) = subject else {
            continue;
        };
        let directory = directory(store, &subject, comparison, matches).await?;
        for pair in &matches.pairs {
            let id = comparison.ids(pair)[0];
            let is_named = |one: &Candidate| one.account.as_str() == id;
            if directory.candidates.iter().any(is_named)
                && !directory.accounts.contains_key(&AccountId::new(id))
            {
                missing.insert(comparison.records(pair)[0], id);
            }
        }
        send.send((subject, directory))
            .context("deciding ended early")?;
    }
    drop(send);
    let mut decided = worker.await.context("deciding ended early")?.into_iter();
    if let Some((record, _)) = missing.first_key_value() {
        return Err(TableError::NotInStore {
            file: left.0.display().to_string(),
            many: missing.len(),
            line: Table::open(left, file, Side::Left)?.line_of(*record)?,
        }
        .into());
    }
    let all = vouched.into_iter();
    Ok(all
        .map(|is| if is { decided.next() } else { None })
        .collect())
}

async fn directory(
    store: &mut AccountStore,
    subject: &Subject,
    comparison: &Comparison<'_>,
    matches: &Matches,
) -> Result<Directory, AccountsError> {
    let found = candidates(comparison, matches);
    let mut directory = store.directory(subject, &[], found).await?;
    directory.truncated = matches.cut;
    Ok(directory)
}

/// Writes the decisions: first the questions, then the links, so that no link makes a question stale.
pub(super) async fn land(
    store: &mut AccountStore,
    comparison: &Comparison<'_>,
    (file, [left, right]): (&MatchFile, [SeparatedFile<'_>; 2]),
    roll: &Roll,
    decided: &[Option<Decided>],
    policy: &Policy,
    now: Timestamp,
) -> Result<Landed> {
    let before = store.version().await?;
    let mut landed = Landed::default();
    let questions: Vec<&Matches> = comparison
        .all
        .iter()
        .zip(decided)
        .filter(|(_, decided)| decided.as_ref().is_some_and(|one| asked(one).is_some()))
        .map(|(matches, _)| matches)
        .collect();
    let people = questions.iter().map(|matches| comparison.right_id(matches));
    let people = rows_of(right, file, Side::Right, &people.collect())?;
    let accounts = questions.iter().flat_map(|matches| &matches.pairs);
    let accounts = accounts.map(|pair| comparison.ids(pair)[0]).collect();
    let accounts = rows_of(left, file, Side::Left, &accounts)?;
    for are_questions in [true, false] {
        for (matches, decided) in comparison.all.iter().zip(decided) {
            let (Some(decided), Some(subject)) = (decided, subject(comparison, roll, matches))
            else {
                continue;
            };
            if asked(decided).is_some() != are_questions || writes_nothing(decided) {
                continue;
            }
            let material =
                are_questions.then(|| material(file, comparison, matches, &people, &accounts));
            let write = Write {
                subject: &subject,
                material: material.as_ref(),
                policy,
                now,
            };
            match write.run(store, comparison, matches, decided).await? {
                Some(Applied::Review(_)) => landed.reviews += 1,
                Some(_) if are_questions => landed.reviews += 1,
                Some(Applied::Account(_)) if matches!(decided.decision, Decision::Link { .. }) => {
                    landed.linked += 1;
                }
                Some(_) => {}
                None => landed.changed_meanwhile += 1,
            }
        }
    }
    landed.ledger_entries = store.version().await?.saturating_sub(before);
    Ok(landed)
}

/// The accounts that a person is asked about, if a decision asks.
fn asked(decided: &Decided) -> Option<&std::collections::BTreeSet<AccountId>> {
    match &decided.decision {
        Decision::Review { candidates } => Some(candidates),
        Decision::Create { parked, .. } if !parked.is_empty() => Some(parked),
        _ => None,
    }
}

/// Whether a decision leaves the store as it is: the account is made at the first login, or never.
fn writes_nothing(decided: &Decided) -> bool {
    asked(decided).is_none()
        && matches!(decided.decision, Decision::Create { .. } | Decision::Refuse)
}

/// A decision on its way into the store.
struct Write<'a> {
    subject: &'a Subject,
    material: Option<&'a Material>,
    policy: &'a Policy,
    now: Timestamp,
}

impl Write<'_> {
    /// Applies the decision. If what it saw has changed, decides again, and writes nothing if that came to a link that
    /// the whole roster was not asked about.
    async fn run(
        &self,
        store: &mut AccountStore,
        comparison: &Comparison<'_>,
        matches: &Matches,
        decided: &Decided,
    ) -> Result<Option<Applied>> {
        let mut again: Option<Decided> = None;
        for _ in 0..TRIES {
            let one = again.as_ref().unwrap_or(decided);
            let applied = store
                .apply(self.subject, one, &[], None, self.material, self.now)
                .await;
            match applied {
                Err(AccountsError::Refused(Refusal::Stale { .. })) => {}
                other => return Ok(Some(other?)),
            }
            let seen = directory(store, self.subject, comparison, matches).await?;
            let next = decide(self.subject, &[], &seen, self.policy, self.now);
            let is_new_link =
                matches!(next.decision, Decision::Link { .. }) && next.decision != decided.decision;
            if is_new_link || asked(&next).is_some() && self.material.is_none() {
                return Ok(None);
            }
            again = Some(next);
        }
        Ok(None)
    }
}

/// Both records of each candidate, for the person who is asked.
fn material(
    file: &MatchFile,
    comparison: &Comparison<'_>,
    matches: &Matches,
    people: &BTreeMap<String, Vec<String>>,
    accounts: &BTreeMap<String, Vec<String>>,
) -> Material {
    let evidence: BTreeMap<AccountId, Candidate> = candidates(comparison, matches)
        .into_iter()
        .map(|one| (one.account.clone(), one))
        .collect();
    let of_pair = |pair: &Pair| {
        let id = comparison.ids(pair)[0];
        let account = AccountId::new(id);
        let fields = comparison
            .agreements(pair)
            .map(|one| (one.field.to_owned(), (one.word().to_owned(), one.millibits)));
        let material = CandidateMaterial {
            account: named(file, accounts.get(id)),
            fields: fields.collect(),
            millibits: Some(pair.millibits),
            sibling_known: pair.sibling_known,
            ..CandidateMaterial::default()
        };
        let found = evidence.get(&account).map(|one| &one.evidence);
        let material = material.with_evidence(found.into_iter().flatten());
        (account, material)
    };
    Material {
        person: named(file, people.get(comparison.right_id(matches))),
        candidates: matches.pairs.iter().map(of_pair).collect(),
    }
}

/// A row's values by the fields' names, without the columns of scopes.
fn named(file: &MatchFile, row: Option<&Vec<String>>) -> BTreeMap<String, String> {
    let mut place = 0;
    let mut all = BTreeMap::new();
    for field in &file.field {
        if let Some(value) = row
            .and_then(|row| row.get(place))
            .filter(|value| !value.is_empty())
        {
            all.insert(field.name.clone(), value.clone());
        }
        place += 1 + usize::from(field.scope.is_some());
    }
    all
}
