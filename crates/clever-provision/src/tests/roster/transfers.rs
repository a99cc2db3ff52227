//! Students who move to another district of the same app.

use clever_emulator::{Emulator, EmulatorConfig, WorldSource};
use clever_model::{DistrictId, UserId};

use super::ground::{Ground, grounds};
use crate::directory::{AccountId, AccountState};
use crate::ledger::{Actor, Draft, Event, ProofClass};
use crate::roster::Followed;
use crate::store::{Answer, Review};

const NAME: (&str, &str) = ("Ximena", "Quillfeather");
const BORN: &str = "5/6/2012";

/// A ground with a student in its district, another district beside it, and the student's account.
struct Move {
    ground: Ground,
    other: Emulator,
    account: AccountId,
}

impl Move {
    async fn all(name: &str, create_at_sync: bool) -> Vec<Self> {
        let mut all = Vec::new();
        for mut ground in grounds(name, 3, 20).await {
            let id = ground.student("u-there", NAME, BORN, "A-1");
            ground.sync_and_follow().await;
            let account = ground.account_of(&id).await.unwrap();
            ground.policy.create_at_sync = create_at_sync;
            let config = EmulatorConfig {
                world: WorldSource::Generated {
                    seed: 4,
                    students: 20,
                },
                ..EmulatorConfig::default()
            };
            let other = clever_emulator::start(config).await.unwrap();
            all.push(Self {
                ground,
                other,
                account,
            });
        }
        all
    }

    /// Goes to the other district: what is synced and followed from now on is its.
    fn cross(&mut self) {
        std::mem::swap(&mut self.ground.emulator, &mut self.other);
        let district = self
            .ground
            .emulator
            .with_world(|world| world.district_id().to_owned());
        let before = self.ground.district.clone();
        self.ground.district = DistrictId::new(district).unwrap();
        assert_ne!(before, self.ground.district);
    }

    async fn leaves(&mut self) -> Followed {
        self.ground.remove("u-there");
        self.ground.sync_and_follow().await
    }

    async fn arrives(&mut self, name: (&str, &str), born: &str) -> (UserId, Followed) {
        let id = self.ground.student("u-here", name, born, "B-7");
        (id, self.ground.sync_and_follow().await)
    }

    async fn review(&mut self) -> Review {
        let mut all = self.ground.accounts.reviews().await.unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

#[tokio::test]
async fn a_student_of_another_district_gets_a_new_account_and_a_question() {
    for mut this in Move::all("transfer", true).await {
        assert_eq!(this.leaves().await.archived, 1);
        let from = this.ground.district.clone();
        this.cross();
        let (id, done) = this.arrives(NAME, BORN).await;
        assert_eq!((done.linked, done.reviews), (0, 1), "{done:?}");
        let new = this.ground.account_of(&id).await.unwrap();
        assert_ne!(new, this.account);
        let review = this.review().await;
        assert_eq!(review.district.as_ref(), Some(&this.ground.district));
        assert_eq!(review.meanwhile.as_ref(), Some(&new));
        let material = review.material.unwrap();
        let there = &material.candidates[&this.account];
        assert_eq!(there.of.as_ref(), Some(&from));
        assert_eq!(there.account["first name"], NAME.0);
        // The same records ask nothing more.
        this.ground
            .accounts
            .rewind(&this.ground.district)
            .await
            .unwrap();
        assert_eq!(this.ground.follow().await.reviews, 0);
        let (store, now) = (
            &mut this.ground.accounts,
            this.ground.emulator.with_world(|world| world.now()),
        );
        let answer = store
            .approve(review.id, &this.account, "s1", &[], now)
            .await
            .unwrap();
        assert!(matches!(answer, Answer::Merged(_)), "{answer:?}");
        let stands = this.ground.account_of(&id).await.unwrap();
        let left = [&new, &this.account]
            .into_iter()
            .find(|one| **one != stands)
            .unwrap();
        let left = this.ground.accounts.account(left).await.unwrap().unwrap();
        assert_eq!(left.state, AccountState::Merged { into: stands });
        this.ground.accounts.verify().await.unwrap();
    }
}

#[tokio::test]
async fn the_question_about_a_transfer_holds_nothing_of_a_district_that_was_erased() {
    for mut this in Move::all("transfer_erased", true).await {
        this.leaves().await;
        let from = this.ground.district.clone();
        this.cross();
        this.arrives(NAME, BORN).await;
        let draft = Draft {
            at: this.ground.now(),
            actor: Actor::Staff("s1".into()),
            authority: None,
            proof: ProofClass::Staff,
            explanation: None,
            event: Event::Erased {
                district: from.clone(),
            },
        };
        this.ground.accounts.erase(&from, draft).await.unwrap();
        let material = this.review().await.material.unwrap();
        assert_eq!(material.person["first name"], NAME.0);
        assert!(material.candidates[&this.account].account.is_empty());
        // And nobody else is found there any more.
        this.ground.student("u-too", NAME, BORN, "B-8");
        let done = this.ground.sync_and_follow().await;
        let review = this.ground.accounts.reviews().await.unwrap();
        assert!(
            review
                .iter()
                .all(|one| one.user.as_str() != "u-too"
                    || !one.candidates.contains_key(&this.account)),
            "{done:?}"
        );
    }
}

#[tokio::test]
async fn a_student_who_is_in_both_rosters_for_a_while_is_asked_about_when_one_lets_go() {
    for mut this in Move::all("transfer_late", true).await {
        this.cross();
        let (id, done) = this.arrives(NAME, BORN).await;
        assert_eq!((done.linked, done.reviews), (0, 0), "{done:?}");
        this.cross();
        let done = this.leaves().await;
        assert_eq!((done.archived, done.reviews), (1, 1), "{done:?}");
        let review = this.review().await;
        assert_eq!(review.user, id);
        assert_eq!(
            review.material.unwrap().candidates[&this.account].account["last name"],
            NAME.1
        );
        assert!(review.candidates.contains_key(&this.account));
    }
}

#[tokio::test]
async fn before_the_first_sign_in_an_approved_transfer_opens_the_account_from_there() {
    for mut this in Move::all("transfer_lazy", false).await {
        this.leaves().await;
        this.cross();
        let (id, done) = this.arrives(NAME, BORN).await;
        assert_eq!(
            (done.created, done.linked, done.reviews),
            (0, 0, 1),
            "{done:?}"
        );
        assert_eq!(this.ground.account_of(&id).await, None);
        let review = this.review().await;
        let now = this.ground.now();
        let store = &mut this.ground.accounts;
        let answer = store
            .approve(review.id, &this.account, "s1", &[], now)
            .await
            .unwrap();
        assert_eq!(answer, Answer::Linked(this.account.clone()));
        assert_eq!(
            this.ground.account_of(&id).await,
            Some(this.account.clone())
        );
        let account = this
            .ground
            .accounts
            .account(&this.account)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (account.state, account.links.len()),
            (AccountState::Active, 2)
        );
        this.ground.accounts.verify().await.unwrap();
    }
}

#[tokio::test]
async fn a_namesake_in_another_district_is_nobodys_question() {
    for (name, born) in [(NAME, "5/6/2013"), (("Ximeno", NAME.1), BORN)] {
        for mut this in Move::all("transfer_namesake", true).await {
            this.leaves().await;
            this.cross();
            let (_, done) = this.arrives(name, born).await;
            assert_eq!((done.linked, done.reviews), (0, 0), "{done:?}");
        }
    }
}
