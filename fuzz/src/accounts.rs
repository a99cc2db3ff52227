//! Account decisions and the ledger, driven by bytes: few ids, so that everything meets everything.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{DistrictId, Role, Timestamp, UserId};
use clever_provision::evidence::Field;
use clever_provision::ledger::{
    Actor, Draft, Event, Ledger, MergeId, ProofClass, ReviewId, ReviewOutcome, UnlinkReason,
};

use clever_provision::reach::in_reach;

use clever_provision::{
    Account, AccountId, AccountProof, AccountState, AdminProof, Candidate, Class, Custody,
    Decision, Directory, Evidence, LiveLink, LoginMethod, Person, Policy, Proof, Subject, decide,
};

/// Bytes one after another; zeros after the last.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn below(&mut self, most: u8) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first % most
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 1
    }

    fn instant(&mut self) -> Timestamp {
        at(i64::from(self.below(250)) * 100_000)
    }

    fn account(&mut self) -> AccountId {
        AccountId::new(format!("a{}", self.below(5)))
    }

    fn user(&mut self) -> UserId {
        UserId::new(format!("u{}", self.below(5))).expect("an id")
    }

    fn district(&mut self) -> DistrictId {
        DistrictId::new(format!("d{}", self.below(3))).expect("an id")
    }

    fn custody(&mut self) -> Custody {
        match self.below(4) {
            0 => Custody::Personal,
            1 => Custody::Unclaimed {
                by: self.district(),
            },
            2 => Custody::Managed {
                by: self.district(),
            },
            _ => Custody::ClassMade { by: self.user() },
        }
    }

    fn class(&mut self) -> Class {
        Class::ALL[usize::from(self.below(3))]
    }

    fn evidence(&mut self) -> Evidence {
        match self.below(11) {
            0 => Evidence::ScopedSis,
            1 => Evidence::ScopedNumber,
            2 => Evidence::StateId,
            3 => Evidence::NamesAgree,
            4 => Evidence::BirthAgrees,
            5 => Evidence::Mailbox {
                holders: self.below(3).into(),
            },
            6 => Evidence::Score {
                millibits: i32::from(self.below(60)) * 1000,
            },
            7 => Evidence::SiblingFits,
            8 => Evidence::RareNames,
            9 => Evidence::AnotherName,
            _ => Evidence::Contradiction(
                [Field::Name, Field::Birth, Field::SisId][usize::from(self.below(3))],
            ),
        }
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 - 25_000_000 + seconds).expect("an instant")
}

fn account(bytes: &mut Bytes<'_>, id: AccountId) -> Account {
    let links = (0..bytes.below(3)).map(|_| LiveLink {
        id: bytes.user(),
        district: bytes.yes().then(|| bytes.district()),
        in_roster: bytes.yes(),
        by_admin: bytes.below(8) == 1,
    });
    Account {
        id,
        version: 1,
        links: links.collect(),
        custody: bytes.custody(),
        class: bytes.class(),
        state: match bytes.below(6) {
            0 => AccountState::Archived,
            1 => AccountState::Suspended,
            2 => AccountState::Merged {
                into: bytes.account(),
            },
            _ => AccountState::Active,
        },
        methods: if bytes.yes() {
            vec![LoginMethod {
                id: "way".into(),
                proven_at: bytes.yes().then(|| bytes.instant()),
            }]
        } else {
            Vec::new()
        },
        last_used: bytes.yes().then(|| bytes.instant()),
    }
}

/// A decision about somebody of a roster: never outside reach but by an admin's word, the same for the same
/// inputs in any order, and nobody is linked on a contradiction. Accepted where an account was found.
pub fn decision(data: &[u8]) -> bool {
    let bytes = &mut Bytes(data);
    let roles = [
        Role::Student,
        Role::Teacher,
        Role::Staff,
        Role::DistrictAdmin,
        Role::Contact,
    ];
    let roles: Vec<Role> = (0..bytes.below(3))
        .map(|_| roles[usize::from(bytes.below(5))])
        .collect();
    let id = bytes.user();
    let mut person = Person::new(id, bytes.yes().then(|| bytes.district()), roles);
    person.legacy_ids = (0..bytes.below(3)).map(|_| bytes.user()).collect();
    person.shared_by = bytes.yes().then(|| bytes.user());
    let Ok(subject) = Subject::roster(&person) else {
        return false;
    };
    let accounts: BTreeMap<AccountId, Account> = (0..bytes.below(5))
        .map(|number| AccountId::new(format!("a{number}")))
        .map(|id| (id.clone(), account(bytes, id)))
        .collect();
    let named = |bytes: &mut Bytes<'_>, most| -> BTreeSet<AccountId> {
        (0..bytes.below(most))
            .map(|_| bytes.account())
            .filter(|id| accounts.contains_key(id))
            .collect()
    };
    let (linked, by_legacy_id) = (named(bytes, 2), named(bytes, 2));
    let candidates = named(bytes, 5).into_iter().map(|account| Candidate {
        account,
        evidence: (0..bytes.below(5)).map(|_| bytes.evidence()).collect(),
    });
    let directory = Directory {
        version: 1,
        candidates: candidates.collect(),
        accounts: accounts.clone(),
        linked: linked.clone(),
        by_legacy_id: by_legacy_id.clone(),
        truncated: bytes.below(6) == 1,
    };
    let policy = Policy {
        managed_auto: bytes.yes(),
        score_auto: bytes.yes(),
        rare_names_auto: bytes.yes(),
        another_name_auto: bytes.yes(),
        id_change_auto: bytes.yes(),
        create_at_sync: bytes.yes(),
        auto_millibits: i32::from(bytes.below(60)) * 1000,
        margin_millibits: i32::from(bytes.below(20)) * 1000,
        ..Policy::default()
    };
    let proven: Vec<AccountId> = (0..bytes.below(3)).map(|_| bytes.account()).collect();
    let now = at(25_000_000);
    let proofs = || -> Vec<Proof> {
        proven
            .iter()
            .enumerate()
            .map(|(place, id)| {
                if place == 0 {
                    Proof::Admin(AdminProof::of_district_admin(id.clone(), now))
                } else {
                    // A holder's proof says nothing beside a roster.
                    Proof::Holder(AccountProof::after_reauthentication(id.clone(), now))
                }
            })
            .collect()
    };
    let decided = decide(&subject, &proofs(), &directory, &policy, now);
    let mut turned = directory.clone();
    turned.candidates.reverse();
    assert_eq!(
        decided,
        decide(&subject, &proofs(), &turned, &policy, now),
        "order changes nothing"
    );
    if let Decision::Link { account: id, .. } = &decided.decision {
        let target = &accounts[id];
        let leads = |ids: &BTreeSet<AccountId>| {
            ids.iter().any(|from| {
                let mut at = from;
                for _ in 0..=accounts.len() {
                    match accounts.get(at).map(|account| &account.state) {
                        Some(AccountState::Merged { into }) => at = into,
                        _ => return at == id,
                    }
                }
                false
            })
        };
        let by_admin = proven
            .first()
            .is_some_and(|first| leads(&[first.clone()].into()));
        let classes: BTreeSet<Class> = person.roles.iter().copied().map(Class::of).collect();
        let class = *classes.first().expect("a class");
        let reached = in_reach(&subject, class, target);
        assert!(reached || by_admin || leads(&by_legacy_id), "outside reach");
        assert!(by_admin || target.class == class, "another class");
        assert_ne!(target.state, AccountState::Suspended);
    }
    matches!(
        decided.decision,
        Decision::Link { .. } | Decision::LogIn { .. }
    )
}

/// Events in any order: what can't be is refused and changes nothing; what is accepted keeps every rule, reads
/// back as it was written, and folds to the same. Accepted where two accounts were merged.
pub fn ledger(data: &[u8]) -> bool {
    let bytes = &mut Bytes(data);
    let mut ledger = Ledger::default();
    let mut merged = false;
    for seconds in 0..200 {
        if bytes.0.is_empty() {
            break;
        }
        let event = match bytes.below(14) {
            0 | 1 => Event::Created {
                account: bytes.account(),
                class: bytes.class(),
                custody: bytes.custody(),
            },
            2 | 3 => Event::Linked {
                account: bytes.account(),
                id: bytes.user(),
                district: bytes.yes().then(|| bytes.district()),
                basis: None,
                ends_sessions: bytes.yes(),
            },
            4 => Event::Unlinked {
                account: bytes.account(),
                id: bytes.user(),
                reason: [UnlinkReason::SameIdentity, UnlinkReason::NewId]
                    [usize::from(bytes.below(2))],
            },
            5 | 6 => Event::Merged {
                survivor: bytes.account(),
                absorbed: bytes.account(),
                again: None,
            },
            7 => Event::Merged {
                survivor: bytes.account(),
                absorbed: bytes.account(),
                again: Some(MergeId(bytes.below(40).into())),
            },
            8 => Event::Unmerged {
                merge: MergeId(bytes.below(40).into()),
            },
            9 => Event::Suspended {
                account: bytes.account(),
            },
            10 => Event::Quarantined {
                account: bytes.account(),
                methods: BTreeSet::from(["way".into()]),
            },
            11 => Event::Released {
                account: bytes.account(),
                method: "way".into(),
            },
            12 => Event::ReviewOpened {
                id: bytes.user(),
                candidates: [bytes.account()].into(),
                district: None,
                expires: bytes.instant(),
            },
            _ => Event::Resolved {
                review: ReviewId(bytes.below(40).into()),
                outcome: ReviewOutcome::Declined,
            },
        };
        let draft = Draft {
            at: at(seconds),
            actor: Actor::Program,
            authority: None,
            proof: ProofClass::None,
            explanation: None,
            event,
        };
        let before = ledger.clone();
        let is_merge = matches!(draft.event, Event::Merged { .. });
        match ledger.append(draft) {
            Ok(_) => merged |= is_merge,
            Err(_) => assert_eq!(ledger, before, "a refused event changes nothing"),
        }
        check(&ledger);
    }
    let written = ledger
        .entries()
        .iter()
        .map(|entry| (entry.seq, entry.text.clone(), entry.hash));
    assert_eq!(Ledger::read(written).expect("a whole chain"), ledger);
    merged
}

/// What holds after every event.
fn check(ledger: &Ledger) {
    let state = ledger.state();
    let mut seen: BTreeMap<&UserId, &AccountId> = BTreeMap::new();
    for (id, account) in state.accounts() {
        let stands = state
            .standing(id)
            .expect("an account stands for every account");
        assert!(state.group(stands).contains(id));
        for user in account.links.keys() {
            assert!(seen.insert(user, id).is_none(), "one account an identity");
            assert_eq!(state.opened_by(user), Some(stands));
        }
        let mut districts = BTreeSet::new();
        for district in state.links(stands).filter_map(|(_, link)| link.district) {
            assert!(districts.insert(district), "one identity a district");
        }
    }
}
