//! From a roster to accounts: who comes gets an account or waits for a person's word, who leaves is archived, who
//! returns is restored.
//!
//! [`follow`] reads the feed of changes of clever-sync and keeps an [`AccountStore`] in step with it. Every change is
//! seen at least once; how far the accounts have come is written in the same transaction as what was done, so that a
//! program that dies at any moment continues where it was, and nothing is done twice.
//!
//! ```
//! use clever_auth::seal::{KeyId, SealingKeys};
//! use clever_model::DistrictId;
//! use clever_provision::roster::{follow, random_id};
//! use clever_provision::store::AccountStore;
//! use clever_provision::Policy;
//! use clever_sync::SqliteStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut roster = SqliteStore::in_memory()?;
//! let mut accounts = AccountStore::in_memory(SealingKeys::new(KeyId(1), &[7; 32])).await?;
//! let district = DistrictId::new("5a25ffb0c1bc2a0036000001")?;
//! let policy = Policy { create_at_sync: true, ..Policy::default() };
//! let now = "2026-09-14T12:00:00Z".parse()?;
//! let done = follow(&mut roster, &mut accounts, &district, &policy, &mut random_id, now).await?;
//! assert_eq!(done.created, 0);
//! # Ok(())
//! # }
//! ```

mod declined;
mod forget;
mod run;
mod score;

use clever_auth::seal::{Randomness, SystemRandomness};
use clever_model::{DistrictId, RecordKind, Timestamp};
use clever_sync::{Change, ChangeFilter, ChangeLog};
use serde::Serialize;
use thiserror::Error;

pub use forget::ForgottenAccounts;

use crate::directory::AccountId;
use crate::policy::Policy;
use crate::record::Unread;
use crate::store::{AccountStore, AccountsError};

/// Changes that are dealt with in one transaction: logins wait for no more.
const BATCH: u32 = 50;

/// What following a roster came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Followed {
    /// Changes of people that were dealt with.
    pub changes: u64,
    /// New accounts.
    pub created: u64,
    /// People who were joined to an account that was there.
    pub linked: u64,
    /// People whose account is made at their first login.
    pub later: u64,
    /// Accounts archived because their people left.
    pub archived: u64,
    /// Accounts restored because their people are back.
    pub restored: u64,
    /// Questions to a person who may decide, that were not asked before.
    pub reviews: u64,
    /// People whom the app does not serve: their class is blocked, or they have no role or roles that never meet.
    pub refused: u64,
    /// Records that gave no person; their accounts were left as they were.
    pub unreadable: u64,
    /// Values of records that could not be read, by part.
    pub unread: Unread,
    /// The feed's number up to which the accounts have followed.
    pub position: u64,
}

/// Accounts could not follow a roster. What was done until then stays done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The feed could not be read.
    #[error("could not read the roster's changes")]
    Roster(#[from] clever_sync::StoreError),
    /// The accounts could not be read or written.
    #[error("could not bring the accounts up to the roster")]
    Accounts(#[from] AccountsError),
    /// The feed does not continue where the accounts stopped.
    #[error(
        "the accounts of district {district} have followed a roster up to change {position}, which this store does \
         not have: it is another roster, or one that was started again from the beginning"
    )]
    OtherRoster {
        /// Whose roster.
        district: DistrictId,
        /// How far the accounts have come.
        position: u64,
    },
    /// The files' scores could not be made.
    #[error("could not compare the newcomers with the accounts of people who left: {0}")]
    Score(String),
}

/// A new account's id of 128 random bits, in hexadecimal.
///
/// # Errors
///
/// [`crate::store::Refusal::NoRandomness`] where the system has no randomness.
pub fn random_id() -> Result<AccountId, AccountsError> {
    let mut bytes = [0; 16];
    SystemRandomness
        .fill(&mut bytes)
        .map_err(AccountsError::from)?;
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    Ok(AccountId::new(digits.collect::<String>()))
}

/// Brings the accounts of a district up to its roster. `new_id` makes the id of a new account; the clock is the
/// caller's.
///
/// Each run of the sync is followed as a whole: first the leavers, so that a changed Clever id finds the account that
/// they left behind, then those who fit an account from before, all at once, then everybody. At the end, whoever was said
/// since the last time to be nobody from before gets an account, if the policy makes accounts at the sync.
///
/// # Errors
///
/// [`FollowError`]; what was done until then stays done, and the next call goes on behind it.
pub async fn follow<L: ChangeLog>(
    log: &mut L,
    accounts: &mut AccountStore,
    district: &DistrictId,
    policy: &Policy,
    new_id: &mut (dyn FnMut() -> Result<AccountId, AccountsError> + Send),
    now: Timestamp,
) -> Result<Followed, FollowError> {
    let mut done = Followed::default();
    let at = accounts.position(district).await?;
    if at.seq > 0
        && first(log, district, at.seq - 1)
            .await?
            .is_none_or(|it| it.seq != at.seq)
    {
        return Err(FollowError::OtherRoster {
            district: district.clone(),
            position: at.seq,
        });
    }
    done.position = at.seq;
    let mut began = at.began;
    while let Some(next) = first(log, district, done.position).await? {
        // A run that was cut short is repeated from its beginning: who fits an account is decided for all of it.
        let goes_on = began < done.position
            && first(log, district, began)
                .await?
                .is_some_and(|it| it.run == next.run);
        if !goes_on {
            began = done.position;
        }
        let mut run = run::Run {
            log: &mut *log,
            accounts: &mut *accounts,
            district,
            deciding: run::Deciding {
                policy,
                new_id: &mut *new_id,
                now,
                done: &mut done,
            },
            number: next.run,
            began,
        };
        run.follow().await?;
    }
    if policy.create_at_sync {
        let deciding = run::Deciding {
            policy,
            new_id,
            now,
            done: &mut done,
        };
        declined::decide_again(log, accounts, district, deciding).await?;
    }
    accounts.measure().await?;
    Ok(done)
}

/// The first change of a person behind `after`.
async fn first<L: ChangeLog>(
    log: &mut L,
    district: &DistrictId,
    after: u64,
) -> Result<Option<Change>, FollowError> {
    let filter = ChangeFilter {
        kind: Some(RecordKind::Users),
        after,
        limit: 1,
        ..ChangeFilter::default()
    };
    let changes = log.changes(district.as_str(), &filter).await?;
    Ok(changes.into_iter().next())
}
