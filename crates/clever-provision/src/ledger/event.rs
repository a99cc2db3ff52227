//! The events of the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clever_model::{DistrictId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::vault::Pair;
use crate::decide::Basis;
use crate::directory::{AccountId, Custody};
use crate::subject::{Class, SharedBy};

/// A merge, named by the place of its event in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct MergeId(pub u64);

/// A review, named by the place of the event that opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ReviewId(pub u64);

impl fmt::Display for MergeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ReviewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The program, by its rules.
    Program,
    /// A Clever identity, at a login.
    Identity(UserId),
    /// The holder of an account.
    Holder(AccountId),
    /// A person of the app's staff or of the district, by the app's id of them.
    Staff(Box<str>),
}

/// On what proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProofClass {
    /// None: by reach alone.
    None,
    /// Clever vouched for the identity.
    Login,
    /// The account's holder proved it.
    Holder,
    /// Somebody decided who may: a district's admin, or two of support.
    Staff,
}

/// Why an identity opens an account no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnlinkReason {
    /// Clever says that another id is the same identity: the old id goes on meaning this account.
    SameIdentity,
    /// Clever gave the person another id; the old one may be somebody else's one day.
    NewId,
    /// Somebody decided it.
    Decided,
}

/// How a review ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReviewOutcome {
    /// It is this account.
    Approved(AccountId),
    /// It is none of them.
    Declined,
    /// Nobody answered in time, or the person left.
    Expired,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An account is there from now on.
    Created {
        /// The account that is new.
        account: AccountId,
        /// Whose sort.
        class: Class,
        /// Who governs it.
        custody: Custody,
    },
    /// A person entered an account for the first time, so that a district manages it.
    Claimed {
        /// The account that was entered.
        account: AccountId,
    },
    /// An identity opens an account from now on.
    Linked {
        /// Which account.
        account: AccountId,
        /// The identity.
        id: UserId,
        /// The district that vouches for it, if one does.
        district: Option<DistrictId>,
        /// On what it rests; `None` where the account was made for the identity.
        basis: Option<Basis>,
        /// Whether sessions from before end with it.
        ends_sessions: bool,
    },
    /// An identity opens an account no longer.
    Unlinked {
        /// Which account.
        account: AccountId,
        /// The identity.
        id: UserId,
        /// Why the link ended.
        reason: UnlinkReason,
    },
    /// Two accounts are one from now on.
    Merged {
        /// Which stays.
        survivor: AccountId,
        /// Which is entered no longer.
        absorbed: AccountId,
        /// The merge that this does again, after an undo.
        again: Option<MergeId>,
    },
    /// A merge was taken back.
    Unmerged {
        /// The merge that was taken back.
        merge: MergeId,
    },
    /// A person was asked about accounts.
    Asked {
        /// The person.
        id: UserId,
        /// How many accounts were shown.
        offers: u8,
    },
    /// A person, or whoever may decide, said that an account is not the person's.
    Declined {
        /// Person and account.
        pair: Pair,
        /// A digest of what spoke for it; other evidence may be asked about again.
        evidence: Pair,
    },
    /// A person must decide.
    ReviewOpened {
        /// About whom.
        id: UserId,
        /// Which accounts may be the person's.
        candidates: BTreeSet<AccountId>,
        /// Whose data it is.
        district: Option<DistrictId>,
        /// When it is too late to answer.
        #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
        expires: Timestamp,
    },
    /// A review ended.
    Resolved {
        /// The review that was answered.
        review: ReviewId,
        /// What the answer was.
        outcome: ReviewOutcome,
    },
    /// An account's person left the roster.
    Archived {
        /// The account of the person who left.
        account: AccountId,
    },
    /// An account's person is back.
    Restored {
        /// The account of the person who is back.
        account: AccountId,
    },
    /// An admin closed an account.
    Suspended {
        /// The account that was closed.
        account: AccountId,
    },
    /// Ways into an account that nobody proved open it no longer.
    Quarantined {
        /// Which account.
        account: AccountId,
        /// The app's ids of the ways.
        methods: BTreeSet<Box<str>>,
    },
    /// The holder proved a way into an account that was closed.
    Released {
        /// Which account.
        account: AccountId,
        /// The app's id of the way.
        method: Box<str>,
    },
    /// The app said which ways into an account there are.
    WaysIn {
        /// Which account.
        account: AccountId,
        /// The app's ids of the ways, and when each was last proven.
        #[cfg_attr(
            feature = "schema",
            schemars(with = "BTreeMap<Box<str>, Option<clever_model::schema::Instant>>")
        )]
        methods: BTreeMap<Box<str>, Option<Timestamp>>,
    },
    /// The app said whether the roster has an identity.
    InRoster {
        /// The identity.
        id: UserId,
        /// Whether it has.
        is: bool,
    },
    /// Another shares a person than before: a district took over from a teacher, or went.
    SharingChanged {
        /// The person.
        id: UserId,
        /// Who does now.
        now: SharedBy,
    },
    /// Entries before this one were rewritten, with other names for identities that are forgotten.
    Rewritten {
        /// How many were.
        entries: u64,
        /// The hash of the last entry before that.
        before: Hash,
    },
    /// A district's personal data were destroyed.
    Erased {
        /// Which district.
        district: DistrictId,
    },
}

/// An event to append: with who, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Draft {
    /// When it happened.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// Who governs what it is about.
    pub authority: Option<SharedBy>,
    /// On what proof.
    pub proof: ProofClass,
    /// The digest of what the decision saw ([`crate::Explanation::inputs`]).
    pub explanation: Option<Hash>,
    /// What happened.
    pub event: Event,
}

impl fmt::Display for Event {
    /// What happened, in a sentence without names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl Event {
    fn sentence(&self) -> String {
        match self {
            Self::Created { account, .. } => format!("account {account} was made"),
            Self::Claimed { account } => {
                format!("account {account} was entered for the first time")
            }
            Self::Linked {
                account, id, basis, ..
            } => match basis {
                Some(basis) => {
                    let by = match basis {
                        Basis::SameIdentity => "it is the same person's id",
                        Basis::Holder => "its holder proved it",
                        Basis::Admin => "somebody who may decided it",
                        Basis::Reach => "ids and names agree",
                        Basis::Score => "the records are one person's beyond doubt",
                    };
                    format!("{id} opens account {account} from now on: {by}")
                }
                None => format!("{id} opens account {account}, which was made for it"),
            },
            Self::Unlinked { account, id, .. } => format!("{id} opens account {account} no longer"),
            Self::Merged {
                survivor, absorbed, ..
            } => {
                format!("account {absorbed} was merged into {survivor}")
            }
            Self::Unmerged { merge } => format!("merge {merge} was taken back"),
            Self::Asked { id, .. } => format!("{id} was asked for an account from before"),
            Self::Declined { .. } => "somebody said that it is not the person's".to_owned(),
            Self::ReviewOpened { id, .. } => format!("a person was asked about {id}"),
            Self::Resolved { review, .. } => format!("review {review} was answered"),
            Self::Archived { account } => format!("account {account} was archived"),
            Self::Restored { account } => format!("account {account} was restored"),
            Self::Suspended { account } => format!("account {account} was suspended"),
            Self::Quarantined { account, .. } => {
                format!("ways into account {account} that nobody proved were closed")
            }
            Self::Released { account, .. } => format!("a way into account {account} was proven"),
            Self::WaysIn { account, .. } => format!("the ways into account {account} changed"),
            Self::InRoster { id, is } => {
                let there = if *is { "is in" } else { "left" };
                format!("{id} {there} the roster")
            }
            Self::SharingChanged { id, .. } => format!("{id} is shared by another than before"),
            Self::Rewritten { entries, .. } => format!(
                "{entries} {} written again without the people who were forgotten",
                if *entries == 1 {
                    "entry was"
                } else {
                    "entries were"
                }
            ),
            Self::Erased { district } => {
                format!("the personal data of district {district} were erased")
            }
        }
    }
}

impl fmt::Display for Actor {
    /// Who it was, as the end of a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.write_str("by rule"),
            Self::Identity(id) => write!(f, "at a sign-in of {id}"),
            Self::Holder(id) => write!(f, "by the holder of account {id}"),
            Self::Staff(id) => write!(f, "by {id}"),
        }
    }
}
