//! Many subjects at once: the same decision for each, and no account given twice.

use std::collections::BTreeMap;

use clever_model::Timestamp;

use crate::decide::{Decided, Decision, Rejection, decide};
use crate::directory::{AccountId, Directory};
use crate::effects::Effects;
use crate::policy::Policy;
use crate::rule::Rule;
use crate::subject::Subject;

/// Decides for every subject against its own directory, all read at one version.
///
/// Each decision is the one that [`decide`] makes alone, but where several subjects would be linked to one
/// account: then all of them go to review. Neither order nor sharding changes anything.
#[must_use]
pub fn decide_all<'a>(
    subjects: impl IntoIterator<Item = (&'a Subject, &'a Directory)>,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Decided> {
    let mut all: Vec<Decided> = subjects
        .into_iter()
        .map(|(subject, directory)| decide(subject, &[], directory, policy, now))
        .collect();
    let mut claims: BTreeMap<AccountId, usize> = BTreeMap::new();
    for decided in &all {
        if let Decision::Link { account, .. } = &decided.decision {
            *claims.entry(account.clone()).or_default() += 1;
        }
    }
    for decided in &mut all {
        let Decision::Link { account, .. } = &decided.decision else {
            continue;
        };
        if claims.get(account).is_some_and(|claims| *claims > 1) {
            let account = account.clone();
            decided.decision = Decision::Review {
                candidates: [account.clone()].into(),
            };
            decided.why.rule = Rule::Tie;
            decided.why.rejected.insert(account, Rejection::Ambiguous);
            decided.effects = Effects::default();
        }
    }
    all
}
