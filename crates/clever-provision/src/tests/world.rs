//! Generated worlds: few ids, so that everything meets everything.

use std::collections::BTreeSet;

use clever_model::{DistrictId, Timestamp, UserId};
use proptest::prelude::*;
use proptest::sample::select;

use super::memory::MemoryAccounts;
use crate::directory::{
    Account, AccountId, AccountState, Candidate, Custody, Directory, LiveLink, LoginMethod,
};
use crate::evidence::{Evidence, Field};
use crate::policy::Policy;
use crate::proof::{AccountProof, AdminProof, Proof};
use crate::subject::{Arrival, Class, Classes, Purpose, SharedBy, Subject};
use crate::{Decided, decide};

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

pub(super) fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - seconds).unwrap()
}

pub(super) fn user(number: usize) -> UserId {
    UserId::new(format!("u{number}")).unwrap()
}

pub(super) fn district(number: usize) -> DistrictId {
    DistrictId::new(format!("d{number}")).unwrap()
}

pub(super) fn account_id(number: usize) -> AccountId {
    AccountId::new(format!("a{number}"))
}

/// Everything that a decision is made from. Proofs are kept as what they are made from.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) subject: Subject,
    pub(super) proofs: Vec<(AccountId, i64, bool)>,
    pub(super) directory: Directory,
    pub(super) policy: Policy,
}

impl World {
    pub(super) fn proofs(&self) -> Vec<Proof> {
        self.proofs
            .iter()
            .map(|(account, age, admin)| {
                if *admin {
                    Proof::Admin(AdminProof::of_district_admin(account.clone(), ago(*age)))
                } else {
                    Proof::Holder(AccountProof::after_reauthentication(
                        account.clone(),
                        ago(*age),
                    ))
                }
            })
            .collect()
    }

    pub(super) fn decide(&self) -> Decided {
        decide(
            &self.subject,
            &self.proofs(),
            &self.directory,
            &self.policy,
            now(),
        )
    }

    /// Derives what opens from the accounts' links.
    pub(super) fn settle(&mut self) {
        let accounts = MemoryAccounts::new(self.directory.accounts.values().cloned());
        let found = accounts.directory(&self.subject, Vec::new());
        self.directory.linked = found.linked;
        self.directory.by_legacy_id = found.by_legacy_id;
    }

    /// The accounts that were proven, freshly, in a way that counts for this subject.
    pub(super) fn proven(&self) -> BTreeSet<AccountId> {
        let linking = matches!(
            self.subject.arrival,
            Arrival::Login {
                purpose: Purpose::Link,
                bound: true,
                ..
            }
        );
        self.proofs
            .iter()
            .filter(|(_, age, admin)| (0..=600).contains(age) && (*admin || linking))
            .filter_map(|(account, ..)| self.directory.standing(account))
            .map(|account| account.id.clone())
            .collect()
    }
}

/// A subject with the id `u0`.
pub(super) fn login(class: Class, by: usize) -> Subject {
    Subject {
        id: user(0),
        legacy_ids: BTreeSet::new(),
        authority: SharedBy::District(district(by)),
        classes: Classes::One(class),
        arrival: Arrival::Login {
            purpose: Purpose::SignIn,
            bound: true,
            said_new: false,
            verified_at: now(),
        },
        connected: true,
    }
}

/// An active account that somebody made for themselves, and that nothing opens.
pub(super) fn account(number: usize, class: Class, custody: Custody) -> Account {
    Account {
        id: account_id(number),
        version: 1,
        custody,
        class,
        state: AccountState::Active,
        links: Vec::new(),
        methods: Vec::new(),
        last_used: None,
    }
}

/// A world of the accounts, each a candidate with all that can speak for one.
pub(super) fn world_of(subject: Subject, accounts: Vec<Account>) -> World {
    let evidence = BTreeSet::from([
        Evidence::ScopedSis,
        Evidence::ScopedNumber,
        Evidence::StateId,
        Evidence::NamesAgree,
        Evidence::BirthAgrees,
        Evidence::Mailbox { holders: 1 },
        Evidence::Score { millibits: 60_000 },
    ]);
    let candidates = accounts
        .iter()
        .map(|account| Candidate {
            account: account.id.clone(),
            evidence: evidence.clone(),
        })
        .collect();
    let directory = Directory {
        version: 1,
        accounts: accounts
            .into_iter()
            .map(|account| (account.id.clone(), account))
            .collect(),
        candidates,
        ..Directory::default()
    };
    let mut world = World {
        subject,
        proofs: Vec::new(),
        directory,
        policy: lax(),
    };
    world.settle();
    world
}

/// The policy that allows the most.
pub(super) fn lax() -> Policy {
    Policy {
        managed_auto: true,
        score_auto: true,
        rare_names_auto: true,
        another_name_auto: true,
        id_change_auto: true,
        auto_millibits: 1,
        margin_millibits: 1,
        idle_limit_days: 100_000,
        ask_before_create: false,
        create_at_sync: true,
        blocked: BTreeSet::new(),
        block_library: false,
    }
}

pub(super) fn classes() -> impl Strategy<Value = Class> {
    select(Class::ALL.to_vec())
}

fn custodies() -> impl Strategy<Value = Custody> {
    prop_oneof![
        3 => (1_usize..3).prop_map(|by| Custody::Unclaimed { by: district(by) }),
        3 => (1_usize..3).prop_map(|by| Custody::Managed { by: district(by) }),
        1 => (3_usize..5).prop_map(|by| Custody::ClassMade { by: user(by) }),
        2 => Just(Custody::Personal),
    ]
}

fn links() -> impl Strategy<Value = Vec<LiveLink>> {
    let link = (0_usize..6, prop::option::of(1_usize..3), any::<bool>()).prop_map(
        |(id, by, in_roster)| LiveLink {
            id: user(id),
            district: by.map(district),
            in_roster,
            by_admin: false,
        },
    );
    prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(link, 1..3)]
}

fn methods() -> impl Strategy<Value = Vec<LoginMethod>> {
    prop::collection::vec(
        ("[a-c]", prop::option::of(0_i64..100_000_000)).prop_map(|(id, age)| LoginMethod {
            id: id.into(),
            proven_at: age.map(ago),
        }),
        0..3,
    )
}

fn accounts() -> impl Strategy<Value = Vec<Account>> {
    let one = (
        classes(),
        custodies(),
        0_u8..12,
        links(),
        methods(),
        prop::option::of(0_i64..60_000_000),
        0_usize..5,
    );
    prop::collection::vec(one, 0..5).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(
                |(number, (class, custody, state, links, methods, used, into))| Account {
                    state: match state {
                        0 => AccountState::Archived,
                        1 => AccountState::Suspended,
                        2 => AccountState::Merged {
                            into: account_id(into),
                        },
                        _ => AccountState::Active,
                    },
                    links,
                    methods,
                    last_used: used.map(ago),
                    ..account(number, class, custody)
                },
            )
            .collect()
    })
}

pub(super) fn evidence() -> impl Strategy<Value = BTreeSet<Evidence>> {
    use Evidence::{
        AnotherName, BirthAgrees, Contradiction, Mailbox, NamesAgree, RareNames, ScopedNumber,
        ScopedSis, Score, SiblingFits, StateId,
    };
    let fields = [
        Field::Name,
        Field::Birth,
        Field::StateId,
        Field::SisId,
        Field::StudentNumber,
        Field::Grade,
        Field::OtherId,
    ];
    let rarely = prop_oneof![
        (1_u32..4).prop_map(|holders| Mailbox { holders }),
        (0_i32..50_000).prop_map(|millibits| Score { millibits }),
        Just(SiblingFits),
        Just(RareNames),
        Just(AnotherName),
        select(fields.to_vec()).prop_map(Contradiction),
    ];
    (
        prop::sample::subsequence(
            vec![ScopedSis, ScopedNumber, StateId, NamesAgree, BirthAgrees],
            0..=5,
        ),
        prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(rarely, 1..3)],
    )
        .prop_map(|(often, rarely)| often.into_iter().chain(rarely).collect())
}

fn subjects() -> impl Strategy<Value = Subject> {
    let classes = prop_oneof![
        8 => classes().prop_map(Classes::One),
        1 => Just(Classes::None),
        1 => Just(Classes::Several),
    ];
    let authority = prop_oneof![
        4 => (1_usize..3).prop_map(|by| SharedBy::District(district(by))),
        1 => (3_usize..5).prop_map(|by| SharedBy::Teacher(user(by))),
    ];
    let login = (any::<bool>(), prop::bool::weighted(0.9), any::<bool>()).prop_map(
        |(link, bound, said_new)| Arrival::Login {
            purpose: if link { Purpose::Link } else { Purpose::SignIn },
            bound,
            said_new,
            verified_at: now(),
        },
    );
    let arrival = prop_oneof![3 => login, 2 => Just(Arrival::Roster)];
    let legacy = prop::collection::btree_set(1_usize..3, 0..3);
    (
        classes,
        authority,
        arrival,
        legacy,
        prop::bool::weighted(0.95),
    )
        .prop_map(|(classes, authority, arrival, legacy, connected)| Subject {
            id: user(0),
            legacy_ids: legacy.into_iter().map(user).collect(),
            authority,
            classes,
            arrival,
            connected,
        })
}

pub(super) fn policies() -> impl Strategy<Value = Policy> {
    (
        any::<[bool; 7]>(),
        0_i32..60_000,
        0_i32..12_000,
        0_u32..1000,
        prop::collection::btree_set(classes(), 0..2),
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(flags, auto, margin, idle, blocked, block_library)| Policy {
                managed_auto: flags[0],
                id_change_auto: flags[1],
                auto_millibits: auto,
                margin_millibits: margin,
                idle_limit_days: idle,
                ask_before_create: flags[2],
                create_at_sync: flags[3],
                score_auto: flags[4],
                rare_names_auto: flags[5],
                another_name_auto: flags[6],
                blocked,
                block_library,
            },
        )
}

/// A world whose directory is true to its accounts.
pub(super) fn worlds() -> impl Strategy<Value = World> {
    let proofs = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec((0_usize..5, -100_i64..900, prop::bool::weighted(0.3)), 1..3),
    ];
    let candidates = prop::collection::vec((0_usize..6, evidence()), 0..5);
    (
        subjects(),
        accounts(),
        candidates,
        proofs,
        policies(),
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(subject, accounts, candidates, proofs, policy, truncated)| {
                let mut world = world_of(subject, accounts);
                world.directory.candidates = candidates
                    .into_iter()
                    .map(|(number, evidence)| Candidate {
                        account: account_id(number),
                        evidence,
                    })
                    .collect();
                world.directory.truncated = truncated;
                world.proofs = proofs
                    .into_iter()
                    .map(|(number, age, admin)| (account_id(number), age, admin))
                    .collect();
                world.policy = policy;
                world
            },
        )
}
