//! What a decision is: which account, why, and what must happen with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::directory::AccountId;
use crate::effects::Effects;
use crate::rule::{Outcome, Rule};

/// On what a link rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Basis {
    /// Clever itself says that it is the same identity, under an id from before v3.
    SameIdentity,
    /// The account's holder proved it.
    Holder,
    /// An admin decided it.
    Admin,
    /// The authority governs the account, and ids and names agree; or the names and the place, or the ids and the birth date.
    Reach,
    /// The authority governs the account, and the score is high and far ahead.
    Score,
}

/// What an asked person may answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Accepts {
    /// "One of these is mine", and proof of it; or "none".
    ProofOfOffer,
    /// Signing in to an account that is not named; or "I am new".
    SignInElsewhere,
    /// Proof of all the offers, to merge them.
    ProofOfAll,
}

/// Which account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Decision {
    /// This one, which the identity opens already.
    LogIn {
        /// The account.
        account: AccountId,
    },
    /// This one, which the identity opens from now on.
    Link {
        /// The account.
        account: AccountId,
        /// What proves that the account is the person's.
        basis: Basis,
    },
    /// These, merged into one.
    Merge {
        /// The accounts, two or more.
        accounts: BTreeSet<AccountId>,
    },
    /// Ask the person.
    Ask {
        /// Accounts in reach to show, masked; at most three, best first.
        offers: Vec<AccountId>,
        /// What answers it.
        accepts: Accepts,
    },
    /// A new one.
    Create {
        /// At once; else at the person's first login.
        now: bool,
        /// Candidates that a person who may decide should look at.
        parked: BTreeSet<AccountId>,
    },
    /// None until a person has decided.
    Review {
        /// The candidates.
        candidates: BTreeSet<AccountId>,
    },
    /// None: the subject can't be served.
    Refuse,
}

/// Why a candidate was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// Nobody whom the subject's authority governs.
    OutOfReach,
    /// Another sort of person.
    OtherClass,
    /// Its trail of merges breaks.
    Broken,
    /// It was proven, but the directory lacks it: give the proofs to what reads the directory as well.
    NotInDirectory,
    /// An admin closed it.
    Suspended,
    /// Another identity of the same district opens it, and is in the roster.
    AlreadyLinked,
    /// An identity of another district opens it.
    OtherDistrict,
    /// Something contradicts.
    Contradicted,
    /// No id is equal and the given names are not certainly the same, so that it may be a twin's or another sibling's; or such
    /// a sibling is known, and the given names are not equal.
    Sibling,
    /// Nobody entered it for too long: its ids may be somebody else's today.
    Idle,
    /// Others fit as well.
    Ambiguous,
    /// Another person of the same batch fits the account as well.
    Wanted,
    /// The list of candidates is not whole: others may fit as well.
    Cut,
    /// Too little speaks for it.
    Weak,
    /// The policy wants a person's word.
    Policy,
    /// The login may have been started by somebody else.
    UnboundLogin,
}

/// Why the decision is what it is. Ids and digests only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The row of the decision table.
    pub rule: Rule,
    /// Every candidate that was not taken.
    pub rejected: BTreeMap<AccountId, Rejection>,
    /// The version that the directory was read at.
    pub directory_version: u64,
    /// A digest of everything that the decision saw; the same inputs give the same decision.
    pub inputs: [u8; 32],
}

/// A decision, its reasons, and what must happen with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// Which account.
    pub decision: Decision,
    /// Which row decided, and what it saw.
    pub why: Explanation,
    /// What must happen in the same transaction.
    pub effects: Effects,
}

impl Decided {
    /// What the decision comes to, without its particulars.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match &self.decision {
            Decision::LogIn { .. } => Outcome::LogIn,
            Decision::Link { .. } => Outcome::Link,
            Decision::Merge { .. } => Outcome::Merge,
            Decision::Ask { .. } => Outcome::Ask,
            Decision::Create { .. } if self.effects.park => Outcome::CreateAndPark,
            Decision::Create { .. } => Outcome::Create,
            Decision::Review { .. } => Outcome::Review,
            Decision::Refuse => Outcome::Refuse,
        }
    }
}
