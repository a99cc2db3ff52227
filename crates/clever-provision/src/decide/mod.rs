//! The decision: which of the app's accounts is this person?

mod decision;
mod rivals;

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{Timestamp, UserId};
use sha2::{Digest, Sha256};

use crate::directory::{Account, AccountId, AccountState, Directory};
use crate::effects::Effects;
use crate::policy::Policy;
use crate::proof::Proof;
use crate::rule::Rule;
use crate::subject::{Arrival, Class, Classes, Purpose, SharedBy, Subject};

pub use decision::{Accepts, Basis, Decided, Decision, Explanation, Rejection};
pub(crate) use rivals::scores_in_reach;

/// Most accounts that a person is shown and asked about.
const MAX_OFFERS: usize = 3;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// Decides which of the app's accounts the subject is.
///
/// Total and deterministic: reads no clock and no randomness, and the order of candidates and proofs changes
/// nothing. Never joins a subject to an account that is neither in its authority's reach nor proven.
#[must_use]
pub fn decide(
    subject: &Subject,
    proofs: &[Proof],
    directory: &Directory,
    policy: &Policy,
    now: Timestamp,
) -> Decided {
    let mut call = Call {
        subject,
        proofs,
        directory,
        policy,
        now,
        rejected: BTreeMap::new(),
    };
    let (rule, decision, effects) = call.rows();
    for proof in proofs {
        let account = proof.account();
        if !directory.accounts.contains_key(account) {
            call.rejected
                .insert(account.clone(), Rejection::NotInDirectory);
        } else if directory.standing(account).is_none() {
            call.rejected.insert(account.clone(), Rejection::Broken);
        }
    }
    if let Decision::LogIn { account } | Decision::Link { account, .. } = &decision {
        call.rejected.remove(account);
    }
    Decided {
        why: Explanation {
            rule,
            directory_version: directory.version,
            inputs: call.digest(),
            rejected: call.rejected,
        },
        decision,
        effects,
    }
}

/// A row's answer.
type Row = (Rule, Decision, Effects);

struct Call<'a> {
    subject: &'a Subject,
    proofs: &'a [Proof],
    directory: &'a Directory,
    policy: &'a Policy,
    now: Timestamp,
    rejected: BTreeMap<AccountId, Rejection>,
}

impl<'a> Call<'a> {
    /// The rows in order; the first that applies wins.
    fn rows(&mut self) -> Row {
        let Some(class) = self.usable() else {
            return (Rule::R0, Decision::Refuse, Effects::default());
        };
        if let Some(row) = self.known(class) {
            return row;
        }
        if self.subject.is_bound() {
            if let Some(row) = self.legacy(class).or_else(|| self.proven(class)) {
                return row;
            }
            return self.candidates(class);
        }
        // Whoever sent the browser may be another person: no account from before is touched or shown.
        for candidate in &self.directory.candidates {
            self.rejected
                .insert(candidate.account.clone(), Rejection::UnboundLogin);
        }
        self.no_candidate(class)
    }

    /// R0: the class of a subject that can be served.
    fn usable(&self) -> Option<Class> {
        let Classes::One(class) = self.subject.classes else {
            return None;
        };
        let library = matches!(self.subject.authority, SharedBy::Teacher(_));
        let served = self.subject.connected
            && !self.policy.blocked.contains(&class)
            && !(library && self.policy.block_library);
        served.then_some(class)
    }

    /// R1 and its kin, and R9: the Clever id opens an account.
    fn known(&self, class: Class) -> Option<Row> {
        let directory = self.directory;
        let standing: Option<BTreeMap<&AccountId, &Account>> = directory
            .linked
            .iter()
            .map(|id| directory.standing(id).map(|account| (&account.id, account)))
            .collect();
        let alarm = |rule, decision| Some((rule, decision, Effects::alarm()));
        let Some(standing) = standing.filter(|standing| standing.len() < 2) else {
            return alarm(Rule::R1d, Decision::Refuse);
        };
        let account = standing.into_values().next();
        if let Some(account) = account {
            let by_admin = account
                .links
                .iter()
                .any(|link| link.id == self.subject.id && link.by_admin);
            if account.class != class && !by_admin {
                let candidates = BTreeSet::from([account.id.clone()]);
                return alarm(Rule::R1c, Decision::Review { candidates });
            }
            if account.state == AccountState::Suspended {
                return Some((Rule::R1b, Decision::Refuse, Effects::default()));
            }
        }
        if let Some(row) = self.merge(class, account) {
            return Some(row);
        }
        let account = account?;
        let archived = account.state == AccountState::Archived;
        let effects = Effects {
            restore: archived,
            refresh: true,
            ..Effects::default()
        };
        let decision = Decision::LogIn {
            account: account.id.clone(),
        };
        let rule = if archived { Rule::R1a } else { Rule::R1 };
        Some((rule, decision, effects))
    }

    /// R9: the holder proves two accounts; the one that the Clever id opens counts as proven by the login.
    fn merge(&self, class: Class, known: Option<&Account>) -> Option<Row> {
        if class != Class::Employee || !self.subject.is_bound() {
            return None;
        }
        let mut accounts: BTreeMap<&AccountId, &Account> = self
            .holder_proofs()
            .filter_map(|proof| self.directory.standing(proof.account()))
            .filter(|account| account.class == class && account.state != AccountState::Suspended)
            .map(|account| (&account.id, account))
            .collect();
        if accounts.is_empty() {
            return None;
        }
        accounts.extend(known.map(|account| (&account.id, account)));
        if accounts.len() < 2 {
            return None;
        }
        let mut effects = Effects::default();
        for account in accounts.values() {
            let of_one = Effects::of_link(account, self.now);
            effects.revoke_sessions_before = effects
                .revoke_sessions_before
                .max(of_one.revoke_sessions_before);
            effects.cancel_pending |= of_one.cancel_pending;
            effects.restore |= of_one.restore;
            effects.refresh = true;
            effects.notify.extend(of_one.notify);
            effects.quarantine.extend(of_one.quarantine);
        }
        let accounts = accounts.into_keys().cloned().collect();
        Some((Rule::R9, Decision::Merge { accounts }, effects))
    }

    /// Fresh proofs by holders, where the login was begun to link.
    fn holder_proofs(&self) -> impl Iterator<Item = &'a Proof> {
        let linking = matches!(
            self.subject.arrival,
            Arrival::Login {
                purpose: Purpose::Link,
                ..
            }
        );
        let now = self.now;
        self.proofs
            .iter()
            .filter(move |proof| linking && !proof.is_admin() && proof.is_fresh(now))
    }

    /// R2: Clever says that an account's identity is the subject's, under its id from before v3.
    fn legacy(&mut self, class: Class) -> Option<Row> {
        let directory = self.directory;
        let mut accounts: BTreeMap<&AccountId, (&Account, BTreeSet<UserId>)> = BTreeMap::new();
        for id in &directory.by_legacy_id {
            let Some(account) = directory.standing(id) else {
                self.rejected.insert(id.clone(), Rejection::Broken);
                continue;
            };
            match self.may_open(account, class, false) {
                Ok(retire) => {
                    accounts.insert(&account.id, (account, retire));
                }
                Err(reason) => {
                    self.rejected.insert(account.id.clone(), reason);
                }
            }
        }
        if accounts.len() < 2 {
            let (account, retire) = accounts.into_values().next()?;
            return Some(self.link(Rule::R2, account, Basis::SameIdentity, retire));
        }
        // One person in Clever, two in the app.
        let ids: BTreeSet<AccountId> = accounts.into_keys().cloned().collect();
        for id in &ids {
            self.rejected.insert(id.clone(), Rejection::Ambiguous);
        }
        Some(match (class, self.subject.is_login()) {
            (Class::Employee, true) => {
                let offers = ids.into_iter().take(MAX_OFFERS).collect();
                let accepts = Accepts::ProofOfAll;
                (
                    Rule::R2,
                    Decision::Ask { offers, accepts },
                    Effects::default(),
                )
            }
            (_, true) => self.create(Rule::R2, ids),
            (_, false) => (
                Rule::R2,
                Decision::Review { candidates: ids },
                Effects::default(),
            ),
        })
    }

    /// R3: one account was proven.
    fn proven(&mut self, class: Class) -> Option<Row> {
        let admin = self
            .proofs
            .iter()
            .filter(|proof| proof.is_admin() && proof.is_fresh(self.now));
        let mut accounts: BTreeMap<&AccountId, (&Account, Basis)> = BTreeMap::new();
        for proof in self.holder_proofs().chain(admin) {
            let basis = if proof.is_admin() {
                Basis::Admin
            } else {
                Basis::Holder
            };
            if let Some(account) = self.directory.standing(proof.account()) {
                accounts.insert(&account.id, (account, basis));
            }
        }
        if accounts.len() != 1 {
            return None;
        }
        let (account, basis) = accounts.into_values().next()?;
        // An admin may let classes meet.
        let class = if basis == Basis::Admin {
            account.class
        } else {
            class
        };
        match self.may_open(account, class, basis == Basis::Admin) {
            Ok(retire) => Some(self.link(Rule::R3, account, basis, retire)),
            Err(reason) => {
                self.rejected.insert(account.id.clone(), reason);
                None
            }
        }
    }

    /// Whether the subject's identity may open `account`: not beside another live one of its district, and
    /// not beside one of another district, but by an admin's word where the other one has left: a transfer. Returns the
    /// identities that go, because Clever replaced them.
    fn may_open(
        &self,
        account: &Account,
        class: Class,
        by_admin: bool,
    ) -> Result<BTreeSet<UserId>, Rejection> {
        if account.class != class {
            return Err(Rejection::OtherClass);
        }
        if account.state == AccountState::Suspended {
            return Err(Rejection::Suspended);
        }
        let mut retire = BTreeSet::new();
        for link in &account.links {
            if link.id == self.subject.id {
                continue;
            }
            if self.subject.legacy_ids.contains(&link.id) {
                retire.insert(link.id.clone());
                continue;
            }
            match (&link.district, self.subject.district()) {
                (Some(a), Some(b)) if a == b && link.in_roster => {
                    return Err(Rejection::AlreadyLinked);
                }
                (Some(a), Some(b)) if a == b => {
                    retire.insert(link.id.clone());
                }
                // From the Library, before the district came: the person may have two ids.
                (None, Some(_)) => {}
                (Some(_), Some(_)) if by_admin && !link.in_roster => {}
                _ => return Err(Rejection::OtherDistrict),
            }
        }
        Ok(retire)
    }

    fn link(&self, rule: Rule, account: &Account, basis: Basis, retire: BTreeSet<UserId>) -> Row {
        let effects = Effects {
            retire,
            ..Effects::of_link(account, self.now)
        };
        let decision = Decision::Link {
            account: account.id.clone(),
            basis,
        };
        (rule, decision, effects)
    }

    fn create(&self, rule: Rule, parked: BTreeSet<AccountId>) -> Row {
        let effects = Effects {
            park: !parked.is_empty(),
            ..Effects::default()
        };
        let now = self.subject.is_login() || self.policy.create_at_sync;
        (rule, Decision::Create { now, parked }, effects)
    }

    fn said_new(&self) -> bool {
        matches!(self.subject.arrival, Arrival::Login { said_new: true, .. })
    }

    /// R10, R11: nobody is known.
    fn no_candidate(&self, class: Class) -> Row {
        if !self.subject.is_login() {
            return self.create(Rule::R11, BTreeSet::new());
        }
        if class == Class::Employee && self.policy.ask_before_create && !self.said_new() {
            let (offers, accepts) = (Vec::new(), Accepts::SignInElsewhere);
            return (
                Rule::R10,
                Decision::Ask { offers, accepts },
                Effects::default(),
            );
        }
        self.create(Rule::R10, BTreeSet::new())
    }

    /// A digest of everything that was seen, in an order that does not depend on how it was given.
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |part: String| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        let text = |value: Result<String, serde_json::Error>| value.unwrap_or_default();
        add(text(serde_json::to_string(self.subject)));
        let Directory {
            version,
            accounts,
            linked,
            by_legacy_id,
            candidates: _,
            truncated,
        } = self.directory;
        let directory = (version, accounts, linked, by_legacy_id, truncated);
        add(text(serde_json::to_string(&directory)));
        let sorted = |mut all: Vec<String>| {
            all.sort();
            all.join("\n")
        };
        let candidates = self.directory.candidates.iter();
        add(sorted(
            candidates
                .map(|one| text(serde_json::to_string(one)))
                .collect(),
        ));
        let proofs = self.proofs.iter();
        add(sorted(
            proofs.map(|one| text(serde_json::to_string(one))).collect(),
        ));
        add(text(serde_json::to_string(self.policy)));
        add(self.now.as_second().to_string());
        hash.finalize().into()
    }
}
