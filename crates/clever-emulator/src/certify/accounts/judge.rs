//! What an app's accounts are worth, by Clever's rules. Nothing here asks anybody.

use std::collections::{BTreeMap, BTreeSet};

use crate::CertificationUser;
use clever_model::Role;
use serde_json::Value;

use super::source::Account;
use crate::certify::finding::Outcome;

/// Whom an app should know, by Clever id.
pub(super) type Expected = BTreeMap<String, BTreeSet<Role>>;

/// No Clever id twice.
pub(super) fn unique(all: &[Account]) -> Outcome {
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for account in all {
        if !seen.insert(&account.clever_id) {
            twice.insert(account.clever_id.as_str());
        }
    }
    match twice.first() {
        None => Outcome::passed(format!(
            "{} accounts, each with a Clever id of its own",
            all.len()
        )),
        Some(first) => Outcome::failed(format!(
            "{} Clever ids have more than one account; one is {first}",
            twice.len()
        )),
    }
}

/// Everybody is there and active; what is missing is said by roles.
pub(super) fn complete(all: &[Account], expected: &Expected) -> Outcome {
    let active: BTreeSet<&str> = all
        .iter()
        .filter(|account| account.is_active)
        .map(|account| account.clever_id.as_str())
        .collect();
    let mut by_role: BTreeMap<Role, (usize, usize)> = BTreeMap::new();
    for (id, roles) in expected {
        for role in roles {
            let (there, wanted) = by_role.entry(*role).or_default();
            *wanted += 1;
            *there += usize::from(active.contains(id.as_str()));
        }
    }
    let told = by_role
        .iter()
        .map(|(role, (there, wanted))| format!("{role} {there} of {wanted}"));
    let told = told.collect::<Vec<_>>().join(", ");
    match by_role.values().all(|(there, wanted)| there == wanted) {
        true => Outcome::passed(told),
        false => Outcome::failed(format!("there and active: {told}")),
    }
}

/// The longest and the shortest number are the texts that Clever gave.
pub(super) fn sis_ids(all: &[Account]) -> Outcome {
    if all.iter().all(|account| account.sis_id.is_none()) {
        return Outcome::not_run("the accounts come without `sis_id`");
    }
    for user in [CertificationUser::LongSisId, CertificationUser::ShortSisId] {
        let Some(account) = all.iter().find(|account| account.clever_id == user.id()) else {
            continue;
        };
        let wanted = user.sis_id().unwrap_or_default();
        match &account.sis_id {
            Some(Value::String(text)) if text == wanted => {}
            Some(Value::String(text)) => {
                return Outcome::failed(format!("`sis_id` is {text:?}, and Clever has {wanted:?}"));
            }
            Some(Value::Number(number)) => {
                return Outcome::failed(format!(
                    "`sis_id` is the number {number}, and Clever has {wanted:?}"
                ));
            }
            _ => return Outcome::failed(format!("`sis_id` {wanted:?} is missing")),
        }
    }
    Outcome::passed("as Clever has them")
}

/// The account of somebody who is shared no longer.
pub(super) fn archived(all: &[Account], id: &str) -> Outcome {
    let mut own = all
        .iter()
        .filter(|account| account.clever_id == id)
        .peekable();
    if own.peek().is_none() {
        return Outcome::failed("the account is gone: it was deleted, or lost its Clever id");
    }
    match own.any(|account| account.is_active) {
        true => Outcome::failed("the account is still active"),
        false => Outcome::passed("the account is closed and kept"),
    }
}

/// The account of somebody who is shared again, as it was `before`.
pub(super) fn restored(all: &[Account], before: Option<&Account>, id: &str) -> Outcome {
    let active = all
        .iter()
        .find(|account| account.clever_id == id && account.is_active);
    match (active, before) {
        (None, _) => Outcome::failed("the account is not active again"),
        (Some(now), Some(before)) if now.account != before.account => {
            Outcome::failed("another account was made in its place")
        }
        _ => Outcome::passed("the account from before is active again"),
    }
}

/// All accounts from before are still there, in whatever state.
pub(super) fn kept(before: &[Account], after: &[Account]) -> Outcome {
    let there: BTreeSet<_> = after
        .iter()
        .map(|account| (&account.clever_id, &account.account))
        .collect();
    let lost = before
        .iter()
        .filter(|account| !there.contains(&(&account.clever_id, &account.account)));
    match lost.count() {
        0 => Outcome::passed(format!("all {} accounts are still there", before.len())),
        lost => Outcome::failed(format!(
            "{lost} of {} accounts are gone, or are others",
            before.len()
        )),
    }
}

/// Somebody whose Clever id was `old` and is `new` has one active account.
pub(super) fn one_account(all: &[Account], old: &str, new: &str) -> Outcome {
    let of = |id: &str| {
        all.iter()
            .filter(|account| account.clever_id == id)
            .collect::<Vec<_>>()
    };
    let (before, after) = (of(old), of(new));
    // Two accounts of one id are another check's affair.
    let is_same =
        |one: &&Account, other: &&Account| one.account.is_some() && one.account == other.account;
    let open = |all: &[&Account]| all.iter().any(|account| account.is_active);
    // An account that both ids open is one.
    let is_shared = before
        .iter()
        .any(|old| after.iter().any(|new| is_same(old, new)));
    if open(&before) && open(&after) && !is_shared {
        return Outcome::failed("the same person has two active accounts");
    }
    match (before.first(), after.first()) {
        (Some(old), Some(new)) if !is_same(old, new) => Outcome::needs_work(
            "the account from before is closed, and a new one begins without its history",
        ),
        (_, None) => Outcome::passed("no second account was made: somebody looks at it first"),
        _ => Outcome::passed("the account from before has the new Clever id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify::finding::Verdict;

    fn account(clever_id: &str, account: &str, is_active: bool) -> Account {
        Account {
            clever_id: clever_id.to_owned(),
            sis_id: None,
            account: Some(account.to_owned()),
            is_active,
        }
    }

    #[test]
    fn twice_is_twice_even_when_one_is_archived() {
        assert_eq!(unique(&[account("a", "1", true)]).verdict, Verdict::Passed);
        let twice = [account("a", "1", true), account("a", "2", false)];
        assert_eq!(unique(&twice).verdict, Verdict::Failed);
    }

    #[test]
    fn what_is_missing_is_said_by_roles() {
        let expected = Expected::from([
            ("a".to_owned(), BTreeSet::from([Role::Student])),
            ("b".to_owned(), BTreeSet::from([Role::Student, Role::Staff])),
        ]);
        let all = [account("a", "1", true), account("b", "2", false)];
        let outcome = complete(&all, &expected);
        assert_eq!(outcome.verdict, Verdict::Failed);
        assert!(
            outcome.came_back.contains("student 1 of 2"),
            "{}",
            outcome.came_back
        );
        assert!(
            outcome.came_back.contains("staff 0 of 1"),
            "{}",
            outcome.came_back
        );
    }

    #[test]
    fn archive_restore_and_rollover_lose_nothing() {
        let before = account("a", "1", true);
        assert_eq!(archived(&[], "a").verdict, Verdict::Failed);
        assert_eq!(
            archived(std::slice::from_ref(&before), "a").verdict,
            Verdict::Failed
        );
        assert_eq!(
            archived(&[account("a", "1", false)], "a").verdict,
            Verdict::Passed
        );
        let back = [before.clone()];
        assert_eq!(restored(&back, Some(&before), "a").verdict, Verdict::Passed);
        let other = [account("a", "2", true)];
        assert_eq!(
            restored(&other, Some(&before), "a").verdict,
            Verdict::Failed
        );
        assert_eq!(
            kept(&back, &[account("a", "1", false)]).verdict,
            Verdict::Passed
        );
        assert_eq!(kept(&back, &other).verdict, Verdict::Failed);
    }

    #[test]
    fn a_new_id_is_no_second_account() {
        let old = account("a", "1", true);
        assert_eq!(
            one_account(std::slice::from_ref(&old), "a", "b").verdict,
            Verdict::Passed
        );
        let moved = [account("b", "1", true)];
        assert_eq!(one_account(&moved, "a", "b").verdict, Verdict::Passed);
        let both = [old.clone(), account("b", "1", true)];
        assert_eq!(one_account(&both, "a", "b").verdict, Verdict::Passed);
        let two = [old, account("b", "2", true)];
        assert_eq!(one_account(&two, "a", "b").verdict, Verdict::Failed);
        let anew = [account("a", "1", false), account("b", "2", true)];
        assert_eq!(one_account(&anew, "a", "b").verdict, Verdict::NeedsWork);
    }

    #[test]
    fn numbers_lose_digits_and_texts_do_not() {
        let with = |sis_id: Value| Account {
            sis_id: Some(sis_id),
            ..account(CertificationUser::LongSisId.id(), "1", true)
        };
        let right = CertificationUser::LongSisId.sis_id().unwrap();
        assert_eq!(sis_ids(&[with(right.into())]).verdict, Verdict::Passed);
        assert_eq!(sis_ids(&[with(9.007e47.into())]).verdict, Verdict::Failed);
        assert_eq!(
            sis_ids(&[with("9.00719925474099e+47".into())]).verdict,
            Verdict::Failed
        );
        assert_eq!(sis_ids(&[account("a", "1", true)]).verdict, Verdict::NotRun);
    }
}
