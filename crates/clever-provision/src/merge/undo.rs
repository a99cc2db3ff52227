//! A merge taken back.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{Timestamp, UserId};
use serde::Serialize;
use thiserror::Error;

use super::rows::{Moves, OwnedRows};
use super::rows::{OwnedRow, RowKey};
use crate::directory::AccountId;
use crate::ledger::{Actor, Draft, Event, Impossible, MergeId, ProofClass, State};

/// Seconds in which a merge can be taken back: ninety days.
const WINDOW: i64 = 90 * 86_400;

/// Who takes a merge back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// Who takes the merge back.
    pub actor: Actor,
    /// On what proof; not less than the merge itself rested on.
    pub proof: ProofClass,
    /// When it is taken back.
    pub at: Timestamp,
}

/// An undo, decided and not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoPlan {
    /// The merge.
    pub merge: MergeId,
    /// The account that is there again.
    pub back: AccountId,
    /// The account that loses what was not its own.
    pub from: AccountId,
    /// Rows that change hands: which, their owner and their origin afterwards.
    pub rows: Moves,
    /// Rows written since the merge of which nobody knows who wrote them: they stay where they are.
    pub unattributed: Vec<RowKey>,
    event: Draft,
}

/// A merge can't be taken back.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UndoRefused {
    /// No such merge is in force, or something since stands against it.
    #[error(transparent)]
    Impossible(#[from] Impossible),
    /// Too late.
    #[error("merge {merge} is older than ninety days: what was written since is too much to part")]
    TooLate {
        /// Which merge.
        merge: MergeId,
    },
    /// The merge rested on more.
    #[error(
        "merge {merge} rested on proof, and the undo rests on less: prove one of its accounts, or let staff decide"
    )]
    Proof {
        /// Which merge.
        merge: MergeId,
    },
}

/// Decides whether a merge can be taken back, and where every row goes.
///
/// `ground` is the proof that the merge rested on, `rows` those of [`super::OwnedRows::of_origin`] for the whole
/// [`State::group`] of the account that stands. The ways in that the merge quarantined stay closed, and no
/// session comes back.
///
/// # Errors
///
/// [`UndoRefused`].
pub(crate) fn plan_undo(
    state: &State,
    merge: MergeId,
    ground: ProofClass,
    undo: &Undo,
    rows: &[OwnedRow],
) -> Result<UndoPlan, UndoRefused> {
    let record = state
        .merges()
        .get(&merge)
        .filter(|record| record.undone_by.is_none());
    let record = record.ok_or(Impossible::NoMergeInForce(merge))?;
    if undo.at.as_second() - record.at.as_second() > WINDOW {
        return Err(UndoRefused::TooLate { merge });
    }
    if undo.proof < ground {
        return Err(UndoRefused::Proof { merge });
    }
    let event = Draft {
        at: undo.at,
        actor: undo.actor.clone(),
        authority: None,
        proof: undo.proof,
        explanation: None,
        event: Event::Unmerged { merge },
    };
    let mut after = state.clone();
    after.apply(u64::MAX, &event)?;
    let stood = state.standing(&record.survivor).unwrap_or(&record.survivor);
    let group = state.group(stood);
    let homes = homes(&after, &group);
    let mut moves = Vec::new();
    let mut unattributed = Vec::new();
    let going = after.group(&record.absorbed);
    for row in rows {
        let since = row.written >= record.at;
        let mut origin = &row.origin;
        // What was written since, and bears the survivor's name only because both were one.
        if since && !going.contains(origin) {
            match row.actor.as_ref().map(|actor| homes.get(actor)) {
                Some(Some(home)) if going.contains(*home) => origin = home,
                Some(Some(_)) => {}
                Some(None) | None => unattributed.push(row.row.clone()),
            }
        }
        let owner = after.standing(origin).unwrap_or(origin);
        if (owner, origin) != (&row.owner, &row.origin) {
            moves.push((row.row.clone(), owner.clone(), origin.clone()));
        }
    }
    Ok(UndoPlan {
        merge,
        back: record.absorbed.clone(),
        from: stood.clone(),
        rows: moves,
        unattributed,
        event,
    })
}

/// The account that each identity of a group has its own link to, or had.
fn homes<'a>(
    state: &'a State,
    group: &'a BTreeSet<AccountId>,
) -> BTreeMap<&'a UserId, &'a AccountId> {
    let mut all = BTreeMap::new();
    for id in group {
        if let Some(account) = state.accounts().get(id) {
            all.extend(
                account
                    .aliases
                    .keys()
                    .chain(account.links.keys())
                    .map(|user| (user, id)),
            );
        }
    }
    all
}

impl UndoPlan {
    /// The event that the undo is; in one transaction with [`UndoPlan::send_home`].
    #[must_use]
    pub fn event(&self) -> Draft {
        self.event.clone()
    }

    /// Sends the rows home.
    ///
    /// # Errors
    ///
    /// Where the app's tables can't be written.
    pub async fn send_home<R: OwnedRows>(&self, tables: &mut R) -> Result<(), R::Error> {
        for (row, owner, origin) in &self.rows {
            tables.give(row, owner, origin).await?;
        }
        Ok(())
    }
}
