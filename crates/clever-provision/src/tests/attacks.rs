//! Attacks of the identity model, each as it would be made.

use std::collections::BTreeSet;

use clever_model::{Role, UserId};
use proptest::prelude::*;

use super::memory::{ApplyError, MemoryAccounts};
use super::world::{
    World, account, account_id, ago, classes, district, lax, login, now, user, world_of, worlds,
};
use crate::directory::{Account, AccountState, Candidate, Custody, LiveLink, LoginMethod};
use crate::evidence::{Evidence, Field, KnownPerson, compare};
use crate::proof::AdminProof;
use crate::rule::{Outcome, Rule};
use crate::scoped::{Scoped, SisId};
use crate::subject::{Arrival, Class, Person, PersonName, Purpose, SharedBy, Subject};
use crate::{Decision, decide, decide_all};

fn managed(number: usize, class: Class, by: usize) -> Account {
    Account {
        last_used: Some(ago(1000)),
        ..account(number, class, Custody::Managed { by: district(by) })
    }
}

fn linking(mut subject: Subject) -> Subject {
    if let Arrival::Login { purpose, .. } = &mut subject.arrival {
        *purpose = Purpose::Link;
    }
    subject
}

fn person(first: &str, last: &str) -> Person {
    let mut person = Person::new(user(0), Some(district(1)), [Role::Teacher]);
    person.name = PersonName {
        first: Some(first.to_owned()),
        last: Some(last.to_owned()),
    };
    person
}

fn links(world: &World, number: usize) -> bool {
    matches!(&world.decide().decision, Decision::Link { account, .. } if *account == account_id(number))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A squatter signs up with everything that the victim has.
    #[test]
    fn a1_a6_a_self_made_account_equal_in_every_field_is_never_the_target(
        mut world in worlds(), class in classes(), perfect in any::<bool>(),
    ) {
        world.proofs.clear();
        world.policy = lax();
        let squatter = Account { last_used: Some(now()), ..account(77, class, Custody::Personal) };
        let evidence = world_of(login(class, 1), vec![squatter.clone()]).directory.candidates.remove(0).evidence;
        world.directory.accounts.insert(squatter.id.clone(), squatter.clone());
        world.directory.candidates.push(Candidate { account: squatter.id.clone(), evidence });
        if perfect {
            world.directory.candidates.retain(|candidate| candidate.account == squatter.id);
        }
        let decided = world.decide();
        let target = match &decided.decision {
            Decision::LogIn { account } | Decision::Link { account, .. } => Some(account),
            _ => None,
        };
        prop_assert_ne!(target, Some(&squatter.id));
        // A25: and nobody is told that it exists.
        if let Decision::Ask { offers, .. } = &decided.decision {
            prop_assert!(!offers.contains(&squatter.id));
        }
    }

    /// Two records whose addresses are equal, and nothing else.
    #[test]
    fn a5_a7_an_address_is_no_evidence_that_links(address in "ada[a-z]{0,5}@[a-z]{1,5}", holders in 1_u32..4, class in classes()) {
        let mut one = person("Ada", "Byron");
        one.email = Some(address.to_uppercase());
        let known = KnownPerson { email: Some((address, holders)), ..KnownPerson::default() };
        let found = compare(&one, &known);
        prop_assert_eq!(&found, &BTreeSet::from([Evidence::Mailbox { holders }]));
        let mut world = world_of(login(class, 1), vec![managed(1, class, 1)]);
        world.directory.candidates[0].evidence = found;
        prop_assert!(!links(&world, 1));
    }

    /// The same number in another district is another child.
    #[test]
    fn a17_a_districts_id_means_nothing_elsewhere(value in "[1-9][0-9]{0,3}") {
        let id = |number| Scoped::new(district(number), SisId::new(&value).unwrap());
        let mut one = person("Ada", "Byron");
        one.sis_ids = vec![id(1)];
        let known = |by| KnownPerson { sis_ids: vec![id(by)], ..KnownPerson::default() };
        prop_assert!(compare(&one, &known(1)).contains(&Evidence::ScopedSis));
        prop_assert!(compare(&one, &known(2)).is_empty());
    }
}

#[test]
fn a2_a3_a4_sessions_methods_and_pending_changes_from_before_a_link_are_ended() {
    let planted = |id: &str, proven_at| LoginMethod {
        id: id.into(),
        proven_at,
    };
    let mut old = managed(1, Class::Employee, 1);
    old.methods = vec![
        planted("recovery", None),
        planted("password", Some(ago(60))),
    ];
    let world = world_of(login(Class::Employee, 1), vec![old]);
    let decided = world.decide();
    assert_eq!(
        (decided.why.rule, decided.outcome()),
        (Rule::R5, Outcome::Link)
    );
    assert_eq!(decided.effects.revoke_sessions_before, Some(now()));
    assert!(decided.effects.cancel_pending);
    assert_eq!(
        decided.effects.quarantine,
        BTreeSet::from(["recovery".into()])
    );
    let mut accounts = MemoryAccounts::new(world.directory.accounts.values().cloned());
    accounts
        .apply(&world.subject, &decided, &account_id(9), now())
        .unwrap();
    let methods = &accounts.accounts()[&account_id(1)].methods;
    assert_eq!(methods.len(), 1);
    assert_eq!(&*methods[0].id, "password");
}

#[test]
fn a9_a_login_that_was_begun_to_sign_in_links_nothing_whatever_is_proven() {
    let personal = account(1, Class::Employee, Custody::Personal);
    let mut world = world_of(login(Class::Employee, 1), vec![personal]);
    world.proofs = vec![(account_id(1), 5, false)];
    assert!(!links(&world, 1));
    world.subject = linking(world.subject);
    assert!(links(&world, 1));
    // Another may have sent the browser: then not even proof counts.
    if let Arrival::Login { bound, .. } = &mut world.subject.arrival {
        *bound = false;
    }
    assert!(!links(&world, 1));
}

#[test]
fn a18_a_recycled_id_with_another_name_is_no_link() {
    for class in [Class::Student, Class::Employee] {
        for evidence in [
            vec![Evidence::ScopedSis],
            vec![Evidence::ScopedSis, Evidence::Contradiction(Field::Name)],
            vec![
                Evidence::ScopedSis,
                Evidence::NamesAgree,
                Evidence::Contradiction(Field::Birth),
            ],
        ] {
            let mut world = world_of(login(class, 1), vec![managed(1, class, 1)]);
            world.directory.candidates[0].evidence = evidence.into_iter().collect();
            assert!(!links(&world, 1), "{world:?}");
        }
    }
    // Names that differ contradict; an initial says nothing, so a Library student's never agrees.
    let known = |last: &str| KnownPerson {
        name: person("Ada", last).name,
        ..KnownPerson::default()
    };
    let ada = person("ADA", "O'Byron");
    assert!(compare(&ada, &known("obyron")).contains(&Evidence::NamesAgree));
    assert!(compare(&ada, &known("Lovelace")).contains(&Evidence::Contradiction(Field::Name)));
    assert!(compare(&ada, &known("O.")).is_empty());
}

#[test]
fn what_speaks_against_an_account_counts_wherever_it_is_named() {
    let mut world = world_of(
        login(Class::Student, 1),
        vec![managed(1, Class::Student, 1)],
    );
    assert!(links(&world, 1));
    // The app names it, and the store names it again with what it remembers.
    world.directory.candidates.push(Candidate {
        account: account_id(1),
        evidence: [Evidence::Contradiction(Field::Name)].into(),
    });
    assert!(!links(&world, 1));
}

#[test]
fn a19_an_account_long_unused_says_nothing_for_todays_holder_of_its_ids() {
    let mut old = managed(1, Class::Employee, 1);
    let mut world = world_of(login(Class::Employee, 1), vec![old.clone()]);
    world.policy.idle_limit_days = 400;
    assert!(links(&world, 1));
    old.last_used = Some(ago(401 * 86_400));
    world.directory.accounts.insert(old.id.clone(), old);
    assert!(!links(&world, 1));
}

#[test]
fn a20_a_contact_is_never_linked_by_a_machine_nor_a_student_to_a_contact() {
    for custody in [
        Custody::Unclaimed { by: district(1) },
        Custody::Managed { by: district(1) },
    ] {
        let world = world_of(
            login(Class::Contact, 1),
            vec![account(1, Class::Contact, custody.clone())],
        );
        assert_eq!(world.decide().outcome(), Outcome::CreateAndPark);
        let world = world_of(
            login(Class::Student, 1),
            vec![account(1, Class::Contact, custody)],
        );
        assert!(!links(&world, 1));
    }
}

#[test]
fn a21_a_student_never_gets_an_employees_account_but_by_an_admins_word() {
    let world = |class, other| world_of(login(class, 1), vec![managed(1, other, 1)]);
    for (class, other) in [
        (Class::Student, Class::Employee),
        (Class::Employee, Class::Student),
        (Class::Employee, Class::Contact),
    ] {
        assert!(!links(&world(class, other), 1));
        let mut proven = world(class, other);
        proven.subject = linking(proven.subject);
        proven.proofs = vec![(account_id(1), 5, false)];
        assert!(!links(&proven, 1), "the holder's proof is not enough");
        proven.proofs = vec![(account_id(1), 5, true)];
        assert!(links(&proven, 1));
    }
    // Two of the app's support, not one twice.
    assert!(AdminProof::of_support(account_id(1), now(), "ann", "ann").is_none());
    assert!(AdminProof::of_support(account_id(1), now(), "ann", "bob").is_some());
}

#[test]
fn a22_another_districts_account_stays_there_when_a_student_moves() {
    let world = world_of(
        login(Class::Student, 1),
        vec![managed(1, Class::Student, 2)],
    );
    let decided = world.decide();
    assert_eq!(
        (decided.why.rule, decided.outcome()),
        (Rule::R8, Outcome::CreateAndPark)
    );
    // An employee is asked, and sees no name of anybody.
    let world = world_of(
        login(Class::Employee, 1),
        vec![managed(1, Class::Employee, 2)],
    );
    let mut world = world;
    assert!(matches!(&world.decide().decision, Decision::Ask { offers, .. } if offers.is_empty()));
    world.subject = world.subject.says_new();
    assert_eq!(world.decide().outcome(), Outcome::Create);
}

#[test]
fn a23_a_second_id_of_one_district_needs_the_old_one_gone() {
    let old_id = |in_roster| LiveLink {
        id: user(5),
        district: Some(district(1)),
        in_roster,
        by_admin: false,
    };
    let mut student = managed(1, Class::Student, 1);
    student.links = vec![old_id(true)];
    let world = world_of(login(Class::Student, 1), vec![student.clone()]);
    assert!(!links(&world, 1));
    student.links = vec![old_id(false)];
    let world = world_of(login(Class::Student, 1), vec![student]);
    let decided = world.decide();
    assert_eq!(
        (decided.why.rule, decided.outcome()),
        (Rule::R6, Outcome::Link)
    );
    assert_eq!(decided.effects.retire, BTreeSet::from([user(5)]));
    let mut accounts = MemoryAccounts::new(world.directory.accounts.values().cloned());
    accounts
        .apply(&world.subject, &decided, &account_id(9), now())
        .unwrap();
    let ids: Vec<&UserId> = accounts.accounts()[&account_id(1)]
        .links
        .iter()
        .map(|link| &link.id)
        .collect();
    assert_eq!(ids, [&user(0)]);
}

#[test]
fn a24_a_twin_in_either_file_keeps_the_machine_from_linking() {
    let ada = managed(1, Class::Student, 1);
    let alone = world_of(login(Class::Student, 1), vec![ada.clone()]);
    assert!(links(&alone, 1));
    let both = world_of(
        login(Class::Student, 1),
        vec![ada, managed(2, Class::Student, 1)],
    );
    assert_eq!(both.decide().outcome(), Outcome::CreateAndPark);
    let mut sibling = alone;
    sibling.directory.candidates[0]
        .evidence
        .insert(Evidence::SiblingFits);
    assert!(!links(&sibling, 1));
}

#[test]
fn a25_what_is_shown_is_in_reach_and_of_three_at_most() {
    let mut accounts: Vec<Account> = (1..6)
        .map(|number| managed(number, Class::Employee, 1))
        .collect();
    accounts.push(managed(6, Class::Employee, 2));
    accounts.push(account(7, Class::Employee, Custody::Personal));
    let world = world_of(login(Class::Employee, 1), accounts);
    match world.decide().decision {
        Decision::Ask { offers, .. } => {
            assert_eq!(offers, [account_id(1), account_id(2), account_id(3)]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a26_a_merge_needs_fresh_proof_of_both_accounts() {
    let two = || {
        vec![
            managed(1, Class::Employee, 1),
            account(2, Class::Employee, Custody::Personal),
        ]
    };
    let mut world = world_of(linking(login(Class::Employee, 1)), two());
    let merges = |world: &World| world.decide().outcome() == Outcome::Merge;
    world.proofs = vec![(account_id(1), 5, false)];
    assert!(!merges(&world));
    for stale in [601, -1] {
        world.proofs = vec![(account_id(1), 5, false), (account_id(2), stale, false)];
        assert!(!merges(&world), "{stale}");
    }
    world.proofs = vec![(account_id(1), 5, false), (account_id(2), 600, false)];
    assert!(merges(&world));
    // Another may have sent the browser: then proofs say nothing of the login.
    let mut unbound = world.clone();
    if let Arrival::Login { bound, .. } = &mut unbound.subject.arrival {
        *bound = false;
    }
    assert!(!merges(&unbound));
    // The account that the login itself opens counts as proven.
    world.proofs.remove(0);
    let opened = world.directory.accounts.get_mut(&account_id(1)).unwrap();
    opened.links.push(LiveLink {
        id: user(0),
        district: Some(district(1)),
        in_roster: true,
        by_admin: false,
    });
    world.settle();
    assert!(merges(&world));
    // Of students, only an adult who knows them may say so.
    let mut students = world_of(
        linking(login(Class::Student, 1)),
        vec![managed(1, Class::Student, 1), managed(2, Class::Student, 1)],
    );
    students.proofs = vec![(account_id(1), 5, false), (account_id(2), 5, false)];
    assert!(!merges(&students));
}

#[test]
fn a28_of_two_decisions_at_once_one_is_applied_and_the_other_decided_again() {
    let world = world_of(
        login(Class::Employee, 1),
        vec![managed(1, Class::Employee, 1)],
    );
    let mut other = world.subject.clone();
    other.id = user(8);
    let mut accounts = MemoryAccounts::new(world.directory.accounts.values().cloned());
    let (first, second) = (
        world.decide(),
        decide(&other, &[], &world.directory, &world.policy, now()),
    );
    assert_eq!(
        (first.outcome(), second.outcome()),
        (Outcome::Link, Outcome::Link)
    );
    accounts
        .apply(&world.subject, &first, &account_id(9), now())
        .unwrap();
    let stale = accounts.apply(&other, &second, &account_id(9), now());
    assert!(matches!(
        stale,
        Err(ApplyError::Stale { decided: 1, now: 2 })
    ));
    let directory = accounts.directory(&other, world.directory.candidates.clone());
    let again = decide(&other, &[], &directory, &world.policy, now());
    assert_eq!(again.outcome(), Outcome::Ask);
}

#[test]
fn a_library_teacher_reaches_her_own_class_and_nothing_of_a_district() {
    let mut subject = login(Class::Student, 1);
    subject.authority = SharedBy::Teacher(user(3));
    let of = |custody| world_of(subject.clone(), vec![account(1, Class::Student, custody)]);
    // Her class's accounts are shown to her, never linked by a machine: last names are initials there.
    let hers = of(Custody::ClassMade { by: user(3) }).decide();
    assert_eq!(hers.outcome(), Outcome::CreateAndPark);
    for custody in [
        Custody::Unclaimed { by: district(1) },
        Custody::Managed { by: district(1) },
        Custody::ClassMade { by: user(4) },
        Custody::Personal,
    ] {
        assert_eq!(of(custody).decide().why.rule, Rule::R8);
    }
}

#[test]
fn an_archived_account_comes_back_and_a_suspended_one_does_not() {
    let known = |state| {
        let mut one = managed(1, Class::Student, 1);
        one.state = state;
        one.links = vec![LiveLink {
            id: user(0),
            district: Some(district(1)),
            in_roster: true,
            by_admin: false,
        }];
        world_of(login(Class::Student, 1), vec![one]).decide()
    };
    let back = known(AccountState::Archived);
    assert_eq!((back.why.rule, back.outcome()), (Rule::R1a, Outcome::LogIn));
    assert!(back.effects.restore);
    assert_eq!(known(AccountState::Suspended).outcome(), Outcome::Refuse);
    // A trail of merges that turns in circles is an alarm, not a loop.
    let circle = known(AccountState::Merged {
        into: account_id(1),
    });
    assert_eq!(
        (circle.why.rule, circle.outcome()),
        (Rule::R1d, Outcome::Refuse)
    );
}

#[test]
fn a_teachers_class_accounts_are_in_no_districts_reach() {
    for class in [Class::Student, Class::Employee] {
        let made = account(1, class, Custody::ClassMade { by: user(3) });
        let rule = world_of(login(class, 1), vec![made]).decide().why.rule;
        assert_eq!(rule, Rule::R8);
    }
}

#[test]
fn two_of_a_batch_that_claim_one_account_both_wait_for_a_person() {
    let world = world_of(
        login(Class::Student, 1),
        vec![account(
            1,
            Class::Student,
            Custody::Unclaimed { by: district(1) },
        )],
    );
    let mut other = world.subject.clone();
    other.id = user(8);
    let policy = lax();
    let alone = decide_all([(&world.subject, &world.directory)], &policy, now());
    assert_eq!(alone[0].outcome(), Outcome::Link);
    let both = decide_all(
        [
            (&world.subject, &world.directory),
            (&other, &world.directory),
        ],
        &policy,
        now(),
    );
    for decided in both {
        assert_eq!(
            (decided.why.rule, decided.outcome()),
            (Rule::Tie, Outcome::Review)
        );
        assert!(decided.effects.revoke_sessions_before.is_none());
    }
}
