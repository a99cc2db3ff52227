//! Accounts in memory: the simplest that applying a decision can mean. The properties hold the decisions against it.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::Timestamp;

use crate::decide::{Basis, Decided, Decision};
use crate::directory::{
    Account, AccountId, AccountState, Candidate, Custody, Directory, LiveLink, new_account,
};
use crate::subject::Subject;

/// Accounts, at a version that every change raises.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryAccounts {
    version: u64,
    accounts: BTreeMap<AccountId, Account>,
}

/// Why a decision was not applied. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum ApplyError {
    /// The accounts changed since the decision: read the directory again and decide again.
    #[error("decided at version {decided}, the accounts are at {now}: decide again")]
    Stale {
        /// The version that the decision was made from.
        decided: u64,
        /// The accounts' version.
        now: u64,
    },
    /// The decision is for a person to take part in: a question, a review, a merge.
    #[error("the decision asks for a person's word; there is nothing to apply")]
    NotForMachines,
    /// A new account needs an id that is free.
    #[error("there is an account {0} already")]
    IdTaken(AccountId),
}

impl MemoryAccounts {
    /// Takes accounts as they are.
    #[must_use]
    pub(super) fn new(accounts: impl IntoIterator<Item = Account>) -> Self {
        Self {
            version: 1,
            accounts: accounts
                .into_iter()
                .map(|account| (account.id.clone(), account))
                .collect(),
        }
    }

    /// The accounts.
    #[must_use]
    pub(super) fn accounts(&self) -> &BTreeMap<AccountId, Account> {
        &self.accounts
    }

    /// What a decision about `subject` may know, with candidates that the app found.
    #[must_use]
    pub(super) fn directory(&self, subject: &Subject, candidates: Vec<Candidate>) -> Directory {
        let opened_by = |id: &clever_model::UserId| {
            self.accounts
                .values()
                .filter(|account| account.links.iter().any(|link| &link.id == id))
                .map(|account| account.id.clone())
                .collect::<BTreeSet<_>>()
        };
        Directory {
            version: self.version,
            accounts: self.accounts.clone(),
            linked: opened_by(&subject.id),
            by_legacy_id: subject.legacy_ids.iter().flat_map(opened_by).collect(),
            candidates,
            truncated: false,
        }
    }

    /// Applies a decision, whole or not at all. A new account gets `new_id`; the account is returned.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]; then nothing was changed.
    pub(super) fn apply(
        &mut self,
        subject: &Subject,
        decided: &Decided,
        new_id: &AccountId,
        now: Timestamp,
    ) -> Result<AccountId, ApplyError> {
        if decided.why.directory_version != self.version {
            return Err(ApplyError::Stale {
                decided: decided.why.directory_version,
                now: self.version,
            });
        }
        let id = match &decided.decision {
            Decision::LogIn { account } | Decision::Link { account, .. } => account.clone(),
            Decision::Create { .. } => {
                if self.accounts.contains_key(new_id) {
                    return Err(ApplyError::IdTaken(new_id.clone()));
                }
                self.accounts
                    .insert(new_id.clone(), new_account(subject, new_id));
                new_id.clone()
            }
            _ => return Err(ApplyError::NotForMachines),
        };
        if let Some(account) = self.accounts.get_mut(&id) {
            let effects = &decided.effects;
            account.version += 1;
            account
                .links
                .retain(|link| !effects.retire.contains(&link.id));
            account
                .methods
                .retain(|method| !effects.quarantine.contains(&method.id));
            if effects.restore {
                account.state = AccountState::Active;
            }
            let opens = matches!(
                decided.decision,
                Decision::Link { .. } | Decision::Create { .. }
            );
            if opens && !account.links.iter().any(|link| link.id == subject.id) {
                account.links.push(LiveLink {
                    id: subject.id.clone(),
                    district: subject.district().cloned(),
                    in_roster: true,
                    by_admin: matches!(
                        decided.decision,
                        Decision::Link {
                            basis: Basis::Admin,
                            ..
                        }
                    ),
                });
            }
            if subject.is_login() {
                account.last_used = Some(now);
                if let Custody::Unclaimed { by } = &account.custody {
                    account.custody = Custody::Managed { by: by.clone() };
                }
            }
        }
        self.version += 1;
        Ok(id)
    }
}
