//! From decisions to events, and what each event needs of the tables.

use std::collections::BTreeSet;

use clever_model::{Timestamp, UserId};
use clever_sql::Backend;

use super::known::Holder;
use super::{AccountStore, AccountsError, Facts, Material, Needs, Refusal};
use crate::decide::{Basis, Decided, Decision, decide};
use crate::directory::{Account, AccountId, Custody, LoginMethod, new_account};
use crate::ledger::{Actor, Draft, Event, Hash, ProofClass, ReviewId, UnlinkReason};
use crate::measure;
use crate::policy::Policy;
use crate::proof::Proof;
use crate::subject::{Person, SharedBy, Subject};

/// What applying a decision came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Into this account.
    Account(AccountId),
    /// A new one, made at the person's first login.
    Later,
    /// Ask the person; nobody was linked.
    Ask,
    /// A person must decide.
    Review(ReviewId),
    /// Nothing: the subject can't be served.
    Refused,
}

impl Event {
    pub(super) fn needs(&self, needs: &mut Needs) {
        match self {
            Self::Created { account, .. }
            | Self::Claimed { account }
            | Self::Archived { account }
            | Self::Restored { account }
            | Self::Suspended { account }
            | Self::Quarantined { account, .. }
            | Self::Released { account, .. }
            | Self::WaysIn { account, .. } => {
                needs.accounts.insert(account.clone());
            }
            Self::Linked { account, id, .. } | Self::Unlinked { account, id, .. } => {
                needs.accounts.insert(account.clone());
                needs.ids.insert(id.clone());
            }
            Self::InRoster { id, .. } => {
                needs.ids.insert(id.clone());
            }
            Self::Merged {
                survivor,
                absorbed,
                again,
            } => {
                needs.accounts.extend([survivor.clone(), absorbed.clone()]);
                needs.merges.extend(again);
            }
            Self::Unmerged { merge } => {
                needs.merges.insert(*merge);
            }
            Self::Resolved { review, .. } => {
                needs.reviews.insert(*review);
            }
            Self::Asked { .. }
            | Self::Declined { .. }
            | Self::ReviewOpened { .. }
            | Self::SharingChanged { .. }
            | Self::Rewritten { .. }
            | Self::Erased { .. } => {}
        }
    }
}

/// What the program says by its rules.
pub(crate) const fn by_program(event: Event, at: Timestamp) -> Draft {
    Draft {
        at,
        actor: Actor::Program,
        authority: None,
        proof: ProofClass::None,
        explanation: None,
        event,
    }
}

pub(super) fn ways_in(account: &AccountId, methods: &[LoginMethod]) -> Event {
    let methods = methods.iter();
    Event::WaysIn {
        account: account.clone(),
        methods: methods
            .map(|method| (method.id.clone(), method.proven_at))
            .collect(),
    }
}

/// The strongest class of proofs.
pub(super) fn proof_class(subject: &Subject, proofs: &[Proof]) -> ProofClass {
    let own = if subject.is_login() {
        ProofClass::Login
    } else {
        ProofClass::None
    };
    let given = proofs.iter().map(|proof| {
        if proof.is_admin() {
            ProofClass::Staff
        } else {
            ProofClass::Holder
        }
    });
    given.chain([own]).max().unwrap_or(own)
}

impl AccountStore {
    /// Takes accounts over that the app has from before, as they are.
    ///
    /// # Errors
    ///
    /// [`Refusal::Impossible`] where one is there already, or two are opened by one identity.
    pub async fn import(
        &mut self,
        accounts: &[Account],
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        let mut store = self.begin().await?;
        store.write_imported(accounts, now).await?;
        store.commit().await?;
        Ok(())
    }

    /// The same with what is known of each account's holder, in one transaction.
    ///
    /// # Errors
    ///
    /// As [`AccountStore::import`]; then none was taken over.
    pub async fn import_known(
        &mut self,
        accounts: &[(Account, Facts)],
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        let mut store = self.begin().await?;
        for (account, facts) in accounts {
            store
                .write_imported(std::slice::from_ref(account), now)
                .await?;
            let holder = Holder::Account(account.id.clone());
            store.write_known(&holder, facts.clone()).await?;
        }
        store.commit().await?;
        Ok(())
    }

    async fn write_imported(
        &mut self,
        accounts: &[Account],
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        let draft = |event| by_program(event, now);
        for account in accounts {
            let id = || account.id.clone();
            let (class, custody) = (account.class, account.custody.clone());
            let mut drafts = vec![draft(Event::Created {
                account: id(),
                class,
                custody,
            })];
            drafts.extend(account.links.iter().map(|link| {
                draft(Event::Linked {
                    account: id(),
                    id: link.id.clone(),
                    district: link.district.clone(),
                    basis: link.by_admin.then_some(Basis::Admin),
                    ends_sessions: false,
                })
            }));
            match account.state {
                crate::AccountState::Archived => {
                    drafts.push(draft(Event::Archived { account: id() }));
                }
                crate::AccountState::Suspended => {
                    drafts.push(draft(Event::Suspended { account: id() }));
                }
                _ => {}
            }
            let gone = account.links.iter().filter(|link| !link.in_roster);
            drafts.extend(gone.map(|link| {
                draft(Event::InRoster {
                    id: link.id.clone(),
                    is: false,
                })
            }));
            if !account.methods.is_empty() {
                drafts.push(draft(ways_in(&account.id, &account.methods)));
            }
            self.append(&drafts).await?;
            if let Some(at) = account.last_used {
                self.write_used(&account.id, at).await?;
            }
        }
        Ok(())
    }

    /// Brings the links of people whose ids from before v3 are known to their ids of today, all at once: what
    /// logins do one by one. People with no account, or with two, wait for a login. Returns how many were brought.
    ///
    /// # Errors
    ///
    /// Where the database fails; what was brought until then stays brought.
    pub async fn migrate<'p>(
        &mut self,
        people: impl IntoIterator<Item = &'p Person>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<u64, AccountsError> {
        let mut brought = 0;
        for person in people {
            let Ok(subject) = Subject::roster(person) else {
                continue;
            };
            let directory = self.directory(&subject, &[], Vec::new()).await?;
            if directory.by_legacy_id.is_empty() || !directory.linked.is_empty() {
                continue;
            }
            let decided = decide(&subject, &[], &directory, policy, now);
            if matches!(
                decided.decision,
                Decision::Link {
                    basis: Basis::SameIdentity,
                    ..
                }
            ) {
                self.apply(&subject, &decided, &[], None, None, now).await?;
                brought += 1;
            }
        }
        Ok(brought)
    }

    async fn write_used(&mut self, id: &AccountId, at: Timestamp) -> Result<(), AccountsError> {
        let sql = "UPDATE main.provision_accounts SET last_used = ?2 WHERE id = ?1";
        self.db
            .execute(sql, &[id.as_str().into(), at.to_string().into()])
            .await?;
        Ok(())
    }

    /// Applies a decision, whole or not at all, if nothing that it saw has changed since. A new account gets
    /// `new_id`; `material` is what a person who must decide will see.
    ///
    /// # Errors
    ///
    /// [`Refusal::Stale`]: read the directory again and decide again. [`Refusal::NotForMachines`] for a merge.
    pub async fn apply(
        &mut self,
        subject: &Subject,
        decided: &Decided,
        proofs: &[Proof],
        new_id: Option<&AccountId>,
        material: Option<&Material>,
        now: Timestamp,
    ) -> Result<Applied, AccountsError> {
        let mut store = self.begin().await?;
        let done = store
            .write_applied(subject, decided, proofs, new_id, material, now)
            .await?;
        store.commit().await?;
        if matches!(done, Applied::Review(_)) {
            self.measure().await?;
        }
        Ok(done)
    }

    pub(crate) async fn write_applied(
        &mut self,
        subject: &Subject,
        decided: &Decided,
        proofs: &[Proof],
        new_id: Option<&AccountId>,
        material: Option<&Material>,
        now: Timestamp,
    ) -> Result<Applied, AccountsError> {
        self.refuse_stale(subject, decided).await?;
        let draft = |event| Draft {
            at: now,
            actor: if subject.is_login() {
                Actor::Identity(subject.id().clone())
            } else {
                Actor::Program
            },
            authority: Some(subject.authority().clone()),
            proof: proof_class(subject, proofs),
            explanation: Some(Hash(decided.why.inputs)),
            event,
        };
        let mut events = Vec::new();
        let sharing = subject.authority().clone();
        let before = self.shared_before(subject, &sharing).await?;
        let applied = match &decided.decision {
            Decision::Merge { .. } => return Err(Refusal::NotForMachines.into()),
            Decision::Refuse => Applied::Refused,
            Decision::LogIn { account } => {
                if decided.effects.restore {
                    events.push(Event::Restored {
                        account: account.clone(),
                    });
                }
                Applied::Account(account.clone())
            }
            Decision::Link { account, basis } => {
                self.linking(subject, decided, account, *basis, &mut events)
                    .await?;
                Applied::Account(account.clone())
            }
            Decision::Create { now: false, .. } => Applied::Later,
            Decision::Create { .. } => {
                let account = new_id.ok_or(Refusal::NoNewId)?;
                let made = new_account(subject, account);
                let (class, custody) = (made.class, made.custody);
                events.push(Event::Created {
                    account: account.clone(),
                    class,
                    custody,
                });
                events.push(Event::Linked {
                    account: account.clone(),
                    id: subject.id().clone(),
                    district: subject.district().cloned(),
                    basis: None,
                    ends_sessions: false,
                });
                Applied::Account(account.clone())
            }
            Decision::Ask { offers, .. } => {
                let offers = u8::try_from(offers.len()).unwrap_or(u8::MAX);
                events.push(Event::Asked {
                    id: subject.id().clone(),
                    offers,
                });
                Applied::Ask
            }
            Decision::Review { .. } => Applied::Ask,
        };
        if let Applied::Account(account) = &applied
            && subject.is_login()
            && self.is_unclaimed(account, &events).await?
        {
            events.push(Event::Claimed {
                account: account.clone(),
            });
        }
        if applied != Applied::Refused && before.is_some_and(|before| before != sharing) {
            events.push(Event::SharingChanged {
                id: subject.id().clone(),
                now: sharing,
            });
        }
        self.append(&events.into_iter().map(draft).collect::<Vec<_>>())
            .await?;
        measure::decided(decided.why.rule);
        if let Applied::Account(account) = &applied
            && subject.is_login()
        {
            self.write_used(account, now).await?;
        }
        let (candidates, is_review) = match &decided.decision {
            Decision::Review { candidates } => (candidates.clone(), true),
            Decision::Create { parked, .. } => (parked.clone(), false),
            _ => (BTreeSet::new(), false),
        };
        if is_review || !candidates.is_empty() {
            let review = self
                .write_review(
                    subject,
                    Some(Hash(decided.why.inputs)),
                    candidates,
                    material,
                    now,
                )
                .await?;
            if is_review {
                return Ok(Applied::Review(review));
            }
        }
        Ok(applied)
    }

    /// Who shared the person the last time; `None` for somebody new.
    async fn shared_before(
        &mut self,
        subject: &Subject,
        now: &SharedBy,
    ) -> Result<Option<SharedBy>, AccountsError> {
        let ids: BTreeSet<UserId> = subject
            .legacy_ids
            .iter()
            .cloned()
            .chain([subject.id().clone()])
            .collect();
        for id in [subject.id()].into_iter().chain(&subject.legacy_ids) {
            if let Some(sharing) = self.sharing(id).await? {
                return Ok(Some(sharing));
            }
        }
        let state = self
            .load(&Needs {
                ids: ids.clone(),
                ..Needs::default()
            })
            .await?;
        let mut links = state.accounts().values().flat_map(|account| &account.links);
        let links = links
            .find(|(id, _)| ids.contains(*id))
            .map(|(_, link)| link);
        Ok(links.map(|link| match (&link.district, now) {
            (Some(district), _) => SharedBy::District(district.clone()),
            (None, SharedBy::Teacher(teacher)) => SharedBy::Teacher(teacher.clone()),
            // Which teacher it was, the link does not know.
            (None, SharedBy::District(_)) => SharedBy::Teacher(subject.id().clone()),
        }))
    }

    async fn linking(
        &mut self,
        subject: &Subject,
        decided: &Decided,
        account: &AccountId,
        basis: Basis,
        events: &mut Vec<Event>,
    ) -> Result<(), AccountsError> {
        let effects = &decided.effects;
        for id in &effects.retire {
            let same = basis == Basis::SameIdentity && subject.legacy_ids.contains(id);
            let reason = if same {
                UnlinkReason::SameIdentity
            } else {
                UnlinkReason::NewId
            };
            events.push(Event::Unlinked {
                account: account.clone(),
                id: id.clone(),
                reason,
            });
        }
        if !effects.quarantine.is_empty() {
            events.push(Event::Quarantined {
                account: account.clone(),
                methods: effects.quarantine.clone(),
            });
        }
        if effects.restore {
            events.push(Event::Restored {
                account: account.clone(),
            });
        }
        events.push(Event::Linked {
            account: account.clone(),
            id: subject.id().clone(),
            district: subject.district().cloned(),
            basis: Some(basis),
            ends_sessions: effects.revoke_sessions_before.is_some(),
        });
        Ok(())
    }

    async fn is_unclaimed(
        &mut self,
        id: &AccountId,
        events: &[Event],
    ) -> Result<bool, AccountsError> {
        let made = events.iter().find_map(|event| match event {
            Event::Created {
                account, custody, ..
            } if account == id => Some(custody.clone()),
            _ => None,
        });
        let custody = match made {
            Some(custody) => Some(custody),
            None => self.account(id).await?.map(|account| account.custody),
        };
        Ok(matches!(custody, Some(Custody::Unclaimed { .. })))
    }

    /// Whether something that the decision saw has changed since.
    async fn refuse_stale(
        &mut self,
        subject: &Subject,
        decided: &Decided,
    ) -> Result<(), AccountsError> {
        let mut things: BTreeSet<String> = decided
            .why
            .rejected
            .keys()
            .map(|id| format!("account {id}"))
            .collect();
        match &decided.decision {
            Decision::LogIn { account } | Decision::Link { account, .. } => {
                things.insert(format!("account {account}"));
            }
            Decision::Merge { accounts }
            | Decision::Review {
                candidates: accounts,
            } => {
                things.extend(accounts.iter().map(|id| format!("account {id}")));
            }
            Decision::Ask { offers, .. } => {
                things.extend(offers.iter().map(|id| format!("account {id}")));
            }
            Decision::Create { parked, .. } => {
                things.extend(parked.iter().map(|id| format!("account {id}")));
            }
            Decision::Refuse => {}
        }
        things.insert(format!("user {}", subject.id()));
        things.extend(subject.legacy_ids.iter().map(|id| format!("user {id}")));
        for thing in things {
            let sql = "SELECT seq FROM main.provision_touched WHERE thing = ?1";
            if let Some(mut row) = self.one(sql, thing.as_str().into()).await?
                && row.count(0)? > decided.why.directory_version
            {
                return Err(Refusal::Stale { thing }.into());
            }
        }
        Ok(())
    }
}
