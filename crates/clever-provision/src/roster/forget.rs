//! Forgets identities: what is known of them, and their ids.

use std::collections::{BTreeMap, BTreeSet};

use clever_auth::seal::{Randomness, SystemRandomness};
use clever_model::{DistrictId, Timestamp, UserId};
use serde::Serialize;

use super::run::leave;
use super::{AccountStore, AccountsError, FollowError};
use crate::directory::{AccountId, Custody};
use crate::ledger::{Actor, Draft, Event, ProofClass};
use crate::store::{Holder, Names, by_program};

/// What was forgotten of the accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ForgottenAccounts {
    /// Identities that have another name now.
    pub identities: u64,
    /// Entries of the ledger that were rewritten.
    pub entries: u64,
    /// The accounts that nobody but the forgotten opened and that a district governed: of these, nothing is known any more. The
    /// app's own rows of them are the app's to erase.
    pub accounts: BTreeSet<AccountId>,
    /// Accounts that are in use still: somebody signed up for them, or another identity opens them. What the app itself knows
    /// of their holders stays.
    pub in_use: BTreeSet<AccountId>,
}

impl AccountStore {
    /// Forgets people by their Clever ids: what is known of them, questions about them, and the ids themselves, which get
    /// another name in the ledger and in every table. All in one transaction.
    ///
    /// # Errors
    ///
    /// [`FollowError::Accounts`]; then nothing was forgotten.
    pub async fn forget_people(
        &mut self,
        people: &[UserId],
        now: Timestamp,
    ) -> Result<ForgottenAccounts, FollowError> {
        let mut store = self.begin().await?;
        let done = forget(&mut store, people.iter().cloned().collect(), now).await?;
        store.verify().await?;
        store.commit().await.map_err(AccountsError::from)?;
        Ok(done)
    }

    /// Forgets a district: its key and all that is sealed under it, the ids of its people, and how far its roster was followed.
    ///
    /// # Errors
    ///
    /// [`FollowError::Accounts`]; then nothing was forgotten.
    pub async fn forget_district(
        &mut self,
        district: &DistrictId,
        actor: Actor,
        now: Timestamp,
    ) -> Result<ForgottenAccounts, FollowError> {
        let mut store = self.begin().await?;
        let people = store.people_of(district).await?;
        let done = forget(&mut store, people, now).await?;
        let draft = Draft {
            at: now,
            actor,
            authority: None,
            proof: ProofClass::Staff,
            explanation: None,
            event: Event::Erased {
                district: district.clone(),
            },
        };
        store.write_erased(district, draft).await?;
        store.write_rewound(district).await?;
        store.verify().await?;
        store.commit().await.map_err(AccountsError::from)?;
        Ok(done)
    }
}

async fn forget(
    store: &mut AccountStore,
    people: BTreeSet<UserId>,
    now: Timestamp,
) -> Result<ForgottenAccounts, FollowError> {
    let mut done = ForgottenAccounts::default();
    let mut ids = people.clone();
    let mut opened = BTreeSet::new();
    for id in &people {
        if let Some(facts) = store.facts(&Holder::Identity(id.clone())).await? {
            ids.extend(facts.person(id).legacy_ids);
        }
        ids.extend(store.asked_about(id).await?);
        opened.extend(store.opened_by(id).await?);
        leave(store, id, now).await?;
    }
    for account in opened {
        let Some(found) = store.account(&account).await? else {
            continue;
        };
        let alone = found.links.iter().all(|link| people.contains(&link.id));
        let governed = matches!(
            found.custody,
            Custody::Unclaimed { .. } | Custody::Managed { .. }
        );
        if alone && governed {
            ids.extend(store.aliases_of(&account).await?);
            done.accounts.extend(store.group_of(&account).await?);
        } else {
            done.in_use.insert(account);
        }
    }
    store.unseal(&done.accounts, &ids).await?;
    for id in &ids {
        store.forget(&Holder::Identity(id.clone())).await?;
    }
    for account in &done.accounts {
        store.forget(&Holder::Account(account.clone())).await?;
    }
    let mut names = Names::default();
    for id in &ids {
        names.ids.insert(id.to_string(), name()?);
    }
    for (account, ways) in store.ways_of(&done.accounts).await? {
        let mut other: BTreeMap<Box<str>, Box<str>> = BTreeMap::new();
        for way in ways {
            other.insert(way, name()?.into());
        }
        names.ways.insert(account, other);
    }
    let before = store.head_hash().await?;
    done.entries = store.rename(&names).await?;
    // An account that has the id of its identity has the other name too.
    let renamed = |account: &AccountId| match names.ids.get(account.as_str()) {
        Some(name) => AccountId::new(name.as_str()),
        None => account.clone(),
    };
    done.accounts = done.accounts.iter().map(renamed).collect();
    done.in_use = done.in_use.iter().map(renamed).collect();
    if done.entries > 0 {
        done.identities = ids.len() as u64;
        let entries = done.entries;
        let event = Event::Rewritten { entries, before };
        store.append(&[by_program(event, now)]).await?;
    }
    Ok(done)
}

/// Another name: random, so that nobody can try which id it was.
fn name() -> Result<String, AccountsError> {
    let mut bytes = [0; 16];
    let filled = SystemRandomness.fill(&mut bytes);
    filled.map_err(crate::ledger::VaultError::from)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("forgotten-{digits}"))
}
