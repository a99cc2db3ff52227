//! From a subject to an account: read, decide, apply, and again if the accounts changed meanwhile.

use std::collections::BTreeMap;

use clever_auth::seal::random_text;
use clever_client::web::Reason;
use clever_model::Timestamp;
use clever_provision::ledger::Hash;
use clever_provision::merge::{Ground, MergeRefused, Side, plan};
use clever_provision::person::Classes;
use clever_provision::store::{AccountStore, AccountsError, Applied, Found, Material, Refusal};

use clever_provision::{
    AccountId, AccountProof, Decided, Decision, Effects, Notice, Person, Proof, Rule, SharedBy,
    Subject, decide,
};
use tracing::error;

use crate::accounts::Accounts;
use crate::app::{App, Came};
use crate::error::WebError;

/// Most readings of the accounts for one decision.
const TRIES: u32 = 20;

/// What a sign-in came to.
pub(crate) enum Settled {
    /// Into this account.
    In {
        account: AccountId,
        came: Came,
        effects: Effects,
    },
    /// The person must say or prove something.
    Ask,
    /// The person is not let in.
    Refused(Reason),
}

impl<A: App, S> Accounts<A, S> {
    /// What a decision about the subject is at the moment, and both records for a person who must decide.
    ///
    /// Candidates are those that the app knows of, and those that the store finds by what it remembers of records.
    pub(crate) async fn decide(
        &self,
        store: &mut AccountStore,
        subject: &Subject,
        person: &Person,
        proofs: &[Proof],
        now: Timestamp,
    ) -> Result<(Decided, Material), WebError> {
        let candidates = self.0.app.candidates(person).await;
        let mut candidates = candidates.map_err(WebError::App)?;
        let found = match store.opened_by(&person.id).await? {
            // Who is known by the Clever id needs no search.
            Some(_) => Found::default(),
            None => store.candidates(person).await?,
        };
        for one in found.candidates {
            match candidates
                .iter_mut()
                .find(|known| known.account == one.account)
            {
                Some(known) => known.evidence.extend(one.evidence),
                None => candidates.push(one),
            }
        }
        let mut directory = store.directory(subject, proofs, candidates).await?;
        directory.truncated |= found.truncated;
        let policy = &self.0.options.policy;
        let decided = decide(subject, proofs, &directory, policy, now);
        Ok((decided, found.material))
    }

    /// Remembers the person's record, by which their account is found again under another Clever id.
    pub(crate) async fn remember(&self, person: &Person) -> Result<(), WebError> {
        match self.0.pool.get().await?.remember(person).await {
            // What a district had erased stays so. The sign-in needs none of it.
            Err(AccountsError::Refused(Refusal::Erased(_))) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Decides and does it. `proven` is the account whose holder asked for a link in this session, within ten
    /// minutes: the flow's own sealed cookie says so.
    pub(crate) async fn settle(
        &self,
        subject: &Subject,
        person: &Person,
        proven: Option<&AccountId>,
    ) -> Result<Settled, WebError> {
        for _ in 0..TRIES {
            let now = self.now();
            let proofs: Vec<Proof> = proven
                .map(|account| held(account, now))
                .into_iter()
                .collect();
            let mut store = self.0.pool.get().await?;
            let (decided, material) = self
                .decide(&mut store, subject, person, &proofs, now)
                .await?;
            let tried = match &decided.decision {
                Decision::Merge { .. } => {
                    self.merge(&mut store, subject, person, &decided, now).await
                }
                _ => {
                    let found = (&decided, &material);
                    self.apply(&mut store, subject, found, &proofs, now).await
                }
            };
            match tried {
                Err(WebError::Store(AccountsError::Refused(Refusal::Stale { .. }))) => {}
                settled => {
                    if decided.effects.notify.contains(&Notice::OnCall) {
                        error!(user = %subject.id(), rule = %decided.why.rule, "the accounts contradict each other: a person must look at them");
                    }
                    return settled.map(|settled| match settled {
                        // Whoever proved an account and is asked all the same proved one that can't be joined.
                        Settled::Ask if proven.is_some() => {
                            Settled::Refused(Reason::OfSomebodyElse)
                        }
                        other => other,
                    });
                }
            }
        }
        Err(WebError::Stale(TRIES))
    }

    async fn apply(
        &self,
        store: &mut AccountStore,
        subject: &Subject,
        (decided, material): (&Decided, &Material),
        proofs: &[Proof],
        now: Timestamp,
    ) -> Result<Settled, WebError> {
        let new_id = AccountId::new(random_text(&*self.0.options.random)?);
        let applied = store
            .apply(subject, decided, proofs, Some(&new_id), Some(material), now)
            .await?;
        Ok(match applied {
            Applied::Account(account) => Settled::In {
                account,
                came: match &decided.decision {
                    Decision::Create { .. } => Came::Created,
                    Decision::Link { .. } => Came::Linked,
                    _ => Came::Known,
                },
                effects: decided.effects.clone(),
            },
            Applied::Ask => Settled::Ask,
            Applied::Review(_) | Applied::Later => Settled::Refused(Reason::Undecided),
            Applied::Refused => Settled::Refused(self.reason(subject, decided)),
        })
    }

    /// Merges the account that the Clever id opens with the one that its holder proved.
    async fn merge(
        &self,
        store: &mut AccountStore,
        subject: &Subject,
        person: &Person,
        decided: &Decided,
        now: Timestamp,
    ) -> Result<Settled, WebError> {
        let Decision::Merge { accounts } = &decided.decision else {
            return Ok(Settled::Refused(Reason::Undecided));
        };
        let mut found = Vec::new();
        for id in accounts {
            found.extend(store.account(id).await?);
        }
        let [one, other] = found.as_slice() else {
            return Ok(Settled::Refused(Reason::Undecided));
        };
        let tables = self.0.app.tables();
        let conflicts = store.conflicts(tables, &one.id, &other.id).await?;
        let side = |account| Side {
            account,
            fields: BTreeMap::new(),
            rows: BTreeMap::new(),
        };
        // The decision names no account but the proven one and the one that this login opens.
        let proofs = [held(&one.id, now), held(&other.id, now)];
        let asserted = [(subject.id().clone(), person.roles.clone())].into();
        let ground = Ground::Proofs(&proofs);
        let plan = match plan(&side(one), &side(other), ground, &asserted, conflicts, now) {
            Ok(plan) => plan,
            Err(MergeRefused::TwoPeople(..) | MergeRefused::Class(..)) => {
                return Ok(Settled::Refused(Reason::OfSomebodyElse));
            }
            Err(_) => return Ok(Settled::Refused(Reason::Undecided)),
        };
        let explanation = Some(Hash(decided.why.inputs));
        match store.merge(&plan, tables, explanation, now).await {
            Ok(_) => Ok(Settled::In {
                account: plan.survivor,
                came: Came::Merged,
                effects: decided.effects.clone(),
            }),
            // They changed since they were read: look again.
            Err(AccountsError::Refused(Refusal::Impossible(_))) => {
                let thing = format!("account {}", plan.absorbed);
                Err(AccountsError::from(Refusal::Stale { thing }).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Why somebody is refused, for the person.
    fn reason(&self, subject: &Subject, decided: &Decided) -> Reason {
        match decided.why.rule {
            Rule::R1b => Reason::Closed,
            Rule::R1d => Reason::Unclear,
            _ => match (subject.classes(), subject.authority()) {
                (Classes::Several, _) => Reason::Unclear,
                (Classes::None, _) => Reason::NoPlace,
                (Classes::One(class), _) if self.0.options.policy.blocked.contains(&class) => {
                    Reason::NotForRole
                }
                (_, SharedBy::Teacher(_)) => Reason::NotForLibrary,
                _ => Reason::NoPlace,
            },
        }
    }
}

/// The proof of an account's holder.
fn held(account: &AccountId, now: Timestamp) -> Proof {
    Proof::Holder(AccountProof::after_reauthentication(account.clone(), now))
}
