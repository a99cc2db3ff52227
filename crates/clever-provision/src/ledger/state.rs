//! What the ledger's events fold to. Every rule that must always hold is checked here, so that no store and
//! no caller can write an event that breaks one.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{DistrictId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::event::{Draft, Event, MergeId, ReviewId, ReviewOutcome, UnlinkReason};
use super::vault::Pair;
use crate::decide::Basis;
use crate::directory::{Account, AccountId, AccountState, Custody, LiveLink, LoginMethod};
use crate::subject::{Class, SharedBy};

/// An identity that opens an account, since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The district that vouches for it, if one does.
    pub district: Option<DistrictId>,
    /// An admin decided it.
    pub by_admin: bool,
    /// Since when.
    pub since: Timestamp,
    /// Whether the roster has it, as far as the app said.
    pub in_roster: bool,
}

/// An identity that opened an account once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Since when it did.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why no longer.
    pub reason: UnlinkReason,
}

/// An account, as far as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whose sort it is.
    pub class: Class,
    /// Who governs it.
    pub custody: Custody,
    /// Whether it may be entered.
    pub state: AccountState,
    /// What it was before it was merged into another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<AccountState>,
    /// The event that closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspended_by: Option<u64>,
    /// The identities that open it by their own links; see [`State::account`] for those of merged accounts.
    pub links: BTreeMap<UserId, LinkRecord>,
    /// Identities that did.
    pub aliases: BTreeMap<UserId, Alias>,
    /// The ways in, by the app's ids, and when each was last proven; also those that open it no longer.
    pub methods: BTreeMap<Box<str>, Option<Timestamp>>,
    /// Ways in that open it no longer, by the app's ids.
    pub quarantined: BTreeSet<Box<str>>,
    /// Sessions that are older are over.
    pub sessions_since: Option<Timestamp>,
    /// Accounts merged straight into it.
    children: BTreeSet<AccountId>,
}

impl Standing {
    /// The id of the district that governs it; empty if none does.
    pub(crate) fn governor(&self) -> &str {
        self.custody.district().map_or("", DistrictId::as_str)
    }
}

/// A merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRecord {
    /// Which account stays.
    pub survivor: AccountId,
    /// Which is entered no longer.
    pub absorbed: AccountId,
    /// When it happened.
    pub at: Timestamp,
    /// The one that stays was archived, and the other was not.
    pub opened: bool,
    /// The event that took it back.
    pub undone_by: Option<u64>,
}

/// A question to a person who may decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRecord {
    /// About whom.
    pub id: UserId,
    /// Which accounts may be the person's.
    pub candidates: BTreeSet<AccountId>,
    /// Whose data it is.
    pub district: Option<DistrictId>,
    /// When it is too late to answer.
    pub expires: Timestamp,
    /// How it ended.
    pub outcome: Option<ReviewOutcome>,
}

/// An event that can't happen: somebody decided on what is no longer so, or there is a mistake.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Impossible {
    /// Nothing is there.
    #[error("the ledger is empty")]
    Empty,
    /// No such account.
    #[error("there is no account {0}")]
    NoAccount(AccountId),
    /// An account's id is taken.
    #[error("there is an account {0} already")]
    AccountExists(AccountId),
    /// The account was merged into another.
    #[error("account {0} was merged into another: use that one")]
    Merged(AccountId),
    /// The account is closed.
    #[error("account {0} is suspended")]
    Suspended(AccountId),
    /// An identity opens one account only.
    #[error(
        "identity {id} opens account {account} already: merge the accounts, or unlink it there"
    )]
    LinkedElsewhere {
        /// The identity.
        id: UserId,
        /// The account.
        account: AccountId,
    },
    /// An account has one identity a district.
    #[error(
        "account {account} has identity {other} of the same district: one of the two must go first"
    )]
    SecondId {
        /// The account.
        account: AccountId,
        /// The identity that is there.
        other: UserId,
    },
    /// The identity does not open the account.
    #[error("identity {id} does not open account {account}")]
    NotLinked {
        /// The identity.
        id: UserId,
        /// The account.
        account: AccountId,
    },
    /// The identity opens no account.
    #[error("identity {0} opens no account")]
    NoIdentity(UserId),
    /// An account and itself, or two classes.
    #[error("accounts {0} and {1} can't be one: they are the same, or of two sorts of people")]
    NoMerge(AccountId, AccountId),
    /// No such merge, or one that was taken back.
    #[error("merge {0} is not in force")]
    NoMergeInForce(MergeId),
    /// Something that happened since stands against the undo.
    #[error("merge {merge} can't be taken back: event {by} stands against it")]
    Blocked {
        /// Which merge.
        merge: MergeId,
        /// The event's place.
        by: u64,
    },
    /// No such review, or one that ended.
    #[error("review {0} is not open")]
    NoReview(ReviewId),
    /// The answer names an account that was not asked about.
    #[error("account {account} is no candidate of review {review}")]
    NoCandidate {
        /// Which review.
        review: ReviewId,
        /// The account.
        account: AccountId,
    },
    /// The way in is not quarantined.
    #[error("way in {method} of account {account} is not quarantined")]
    NotQuarantined {
        /// The account.
        account: AccountId,
        /// The app's id of the way.
        method: Box<str>,
    },
}

/// What all events up to one fold to. A store may hold a part of it: all that the next event needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub(crate) accounts: BTreeMap<AccountId, Standing>,
    /// Which account an identity opens by its own link.
    pub(crate) by_id: BTreeMap<UserId, AccountId>,
    pub(crate) merges: BTreeMap<MergeId, MergeRecord>,
    pub(crate) reviews: BTreeMap<ReviewId, ReviewRecord>,
    pub(crate) declined: BTreeMap<Pair, Pair>,
    pub(crate) sharing: BTreeMap<UserId, SharedBy>,
    pub(crate) erased: BTreeSet<DistrictId>,
}

impl State {
    /// The accounts, as their own events left them.
    #[must_use]
    pub const fn accounts(&self) -> &BTreeMap<AccountId, Standing> {
        &self.accounts
    }

    /// The merges, also those that were taken back.
    #[must_use]
    pub const fn merges(&self) -> &BTreeMap<MergeId, MergeRecord> {
        &self.merges
    }

    /// The reviews, also those that ended.
    #[must_use]
    pub const fn reviews(&self) -> &BTreeMap<ReviewId, ReviewRecord> {
        &self.reviews
    }

    /// Who shares a person, as far as it ever changed.
    #[must_use]
    pub fn sharing(&self, id: &UserId) -> Option<&SharedBy> {
        self.sharing.get(id)
    }

    /// The evidence on which it was said that an account is not a person's.
    #[must_use]
    pub fn declined(&self, pair: Pair) -> Option<Pair> {
        self.declined.get(&pair).copied()
    }

    /// Whether a district's personal data were destroyed.
    #[must_use]
    pub fn is_erased(&self, district: &DistrictId) -> bool {
        self.erased.contains(district)
    }

    /// The account that stands for `id` today.
    #[must_use]
    pub fn standing<'a>(&'a self, id: &'a AccountId) -> Option<&'a AccountId> {
        let mut at = id;
        while let AccountState::Merged { into } = &self.accounts.get(at)?.state {
            at = into;
        }
        Some(at)
    }

    /// An account and all that were merged into it.
    #[must_use]
    pub fn group(&self, id: &AccountId) -> BTreeSet<AccountId> {
        let mut all = BTreeSet::new();
        let mut open = vec![id.clone()];
        while let Some(next) = open.pop() {
            if let Some(account) = self.accounts.get(&next) {
                open.extend(account.children.iter().cloned());
            }
            all.insert(next);
        }
        all
    }

    /// The account that an identity opens: by its link, or as an older id of the same identity.
    #[must_use]
    pub fn opened_by(&self, id: &UserId) -> Option<&AccountId> {
        let linked = self.by_id.get(id).or_else(|| {
            let mut accounts = self.accounts.iter();
            let found = accounts.find(|(_, account)| {
                account
                    .aliases
                    .get(id)
                    .is_some_and(|alias| alias.reason == UnlinkReason::SameIdentity)
            });
            found.map(|(account, _)| account)
        });
        linked.and_then(|account| self.standing(account))
    }

    /// The identities that open an account, those of accounts merged into it too.
    pub fn links(&self, id: &AccountId) -> impl Iterator<Item = (UserId, LinkRecord)> {
        let accounts = self
            .group(id)
            .into_iter()
            .filter_map(|one| self.accounts.get(&one));
        let links = accounts.flat_map(|account| account.links.clone());
        links.collect::<Vec<_>>().into_iter()
    }

    /// An account as a decision sees it, but for when it was last entered, which the ledger does not know.
    #[must_use]
    pub fn account(&self, id: &AccountId, version: u64) -> Option<Account> {
        let standing = self.accounts.get(id)?;
        let open = standing
            .methods
            .iter()
            .filter(|(method, _)| !standing.quarantined.contains(*method));
        let methods = open.map(|(method, proven_at)| LoginMethod {
            id: method.clone(),
            proven_at: *proven_at,
        });
        let links = self.links(id).map(|(user, link)| LiveLink {
            in_roster: link.in_roster,
            id: user,
            district: link.district,
            by_admin: link.by_admin,
        });
        Some(Account {
            id: id.clone(),
            version,
            custody: standing.custody.clone(),
            class: standing.class,
            state: standing.state.clone(),
            links: links.collect(),
            methods: methods.collect(),
            last_used: None,
        })
    }

    /// Applies the event at `seq`.
    ///
    /// # Errors
    ///
    /// [`Impossible`]; then nothing was changed.
    pub fn apply(&mut self, seq: u64, draft: &Draft) -> Result<(), Impossible> {
        let at = draft.at;
        match &draft.event {
            Event::Created {
                account,
                class,
                custody,
            } => {
                if self.accounts.contains_key(account) {
                    return Err(Impossible::AccountExists(account.clone()));
                }
                self.accounts
                    .insert(account.clone(), Standing::new(*class, custody.clone()));
            }
            Event::Claimed { account } => {
                let account = self.entered(account)?;
                if let Custody::Unclaimed { by } = &account.custody {
                    account.custody = Custody::Managed { by: by.clone() };
                }
            }
            Event::Linked {
                account,
                id,
                district,
                basis,
                ends_sessions,
            } => {
                self.may_link(account, id, district.as_ref())?;
                let standing = self.entered(account)?;
                if *ends_sessions {
                    standing.sessions_since = Some(at);
                }
                standing.links.insert(
                    id.clone(),
                    LinkRecord {
                        district: district.clone(),
                        by_admin: *basis == Some(Basis::Admin),
                        since: at,
                        in_roster: true,
                    },
                );
                self.by_id.insert(id.clone(), account.clone());
            }
            Event::Unlinked {
                account,
                id,
                reason,
            } => self.unlink(account, id, *reason, at)?,
            Event::Merged {
                survivor,
                absorbed,
                again,
            } => self.merge(seq, at, survivor, absorbed, *again)?,
            Event::Unmerged { merge } => self.unmerge(seq, at, *merge)?,
            Event::Asked { .. } => {}
            Event::Declined { pair, evidence } => {
                self.declined.insert(*pair, *evidence);
            }
            Event::ReviewOpened {
                id,
                candidates,
                district,
                expires,
            } => {
                let review = ReviewRecord {
                    id: id.clone(),
                    candidates: candidates.clone(),
                    district: district.clone(),
                    expires: *expires,
                    outcome: None,
                };
                self.reviews.insert(ReviewId(seq), review);
            }
            Event::Resolved { review, outcome } => {
                let open = self
                    .reviews
                    .get_mut(review)
                    .filter(|review| review.outcome.is_none());
                let open = open.ok_or(Impossible::NoReview(*review))?;
                if let ReviewOutcome::Approved(account) = outcome
                    && !open.candidates.contains(account)
                {
                    return Err(Impossible::NoCandidate {
                        review: *review,
                        account: account.clone(),
                    });
                }
                open.outcome = Some(outcome.clone());
            }
            Event::Archived { account } => self.entered(account)?.state = AccountState::Archived,
            Event::Restored { account } => self.entered(account)?.state = AccountState::Active,
            Event::Suspended { account } => {
                let account = self.entered(account)?;
                account.state = AccountState::Suspended;
                account.suspended_by = Some(seq);
                account.sessions_since = Some(at);
            }
            Event::Quarantined { account, methods } => {
                self.known(account)?
                    .quarantined
                    .extend(methods.iter().cloned());
            }
            Event::Released { account, method } => {
                if !self.known(account)?.quarantined.remove(method) {
                    return Err(Impossible::NotQuarantined {
                        account: account.clone(),
                        method: method.clone(),
                    });
                }
            }
            Event::WaysIn { account, methods } => {
                self.known(account)?.methods.clone_from(methods);
            }
            Event::InRoster { id, is } => {
                let home = self.by_id.get(id).cloned();
                let home = home.ok_or_else(|| Impossible::NoIdentity(id.clone()))?;
                if let Some(link) = self.known(&home)?.links.get_mut(id) {
                    link.in_roster = *is;
                }
            }
            Event::SharingChanged { id, now } => {
                self.sharing.insert(id.clone(), now.clone());
            }
            Event::Rewritten { .. } => {}
            Event::Erased { district } => {
                self.erased.insert(district.clone());
            }
        }
        Ok(())
    }

    fn known(&mut self, id: &AccountId) -> Result<&mut Standing, Impossible> {
        self.accounts
            .get_mut(id)
            .ok_or_else(|| Impossible::NoAccount(id.clone()))
    }

    /// An account that stands for itself and is not closed.
    fn entered(&mut self, id: &AccountId) -> Result<&mut Standing, Impossible> {
        let account = self.known(id)?;
        match account.state {
            AccountState::Merged { .. } => Err(Impossible::Merged(id.clone())),
            AccountState::Suspended => Err(Impossible::Suspended(id.clone())),
            AccountState::Active | AccountState::Archived => Ok(account),
        }
    }

    fn may_link(
        &self,
        account: &AccountId,
        id: &UserId,
        district: Option<&DistrictId>,
    ) -> Result<(), Impossible> {
        if let Some(account) = self.by_id.get(id) {
            return Err(Impossible::LinkedElsewhere {
                id: id.clone(),
                account: account.clone(),
            });
        }
        self.one_of_a_district(
            account,
            self.links(account).map(|(id, link)| (id, link.district)),
            district,
        )
    }

    fn one_of_a_district(
        &self,
        account: &AccountId,
        mut links: impl Iterator<Item = (UserId, Option<DistrictId>)>,
        district: Option<&DistrictId>,
    ) -> Result<(), Impossible> {
        let second = links.find(|(_, other)| district.is_some() && other.as_ref() == district);
        match second {
            Some((other, _)) => Err(Impossible::SecondId {
                account: account.clone(),
                other,
            }),
            None => Ok(()),
        }
    }

    fn unlink(
        &mut self,
        account: &AccountId,
        id: &UserId,
        reason: UnlinkReason,
        at: Timestamp,
    ) -> Result<(), Impossible> {
        let not_linked = || Impossible::NotLinked {
            id: id.clone(),
            account: account.clone(),
        };
        // The link may be that of an account which was merged into this one.
        let home = self.by_id.get(id).cloned().ok_or_else(not_linked)?;
        if self.standing(&home) != Some(account) {
            return Err(not_linked());
        }
        let standing = self.known(&home)?;
        let link = standing.links.remove(id).ok_or_else(not_linked)?;
        standing.aliases.insert(
            id.clone(),
            Alias {
                since: link.since,
                until: at,
                reason,
            },
        );
        self.by_id.remove(id);
        Ok(())
    }

    fn merge(
        &mut self,
        seq: u64,
        at: Timestamp,
        survivor: &AccountId,
        absorbed: &AccountId,
        again: Option<MergeId>,
    ) -> Result<(), Impossible> {
        if let Some(merge) = again {
            let same = |record: &MergeRecord| {
                record.undone_by.is_some()
                    && record.survivor == *survivor
                    && record.absorbed == *absorbed
            };
            self.merges
                .get(&merge)
                .filter(|record| same(record))
                .ok_or(Impossible::NoMergeInForce(merge))?;
        }
        let one = self.entered(survivor)?.class;
        let other = self.entered(absorbed)?.class;
        if one != other || survivor == absorbed {
            return Err(Impossible::NoMerge(survivor.clone(), absorbed.clone()));
        }
        for (_, link) in self.links(absorbed) {
            let links = self.links(survivor).map(|(id, link)| (id, link.district));
            self.one_of_a_district(survivor, links, link.district.as_ref())?;
        }
        let gone = self.entered(absorbed)?;
        let open = gone.state == AccountState::Active;
        gone.before = Some(gone.state.clone());
        gone.state = AccountState::Merged {
            into: survivor.clone(),
        };
        gone.sessions_since = Some(at);
        let stays = self.entered(survivor)?;
        // The person of both is here.
        let opened = open && stays.state == AccountState::Archived;
        if opened {
            stays.state = AccountState::Active;
        }
        stays.children.insert(absorbed.clone());
        stays.sessions_since = Some(at);
        let (survivor, absorbed) = (survivor.clone(), absorbed.clone());
        self.merges.insert(
            MergeId(seq),
            MergeRecord {
                survivor,
                absorbed,
                at,
                opened,
                undone_by: None,
            },
        );
        Ok(())
    }

    fn unmerge(&mut self, seq: u64, at: Timestamp, merge: MergeId) -> Result<(), Impossible> {
        let record = self
            .merges
            .get(&merge)
            .filter(|record| record.undone_by.is_none());
        let record = record.cloned().ok_or(Impossible::NoMergeInForce(merge))?;
        let stands = self.standing(&record.survivor).cloned();
        let stands = stands.ok_or_else(|| Impossible::NoAccount(record.survivor.clone()))?;
        // Whoever closed the one account closed both.
        if let Some(by) = self.known(&stands)?.suspended_by.filter(|by| *by > merge.0) {
            return Err(Impossible::Blocked { merge, by });
        }
        let back = self.known(&record.absorbed)?;
        back.state = back.before.take().unwrap_or(AccountState::Active);
        back.sessions_since = Some(at);
        let stays = self.known(&record.survivor)?;
        stays.children.remove(&record.absorbed);
        let is_here = stays.links.values().any(|link| link.in_roster);
        if record.opened && !is_here && stays.state == AccountState::Active {
            stays.state = AccountState::Archived;
        }
        self.known(&stands)?.sessions_since = Some(at);
        if let Some(record) = self.merges.get_mut(&merge) {
            record.undone_by = Some(seq);
        }
        Ok(())
    }
}

impl Standing {
    fn new(class: Class, custody: Custody) -> Self {
        Self {
            class,
            custody,
            state: AccountState::Active,
            before: None,
            suspended_by: None,
            links: BTreeMap::new(),
            aliases: BTreeMap::new(),
            methods: BTreeMap::new(),
            quarantined: BTreeSet::new(),
            sessions_since: None,
            children: BTreeSet::new(),
        }
    }

    /// Whether a session that began `at` is good still.
    #[must_use]
    pub fn session_is_good(&self, at: Timestamp) -> bool {
        self.state == AccountState::Active && self.sessions_since.is_none_or(|since| at >= since)
    }

    /// The accounts that the ledger says are next to this one: merged into it, or it into them.
    #[cfg(feature = "store")]
    pub(crate) fn neighbours(&self) -> impl Iterator<Item = &AccountId> {
        let into = match &self.state {
            AccountState::Merged { into } => Some(into),
            _ => None,
        };
        self.children.iter().chain(into)
    }
}
