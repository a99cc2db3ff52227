//! Merges: which account stays, what may not be one, and who may take it back.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::Role;

use super::world::{account_id, ago, district, now, user};
use crate::directory::{Account, AccountState, Custody, LoginMethod};
use crate::ledger::ProofClass;
use crate::merge::{Conflict, Ground, MergeRefused, RowKey, Side, plan};
use crate::proof::{AccountProof, AdminProof, Proof};
use crate::subject::{Class, SharedBy};

pub(super) fn teacher(at: usize, custody: Custody) -> Account {
    Account {
        id: account_id(at),
        version: 1,
        custody,
        class: Class::Employee,
        state: AccountState::Active,
        links: vec![crate::LiveLink {
            id: user(at),
            district: Some(district(at)),
            in_roster: true,
            by_admin: false,
        }],
        methods: vec![
            LoginMethod {
                id: "old".into(),
                proven_at: None,
            },
            LoginMethod {
                id: "password".into(),
                proven_at: Some(now()),
            },
        ],
        last_used: Some(ago(at as i64)),
    }
}

pub(super) fn side(account: &Account) -> Side<'_> {
    Side {
        account,
        fields: BTreeMap::new(),
        rows: BTreeMap::new(),
    }
}

pub(super) fn holders(accounts: &[&Account]) -> Vec<Proof> {
    let proofs = accounts
        .iter()
        .map(|one| Proof::Holder(AccountProof::after_reauthentication(one.id.clone(), now())));
    proofs.collect()
}

#[test]
fn p19_roles_are_what_live_identities_assert() {
    let (one, two) = (teacher(0, Custody::Personal), teacher(1, Custody::Personal));
    let asserted = BTreeMap::from([
        (user(0), BTreeSet::from([Role::Teacher])),
        (user(1), BTreeSet::from([Role::Staff])),
        (user(7), BTreeSet::from([Role::DistrictAdmin])),
    ]);
    let proofs = holders(&[&one, &two]);
    let plan_with = |asserted: &_| {
        let (one, two) = (side(&one), side(&two));
        plan(
            &one,
            &two,
            Ground::Proofs(&proofs),
            asserted,
            Vec::new(),
            now(),
        )
        .unwrap()
    };
    let planned = plan_with(&asserted);
    assert_eq!(planned.roles, [Role::Teacher, Role::Staff].into());
    // A role that the roster has taken back is not kept by the merge.
    let asserted = BTreeMap::from([(user(0), BTreeSet::from([Role::Teacher]))]);
    let planned = plan_with(&asserted);
    assert_eq!(planned.roles, [Role::Teacher].into());
}

#[test]
fn which_account_is_named_first_changes_nothing() {
    let (one, two) = (
        teacher(0, Custody::Managed { by: district(0) }),
        teacher(1, Custody::Personal),
    );
    let proofs = holders(&[&one, &two]);
    let conflict = Conflict {
        one: RowKey {
            table: "a".into(),
            key: "1".into(),
        },
        other: RowKey {
            table: "a".into(),
            key: "2".into(),
        },
        unique: "email".into(),
    };
    let of = |a: &Account, b: &Account| {
        let mut a = side(a);
        a.fields
            .insert(format!("only {}", a.account.id), "x".into());
        a.fields
            .insert("both".into(), format!("value of {}", a.account.id));
        let mut b = side(b);
        b.fields
            .insert(format!("only {}", b.account.id), "x".into());
        b.fields
            .insert("both".into(), format!("value of {}", b.account.id));
        plan(
            &a,
            &b,
            Ground::Proofs(&proofs),
            &BTreeMap::new(),
            vec![conflict.clone()],
            now(),
        )
        .unwrap()
    };
    let planned = of(&one, &two);
    assert_eq!(planned, of(&two, &one));
    // Nobody but the holder may give the survivor away, so it is the personal one.
    assert_eq!(planned.survivor, account_id(1));
    assert!(planned.fields["both"].is_conflict() && planned.fields["only a0"].takes);
    assert_eq!(planned.kept_apart().len(), 2);
    assert!(
        !format!("{:?}", planned.fields).contains("value of"),
        "values are hidden"
    );
}

#[test]
fn merges_that_may_not_be_are_refused_with_the_reason() {
    let managed = |at| teacher(at, Custody::Managed { by: district(0) });
    let (one, two) = (managed(0), managed(1));
    let refused = |a: &Account, b: &Account, ground: Ground<'_>| {
        plan(
            &side(a),
            &side(b),
            ground,
            &BTreeMap::new(),
            Vec::new(),
            now(),
        )
        .err()
    };
    let both = holders(&[&one, &two]);
    assert_eq!(refused(&one, &two, Ground::Proofs(&both)), None);
    assert_eq!(
        refused(&one, &one, Ground::Proofs(&both)),
        Some(MergeRefused::Same(one.id.clone()))
    );
    // One proof, a stale proof, no proof.
    for proofs in [holders(&[&one]), Vec::new(), {
        let old = |account: &Account| {
            Proof::Holder(AccountProof::after_reauthentication(
                account.id.clone(),
                ago(601),
            ))
        };
        vec![old(&one), old(&two)]
    }] {
        assert!(matches!(
            refused(&one, &two, Ground::Proofs(&proofs)),
            Some(MergeRefused::NotProven(_))
        ));
    }
    let student = Account {
        class: Class::Student,
        ..two.clone()
    };
    assert!(matches!(
        refused(&one, &student, Ground::Proofs(&both)),
        Some(MergeRefused::Class(..))
    ));
    for state in [
        AccountState::Suspended,
        AccountState::Merged {
            into: account_id(3),
        },
    ] {
        let closed = Account {
            state,
            ..two.clone()
        };
        assert_eq!(
            refused(&one, &closed, Ground::Proofs(&both)),
            Some(MergeRefused::NotStanding(two.id.clone()))
        );
    }
    let authority = SharedBy::District(district(0));
    assert_eq!(
        refused(&one, &two, Ground::Authority(&authority, "admin")),
        None
    );
    let personal = teacher(2, Custody::Personal);
    assert_eq!(
        refused(&one, &personal, Ground::Authority(&authority, "admin")),
        Some(MergeRefused::NotGoverned(personal.id.clone()))
    );
    // Two identities in one roster are two people; one that is gone gives way.
    let mut same = two.clone();
    same.links[0].district = Some(district(0));
    assert_eq!(
        refused(&one, &same, Ground::Proofs(&both)),
        Some(MergeRefused::TwoPeople(user(0), user(1)))
    );
    same.links[0].in_roster = false;
    let planned = plan(
        &side(&one),
        &side(&same),
        Ground::Proofs(&both),
        &BTreeMap::new(),
        Vec::new(),
        now(),
    )
    .unwrap();
    assert_eq!(planned.retires, [user(1)].into());
}

#[test]
fn staff_may_undo_what_staff_did() {
    let (one, two) = (teacher(0, Custody::Personal), teacher(1, Custody::Personal));
    let proofs = [&one, &two]
        .map(|account| Proof::Admin(AdminProof::of_district_admin(account.id.clone(), now())));
    let planned = plan(
        &side(&one),
        &side(&two),
        Ground::Proofs(&proofs),
        &BTreeMap::new(),
        Vec::new(),
        now(),
    )
    .unwrap();
    let events = planned.events(None, now(), &BTreeMap::new());
    assert!(events.iter().all(|draft| draft.proof == ProofClass::Staff));
}
