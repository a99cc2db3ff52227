//! Many subjects at once: the same decision for each, and no account given twice.

use std::borrow::Borrow;
use std::collections::HashMap;

use clever_model::Timestamp;

use crate::decide::{Basis, Decided, Decision, Rejection, decide, scores_in_reach};
use crate::directory::{AccountId, Directory};
use crate::effects::Effects;
use crate::policy::Policy;
use crate::rule::Rule;
use crate::subject::Subject;

/// Who of the batch wants an account.
#[derive(Default)]
struct Wanted {
    links: u32,
    /// The two highest scores, the highest with the place of its subject.
    best: Option<(i32, usize)>,
    next: Option<i32>,
}

impl Wanted {
    fn add(&mut self, score: i32, place: usize) {
        match self.best {
            Some((best, _)) if score <= best => self.next = self.next.max(Some(score)),
            best => {
                self.next = self.next.max(best.map(|(best, _)| best));
                self.best = Some((score, place));
            }
        }
    }

    /// The highest score of a subject other than the one at this place.
    fn by_others(&self, place: usize) -> Option<i32> {
        match self.best {
            Some((_, of)) if of == place => self.next,
            best => best.map(|(best, _)| best),
        }
    }
}

/// Decides for every subject against its own directory, all read at one version.
///
/// Each decision is the one that [`decide`] makes alone, unless another subject would be linked to the same account, or
/// its score for that account is not behind by the margin: then it goes to review. Neither order nor sharding changes
/// anything. A pair of subject and directory is dropped as soon as it is decided.
#[must_use]
pub fn decide_all<S: Borrow<Subject>, D: Borrow<Directory>>(
    subjects: impl IntoIterator<Item = (S, D)>,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Decided> {
    let mut wanted: HashMap<AccountId, Wanted> = HashMap::new();
    let mut all = Vec::new();
    let mut scores = Vec::new();
    for (place, (subject, directory)) in subjects.into_iter().enumerate() {
        let (subject, directory) = (subject.borrow(), directory.borrow());
        let decided = decide(subject, &[], directory, policy, now);
        let in_reach = scores_in_reach(subject, directory);
        let mut own = None;
        if let Decision::Link { account, .. } = &decided.decision {
            own = in_reach.get(account).copied();
            wanted.entry(account.clone()).or_default().links += 1;
        }
        scores.push(own);
        // Who has an account already wants no other.
        if !matches!(decided.decision, Decision::LogIn { .. } | Decision::Refuse) {
            for (account, score) in in_reach {
                wanted.entry(account).or_default().add(score, place);
            }
        }
        all.push(decided);
    }
    for (place, (decided, own)) in all.iter_mut().zip(scores).enumerate() {
        let Decision::Link { account, basis } = &decided.decision else {
            continue;
        };
        let Some(wants) = wanted.get(account) else {
            continue;
        };
        let is_near = |other: i32| {
            own.is_some_and(|own| own.saturating_sub(other) < policy.margin_millibits.max(1))
        };
        let is_unproven = matches!(basis, Basis::Reach | Basis::Score);
        if wants.links > 1 || is_unproven && wants.by_others(place).is_some_and(is_near) {
            let account = account.clone();
            decided.decision = Decision::Review {
                candidates: [account.clone()].into(),
            };
            decided.why.rule = Rule::Tie;
            decided.why.rejected.insert(account, Rejection::Wanted);
            decided.effects = Effects::default();
        }
    }
    all
}
