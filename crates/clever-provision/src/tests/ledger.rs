//! The ledger and undos: P13 to P15, P30, A27.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness};
use clever_model::{DistrictId, Timestamp, UserId};
use proptest::prelude::*;

use super::merges::{holders, side, teacher};
use super::rows::MemoryRows;
use super::world::{account_id, district, now, user};
use crate::directory::{AccountId, Custody};
use crate::evidence::Evidence;
use crate::ledger::{
    Actor, Broken, DistrictKey, Draft, Event, Hash, Impossible, Ledger, MergeId, ProofClass, State,
    UnlinkReason,
};
use crate::merge::{
    Ground, OwnedRow, OwnedRows as _, RowKey, Side, Undo, UndoRefused, follow, plan, plan_undo,
};
use crate::proof::{AccountProof, Proof};
use crate::subject::Class;

const ACCOUNTS: usize = 5;

/// What a future gives that waits for nothing.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

fn draft(at: Timestamp, event: Event) -> Draft {
    Draft {
        at,
        actor: Actor::Program,
        authority: None,
        proof: ProofClass::Staff,
        explanation: None,
        event,
    }
}

/// Five accounts of teachers, each opened by an identity of a district of its own, with two rows each.
fn begin() -> Book {
    let mut book = Book::default();
    for at in 0..ACCOUNTS {
        let (account, id) = (account_id(at), user(at));
        let custody = Custody::Managed { by: district(at) };
        book.say(Event::Created {
            account: account.clone(),
            class: Class::Employee,
            custody,
        });
        book.say(Event::Linked {
            account,
            id,
            district: Some(district(at)),
            basis: None,
            ends_sessions: false,
        });
        for row in 0..2 {
            book.write(at, &format!("row {at} {row}"), true);
        }
    }
    book
}

/// A ledger, and the app's rows beside it.
#[derive(Clone, Default)]
struct Book {
    ledger: Ledger,
    rows: MemoryRows,
    clock: i64,
}

impl Book {
    fn now(&self) -> Timestamp {
        later(self.clock)
    }

    fn say(&mut self, event: Event) -> u64 {
        self.clock += 1;
        let at = self.now();
        self.ledger.append(draft(at, event)).unwrap().seq
    }

    /// The identity `who` writes a row; the app may not know who wrote it.
    fn write(&mut self, who: usize, key: &str, known: bool) {
        self.clock += 1;
        let owner = self.ledger.state().opened_by(&user(who)).unwrap().clone();
        let row = RowKey {
            table: "grades".to_owned(),
            key: key.to_owned(),
        };
        let row = OwnedRow {
            row,
            origin: owner.clone(),
            owner,
            actor: known.then(|| user(who)),
            written: self.now(),
        };
        let table = self.rows.tables.entry("grades".to_owned()).or_default();
        table.rows.insert(key.to_owned(), (row, None));
    }

    /// Merges the accounts that stand for two; `None` where they are one already.
    fn merge(&mut self, one: usize, other: usize) -> Option<MergeId> {
        self.clock += 1;
        let state = self.ledger.state();
        let account = |at: usize| {
            let id = state.standing(&account_id(at)).unwrap().clone();
            state.account(&id, 1).unwrap()
        };
        let (a, b) = (account(one), account(other));
        if a.id == b.id {
            return None;
        }
        let proofs = [&a, &b].map(|account| {
            Proof::Holder(AccountProof::after_reauthentication(
                account.id.clone(),
                self.now(),
            ))
        });
        let [a, b] = [&a, &b].map(|account| Side {
            account,
            fields: BTreeMap::new(),
            rows: BTreeMap::new(),
        });
        let planned = plan(
            &a,
            &b,
            Ground::Proofs(&proofs),
            &BTreeMap::new(),
            Vec::new(),
            self.now(),
        )
        .unwrap();
        let absorbed = self.ledger.state().group(&planned.absorbed);
        let mut last = 0;
        for draft in planned.events(None, self.now(), &BTreeMap::new()) {
            last = self.ledger.append(draft).unwrap().seq;
        }
        let keep = planned.kept_apart();
        ready(follow(
            &mut self.rows,
            self.ledger.state(),
            &absorbed,
            &keep,
        ))
        .unwrap();
        Some(MergeId(last))
    }

    fn undo(&mut self, merge: MergeId) -> Result<Vec<RowKey>, UndoRefused> {
        self.clock += 1;
        let state = self.ledger.state();
        let stands = state
            .merges()
            .get(&merge)
            .and_then(|record| state.standing(&record.survivor));
        let group = stands.map(|id| state.group(id)).unwrap_or_default();
        let rows = ready(self.rows.of_origin(&group)).unwrap();
        let undo = Undo {
            actor: Actor::Staff("support".into()),
            proof: ProofClass::Staff,
            at: self.now(),
        };
        let planned = plan_undo(state, merge, ProofClass::Holder, &undo, &rows)?;
        self.ledger.append(planned.event()).unwrap();
        ready(planned.send_home(&mut self.rows)).unwrap();
        Ok(planned.unattributed)
    }

    /// Who opens what, and who owns what.
    fn view(&self) -> (BTreeMap<UserId, AccountId>, BTreeMap<String, AccountId>) {
        let state = self.ledger.state();
        let opens = (0..ACCOUNTS).map(|at| (user(at), state.opened_by(&user(at)).unwrap().clone()));
        let rows = self.rows.tables.values().flat_map(|table| &table.rows);
        (
            opens.collect(),
            rows.map(|(key, (row, _))| (key.clone(), row.owner.clone()))
                .collect(),
        )
    }
}

#[derive(Debug, Clone)]
enum Step {
    Merge(usize, usize),
    /// Of the merges so far, by place.
    Undo(usize),
    Write(usize),
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..ACCOUNTS, 0..ACCOUNTS).prop_map(|(a, b)| Step::Merge(a, b)),
        (0_usize..8).prop_map(Step::Undo),
        (0..ACCOUNTS).prop_map(Step::Write),
    ];
    prop::collection::vec(step, 0..most)
}

/// Lives through steps; the merges that were made.
fn live(book: &mut Book, steps: &[Step]) -> Vec<MergeId> {
    let mut merges = Vec::new();
    for step in steps {
        match step {
            Step::Merge(a, b) => merges.extend(book.merge(*a, *b)),
            Step::Undo(at) => {
                if let Some(merge) = merges.get(*at) {
                    // One that was taken back already is refused, and named.
                    let refused = book.undo(*merge).err();
                    let expected = UndoRefused::Impossible(Impossible::NoMergeInForce(*merge));
                    assert!(refused.is_none_or(|refused| refused == expected));
                }
            }
            Step::Write(who) => {
                let key = format!("later {}", book.clock);
                book.write(*who, &key, true);
            }
        }
    }
    merges
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever was before and whatever is written between: links and rows are as if the merge had not been, and
    /// what was written between is with who wrote it.
    #[test]
    fn p13_an_undone_merge_leaves_nothing(before in steps(8), pair in (0..ACCOUNTS, 0..ACCOUNTS), between in steps(6)) {
        let mut book = begin();
        live(&mut book, &before);
        let mut without = book.clone();
        let Some(merge) = book.merge(pair.0, pair.1) else { return Ok(()) };
        without.clock = book.clock;
        for step in &between {
            if let Step::Write(who) = step {
                let key = format!("between {}", book.clock);
                book.write(*who, &key, true);
                without.write(*who, &key, true);
            }
        }
        let unattributed = book.undo(merge).unwrap();
        prop_assert!(unattributed.is_empty());
        prop_assert_eq!(book.view(), without.view());
    }

    /// Merges taken back in any order leave what was there before all of them.
    #[test]
    fn p14_merges_are_undone_in_any_order(all in steps(10), order in any::<u64>()) {
        let mut book = begin();
        let merges = live(&mut book, &all);
        let mut open: Vec<MergeId> = merges.into_iter().filter(|merge| {
            book.ledger.state().merges()[merge].undone_by.is_none()
        }).collect();
        let mut order = order;
        while !open.is_empty() {
            let at = usize::try_from(order).unwrap_or(0) % open.len();
            order = order.rotate_left(7) ^ 0x9e37;
            book.undo(open.swap_remove(at)).unwrap();
        }
        let (opens, rows) = book.view();
        for at in 0..ACCOUNTS {
            prop_assert_eq!(&opens[&user(at)], &account_id(at));
            prop_assert_eq!(&rows[&format!("row {at} 0")], &account_id(at));
        }
        // Every later row is with its writer.
        for (key, (row, _)) in &book.rows.tables["grades"].rows {
            prop_assert_eq!(&opens[row.actor.as_ref().unwrap()], &row.owner, "{}", key);
        }
    }

    /// An undo taken back is the merge again.
    #[test]
    fn p14_an_undone_undo_is_the_merge(pair in (0..ACCOUNTS, 0..ACCOUNTS), before in steps(6)) {
        let mut book = begin();
        live(&mut book, &before);
        let Some(merge) = book.merge(pair.0, pair.1) else { return Ok(()) };
        let merged = book.view();
        let record = book.ledger.state().merges()[&merge].clone();
        book.undo(merge).unwrap();
        let absorbed = book.ledger.state().group(&record.absorbed);
        book.say(Event::Merged { survivor: record.survivor, absorbed: record.absorbed, again: Some(merge) });
        ready(follow(&mut book.rows, book.ledger.state(), &absorbed, &BTreeSet::new())).unwrap();
        prop_assert_eq!(book.view(), merged);
    }

    /// Every prefix folds, to the state that was there then; a changed byte, a lost or a swapped entry is found.
    #[test]
    fn p15_the_chain_tells_every_change(all in steps(10), at in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>()) {
        let mut book = begin();
        live(&mut book, &all);
        let written: Vec<(u64, String, Hash)> =
            book.ledger.entries().iter().map(|entry| (entry.seq, entry.text.clone(), entry.hash)).collect();
        prop_assert_eq!(&Ledger::read(written.clone()).unwrap(), &book.ledger);
        let at = at.index(written.len());
        let prefix = Ledger::read(written[..at].to_vec()).unwrap();
        let mut again = State::default();
        for entry in &book.ledger.entries()[..at] {
            again.apply(entry.seq, &entry.draft).unwrap();
        }
        prop_assert_eq!(prefix.state(), &again);
        let mut edited = written.clone();
        let mut bytes = edited[at].1.clone().into_bytes();
        let byte = byte.index(bytes.len());
        bytes[byte] = if bytes[byte] == b'x' { b'y' } else { b'x' };
        edited[at].1 = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert_eq!(Ledger::read(edited).err(), Some(Broken::Hash { seq: at as u64 + 1 }));
        let mut lost = written.clone();
        lost.remove(at);
        prop_assert!(at + 1 == written.len() || Ledger::read(lost).is_err());
        if at > 0 {
            let mut swapped = written;
            swapped.swap(at, at - 1);
            prop_assert!(Ledger::read(swapped).is_err());
        }
    }
}
#[test]
fn a27_an_undo_brings_back_no_way_in_and_no_session() {
    let mut book = begin();
    let opened = book.now();
    let (one, two) = (
        teacher(0, Custody::Managed { by: district(0) }),
        teacher(1, Custody::Managed { by: district(1) }),
    );
    let planned = plan(
        &side(&one),
        &side(&two),
        Ground::Proofs(&holders(&[&one, &two])),
        &BTreeMap::new(),
        Vec::new(),
        now(),
    )
    .unwrap();
    book.clock += 1;
    let mut merge = MergeId(0);
    for draft in planned.events(None, book.now(), &BTreeMap::new()) {
        merge = MergeId(book.ledger.append(draft).unwrap().seq);
    }
    // Less proof than the merge had is not enough.
    let undo = Undo {
        actor: Actor::Program,
        proof: ProofClass::Login,
        at: book.now(),
    };
    let refused = plan_undo(book.ledger.state(), merge, ProofClass::Holder, &undo, &[]).err();
    assert_eq!(refused, Some(UndoRefused::Proof { merge }));
    let while_merged = book.now();
    book.undo(merge).unwrap();
    for at in 0..2 {
        let account = &book.ledger.state().accounts()[&account_id(at)];
        assert!(account.quarantined.contains("old"));
        assert!(!account.session_is_good(opened) && !account.session_is_good(while_merged));
        assert!(account.session_is_good(book.now()));
    }
    // Only the holder's own proof opens it again.
    let event = Event::Released {
        account: account_id(0),
        method: "old".into(),
    };
    book.say(event.clone());
    let again = book.ledger.append(draft(book.now(), event)).err();
    assert!(matches!(again, Some(Impossible::NotQuarantined { .. })));
}

#[test]
fn an_undo_that_something_stands_against_names_it() {
    let mut book = begin();
    let merge = book.merge(0, 1).unwrap();
    let survivor = book.ledger.state().merges()[&merge].survivor.clone();
    let by = book.say(Event::Suspended { account: survivor });
    assert_eq!(
        book.undo(merge).err(),
        Some(UndoRefused::Impossible(Impossible::Blocked { merge, by }))
    );
    let mut book = begin();
    let merge = book.merge(0, 1).unwrap();
    book.clock += 91 * 86_400;
    assert_eq!(book.undo(merge).err(), Some(UndoRefused::TooLate { merge }));
}

#[test]
fn rows_of_which_nobody_knows_the_writer_are_listed_and_stay() {
    let mut book = begin();
    let merge = book.merge(0, 1).unwrap();
    book.write(1, "whose", false);
    let survivor = book.ledger.state().merges()[&merge].survivor.clone();
    let unattributed = book.undo(merge).unwrap();
    assert_eq!(unattributed.len(), 1);
    assert_eq!(book.view().1["whose"], survivor);
}

#[test]
fn p11_an_identity_opens_one_account_and_an_account_has_one_identity_a_district() {
    let mut book = begin();
    let mut try_to = |event| book.ledger.append(draft(book.now(), event)).err();
    let link = |account: usize, id: usize, of: usize| Event::Linked {
        account: account_id(account),
        id: user(id),
        district: Some(district(of)),
        basis: None,
        ends_sessions: true,
    };
    assert_eq!(
        try_to(link(1, 0, 1)),
        Some(Impossible::LinkedElsewhere {
            id: user(0),
            account: account_id(0)
        })
    );
    assert_eq!(
        try_to(link(1, 9, 1)),
        Some(Impossible::SecondId {
            account: account_id(1),
            other: user(1)
        })
    );
    assert_eq!(try_to(link(1, 9, 8)), None);
    // And through a merge.
    let mut book = begin();
    let event = Event::Linked {
        account: account_id(1),
        id: user(8),
        district: Some(district(0)),
        basis: None,
        ends_sessions: true,
    };
    book.say(event);
    let merged = Event::Merged {
        survivor: account_id(0),
        absorbed: account_id(1),
        again: None,
    };
    let refused = book.ledger.append(draft(book.now(), merged)).err();
    assert_eq!(
        refused,
        Some(Impossible::SecondId {
            account: account_id(0),
            other: user(0)
        })
    );
}

#[test]
fn an_older_id_of_the_same_identity_opens_the_account_and_a_reissued_one_does_not() {
    let mut book = begin();
    let unlink = |at: usize, reason| Event::Unlinked {
        account: account_id(at),
        id: user(at),
        reason,
    };
    book.say(unlink(0, UnlinkReason::SameIdentity));
    book.say(unlink(1, UnlinkReason::NewId));
    let state = book.ledger.state();
    assert_eq!(state.opened_by(&user(0)), Some(&account_id(0)));
    assert_eq!(state.opened_by(&user(1)), None);
    let alias = &state.accounts()[&account_id(1)].aliases[&user(1)];
    assert!(alias.since < alias.until);
}

#[test]
fn p30_without_the_districts_key_nothing_can_be_read_and_the_chain_holds() {
    let (id, account) = (user(1), account_id(1));
    let keys = SealingKeys::new(KeyId(1), &[7; 32]);
    let key = DistrictKey::make(Some(district(1)), &SystemRandomness).unwrap();
    let wrapped = key.wrap(&keys, &SystemRandomness).unwrap();
    let sealed = key
        .seal("review 9", b"Ximena Zapata", &SystemRandomness)
        .unwrap();
    let again = DistrictKey::from_wrapped(Some(district(1)), &wrapped, &keys).unwrap();
    assert_eq!(
        again.open("review 9", &sealed).unwrap().as_slice(),
        b"Ximena Zapata"
    );
    assert_eq!(again.pair(&id, &account), key.pair(&id, &account));
    // Not of another district, of another place, under another key of the app.
    assert!(DistrictKey::from_wrapped(Some(district(2)), &wrapped, &keys).is_err());
    assert!(
        DistrictKey::from_wrapped(
            Some(district(1)),
            &wrapped,
            &SealingKeys::new(KeyId(1), &[8; 32])
        )
        .is_err()
    );
    assert!(again.open("review 8", &sealed).is_err());
    // Another key makes other digests: the rest of the ledger does not say who it was.
    let other = DistrictKey::make(Some(district(1)), &SystemRandomness).unwrap();
    assert!(other.open("review 9", &sealed).is_err());
    assert_ne!(other.pair(&id, &account), key.pair(&id, &account));
    assert!(!format!("{key:?}").contains("secret"));
    let mut book = begin();
    book.say(Event::Declined {
        pair: key.pair(&id, &account),
        evidence: key.evidence(&[Evidence::NamesAgree]),
    });
    book.say(Event::Erased {
        district: district(1),
    });
    let written: Vec<_> = book
        .ledger
        .entries()
        .iter()
        .map(|entry| (entry.seq, entry.text.clone(), entry.hash))
        .collect();
    assert!(written.iter().all(|(_, text, _)| !text.contains("Ximena")));
    assert!(
        Ledger::read(written)
            .unwrap()
            .state()
            .is_erased(&DistrictId::new("d1").unwrap())
    );
}

#[test]
fn a_nights_noise_in_a_score_is_no_new_evidence() {
    let key = DistrictKey::make(None, &SystemRandomness).unwrap();
    let alone = |millibits| key.evidence(&[Evidence::Score { millibits }]);
    assert_eq!(alone(20_100), alone(21_900));
    assert_ne!(alone(20_100), alone(28_000));
    // Beside what was found in the records it says nothing new, and not every look has one.
    let names = key.evidence(&[Evidence::NamesAgree]);
    let score = |millibits| key.evidence(&[Evidence::NamesAgree, Evidence::Score { millibits }]);
    assert_eq!(score(20_100), names);
    assert_eq!(score(28_000), names);
    let id = key.evidence(&[Evidence::NamesAgree, Evidence::StateId]);
    assert_ne!(id, names);
}
