//! The app's accounts as a decision sees them. Prepared outside, at one version of the app's data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clever_linkage::{Comparison, Matches};
use clever_model::{DistrictId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, evidence_of};
use crate::subject::{Class, Classes, SharedBy, Subject};

/// An account's id, as the app has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccountId(Box<str>);

impl AccountId {
    /// Takes the app's id.
    #[must_use]
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({})", self.0)
    }
}

/// Who governs an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Custody {
    /// Made by a district's roster; no credential was ever set, nobody ever entered.
    Unclaimed {
        /// The district.
        by: DistrictId,
    },
    /// Entered, but a district's contract governs it.
    Managed {
        /// The district.
        by: DistrictId,
    },
    /// A teacher typed it in, or her Library class made it.
    ClassMade {
        /// The teacher.
        by: UserId,
    },
    /// Someone signed up: nobody but the holder may give it away.
    Personal,
}

impl Custody {
    /// The district that governs the account, if one does.
    #[must_use]
    pub const fn district(&self) -> Option<&DistrictId> {
        match self {
            Self::Unclaimed { by } | Self::Managed { by } => Some(by),
            Self::ClassMade { .. } | Self::Personal => None,
        }
    }
}

/// Whether an account may be entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AccountState {
    /// It may.
    Active,
    /// Its person left the roster.
    Archived,
    /// An admin closed it.
    Suspended,
    /// It was merged into another.
    Merged {
        /// The other.
        into: AccountId,
    },
}

/// A Clever identity that opens an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LiveLink {
    /// Clever's id of the person.
    pub id: UserId,
    /// The district that vouched for it, if one did.
    pub district: Option<DistrictId>,
    /// Whether the district's roster has the id today.
    pub in_roster: bool,
    /// An admin decided it, so that it may be of another class than the account.
    pub by_admin: bool,
}

/// A way to enter or to recover an account: a password, an address, another identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoginMethod {
    /// The app's id of it.
    pub id: Box<str>,
    /// When its holder last proved to hold it: a mail round trip, an entry with it beside other proof.
    pub proven_at: Option<Timestamp>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Raised at every change of the account.
    pub version: u64,
    /// Who governs it.
    pub custody: Custody,
    /// Whose sort it is.
    pub class: Class,
    /// Whether it may be entered.
    pub state: AccountState,
    /// The Clever identities that open it.
    pub links: Vec<LiveLink>,
    /// The other ways in.
    pub methods: Vec<LoginMethod>,
    /// When somebody last entered it.
    pub last_used: Option<Timestamp>,
}

/// An account that may be the subject's, and what speaks for it and against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The account; it must be in [`Directory::accounts`].
    pub account: AccountId,
    /// What [`crate::evidence::compare`], or a linkage, found.
    pub evidence: BTreeSet<Evidence>,
}

/// What a decision may know of the app's accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Directory {
    /// The version that all of this was read at; applying a decision compares it.
    pub version: u64,
    /// Every account that is named below, and those that they were merged into.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Accounts that the subject's Clever id opens.
    pub linked: BTreeSet<AccountId>,
    /// Accounts that one of the subject's ids from before v3 opens.
    pub by_legacy_id: BTreeSet<AccountId>,
    /// Accounts that may be the subject's.
    pub candidates: Vec<Candidate>,
    /// There were more candidates than were read.
    pub truncated: bool,
}

impl Directory {
    /// Follows merges to the account that stands today. `None` where the trail breaks or turns in circles.
    pub(crate) fn standing(&self, id: &AccountId) -> Option<&Account> {
        let mut account = self.accounts.get(id)?;
        for _ in 0..=self.accounts.len() {
            match &account.state {
                AccountState::Merged { into } => account = self.accounts.get(into)?,
                _ => return Some(account),
            }
        }
        None
    }
}

/// The candidates that a comparison of files found for a person, as [`Directory::candidates`] takes them. The left
/// file's ids are the accounts'. Set [`Directory::truncated`] from [`Matches::cut`].
#[must_use]
pub fn candidates(comparison: &Comparison<'_>, matches: &Matches) -> Vec<Candidate> {
    let all = matches.pairs.iter().map(|pair| Candidate {
        account: AccountId::new(comparison.ids(pair)[0]),
        evidence: evidence_of(comparison, pair),
    });
    all.collect()
}

/// A new account, in the custody of whoever vouches for the subject.
pub(crate) fn new_account(subject: &Subject, id: &AccountId) -> Account {
    let custody = match &subject.authority {
        SharedBy::District(by) => Custody::Unclaimed { by: by.clone() },
        // A Library teacher signed up by herself.
        SharedBy::Teacher(by) if *by == subject.id => Custody::Personal,
        SharedBy::Teacher(by) => Custody::ClassMade { by: by.clone() },
    };
    Account {
        id: id.clone(),
        version: 0,
        custody,
        class: match subject.classes {
            Classes::One(class) => class,
            // Such subjects are refused (R0).
            Classes::None | Classes::Several => Class::Contact,
        },
        state: AccountState::Active,
        links: Vec::new(),
        methods: Vec::new(),
        last_used: None,
    }
}
