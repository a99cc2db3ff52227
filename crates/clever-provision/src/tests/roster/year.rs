//! A year of a district's life, with sign-ins strewn over it: one account a person, none lost and none shared.

use std::collections::BTreeSet;

use clever_emulator::Happening;
use clever_model::UserId;

use super::ground::{Ground, grounds};
use super::truth::Truth;
use crate::decide::{Accepts, Decision, decide};
use crate::directory::AccountId;
use crate::ledger::{Event, UnlinkReason};
use crate::proof::{AccountProof, Proof};
use crate::store::{Applied, Found};
use crate::subject::{Arrival, Purpose, Subject};

/// Small numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % n.max(1)
    }
}

fn login(ground: &Ground, id: &UserId, purpose: Purpose) -> Subject {
    let arrival = Arrival::Login {
        purpose,
        bound: true,
        said_new: false,
        verified_at: ground.now(),
    };
    let subject = Subject::roster(&ground.person(id)).unwrap();
    Subject { arrival, ..subject }
}

/// Signs somebody in as an app does: asked for an account from before, they prove their own and no other.
async fn sign_in(ground: &mut Ground, truth: &Truth, id: &UserId) {
    let person = ground.person(id);
    let now = ground.now();
    let found = match ground.account_of(id).await {
        Some(_) => Found::default(),
        None => ground.accounts.candidates(&person).await.unwrap(),
    };
    let mut subject = login(ground, id, Purpose::SignIn);
    let mut proofs = Vec::new();
    for _ in 0..4 {
        let candidates = found.candidates.clone();
        let mut directory = ground
            .accounts
            .directory(&subject, &proofs, candidates)
            .await
            .unwrap();
        directory.truncated = found.truncated;
        let decided = decide(&subject, &proofs, &directory, &ground.policy, now);
        match &decided.decision {
            Decision::Ask { offers, accepts } => {
                let mut own = None;
                for offer in offers {
                    let holders = truth.holders(ground, offer).await;
                    if *accepts == Accepts::ProofOfOffer
                        && holders == BTreeSet::from([truth.who(id).clone()])
                    {
                        own = Some(offer.clone());
                    }
                }
                match own.filter(|_| proofs.is_empty()) {
                    Some(own) => {
                        proofs = vec![Proof::Holder(AccountProof::after_reauthentication(
                            own, now,
                        ))];
                        subject = login(ground, id, Purpose::Link);
                    }
                    None => {
                        proofs = Vec::new();
                        subject = login(ground, id, Purpose::SignIn).says_new();
                    }
                }
            }
            Decision::Review { .. } | Decision::Refuse | Decision::Merge { .. } => {
                panic!("{id} is not let in: {decided:?}");
            }
            _ => {
                let new = AccountId::new(format!("at sign-in of {id}"));
                let material = Some(&found.material);
                let applied = ground
                    .accounts
                    .apply(&subject, &decided, &proofs, Some(&new), material, now)
                    .await
                    .unwrap();
                assert!(matches!(applied, Applied::Account(_)), "{applied:?}");
                ground.accounts.remember(&person).await.unwrap();
                return;
            }
        }
    }
    panic!("{id} is asked for ever");
}

/// Answers what waits, by the truth: yes where both are one person, who is not two to Clever today.
async fn answer(ground: &mut Ground, truth: &Truth) {
    let now = ground.now();
    for review in ground.accounts.reviews().await.unwrap() {
        let human = truth.who(&review.user).clone();
        let mut own = None;
        for candidate in review.candidates.keys() {
            if truth.holders(ground, candidate).await == BTreeSet::from([human.clone()]) {
                own = Some(candidate.clone());
            }
        }
        match own.filter(|_| !truth.is_two(&human)) {
            Some(own) => drop(
                ground
                    .accounts
                    .approve(review.id, &own, "s1", &[], now)
                    .await
                    .unwrap(),
            ),
            None => ground.accounts.decline(review.id, "s1", now).await.unwrap(),
        }
    }
}

/// What happens in the year's steps, and to whom nobody asks.
const EVENTS: [(u32, Happening); 8] = [
    (4, Happening::UserSplit),
    (9, Happening::Transfer),
    (13, Happening::UserMerge),
    (17, Happening::SisRekey),
    (22, Happening::UserSplit),
    (27, Happening::UnshareSchool),
    (31, Happening::UserMerge),
    (35, Happening::Rollover),
];

/// Lives through so many steps, of so many days each.
async fn live(ground: &mut Ground, seed: u64, steps: u32, days: u32, sign_ins: usize) {
    let (mut truth, mut dice) = (Truth::default(), Dice(seed));
    let mut seen = crate::roster::Followed::default();
    truth.look(ground);
    for step in 0..steps {
        ground.emulator.advance_days(days);
        if let Some((_, happening)) = EVENTS.iter().find(|(at, _)| *at == step) {
            // The ids of before are looked at first, so that a second record is known for what it is.
            truth.look(ground);
            ground.emulator.happen(*happening);
        }
        truth.look(ground);
        // What is held waits for a step, as it waits for a person.
        let held = !ground.sync(step % 2 == 1).await.holds.is_empty();
        // The program dies at any moment, a few times.
        for _ in 0..dice.below(3) {
            let (readings, accounts) = (dice.below(60), dice.below(20));
            let readings = u32::try_from(readings).unwrap();
            drop(
                ground
                    .follow_until(readings, u32::try_from(accounts).unwrap())
                    .await,
            );
        }
        let done = ground.follow().await;
        seen.restored += done.restored;
        seen.archived += done.archived;
        seen.reviews += done.reviews;
        assert_eq!((done.unreadable, done.unread.is_empty()), (0, true));
        if held {
            continue;
        }
        for review in ground.accounts.reviews().await.unwrap() {
            let here = truth.ids().contains(&review.user);
            assert!(
                here,
                "step {step}: asked about {}, who has left",
                review.user
            );
        }
        truth.check(ground, false).await;
        let ids = truth.ids();
        for _ in 0..sign_ins {
            let id = ids[dice.below(ids.len())].clone();
            sign_in(ground, &truth, &id).await;
        }
        if step % 3 == 2 {
            answer(ground, &truth).await;
            ground.follow().await;
            truth.check(ground, true).await;
        }
    }
    drop(ground.sync(true).await);
    ground.follow().await;
    for _ in 0..3 {
        answer(ground, &truth).await;
        ground.follow().await;
    }
    truth.check(ground, true).await;
    ground.accounts.verify().await.unwrap();
    // The ledger says who was found again under a new id: what a program did that died is in no sum.
    let mut renewed = 0;
    for account in ground.accounts.accounts(None, 100_000).await.unwrap() {
        let history = ground
            .accounts
            .history(Some(&account.id), None, None, u32::MAX)
            .await;
        let new_id = |event: &Event| {
            matches!(
                event,
                Event::Unlinked {
                    reason: UnlinkReason::NewId,
                    ..
                }
            )
        };
        renewed += history
            .unwrap()
            .iter()
            .filter(|(_, draft)| new_id(&draft.event))
            .count();
    }
    assert!(
        seen.restored > 0 && seen.archived > 0 && seen.reviews > 0 && renewed > 0,
        "{renewed} {seen:?}"
    );
}

#[tokio::test]
async fn a_year_keeps_one_account_a_person_none_lost_and_none_shared() {
    for mut ground in grounds("roster_year", 5, 300).await {
        live(&mut ground, 5, 40, 9, 4).await;
    }
}

/// `cargo test -p clever-provision --all-features many_years -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a search over many seeds, of a few minutes each"]
async fn many_years_of_small_districts() {
    let from = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let from: u64 = from.unwrap_or(100);
    for seed in from..from + 20 {
        eprintln!("seed {seed}");
        for mut ground in grounds("roster_years", seed, 120).await {
            live(&mut ground, seed, 45, 8, 6).await;
        }
    }
}
