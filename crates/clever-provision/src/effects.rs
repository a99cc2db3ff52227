//! What must happen with a decision, as data: linking is a security event, not a field's update.

use std::collections::BTreeSet;

use clever_model::{Timestamp, UserId};
use serde::Serialize;

use crate::directory::Account;

/// Somebody whom a notice goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Notice {
    /// The account's holder, at every address that was proven.
    Holder,
    /// The people on call: something is wrong with the data.
    OnCall,
}

/// What applying a decision must do, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Effects {
    /// End every session of the account that is older.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub revoke_sessions_before: Option<Timestamp>,
    /// Login methods that can neither log in nor recover any more, until their holder proves them.
    pub quarantine: BTreeSet<Box<str>>,
    /// Cancel changes of address or password that wait for a confirmation.
    pub cancel_pending: bool,
    /// Whom to tell.
    pub notify: BTreeSet<Notice>,
    /// Take the account out of the archive.
    pub restore: bool,
    /// Clever identities that the account loses, because Clever gave the person a new one.
    pub retire: BTreeSet<UserId>,
    /// Refresh the account from the API.
    pub refresh: bool,
    /// Keep the candidates for a person who may decide about a merge later.
    pub park: bool,
}

impl Effects {
    /// What a link to `account` brings. What was there before somebody proved anything may be a trap.
    pub(crate) fn of_link(account: &Account, now: Timestamp) -> Self {
        let used = account.last_used.is_some() || !account.methods.is_empty();
        let mut effects = Self {
            refresh: true,
            restore: account.state == crate::directory::AccountState::Archived,
            ..Self::default()
        };
        if used {
            effects.revoke_sessions_before = Some(now);
            effects.cancel_pending = true;
            effects.notify.insert(Notice::Holder);
            effects.quarantine = account
                .methods
                .iter()
                .filter(|method| method.proven_at.is_none())
                .map(|method| method.id.clone())
                .collect();
        }
        effects
    }

    /// What an alarm brings.
    pub(crate) fn alarm() -> Self {
        Self {
            notify: BTreeSet::from([Notice::OnCall]),
            ..Self::default()
        }
    }
}
