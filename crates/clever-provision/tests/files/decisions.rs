//! Who is linked over a school with the truth known.

use clever_linkage::{Comparison, Linkage, Run};
use clever_model::{DistrictId, Role, Timestamp, UserId};
use clever_provision::duplicates::{self, Duplicates};
use clever_provision::{
    Account, AccountId, AccountState, Class, Custody, Decided, Decision, Directory, Outcome,
    Person, Policy, Rejection, Subject, candidates, decide_all,
};

use crate::ground::{Row, linkage, row, school, trained};

/// From here on the tests' pairs are linked by score.
pub(crate) const AUTO: i32 = 16_000;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn district() -> DistrictId {
    DistrictId::new("d").unwrap()
}

/// An account that the district manages.
fn account(id: &str) -> Account {
    Account {
        id: AccountId::new(id),
        version: 1,
        custody: Custody::Managed { by: district() },
        class: Class::Student,
        state: AccountState::Active,
        links: Vec::new(),
        methods: Vec::new(),
        last_used: None,
    }
}

fn subject(id: &str) -> Subject {
    let user = UserId::new(id).unwrap();
    Subject::roster(&Person::new(user, Some(district()), [Role::Student])).unwrap()
}

pub(crate) fn policy(auto: i32) -> Policy {
    Policy {
        managed_auto: true,
        score_auto: true,
        auto_millibits: auto,
        ..Policy::default()
    }
}

/// The decisions about all right records, one district's.
pub(crate) fn decided(comparison: &Comparison<'_>) -> Vec<Decided> {
    decided_by(comparison, &policy(AUTO))
}

/// The same by a policy.
pub(crate) fn decided_by(comparison: &Comparison<'_>, policy: &Policy) -> Vec<Decided> {
    let asked = comparison.all.iter().map(|matches| {
        let candidates = candidates(comparison, matches);
        let accounts = candidates
            .iter()
            .map(|one| (one.account.clone(), account(one.account.as_str())));
        let directory = Directory {
            accounts: accounts.collect(),
            truncated: matches.cut,
            candidates,
            ..Directory::default()
        };
        (subject(comparison.right_id(matches)), directory)
    });
    decide_all(asked, policy, now())
}

/// What was decided about a right record, why its best account was not taken, and which that is.
pub(crate) fn outcome(
    linkage: &Linkage,
    model: &clever_linkage::Model,
    id: &str,
) -> (Outcome, Option<Rejection>, Option<String>) {
    let comparison = linkage.compare(model, &Run::default()).unwrap();
    let decided = decided(&comparison);
    let mut all = comparison.all.iter().zip(&decided);
    let (matches, decided) = all
        .find(|(matches, _)| comparison.right_id(matches) == id)
        .unwrap();
    let best = matches.pairs.first().map(|best| comparison.ids(best)[0]);
    let why = best.and_then(|best| decided.why.rejected.get(&AccountId::new(best)));
    (decided.outcome(), why.copied(), best.map(str::to_owned))
}

/// Who is in one file more than once.
pub(crate) fn duplicates(comparison: &Comparison<'_>, least: i32) -> Duplicates {
    let holder = |record: usize| {
        let id = format!("r{record}");
        Some((subject(&id), account(&id)))
    };
    duplicates::find(comparison, holder, &policy(least), now())
}

#[test]
fn most_are_found_and_nobody_falsely() {
    let (left, right) = school();
    let linkage = linkage(&left, &right);
    let model = linkage.train(&Run::default());
    let comparison = linkage.compare(&model, &Run::default()).unwrap();
    let mut found = 0;
    let mut expected_false = 0.0;
    for (matches, decided) in comparison.all.iter().zip(decided(&comparison)) {
        if let Decision::Link { account, .. } = &decided.decision {
            found += 1;
            assert_eq!(account.as_str()[1..], comparison.right_id(matches)[1..]);
            expected_false += matches.pairs[0].chance_of_error();
        }
    }
    assert!(found * 10 > left.len() * 9, "{found} of {}", left.len());
    assert!(expected_false < 0.1, "{expected_false}");
}

/// What is decided about the person `right`, if `more` is added to the accounts and `others` to the roster.
fn with(more: &[Row], right: &Row, others: &[Row]) -> (Outcome, Option<Rejection>, Option<String>) {
    let (mut left, mut roster) = school();
    left.extend_from_slice(more);
    roster.push(right.clone());
    roster.extend_from_slice(others);
    outcome(&linkage(&left, &roster), trained(), &right[0])
}

#[test]
fn a_score_alone_links_only_what_the_district_governs_and_the_policy_allows() {
    let child = row([
        "n1",
        "",
        "d9",
        "Ximena",
        "Zapata",
        "2011-03-04",
        "xz@x.example",
    ]);
    let (mut left, mut right) = school();
    left.push(Row::clone(&child));
    right.push(child);
    let linkage = linkage(&left, &right);
    let comparison = linkage.compare(trained(), &Run::default()).unwrap();
    let matches = comparison
        .all
        .iter()
        .find(|matches| comparison.right_id(matches) == "n1")
        .unwrap();
    let decide = |custody: Custody, policy: Policy| {
        let candidates = candidates(&comparison, matches);
        let accounts = candidates.iter().map(|one| {
            let account = Account {
                custody: custody.clone(),
                ..account(one.account.as_str())
            };
            (one.account.clone(), account)
        });
        let directory = Directory {
            accounts: accounts.collect(),
            candidates,
            ..Directory::default()
        };
        let decided = decide_all([(subject("n1"), directory)], &policy, now());
        decided[0].outcome()
    };
    let managed = Custody::Managed { by: district() };
    let other = Custody::Managed {
        by: DistrictId::new("other").unwrap(),
    };
    assert_eq!(decide(managed.clone(), policy(AUTO)), Outcome::Link);
    assert_eq!(decide(Custody::Personal, policy(AUTO)), Outcome::Create);
    assert_eq!(decide(other, policy(AUTO)), Outcome::CreateAndPark);
    let strict = Policy {
        score_auto: false,
        ..policy(AUTO)
    };
    assert_eq!(decide(managed.clone(), strict), Outcome::Review);
    assert_eq!(decide(managed, policy(60_000)), Outcome::Review);
}

#[test]
fn a17_the_same_number_in_two_districts_is_two_numbers() {
    let child = row(["n1", "777", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    let same = row(["x1", "777", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    assert_eq!(
        with(std::slice::from_ref(&same), &child, &[]).0,
        Outcome::Link
    );
    let elsewhere = row(["x1", "777", "d8", "Yusuf", "Demir", "2009-12-30", ""]);
    assert_eq!(
        with(&[elsewhere], &child, &[]),
        (Outcome::Create, None, None)
    );
}

#[test]
fn a18_a_recycled_number_links_nobody() {
    let child = row(["n1", "777", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    let leaver = row(["x1", "777", "d9", "Yusuf", "Demir", "2004-12-30", ""]);
    assert_ne!(with(&[leaver], &child, &[]).0, Outcome::Link);
}

#[test]
fn a24_a_twin_moves_a_outcome_towards_review_only() {
    let child = row(["n1", "777", "d9", "Christina", "Zapata", "2011-03-04", ""]);
    let account = row(["x1", "777", "d9", "Tina", "Zapata", "2011-03-04", ""]);
    assert_eq!(
        with(std::slice::from_ref(&account), &child, &[]),
        (Outcome::Link, None, Some("x1".to_owned()))
    );
    // In the roster, or among the accounts.
    let twin = row(["n2", "778", "d9", "Martina", "Zapata", "2011-03-04", ""]);
    let (outcome, why, _) = with(
        std::slice::from_ref(&account),
        &child,
        std::slice::from_ref(&twin),
    );
    assert_eq!((outcome, why), (Outcome::Review, Some(Rejection::Sibling)));
    let (outcome, ..) = with(&[account, twin], &child, &[]);
    assert_eq!(outcome, Outcome::Review);
}

#[test]
fn two_of_the_roster_never_share_an_account() {
    let child = row(["n1", "", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    let again = row(["n2", "", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    let account = row(["x1", "", "d9", "Ximena", "Zapata", "2011-03-04", ""]);
    assert_eq!(
        with(std::slice::from_ref(&account), &child, &[]).0,
        Outcome::Link
    );
    let (outcome, why, _) = with(&[account], &child, &[again]);
    assert_eq!((outcome, why), (Outcome::Review, Some(Rejection::Wanted)));
}

#[test]
fn who_is_in_a_file_twice_is_found() {
    let (mut left, _) = school();
    let again: Vec<Row> = left
        .iter()
        .step_by(40)
        .map(|row| {
            let mut again = row.clone();
            again[0] = format!("{}-again", row[0]);
            again[6] = String::new();
            again
        })
        .collect();
    let expected: Vec<Vec<String>> = again
        .iter()
        .map(|row| vec![row[0].replace("-again", ""), row[0].clone()])
        .collect();
    left.extend(again);
    let linkage = linkage(&left, &[]);
    let model = linkage.train_within(&Run::default());
    let comparison = linkage.compare_within(&model, &Run::default()).unwrap();
    let duplicates = duplicates(&comparison, 0);
    let mut found: Vec<Vec<String>> = duplicates
        .clusters
        .iter()
        .map(|one| one.ids.iter().cloned().collect())
        .collect();
    let mut expected = expected;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert!(duplicates.clusters.iter().all(|one| one.weakest >= 0));
}
