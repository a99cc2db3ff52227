//! Two accounts become one, and two again.
//!
//! [`plan`] decides whether they may and what comes of it, as a value that a person can look at; nothing is
//! written. An account that was merged away keeps its links and its rows' origin, so an undo sends every row
//! home: what it brought by its origin, what was written since by who wrote it.

mod rows;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clever_model::{Role, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use rows::follow;
pub use rows::{Conflict, OwnedRow, OwnedRows, RowKey};
pub(crate) use undo::plan_undo;
pub use undo::{Undo, UndoPlan, UndoRefused};

use crate::directory::{Account, AccountId, AccountState, Custody};
use crate::ledger::{Actor, Draft, Event, Hash, ProofClass, UnlinkReason};
use crate::proof::Proof;
use crate::subject::SharedBy;

/// One of two accounts to merge.
#[derive(Clone)]
pub struct Side<'a> {
    /// The account, with the links of all that were merged into it.
    pub account: &'a Account,
    /// The app's own fields of it, by name. Personal data.
    pub fields: BTreeMap<String, String>,
    /// How many rows of each of the app's tables it owns.
    pub rows: BTreeMap<String, u64>,
}

impl fmt::Debug for Side<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Side")
            .field("account", &self.account.id)
            .finish_non_exhaustive()
    }
}

/// On what two accounts may be merged.
#[derive(Debug, Clone, Copy)]
pub enum Ground<'a> {
    /// Fresh proofs of both.
    Proofs(&'a [Proof]),
    /// Somebody who speaks for the authority that governs both decided it; the app's id of that person.
    Authority(&'a SharedBy, &'a str),
}

/// What becomes of a field of both accounts. `Debug` hides the values.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The survivor's value.
    pub survivor: Option<String>,
    /// The absorbed account's value.
    pub absorbed: Option<String>,
    /// Whether the survivor takes the other's value, having none.
    pub takes: bool,
}

impl Resolution {
    /// Whether both have a value, and not the same.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.survivor.is_some() && self.absorbed.is_some() && self.survivor != self.absorbed
    }
}

impl fmt::Debug for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolution")
            .field("takes", &self.takes)
            .field("conflict", &self.is_conflict())
            .finish_non_exhaustive()
    }
}

/// A merge, decided and not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MergePlan {
    /// Which account stays.
    pub survivor: AccountId,
    /// Which is entered no longer.
    pub absorbed: AccountId,
    /// The app's fields, both values kept.
    pub fields: BTreeMap<String, Resolution>,
    /// How many rows of each table change their owner.
    pub moves: BTreeMap<String, u64>,
    /// Rows of both that can't stand beside each other, as the app's tables tell.
    pub conflicts: Vec<Conflict>,
    /// The roles that the survivor has afterwards: what its live identities assert, and nothing else.
    pub roles: BTreeSet<Role>,
    /// Identities that no roster has any more and that stand in the way of one that it has.
    pub retires: BTreeSet<UserId>,
    /// Ways into the accounts that nobody proved: quarantined with the merge.
    pub quarantines: BTreeMap<AccountId, BTreeSet<Box<str>>>,
    ground: ProofClass,
    actor: Actor,
    authority: Option<SharedBy>,
}

/// Two accounts may not be merged.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergeRefused {
    /// One account is no two.
    #[error("account {0} can't be merged with itself")]
    Same(AccountId),
    /// Two sorts of people.
    #[error("accounts {0} and {1} are of two sorts of people: nothing merges them")]
    Class(AccountId, AccountId),
    /// It was merged away, or an admin closed it.
    #[error("account {0} is closed, or was merged into another: use the one that stands")]
    NotStanding(AccountId),
    /// No fresh proof of it.
    #[error(
        "account {0} is not proven: its holder must sign in to it again, at most ten minutes before"
    )]
    NotProven(AccountId),
    /// The authority does not govern it.
    #[error("account {0} is not governed by who decided this")]
    NotGoverned(AccountId),
    /// Two live identities of one district.
    #[error(
        "identities {0} and {1} are both in the roster of one district: they are two people to it"
    )]
    TwoPeople(UserId, UserId),
}

/// Decides whether two accounts may be one, and what comes of it.
///
/// `asserted` is the roles that the rosters give each identity today, `conflicts` what [`OwnedRows::conflicts`]
/// found. Total and deterministic; which of both is named first changes nothing.
///
/// # Errors
///
/// [`MergeRefused`].
pub fn plan(
    one: &Side<'_>,
    other: &Side<'_>,
    ground: Ground<'_>,
    asserted: &BTreeMap<UserId, BTreeSet<Role>>,
    conflicts: Vec<Conflict>,
    now: Timestamp,
) -> Result<MergePlan, MergeRefused> {
    let (survivor, absorbed) = in_order(one, other);
    let (stays, goes) = (survivor.account, absorbed.account);
    if stays.id == goes.id {
        return Err(MergeRefused::Same(stays.id.clone()));
    }
    for account in [stays, goes] {
        if !matches!(account.state, AccountState::Active | AccountState::Archived) {
            return Err(MergeRefused::NotStanding(account.id.clone()));
        }
    }
    if stays.class != goes.class {
        return Err(MergeRefused::Class(stays.id.clone(), goes.id.clone()));
    }
    let (ground, actor, authority) = may([stays, goes], ground, now)?;
    let retires = retired(stays, goes)?;
    let links = stays
        .links
        .iter()
        .chain(&goes.links)
        .filter(|link| !retires.contains(&link.id));
    let roles = links
        .filter_map(|link| asserted.get(&link.id))
        .flatten()
        .copied()
        .collect();
    let names: BTreeSet<&String> = survivor
        .fields
        .keys()
        .chain(absorbed.fields.keys())
        .collect();
    let fields = names.into_iter().map(|name| {
        let (survivor, absorbed) = (
            survivor.fields.get(name).cloned(),
            absorbed.fields.get(name).cloned(),
        );
        let takes = survivor.is_none() && absorbed.is_some();
        (
            name.clone(),
            Resolution {
                survivor,
                absorbed,
                takes,
            },
        )
    });
    let unproven = |account: &Account| {
        let methods = account
            .methods
            .iter()
            .filter(|method| method.proven_at.is_none());
        (
            account.id.clone(),
            methods
                .map(|method| method.id.clone())
                .collect::<BTreeSet<_>>(),
        )
    };
    Ok(MergePlan {
        survivor: stays.id.clone(),
        absorbed: goes.id.clone(),
        fields: fields.collect(),
        moves: absorbed.rows.clone(),
        conflicts,
        roles,
        retires,
        quarantines: [unproven(stays), unproven(goes)]
            .into_iter()
            .filter(|(_, all)| !all.is_empty())
            .collect(),
        ground,
        actor,
        authority,
    })
}

/// Which stays: the one that fewer may give away, then the one that was used last, then the smaller id.
fn in_order<'s, 'a>(one: &'s Side<'a>, other: &'s Side<'a>) -> (&'s Side<'a>, &'s Side<'a>) {
    let rank = |side: &Side<'_>| {
        let custody = match side.account.custody {
            Custody::Personal => 0,
            Custody::ClassMade { .. } => 1,
            Custody::Managed { .. } => 2,
            Custody::Unclaimed { .. } => 3,
        };
        (
            custody,
            std::cmp::Reverse(side.account.last_used),
            side.account.id.clone(),
        )
    };
    if rank(one) <= rank(other) {
        (one, other)
    } else {
        (other, one)
    }
}

fn may(
    accounts: [&Account; 2],
    ground: Ground<'_>,
    now: Timestamp,
) -> Result<(ProofClass, Actor, Option<SharedBy>), MergeRefused> {
    match ground {
        Ground::Proofs(proofs) => {
            let mut class = ProofClass::Staff;
            for account in accounts {
                let of = |proof: &&Proof| *proof.account() == account.id && proof.is_fresh(now);
                let proofs: Vec<&Proof> = proofs.iter().filter(of).collect();
                if proofs.is_empty() {
                    return Err(MergeRefused::NotProven(account.id.clone()));
                }
                if proofs.iter().any(|proof| !proof.is_admin()) {
                    class = ProofClass::Holder;
                }
            }
            Ok((class, Actor::Holder(accounts[0].id.clone()), None))
        }
        Ground::Authority(authority, staff) => {
            for account in accounts {
                let governed = match (authority, &account.custody) {
                    (
                        SharedBy::District(id),
                        Custody::Managed { by } | Custody::Unclaimed { by },
                    ) => id == by,
                    (SharedBy::Teacher(id), Custody::ClassMade { by }) => id == by,
                    _ => false,
                };
                if !governed {
                    return Err(MergeRefused::NotGoverned(account.id.clone()));
                }
            }
            Ok((
                ProofClass::Staff,
                Actor::Staff(staff.into()),
                Some(authority.clone()),
            ))
        }
    }
}

/// One identity a district: the one that its roster has. Two in the roster are two people.
fn retired(one: &Account, other: &Account) -> Result<BTreeSet<UserId>, MergeRefused> {
    let mut retires = BTreeSet::new();
    for a in &one.links {
        for b in other
            .links
            .iter()
            .filter(|b| b.district.is_some() && b.district == a.district)
        {
            match (a.in_roster, b.in_roster) {
                (true, true) => return Err(MergeRefused::TwoPeople(a.id.clone(), b.id.clone())),
                // If neither is, the survivor's stays.
                (_, false) => retires.insert(b.id.clone()),
                (false, true) => retires.insert(a.id.clone()),
            };
        }
    }
    Ok(retires)
}

impl MergePlan {
    /// The rows that can't stand beside each other: they stay with their origin until a person has decided.
    #[must_use]
    pub fn kept_apart(&self) -> BTreeSet<RowKey> {
        self.conflicts
            .iter()
            .flat_map(|conflict| [conflict.one.clone(), conflict.other.clone()])
            .collect()
    }

    /// The events that the merge is, in order; all in one transaction with the moving of the rows.
    #[must_use]
    pub fn events(
        &self,
        explanation: Option<Hash>,
        at: Timestamp,
        homes: &BTreeMap<UserId, AccountId>,
    ) -> Vec<Draft> {
        let mut events = Vec::new();
        for id in &self.retires {
            if let Some(account) = homes.get(id) {
                events.push(Event::Unlinked {
                    account: account.clone(),
                    id: id.clone(),
                    reason: UnlinkReason::NewId,
                });
            }
        }
        for (account, methods) in &self.quarantines {
            events.push(Event::Quarantined {
                account: account.clone(),
                methods: methods.clone(),
            });
        }
        events.push(Event::Merged {
            survivor: self.survivor.clone(),
            absorbed: self.absorbed.clone(),
            again: None,
        });
        let drafts = events.into_iter().map(|event| Draft {
            at,
            actor: self.actor.clone(),
            authority: self.authority.clone(),
            proof: self.ground,
            explanation,
            event,
        });
        drafts.collect()
    }
}
