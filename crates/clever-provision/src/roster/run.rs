//! One run of the sync, followed as a whole.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{DistrictId, RecordKind, Timestamp, UserId};
use clever_sync::store::Op;
use clever_sync::{Change, ChangeFilter, ChangeLog};

use super::{BATCH, FollowError, Followed, score};
use crate::bulk::decide_all;
use crate::decide::{Decided, Decision, decide};
use crate::directory::{AccountId, AccountState, Candidate, Custody, Directory};
use crate::evidence::Evidence;
use crate::ledger::Event;
use crate::policy::Policy;
use crate::record::RecordSource;
use crate::rule::Rule;
use crate::store::{
    AccountStore, AccountsError, Applied, Facts, Found, Holder, Position, Refusal, by_program,
    lives,
};
use crate::subject::{Class, Classes, Person, Subject};

/// A run under way.
pub(super) struct Run<'a, L> {
    pub(super) log: &'a mut L,
    pub(super) accounts: &'a mut AccountStore,
    pub(super) district: &'a DistrictId,
    pub(super) deciding: Deciding<'a>,
    /// The sync's number of the run.
    pub(super) number: u64,
    /// Its changes are behind this one.
    pub(super) began: u64,
}

/// What each decision needs, besides the person.
pub(super) struct Deciding<'a> {
    pub(super) policy: &'a Policy,
    pub(super) new_id: &'a mut (dyn FnMut() -> Result<AccountId, AccountsError> + Send),
    pub(super) now: Timestamp,
    pub(super) done: &'a mut Followed,
}

/// A person with what was found.
struct Newcomer {
    person: Person,
    subject: Subject,
    found: Found,
}

impl<L: ChangeLog> Run<'_, L> {
    pub(super) async fn follow(&mut self) -> Result<(), FollowError> {
        let leavers = self.leavers().await?;
        let decided = self.newcomers(&leavers).await?;
        let mut after = self.deciding.done.position;
        let mut page = self.page(after).await?;
        while let Some(last) = page.last() {
            after = last.seq;
            let next = self.page(after).await?;
            let is_last = next.is_empty();
            // The last page is noted as followed when the proposals are made: they must not be missed.
            self.everybody(&page, &decided, (!is_last).then_some(after))
                .await?;
            if is_last {
                self.propose(&leavers).await?;
                let mut store = self.accounts.begin().await?;
                let position = Position {
                    seq: after,
                    began: self.began,
                };
                store.write_position(self.district, position).await?;
                store.commit().await.map_err(AccountsError::from)?;
            }
            self.deciding.done.position = after;
            page = next;
        }
        Ok(())
    }

    async fn page(&mut self, after: u64) -> Result<Vec<Change>, FollowError> {
        let filter = ChangeFilter {
            kind: Some(RecordKind::Users),
            run: Some(self.number),
            after,
            limit: BATCH,
            ..ChangeFilter::default()
        };
        Ok(self.log.changes(self.district.as_str(), &filter).await?)
    }

    /// Notes who left, and archives accounts that nobody of the roster opens any more.
    async fn leavers(&mut self) -> Result<Vec<UserId>, FollowError> {
        let mut all = Vec::new();
        let mut after = self.began;
        loop {
            let page = self.page(after).await?;
            let Some(last) = page.last() else {
                return Ok(all);
            };
            after = last.seq;
            let gone = page.iter().filter(|change| is_gone(change.op));
            let gone: Vec<(UserId, Op)> = gone
                .filter_map(|one| Some((UserId::new(one.id.as_str()).ok()?, one.op)))
                .collect();
            if gone.is_empty() {
                continue;
            }
            let mut store = self.accounts.begin().await?;
            for (id, op) in &gone {
                let archived = leave(&mut store, id, self.deciding.now).await?;
                self.deciding.done.archived += u64::from(archived);
                if *op == Op::Forget {
                    store.forget(&Holder::Identity(id.clone())).await?;
                }
            }
            store.commit().await.map_err(AccountsError::from)?;
            all.extend(gone.into_iter().map(|(id, _)| id));
        }
    }

    /// Decides about the newcomers of the run who fit an account from before, and about those who waited for
    /// somebody to leave, all of them at once: no account goes to two. Returns who they are.
    async fn newcomers(&mut self, leavers: &[UserId]) -> Result<BTreeSet<UserId>, FollowError> {
        let idle = self.accounts.idle(self.district).await?;
        if idle.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut newcomers: BTreeMap<UserId, Newcomer> = BTreeMap::new();
        for id in leavers {
            let Some(facts) = self.accounts.facts(&Holder::Identity(id.clone())).await? else {
                continue;
            };
            for person in self.accounts.waiting(&facts).await? {
                self.add_newcomer(person, &mut newcomers).await?;
            }
        }
        let mut after = self.began;
        loop {
            let page = self.page(after).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for change in &page {
                if let Some(person) = read(change, self.district, None) {
                    self.add_newcomer(person, &mut newcomers).await?;
                }
            }
        }
        if newcomers.is_empty() {
            return Ok(BTreeSet::new());
        }
        let people: Vec<&Person> = newcomers.values().map(|one| &one.person).collect();
        let scores = score::scores(&idle, &people)?;
        let mut decided = BTreeSet::new();
        let mut subjects: Vec<(Newcomer, Directory)> = Vec::new();
        for (id, mut newcomer) in newcomers {
            add_scores(
                &mut newcomer.found,
                scores.get(&id).map_or(&[], Vec::as_slice),
            );
            let directory = directory(self.accounts, &newcomer.subject, &newcomer.found).await?;
            subjects.push((newcomer, directory));
        }
        let pairs = subjects
            .iter()
            .map(|(one, directory)| (&one.subject, directory));
        let deciding = &self.deciding;
        let decisions = decide_all(pairs, &lazily(deciding.policy), deciding.now);
        for ((newcomer, _), decision) in subjects.iter().zip(&decisions) {
            if is_free(decision) {
                continue;
            }
            let mut store = self.accounts.begin().await?;
            match self.deciding.write(&mut store, newcomer, decision).await {
                // Somebody before in this list changed it: decided with the others below.
                Err(FollowError::Accounts(AccountsError::Refused(Refusal::Stale { .. }))) => {
                    continue;
                }
                other => other?,
            }
            store.commit().await.map_err(AccountsError::from)?;
            decided.insert(newcomer.person.id.clone());
        }
        Ok(decided)
    }

    /// Adds somebody who has no account, whom the app serves, and whom an account fits.
    async fn add_newcomer(
        &mut self,
        person: Person,
        all: &mut BTreeMap<UserId, Newcomer>,
    ) -> Result<(), FollowError> {
        if !is_served(&person, self.deciding.policy) || all.contains_key(&person.id) {
            return Ok(());
        }
        let Ok(subject) = Subject::roster(&person) else {
            return Ok(());
        };
        for id in person.legacy_ids.iter().chain([&person.id]) {
            if self.accounts.opened_by(id).await?.is_some() {
                return Ok(());
            }
        }
        let found = self.accounts.candidates(&person).await?;
        if !found.candidates.is_empty() {
            let id = person.id.clone();
            let newcomer = Newcomer {
                person,
                subject,
                found,
            };
            all.insert(id, newcomer);
        }
        Ok(())
    }

    /// Deals with all changes of a page, and notes that they are dealt with, in one transaction.
    async fn everybody(
        &mut self,
        page: &[Change],
        decided: &BTreeSet<UserId>,
        seq: Option<u64>,
    ) -> Result<(), FollowError> {
        let mut store = self.accounts.begin().await?;
        let deciding = &mut self.deciding;
        for change in page {
            deciding.done.changes += 1;
            if is_gone(change.op) {
                continue;
            }
            let Some(person) = read(change, self.district, Some(&mut *deciding.done)) else {
                continue;
            };
            let Ok(subject) = Subject::roster(&person) else {
                deciding.done.unreadable += 1;
                continue;
            };
            store
                .write_in_roster(&person.id, true, deciding.now)
                .await?;
            if !is_served(&person, deciding.policy) {
                deciding.done.refused += 1;
                continue;
            }
            if decided.contains(&person.id) {
                continue;
            }
            deciding.one(&mut store, person, subject).await?;
        }
        if let Some(seq) = seq {
            let position = Position {
                seq,
                began: self.began,
            };
            store.write_position(self.district, position).await?;
        }
        store.commit().await.map_err(AccountsError::from)?;
        Ok(())
    }

    /// Proposes that an account whose person left and one whose person is in the roster are one, where the one took
    /// over the other's ids or has name and birth: Clever made one person of two, or the new id came before the old
    /// one went. A student who is in another district's roster already has moved there.
    async fn propose(&mut self, leavers: &[UserId]) -> Result<(), FollowError> {
        for id in leavers {
            let Some(facts) = self.accounts.facts(&Holder::Identity(id.clone())).await? else {
                continue;
            };
            let Some(gone) = self.accounts.opened_by(id).await? else {
                continue;
            };
            let person = facts.person(id);
            if Classes::of(&person.roles) == Classes::One(Class::Student) {
                for there in self.accounts.elsewhere(&person, true).await? {
                    let other = there.facts.person(&there.identity);
                    self.ask(&other, &gone, &facts).await?;
                }
            }
            let found = self.accounts.successors(&person).await?;
            for candidate in found.candidates {
                let one = self.accounts.account(&candidate.account).await?;
                let Some(one) = one.filter(|one| one.id != gone && lives(one, self.district, None))
                else {
                    continue;
                };
                let mut links = one.links.iter();
                let live = links
                    .find(|link| link.in_roster && link.district.as_ref() == Some(self.district));
                let Some(live) = live.map(|link| Holder::Identity(link.id.clone())) else {
                    continue;
                };
                let Some(live_facts) = self.accounts.facts(&live).await? else {
                    continue;
                };
                let Holder::Identity(live) = live else {
                    continue;
                };
                let person = live_facts.person(&live);
                self.ask(&person, &gone, &facts).await?;
            }
        }
        Ok(())
    }

    /// Asks whether the account of a person who left, of whom `facts` are known, is that of somebody in a roster.
    async fn ask(
        &mut self,
        person: &Person,
        gone: &AccountId,
        facts: &Facts,
    ) -> Result<(), FollowError> {
        let Ok(subject) = Subject::roster(person) else {
            return Ok(());
        };
        let mut store = self.accounts.begin().await?;
        let asked = store
            .propose(&subject, person, gone, facts, self.deciding.now)
            .await?;
        store.commit().await.map_err(AccountsError::from)?;
        self.deciding.done.reviews += u64::from(asked);
        Ok(())
    }
}

impl Deciding<'_> {
    /// Decides about one person of the roster, in a transaction.
    pub(super) async fn one(
        &mut self,
        store: &mut AccountStore,
        person: Person,
        subject: Subject,
    ) -> Result<(), FollowError> {
        let found = if store.opened_by(&person.id).await?.is_some() {
            Found::default()
        } else {
            store.candidates(&person).await?
        };
        let directory = directory(store, &subject, &found).await?;
        let mut decision = decide(&subject, &[], &directory, &lazily(self.policy), self.now);
        if is_free(&decision) {
            decision = decide(&subject, &[], &directory, self.policy, self.now);
        }
        let newcomer = Newcomer {
            person,
            subject,
            found,
        };
        self.write(store, &newcomer, &decision).await
    }

    /// Does what was decided, and remembers the person, in a transaction.
    async fn write(
        &mut self,
        store: &mut AccountStore,
        newcomer: &Newcomer,
        decided: &Decided,
    ) -> Result<(), FollowError> {
        let (now, done) = (self.now, &mut *self.done);
        let Newcomer {
            person,
            subject,
            found,
        } = newcomer;
        let id = match &decided.decision {
            Decision::Create { now: true, .. } => Some((self.new_id)()?),
            _ => None,
        };
        let before = store.open_reviews_of(&person.id).await?;
        let material = Some(&found.material);
        let applied = store
            .write_applied(subject, decided, &[], id.as_ref(), material, now)
            .await?;
        match (&applied, &decided.decision) {
            (Applied::Account(_), Decision::Create { .. }) => done.created += 1,
            (Applied::Account(account), Decision::Link { .. }) => {
                done.linked += 1;
                store.write_settled(&person.id, Some(account), now).await?;
            }
            (Applied::Later, _) => done.later += 1,
            (Applied::Refused, _) => done.refused += 1,
            _ => {}
        }
        done.restored += u64::from(decided.effects.restore);
        done.reviews += store
            .open_reviews_of(&person.id)
            .await?
            .saturating_sub(before);
        if applied != Applied::Refused {
            let holder = Holder::Identity(person.id.clone());
            store.write_known(&holder, person.into()).await?;
        }
        Ok(())
    }
}

/// Whether the app serves the person's class.
pub(super) fn is_served(person: &Person, policy: &Policy) -> bool {
    match Classes::of(&person.roles) {
        Classes::One(class) => !policy.blocked.contains(&class),
        _ => false,
    }
}

/// Whether a change says that its person is in the roster no longer.
fn is_gone(op: Op) -> bool {
    matches!(op, Op::Archive | Op::Forget)
}

/// The person of a change, if it gives one of this district.
pub(super) fn read(
    change: &Change,
    district: &DistrictId,
    done: Option<&mut Followed>,
) -> Option<Person> {
    if is_gone(change.op) {
        return None;
    }
    let json = change
        .after
        .as_deref()
        .map(|json| serde_json::from_str(json.get()));
    let read = json
        .and_then(Result::ok)
        .and_then(|record| Person::from_record(&record, &RecordSource::default()).ok())
        .filter(|read| read.person.district.as_ref() == Some(district));
    if let Some(done) = done {
        match &read {
            Some(read) => done.unread.add(&read.unread),
            None => done.unreadable += 1,
        }
    }
    read.map(|read| read.person)
}

/// What a decision may know of the accounts.
async fn directory(
    store: &mut AccountStore,
    subject: &Subject,
    found: &Found,
) -> Result<Directory, AccountsError> {
    let mut directory = store
        .directory(subject, &[], found.candidates.clone())
        .await?;
    directory.truncated = found.truncated;
    Ok(directory)
}

/// The same policy, but no account is made before the person comes: while an account from before may be theirs, a second
/// one is only in the way.
fn lazily(policy: &Policy) -> Policy {
    Policy {
        create_at_sync: false,
        ..policy.clone()
    }
}

/// Whether a new account is decided, and no account from before that this district may give away is the person's.
fn is_free(decided: &Decided) -> bool {
    matches!(&decided.decision, Decision::Create { parked, .. } if parked.is_empty() || decided.why.rule == Rule::R8)
}

/// Adds the scores of accounts that were found.
fn add_scores(found: &mut Found, scored: &[Candidate]) {
    for candidate in &mut found.candidates {
        let same = scored.iter().filter(|one| one.account == candidate.account);
        candidate
            .evidence
            .extend(same.flat_map(|one| &one.evidence));
        if let Some(material) = found.material.candidates.get_mut(&candidate.account) {
            material.millibits = candidate.evidence.iter().find_map(|one| match one {
                Evidence::Score { millibits, .. } => Some(*millibits),
                _ => None,
            });
            *material = std::mem::take(material).with_evidence(&candidate.evidence);
        }
    }
}

/// Notes that an identity left, and archives its account if no identity in a roster opens it. An account that somebody
/// signed up for, or that a teacher made, stays open: no district governs it. Says whether one was archived.
pub(super) async fn leave(
    store: &mut AccountStore,
    id: &UserId,
    now: Timestamp,
) -> Result<bool, FollowError> {
    // An answer would let in somebody who is gone.
    store.write_settled(id, None, now).await?;
    let Some(account) = store.opened_by(id).await? else {
        store.forget(&Holder::Identity(id.clone())).await?;
        return Ok(false);
    };
    store.write_in_roster(id, false, now).await?;
    let Some(account) = store.account(&account).await? else {
        return Ok(false);
    };
    let governed = matches!(
        account.custody,
        Custody::Unclaimed { .. } | Custody::Managed { .. }
    );
    let empty = account.links.iter().all(|link| !link.in_roster);
    if governed && empty && account.state == AccountState::Active {
        let event = Event::Archived {
            account: account.id.clone(),
        };
        store.append(&[by_program(event, now)]).await?;
        return Ok(true);
    }
    Ok(false)
}
