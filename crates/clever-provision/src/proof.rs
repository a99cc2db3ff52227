//! Proof that somebody holds an account, or may speak for it. Proofs are made where the proving happened,
//! can't be copied, and go stale.

use std::fmt;

use clever_model::Timestamp;
use serde::Serialize;

use crate::directory::AccountId;

/// How long a proof is good, in seconds.
pub(crate) const MAX_PROOF_AGE_SECONDS: i64 = 600;

/// The holder of an account has just signed in to it with its own credentials, in this browser.
#[derive(Serialize)]
pub struct AccountProof {
    account: AccountId,
    at: Timestamp,
}

impl AccountProof {
    /// To be called where the app has just checked the account's own credentials in the browser session
    /// that is linking, and nowhere else: whoever holds this is taken for the account's holder.
    #[must_use]
    pub const fn after_reauthentication(account: AccountId, at: Timestamp) -> Self {
        Self { account, at }
    }
}

/// A district admin, or two people of the app's support, decided that the subject holds an account.
#[derive(Serialize)]
pub struct AdminProof {
    account: AccountId,
    at: Timestamp,
    approvers: u8,
}

impl AdminProof {
    /// An admin of the district that governs the account decided it.
    #[must_use]
    pub const fn of_district_admin(account: AccountId, at: Timestamp) -> Self {
        Self {
            account,
            at,
            approvers: 1,
        }
    }

    /// Two different people of the app's support decided it; `None` when they are one.
    #[must_use]
    pub fn of_support(
        account: AccountId,
        at: Timestamp,
        first: &str,
        second: &str,
    ) -> Option<Self> {
        (first != second).then_some(Self {
            account,
            at,
            approvers: 2,
        })
    }
}

/// A proof, of either sort.
#[derive(Debug, Serialize)]
pub enum Proof {
    /// Of the account's holder.
    Holder(AccountProof),
    /// Of someone who may decide about it.
    Admin(AdminProof),
}

impl Proof {
    /// The account that is proven.
    #[must_use]
    pub const fn account(&self) -> &AccountId {
        match self {
            Self::Holder(proof) => &proof.account,
            Self::Admin(proof) => &proof.account,
        }
    }

    /// Whether the proof is of today's hour: neither stale nor of the future.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let at = match self {
            Self::Holder(proof) => proof.at,
            Self::Admin(proof) => proof.at,
        };
        (0..=MAX_PROOF_AGE_SECONDS).contains(&(now.as_second() - at.as_second()))
    }

    /// Whether it lets roles of different classes meet.
    #[must_use]
    pub const fn is_admin(&self) -> bool {
        matches!(self, Self::Admin(_))
    }
}

impl fmt::Debug for AccountProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountProof({})", self.account)
    }
}

impl fmt::Debug for AdminProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AdminProof({}, {} approvers)",
            self.account, self.approvers
        )
    }
}
