//! R4 to R8: accounts that may be the subject's, and none of them proven.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use clever_model::UserId;

use super::{Accepts, Basis, Call, DAY, Decision, MAX_OFFERS, Rejection, Row};
use crate::directory::{Account, AccountId, AccountState, Custody, Directory};
use crate::effects::Effects;
use crate::evidence::{Evidence, Field};
use crate::reach::in_reach;
use crate::rule::Rule;
use crate::subject::{Class, Classes, Subject};

/// A candidate within reach.
struct Rival<'a> {
    account: &'a Account,
    evidence: BTreeSet<Evidence>,
}

impl Rival<'_> {
    /// The least of its scores; an account that another was merged into may have several.
    fn least_score(&self) -> Option<i32> {
        scores(&self.evidence).min()
    }

    fn has_equal_id(&self) -> bool {
        self.evidence.iter().any(|one| {
            matches!(
                one,
                Evidence::ScopedSis | Evidence::ScopedNumber | Evidence::StateId
            )
        })
    }
}

fn scores(evidence: &BTreeSet<Evidence>) -> impl Iterator<Item = i32> {
    evidence.iter().filter_map(|one| match one {
        Evidence::Score { millibits } => Some(*millibits),
        _ => None,
    })
}

/// The highest score of each account that the subject's authority governs.
pub(crate) fn scores_in_reach(
    subject: &Subject,
    directory: &Directory,
) -> BTreeMap<AccountId, i32> {
    let mut all = BTreeMap::new();
    let Classes::One(class) = subject.classes else {
        return all;
    };
    for candidate in &directory.candidates {
        let (Some(account), Some(score)) = (
            directory.standing(&candidate.account),
            scores(&candidate.evidence).max(),
        ) else {
            continue;
        };
        if in_reach(subject, class, account) {
            let highest = all.entry(account.id.clone()).or_insert(score);
            *highest = score.max(*highest);
        }
    }
    all
}

impl<'a> Call<'a> {
    /// Leaves out rivals whose score is behind the best one's by the margin, if no id speaks for them.
    fn leave_behind(&mut self, rivals: &mut BTreeMap<&AccountId, Rival<'a>>) {
        let best = rivals.values().filter_map(Rival::least_score).max();
        rivals.retain(|id, rival| {
            let own = scores(&rival.evidence).max();
            let behind = best
                .zip(own)
                .map_or(0, |(best, own)| best.saturating_sub(own));
            let stays =
                behind <= 0 || behind < self.policy.margin_millibits || rival.has_equal_id();
            if !stays {
                self.rejected.insert((*id).clone(), Rejection::Weak);
            }
            stays
        });
    }

    /// R4 to R8: accounts that may be the subject's.
    pub(super) fn candidates(&mut self, class: Class) -> Row {
        let mut rivals: BTreeMap<&AccountId, Rival<'a>> = BTreeMap::new();
        let mut outside: BTreeMap<&AccountId, &'a Account> = BTreeMap::new();
        let directory = self.directory;
        // An account may be named twice, by the app and by the store, or by the name of one that was merged into it: what
        // speaks against it in one place counts for all.
        for candidate in &directory.candidates {
            let Some(account) = directory.standing(&candidate.account) else {
                self.rejected
                    .insert(candidate.account.clone(), Rejection::Broken);
                continue;
            };
            let rival = rivals.entry(&account.id).or_insert_with(|| Rival {
                account,
                evidence: BTreeSet::new(),
            });
            rival.evidence.extend(&candidate.evidence);
        }
        rivals.retain(|_, Rival { account, evidence }| {
            let rejection = if account.class != class {
                outside.insert(&account.id, account);
                Rejection::OtherClass
            } else if !in_reach(self.subject, class, account) {
                outside.insert(&account.id, account);
                Rejection::OutOfReach
            } else if evidence.iter().any(|one| one.speaks_for()) {
                return true;
            } else {
                Rejection::Weak
            };
            self.rejected.insert(account.id.clone(), rejection);
            false
        });
        self.leave_behind(&mut rivals);
        for id in rivals.keys() {
            let reason = if directory.truncated {
                Rejection::Cut
            } else {
                Rejection::Ambiguous
            };
            self.rejected.insert((*id).clone(), reason);
        }
        let alone = rivals.len() == 1 && !directory.truncated;
        if alone
            && let Some(rival) = rivals.values().next()
            && let Some(row) = self.one_rival(class, rival)
        {
            return row;
        }
        if !rivals.is_empty() || directory.truncated {
            return self.weaker(class, &rivals);
        }
        if outside.is_empty() {
            return self.no_candidate(class);
        }
        self.out_of_reach(class, &outside)
    }

    /// R4, R5, R6: one account in reach, and nothing else that fits.
    fn one_rival(&mut self, class: Class, rival: &Rival<'_>) -> Option<Row> {
        let account = rival.account;
        let opening = self.may_open(account, class, false);
        let mut reject = |reason| {
            self.rejected.insert(account.id.clone(), reason);
        };
        let has = |one| rival.evidence.contains(&one);
        let retire = match opening {
            Ok(retire) => retire,
            Err(reason) => {
                reject(reason);
                return None;
            }
        };
        let id_changed = !retire.is_empty();
        // With a new id the district may give new numbers: there they contradict nothing.
        let contradicts = |one: &Evidence| match one {
            Evidence::Contradiction(Field::SisId | Field::StudentNumber) => !id_changed,
            Evidence::Contradiction(_) => true,
            _ => false,
        };
        // Another given name alone is what a sibling has.
        let contradicted = rival
            .evidence
            .iter()
            .any(|one| contradicts(one) && *one != Evidence::Contradiction(Field::Name));
        if contradicted {
            reject(Rejection::Contradicted);
            return None;
        }
        if has(Evidence::SiblingFits) {
            reject(Rejection::Sibling);
            return None;
        }
        // Another name is one, unless ids and the birth date prove the person and the policy takes that for enough.
        let has_another_name = has(Evidence::AnotherName);
        let is_proven = rival.has_equal_id()
            && has(Evidence::BirthAgrees)
            && !id_changed
            && self.policy.another_name_auto;
        if has(Evidence::Contradiction(Field::Name)) || has_another_name && !is_proven {
            reject(Rejection::Contradicted);
            return None;
        }
        let idle = account.last_used.is_some_and(|last| {
            self.now.as_second() - last.as_second() > i64::from(self.policy.idle_limit_days) * DAY
        });
        if idle {
            reject(Rejection::Idle);
            return None;
        }
        if id_changed {
            return self.changed_id(class, rival, retire);
        }
        let by_id =
            (has(Evidence::ScopedSis) || has(Evidence::ScopedNumber)) && has(Evidence::NamesAgree);
        let is_far_ahead = rival
            .least_score()
            .is_some_and(|score| score >= self.policy.auto_millibits);
        let has_rare_names =
            has(Evidence::RareNames) && has(Evidence::NamesAgree) && rival.least_score().is_some();
        let by_rare_names = has_rare_names && self.policy.rare_names_auto;
        if !by_id && !is_far_ahead && !by_rare_names && !has_another_name {
            reject(if has_rare_names {
                Rejection::Policy
            } else {
                Rejection::Weak
            });
            return None;
        }
        let untouched = matches!(account.custody, Custody::Unclaimed { .. })
            && account.last_used.is_none()
            && account.methods.is_empty();
        let governed = match &account.custody {
            Custody::Unclaimed { .. } if untouched => Some(Rule::R4),
            Custody::Unclaimed { .. } | Custody::Managed { .. } if self.policy.managed_auto => {
                Some(Rule::R5)
            }
            _ => None,
        };
        let (rule, basis) = match governed {
            Some(_) if has_another_name => (Rule::R5c, Basis::Reach),
            Some(rule) if by_id => (rule, Basis::Reach),
            Some(_) if is_far_ahead && self.policy.score_auto => (Rule::R5a, Basis::Score),
            Some(_) if by_rare_names => (Rule::R5b, Basis::Reach),
            _ => {
                reject(Rejection::Policy);
                return None;
            }
        };
        let ids = BTreeSet::from([account.id.clone()]);
        Some(match (class, self.subject.is_login()) {
            (Class::Contact, true) => self.create(rule, ids),
            (Class::Contact, false) => (
                rule,
                Decision::Review { candidates: ids },
                Effects::default(),
            ),
            _ => self.link(rule, account, basis, retire),
        })
    }

    /// R6: Clever gave the person a new id.
    fn changed_id(
        &mut self,
        class: Class,
        rival: &Rival<'_>,
        retire: BTreeSet<UserId>,
    ) -> Option<Row> {
        let account = rival.account;
        // Alone, it is ahead of all others by the margin.
        let score = rival.least_score();
        let has = |one| rival.evidence.contains(&one);
        let person = has(Evidence::NamesAgree) && has(Evidence::BirthAgrees);
        // A score that was learnt from the few who come and go on one day is low, whatever agrees. If number, names and
        // birth do, none is needed.
        let by_id = person
            && (has(Evidence::ScopedSis) || has(Evidence::ScopedNumber))
            && !has(Evidence::Contradiction(Field::SisId))
            && !has(Evidence::Contradiction(Field::StudentNumber));
        let known = has(Evidence::StateId) || by_id || (person && score.is_some());
        if !known {
            self.rejected.insert(account.id.clone(), Rejection::Weak);
            return None;
        }
        let ids = BTreeSet::from([account.id.clone()]);
        let is_far_ahead = score.is_some_and(|score| score >= self.policy.auto_millibits);
        let auto = self.policy.id_change_auto && (by_id || is_far_ahead);
        let basis = if by_id { Basis::Reach } else { Basis::Score };
        self.rejected.insert(account.id.clone(), Rejection::Policy);
        Some(match (class, self.subject.is_login()) {
            (Class::Student, _) if auto => self.link(Rule::R6, account, basis, retire),
            (Class::Employee, true) if !self.said_new() => {
                let (offers, accepts) = (vec![account.id.clone()], Accepts::ProofOfOffer);
                (
                    Rule::R6,
                    Decision::Ask { offers, accepts },
                    Effects::default(),
                )
            }
            (Class::Student, _) | (_, true) => self.create(Rule::R6, ids),
            (_, false) => (
                Rule::R6,
                Decision::Review { candidates: ids },
                Effects::default(),
            ),
        })
    }

    /// R7: accounts in reach, none of them with certainty.
    fn weaker(&self, class: Class, rivals: &BTreeMap<&AccountId, Rival<'_>>) -> Row {
        let rule = Rule::R7;
        let ids: BTreeSet<AccountId> = rivals.keys().map(|id| (*id).clone()).collect();
        match (class, self.subject.is_login()) {
            (Class::Contact, _) => self.create(rule, BTreeSet::new()),
            (Class::Employee, true) if !self.said_new() => {
                let mut best: Vec<&Rival<'_>> = rivals.values().collect();
                // Most findings first; ids settle the rest.
                best.sort_by_key(|rival| Reverse(rival.evidence.len()));
                let offers: Vec<AccountId> = best
                    .into_iter()
                    .filter(|rival| rival.account.state != AccountState::Suspended)
                    .take(MAX_OFFERS)
                    .map(|rival| rival.account.id.clone())
                    .collect();
                let accepts = if offers.is_empty() {
                    Accepts::SignInElsewhere
                } else {
                    Accepts::ProofOfOffer
                };
                (rule, Decision::Ask { offers, accepts }, Effects::default())
            }
            (_, true) => {
                let mut row = self.create(rule, ids);
                // A cut list is looked at as well.
                row.2.park = true;
                row
            }
            (_, false) => (
                rule,
                Decision::Review { candidates: ids },
                Effects::default(),
            ),
        }
    }

    /// R8: only accounts that the subject's authority does not govern.
    fn out_of_reach(&self, class: Class, outside: &BTreeMap<&AccountId, &Account>) -> Row {
        let rule = Rule::R8;
        match (class, self.subject.is_login()) {
            (Class::Employee, true) if !self.said_new() => {
                let (offers, accepts) = (Vec::new(), Accepts::SignInElsewhere);
                (rule, Decision::Ask { offers, accepts }, Effects::default())
            }
            // A transfer: for the admins of both districts.
            (Class::Student, _) => {
                let transfers = outside.values().filter(|account| {
                    account.class == class
                        && matches!(
                            account.custody,
                            Custody::Unclaimed { .. } | Custody::Managed { .. }
                        )
                });
                let ids = transfers.map(|account| account.id.clone()).collect();
                self.create(rule, ids)
            }
            _ => self.create(rule, BTreeSet::new()),
        }
    }
}
