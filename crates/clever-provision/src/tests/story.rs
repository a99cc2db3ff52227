//! The flow that Clever asks of an app, in the app's words: known id, log in; else ask merge or create;
//! merge with the account's own credentials; create; and the moves of ids.

use std::collections::BTreeSet;

use clever_model::Role;

use super::memory::MemoryAccounts;
use super::world::{account, account_id, ago, district, login, now, user};
use crate::directory::{Account, Custody, LiveLink};
use crate::person::{Question, Source, prefill, questions};
use crate::policy::Policy;
use crate::proof::{AccountProof, Proof};
use crate::rule::Rule;
use crate::subject::{Arrival, Class, Person, Purpose, SharedBy, Subject};

use crate::{Accepts, Basis, Decided, Decision, decide};

/// A teacher whom nobody but herself shares.
fn library_teacher() -> Subject {
    Subject {
        authority: SharedBy::Teacher(user(0)),
        ..login(Class::Employee, 1)
    }
}

fn with_purpose(mut subject: Subject, wanted: Purpose) -> Subject {
    if let Arrival::Login { purpose, .. } = &mut subject.arrival {
        *purpose = wanted;
    }
    subject
}

fn signed_up_before() -> Account {
    Account {
        last_used: Some(ago(86_400)),
        ..account(1, Class::Employee, Custody::Personal)
    }
}

/// Decides with no candidates: by ids and proofs alone.
fn decided(app: &MemoryAccounts, subject: &Subject, proofs: &[Proof], policy: &Policy) -> Decided {
    let directory = app.directory(subject, Vec::new());
    decide(subject, proofs, &directory, policy, now())
}

#[test]
fn a_teacher_is_asked_once_merges_with_proof_and_is_known_ever_after() {
    for subject in [library_teacher(), login(Class::Employee, 1)] {
        let mut app = MemoryAccounts::new([signed_up_before()]);
        let policy = Policy::default();
        // First login: the id is not known, so she is asked, and sees no name of anybody.
        let asked = decided(&app, &subject, &[], &policy);
        assert_eq!(
            asked.decision,
            Decision::Ask {
                offers: vec![],
                accepts: Accepts::SignInElsewhere
            }
        );
        // "Merge": she signs in to her old account, in a flow that was begun to link.
        let linking = with_purpose(subject.clone(), Purpose::Link);
        let proof = Proof::Holder(AccountProof::after_reauthentication(account_id(1), now()));
        let merged = decided(&app, &linking, &[proof], &policy);
        assert_eq!(
            merged.decision,
            Decision::Link {
                account: account_id(1),
                basis: Basis::Holder
            }
        );
        app.apply(&linking, &merged, &account_id(2), now()).unwrap();
        // Every login after: straight in, and refreshed from the API.
        let known = decided(&app, &subject, &[], &policy);
        assert_eq!(
            known.decision,
            Decision::LogIn {
                account: account_id(1)
            }
        );
        assert!(known.effects.refresh);
    }
}

#[test]
fn a_teacher_who_is_new_and_a_student_get_accounts_at_once() {
    let (mut app, policy) = (MemoryAccounts::new([]), Policy::default());
    for (number, subject) in [library_teacher().says_new(), login(Class::Student, 1)]
        .into_iter()
        .enumerate()
    {
        let mut subject = subject;
        subject.id = user(20 + number);
        let created = decided(&app, &subject, &[], &policy);
        assert_eq!(
            created.decision,
            Decision::Create {
                now: true,
                parked: BTreeSet::new()
            }
        );
        app.apply(&subject, &created, &account_id(30 + number), now())
            .unwrap();
    }
    assert_eq!(
        app.accounts()[&account_id(30)].custody,
        Custody::ClassMade { by: user(0) }
    );
    assert_eq!(
        app.accounts()[&account_id(31)].custody,
        Custody::Managed { by: district(1) }
    );
}

#[test]
fn a_roster_makes_accounts_that_their_persons_find_at_their_first_login() {
    let mut student = Person::new(user(0), Some(district(1)), [Role::Student]);
    student.sis_ids.clear();
    let rostered = Subject::roster(&student).unwrap();
    let policy = Policy {
        create_at_sync: true,
        ..Policy::default()
    };
    let mut app = MemoryAccounts::new([]);
    let created = decided(&app, &rostered, &[], &policy);
    assert_eq!(created.why.rule, Rule::R11);
    app.apply(&rostered, &created, &account_id(1), now())
        .unwrap();
    assert_eq!(
        app.accounts()[&account_id(1)].custody,
        Custody::Unclaimed { by: district(1) }
    );
    let arrives = login(Class::Student, 1);
    let entered = decided(&app, &arrives, &[], &policy);
    app.apply(&arrives, &entered, &account_id(2), now())
        .unwrap();
    assert_eq!(app.accounts().len(), 1);
    assert_eq!(
        app.accounts()[&account_id(1)].custody,
        Custody::Managed { by: district(1) }
    );
    // Nobody shares a student of no district and no teacher.
    student.district = None;
    assert!(Subject::roster(&student).is_err());
}

#[test]
fn a_teachers_id_from_before_v3_is_followed_and_two_become_a_question() {
    let of_v2 = |number: usize, legacy: usize| Account {
        last_used: Some(ago(100)),
        links: vec![LiveLink {
            id: user(legacy),
            district: Some(district(1)),
            in_roster: true,
            by_admin: false,
        }],
        ..account(
            number,
            Class::Employee,
            Custody::Managed { by: district(1) },
        )
    };
    let mut subject = login(Class::Employee, 1);
    subject.legacy_ids = BTreeSet::from([user(1), user(2)]);
    let mut app = MemoryAccounts::new([of_v2(1, 1)]);
    let policy = Policy::default();
    let moved = decided(&app, &subject, &[], &policy);
    assert_eq!(
        moved.decision,
        Decision::Link {
            account: account_id(1),
            basis: Basis::SameIdentity
        }
    );
    assert_eq!(moved.effects.retire, BTreeSet::from([user(1)]));
    app.apply(&subject, &moved, &account_id(9), now()).unwrap();
    let known = decided(&app, &subject, &[], &policy);
    assert_eq!(known.why.rule, Rule::R1);
    // Teacher and school admin were two records before v3.
    let app = MemoryAccounts::new([of_v2(1, 1), of_v2(2, 2)]);
    let both = decided(&app, &subject, &[], &policy);
    assert_eq!(
        both.decision,
        Decision::Ask {
            offers: vec![account_id(1), account_id(2)],
            accepts: Accepts::ProofOfAll
        }
    );
}

#[test]
fn a_district_that_takes_over_a_library_teacher_makes_no_second_account() {
    // Whether her id stays is not known. If it stays, she is known.
    let hers = |id: usize| Account {
        last_used: Some(ago(100)),
        links: vec![LiveLink {
            id: user(id),
            district: None,
            in_roster: true,
            by_admin: false,
        }],
        ..account(1, Class::Employee, Custody::Personal)
    };
    let (subject, policy) = (login(Class::Employee, 1), Policy::default());
    let app = MemoryAccounts::new([hers(0)]);
    let known = decided(&app, &subject, &[], &policy);
    assert_eq!(known.why.rule, Rule::R1);
    // If it changes, she is asked, and her proof gives the account its second id.
    let app = MemoryAccounts::new([hers(5)]);
    let linking = with_purpose(subject, Purpose::Link);
    let proof = Proof::Holder(AccountProof::after_reauthentication(account_id(1), now()));
    let joined = decided(&app, &linking, &[proof], &policy);
    assert_eq!(joined.why.rule, Rule::R3);
}

#[test]
fn a_new_account_is_filled_with_what_clever_gave_and_asks_for_the_rest() {
    let mut teacher = Person::new(user(0), None, [Role::Teacher]);
    teacher.name.first = Some("Ada".to_owned());
    let library = SharedBy::Teacher(user(0));
    let filled = prefill(&teacher, &library);
    let fields: Vec<(&str, Source, bool)> = filled
        .iter()
        .map(|one| (one.field, one.source, one.editable))
        .collect();
    assert_eq!(
        fields,
        [
            ("first_name", Source::Teacher, true),
            ("roles", Source::Teacher, false)
        ]
    );
    assert_eq!(
        questions(&teacher, &library),
        [Question::Email, Question::School, Question::District]
    );
    let mut student = Person::new(user(0), Some(district(1)), [Role::Student]);
    student.email = Some("ada@example.org".to_owned());
    let by_district = SharedBy::District(district(1));
    let roles = prefill(&student, &by_district);
    assert_eq!(roles.len(), 1);
    assert!(questions(&student, &by_district).is_empty());
    assert!(!format!("{filled:?} {student:?}").contains("Ada"));
}

/// The document's table is written from the code.
#[test]
fn the_document_shows_the_table_that_decides() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/provisioning.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (
        "<!-- decision table: begin -->\n",
        "<!-- decision table: end -->",
    );
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let wanted = format!(
        "{before}{begin}{}{end}{after}",
        super::table::decision_table()
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert!(
            text == wanted,
            "docs/provisioning.md is behind the code; run UPDATE_DOCS=1 cargo test -p clever-provision the_document"
        );
    }
}
