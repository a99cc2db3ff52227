//! Single stories: a changed id, twins, somebody who became two and one again, accounts from before, erasure.

use clever_emulator::Happening;
use clever_model::{RecordKind, Role, UserId};
use serde_json::{Value, json};

use super::ground::{Ground, grounds};
use crate::directory::{Account, AccountId, AccountState, Custody};
use crate::ledger::{Actor, Draft, Event, ProofClass};
use crate::merge::Undo;
use crate::roster::{FollowError, Followed};
use crate::store::{AccountsError, Answer, Facts, Refusal};
use crate::subject::{Class, Classes};
use crate::tests::world::account;

async fn fresh(name: &str) -> Vec<Ground> {
    let mut all = grounds(name, 3, 40).await;
    for ground in &mut all {
        let done = ground.sync_and_follow().await;
        assert!(done.created > 40, "{done:?}");
    }
    all
}

async fn state(ground: &mut Ground, id: &AccountId) -> AccountState {
    ground.accounts.account(id).await.unwrap().unwrap().state
}

fn any(ground: &Ground, role: Role) -> UserId {
    let id = ground
        .emulator
        .with_world(|world| world.with_role(role).keys().next());
    id.unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_leaves_is_archived_and_who_returns_is_restored() {
    for mut ground in fresh("roster_leaves").await {
        let id = any(&ground, Role::Student);
        let (record, account) = (
            ground.record(&id).unwrap(),
            ground.account_of(&id).await.unwrap(),
        );
        ground.remove(id.as_str());
        let done = ground.sync_and_follow().await;
        assert_eq!((done.archived, done.created), (1, 0));
        assert_eq!(state(&mut ground, &account).await, AccountState::Archived);
        // Nothing is done twice.
        assert_eq!(ground.follow().await.changes, 0);
        ground.put(id.as_str(), &record);
        let done = ground.sync_and_follow().await;
        assert_eq!((done.restored, done.created), (1, 0));
        assert_eq!(ground.account_of(&id).await, Some(account.clone()));
        assert_eq!(state(&mut ground, &account).await, AccountState::Active);
        ground.accounts.verify().await.unwrap();
    }
}

#[tokio::test]
async fn new_numbers_for_everybody_make_no_second_account() {
    for mut ground in fresh("roster_rekey").await {
        let before = ground.accounts.accounts(None, 10_000).await.unwrap().len();
        ground.emulator.happen(Happening::SisRekey);
        // The new ids come at once, and the old ones stay: they are held until a person has looked.
        let held = ground.sync(false).await;
        assert!(!held.holds.is_empty());
        let waits = ground.follow().await;
        assert_eq!((waits.created, waits.linked), (0, 0), "{waits:?}");
        // Now the old ids are gone. Few people make low scores: who is not followed waits for a person's word.
        let done = ground.sync_and_follow().await;
        assert_eq!(done.created, 0, "{done:?}");
        for review in ground.accounts.reviews().await.unwrap() {
            let (now, account) = (ground.now(), review.candidates.keys().next().unwrap());
            ground
                .accounts
                .approve(review.id, account, "s1", &[], now)
                .await
                .unwrap();
        }
        let all = ground.accounts.accounts(None, 10_000).await.unwrap();
        assert_eq!(all.len(), before);
        let open = |one: &&Account| one.state == AccountState::Active;
        assert_eq!(all.iter().filter(open).count(), before);
    }
}

#[tokio::test]
async fn a_new_twin_gets_an_account_of_their_own_and_takes_none() {
    for mut ground in fresh("roster_twins").await {
        let one = ground.student("u-jayden", ("Jayden", "Mbeki"), "3/4/2012", "T1");
        ground.sync_and_follow().await;
        let other = ground.student("u-jaylen", ("Jaylen", "Mbeki"), "3/4/2012", "T2");
        let done = ground.sync_and_follow().await;
        assert_eq!((done.created, done.linked), (1, 0));
        assert_ne!(
            ground.account_of(&one).await,
            ground.account_of(&other).await
        );
        // One is gone, and a third of that family and day comes: a person looks.
        ground.remove("u-jayden");
        ground.sync_and_follow().await;
        let third = ground.student("u-jaydon", ("Jaydon", "Mbeki"), "3/4/2012", "T3");
        let done = ground.sync_and_follow().await;
        assert_eq!((done.created, done.linked, done.reviews), (0, 0, 1));
        assert_eq!(ground.account_of(&third).await, None);
    }
}

#[tokio::test]
async fn whoever_is_none_of_those_who_were_asked_about_gets_an_account_without_another_change() {
    for mut ground in fresh("roster_none_of_them").await {
        ground.student("u-jayden", ("Jayden", "Mbeki"), "3/4/2012", "T1");
        ground.sync_and_follow().await;
        ground.remove("u-jayden");
        ground.sync_and_follow().await;
        let comes = ground.student("u-jaydon", ("Jaydon", "Mbeki"), "3/4/2012", "T3");
        let goes = ground.student("u-jaydin", ("Jaydin", "Mbeki"), "3/4/2012", "T4");
        assert_eq!(ground.sync_and_follow().await.reviews, 2);
        assert_eq!(ground.follow().await.created, 0, "nobody has answered");
        let now = ground.now();
        for review in ground.accounts.reviews().await.unwrap() {
            ground.accounts.decline(review.id, "s1", now).await.unwrap();
        }
        // One of them leaves before anybody looks again.
        ground.remove("u-jaydin");
        let done = ground.sync_and_follow().await;
        assert_eq!((done.created, done.reviews), (1, 0), "{done:?}");
        assert!(ground.account_of(&comes).await.is_some());
        assert_eq!(ground.account_of(&goes).await, None);
        assert_eq!(ground.follow().await, done_at(done.position));
        ground.accounts.verify().await.unwrap();
    }
}

#[tokio::test]
async fn one_student_with_another_clever_id_keeps_the_account_if_the_number_is_the_same() {
    for mut ground in fresh("roster_one_rekeyed").await {
        let known = ground.student("u-zoe", ("Zoë", "Mbeki-Lindqvist"), "3/4/2012", "T1");
        let other = ground.student("u-ada", ("Ada", "Brown"), "3/5/2012", "T2");
        ground.sync_and_follow().await;
        let account = ground.account_of(&known).await;
        let others = ground.account_of(&other).await.unwrap();
        // The token of a sign-in reads no birth and no number: what the roster said stays known.
        let mut signed_in = ground.person(&known);
        (signed_in.birth, signed_in.student_number) = (None, None);
        ground.accounts.remember(&signed_in).await.unwrap();
        ground.remove("u-zoe");
        ground.remove("u-ada");
        let zoe = ground.student("u-zoe-2", ("Zoë", "Mbeki-Lindqvist"), "3/4/2012", "T1");
        // With another number as well, a person looks.
        let ada = ground.student("u-ada-2", ("Ada", "Brown"), "3/5/2012", "T22");
        let done = ground.sync_and_follow().await;
        assert_eq!(
            (done.created, done.linked, done.reviews),
            (0, 1, 1),
            "{done:?}"
        );
        assert_eq!(ground.account_of(&zoe).await, account);
        assert_eq!(ground.account_of(&ada).await, None);
        let review = ground.accounts.reviews().await.unwrap().remove(0);
        assert_eq!(review.user, ada);
        assert!(review.candidates.contains_key(&others));
    }
}

/// What following comes to where nothing happened.
fn done_at(position: u64) -> Followed {
    Followed {
        position,
        ..Followed::default()
    }
}

#[tokio::test]
async fn whoever_takes_over_the_number_of_a_leaver_in_the_same_role_is_proposed_under_another_name_too()
 {
    for mut ground in fresh("roster_took_over").await {
        let employee = |id: &str, last: &str, roles: Value| {
            let name = json!({ "first": "Ada", "last": last });
            let record =
                json!({ "id": id, "district": ground.district, "name": name, "roles": roles });
            ground.put(id, &record);
            UserId::new(id).unwrap()
        };
        let (teacher, staff) = (json!({ "sis_id": "T901" }), json!({ "staff_id": "S901" }));
        employee("u-aking", "King", json!({ "staff": staff }));
        let stays = employee("u-jackson", "Jackson", json!({ "teacher": teacher }));
        // One with the number in another role is another person.
        employee("u-may", "May", json!({ "teacher": { "sis_id": "S901" } }));
        let both = json!({ "teacher": teacher, "staff": staff });
        ground.sync_and_follow().await;
        let left = ground.account_of(&UserId::new("u-aking").unwrap()).await;
        // Clever makes one of both, whose name is the new one since her wedding.
        let record = json!({ "id": stays, "district": ground.district, "roles": both,
                             "name": { "first": "Ada", "last": "Jackson" } });
        ground.put(stays.as_str(), &record);
        ground.remove("u-aking");
        let done = ground.sync_and_follow().await;
        assert_eq!((done.archived, done.reviews), (1, 1), "{done:?}");
        let review = ground.accounts.reviews().await.unwrap().remove(0);
        assert_eq!(review.user, stays);
        let left = left.unwrap();
        assert_eq!(review.candidates.keys().next(), Some(&left));
        // The account that stays is the archived one; its person is here.
        let kept = ground.account_of(&stays).await.unwrap();
        let now = ground.now();
        let answer = ground
            .accounts
            .approve(review.id, &left, "s1", &[], now)
            .await;
        let Answer::Merged(merge) = answer.unwrap() else {
            panic!("not merged")
        };
        assert_eq!(ground.account_of(&stays).await.as_ref(), Some(&left));
        assert_eq!(state(&mut ground, &left).await, AccountState::Active);
        let undo = Undo {
            actor: Actor::Staff("s1".into()),
            proof: ProofClass::Staff,
            at: now,
        };
        ground.accounts.undo(merge, &undo, &[]).await.unwrap();
        assert_eq!(state(&mut ground, &left).await, AccountState::Archived);
        assert_eq!(state(&mut ground, &kept).await, AccountState::Active);
        ground.accounts.verify().await.unwrap();
    }
}

#[tokio::test]
async fn somebody_who_became_two_and_one_again_is_proposed_to_be_one() {
    for mut ground in fresh("roster_split").await {
        ground.emulator.happen(Happening::UserSplit);
        let done = ground.sync_and_follow().await;
        // The id that stays keeps the account; about the other a person is asked.
        assert_eq!((done.created, done.reviews), (0, 1), "{done:?}");
        let review = ground.accounts.reviews().await.unwrap().remove(0);
        let second = review.user.clone();
        assert_eq!(
            Classes::of(&ground.person(&second).roles),
            Classes::One(Class::Employee)
        );
        let kept = review.candidates.keys().next().unwrap().clone();
        let holder = ground.accounts.account(&kept).await.unwrap().unwrap();
        let stays = holder
            .links
            .iter()
            .find(|link| link.in_roster)
            .unwrap()
            .id
            .clone();
        assert_ne!(stays, second);
        ground
            .accounts
            .decline(review.id, "s1", ground.now())
            .await
            .unwrap();
        // Declined on the same evidence: the second gets an account with the next change.
        let mut record = ground.record(&second).unwrap();
        record["email"] = json!("other@schools.example.org");
        ground.put(second.as_str(), &record);
        let done = ground.sync_and_follow().await;
        assert_eq!((done.created, done.reviews), (1, 0), "{done:?}");
        let left = ground.account_of(&second).await.unwrap();
        assert_ne!(left, kept);
        assert_eq!(ground.account_of(&stays).await, Some(kept));
        ground.emulator.happen(Happening::UserMerge);
        let done = ground.sync_and_follow().await;
        assert_eq!((done.archived, done.reviews), (1, 1), "{done:?}");
        let review = ground.accounts.reviews().await.unwrap().remove(0);
        assert!(review.candidates.contains_key(&left));
        ground
            .accounts
            .approve(review.id, &left, "s1", &[], ground.now())
            .await
            .unwrap();
        let owner = ground.account_of(&review.user).await.unwrap();
        let merged = ground.accounts.account(&left).await.unwrap().unwrap();
        assert!(owner == left || merged.state == AccountState::Merged { into: owner });
        // The id that is gone means nobody.
        assert_eq!(ground.account_of(&second).await, None);
    }
}

#[tokio::test]
async fn an_account_from_before_is_found_by_its_ids_and_goes_to_one_person() {
    for mut ground in fresh("roster_before").await {
        let district = ground.district.clone();
        let facts = |sis: &str, first: &str, year| Facts {
            district: Some(district.clone()),
            sis_ids: vec![sis.to_owned()],
            first: Some(first.to_owned()),
            last: Some("Okafor".to_owned()),
            birth: Some((year, 2, 1)),
            ..Facts::default()
        };
        let unclaimed = |number| Account {
            custody: Custody::Unclaimed {
                by: ground.district.clone(),
            },
            ..account(number, Class::Student, Custody::Personal)
        };
        let (a, b) = (unclaimed(1), unclaimed(2));
        let now = ground.now();
        ground
            .accounts
            .import(&[a.clone(), b.clone()], now)
            .await
            .unwrap();
        ground
            .accounts
            .remember_own(&a.id, facts("B-1", "Ada", 2013))
            .await
            .unwrap();
        ground
            .accounts
            .remember_own(&b.id, facts("B-2", "Obi", 2011))
            .await
            .unwrap();
        let ada = ground.student("u-ada", ("Ada", "Okafor"), "2/1/2013", "B-1");
        // Two records of the roster with one id of the district: nobody is given the account.
        let one = ground.student("u-obi", ("Obi", "Okafor"), "2/1/2011", "B-2");
        let two = ground.student("u-obi2", ("Obi", "Okafor"), "2/1/2011", "B-2");
        let done = ground.sync_and_follow().await;
        assert_eq!(
            (done.linked, done.created, done.reviews),
            (1, 0, 2),
            "{done:?}"
        );
        assert_eq!(ground.account_of(&ada).await, Some(a.id));
        assert_eq!(ground.account_of(&one).await, None);
        assert_eq!(ground.account_of(&two).await, None);
    }
}

#[tokio::test]
async fn an_account_that_no_district_governs_stays_open_when_its_person_leaves() {
    for mut ground in fresh("roster_personal").await {
        let id = ground.student("u-eve", ("Eve", "Adams"), "5/5/2012", "E1");
        let now = ground.now();
        let own = Account {
            links: vec![crate::LiveLink {
                id: id.clone(),
                district: Some(ground.district.clone()),
                in_roster: true,
                by_admin: false,
            }],
            ..account(1, Class::Student, Custody::Personal)
        };
        ground.accounts.import(&[own], now).await.unwrap();
        ground.sync_and_follow().await;
        ground.remove("u-eve");
        let done = ground.sync_and_follow().await;
        assert_eq!(done.archived, 0);
        let account = ground.account_of(&id).await.unwrap();
        assert_eq!(state(&mut ground, &account).await, AccountState::Active);
    }
}

#[tokio::test]
async fn a_record_that_nobody_can_read_leaves_the_account_as_it_is() {
    for mut ground in fresh("roster_unreadable").await {
        let id = ground.student("u-odd", ("Odd", "Record"), "5/5/2012", "O1");
        ground.sync_and_follow().await;
        let account = ground.account_of(&id).await.unwrap();
        let mut record = ground.record(&id).unwrap();
        record["district"] = json!(["another"]);
        ground.put("u-odd", &record);
        let done = ground.sync_and_follow().await;
        assert_eq!(done.archived, 0);
        assert_eq!(state(&mut ground, &account).await, AccountState::Active);
        let mut record = ground.record(&id).unwrap();
        record["district"] = json!(ground.district);
        record["roles"]["student"]["dob"] = json!("soon");
        ground.put("u-odd", &record);
        let done = ground.sync_and_follow().await;
        assert_eq!(done.unread.parts().count(), 1, "{done:?}");
    }
}

#[tokio::test]
async fn what_was_erased_does_not_come_back_with_the_roster() {
    for mut ground in fresh("roster_erased").await {
        let district = ground.district.clone();
        let draft = Draft {
            at: ground.now(),
            actor: Actor::Staff("s1".into()),
            authority: None,
            proof: ProofClass::Staff,
            explanation: None,
            event: Event::Erased {
                district: district.clone(),
            },
        };
        ground.accounts.erase(&district, draft).await.unwrap();
        ground.student("u-new", ("New", "Person"), "5/5/2012", "N1");
        drop(ground.sync(true).await);
        let refused = ground.follow_until(u32::MAX, u32::MAX).await;
        assert!(
            matches!(refused, Err(FollowError::Accounts(AccountsError::Refused(Refusal::Erased(of)))) if of == district)
        );
    }
}

#[tokio::test]
async fn another_roster_is_not_taken_for_the_one_that_was_followed() {
    for mut ground in fresh("roster_other").await {
        let at = ground.accounts.position(&ground.district).await.unwrap();
        assert!(at.seq > 0);
        let mut empty = clever_sync::SqliteStore::in_memory().unwrap();
        let mut new_id = || Err(Refusal::NoNewId.into());
        let (policy, now) = (ground.policy.clone(), ground.now());
        let district = ground.district.clone();
        let refused = crate::roster::follow(
            &mut empty,
            &mut ground.accounts,
            &district,
            &policy,
            &mut new_id,
            now,
        )
        .await;
        assert!(matches!(refused, Err(FollowError::OtherRoster { .. })));
        // From the beginning, all is known.
        ground.accounts.rewind(&district).await.unwrap();
        let done = ground.follow().await;
        assert!(done.changes > 40);
        assert_eq!((done.created, done.archived, done.reviews), (0, 0, 0));
        let users = ground
            .emulator
            .with_world(|world| world.list(RecordKind::Users).len());
        assert!(users > 40);
    }
}

#[tokio::test]
async fn names_and_numbers_lie_sealed() {
    for mut ground in fresh("roster_sealed").await {
        ground.student(
            "u-secret",
            ("Xanthippe", "Quillfeather"),
            "5/6/2012",
            "SECRET-77",
        );
        ground.sync_and_follow().await;
        let all = ground.accounts.dump().await;
        assert!(all.contains("u-secret"));
        for secret in [
            "anthippe",
            "uillfeather",
            "SECRET-77",
            "secret-77",
            "2012-05-06",
            "5/6/2012",
        ] {
            assert!(!all.contains(secret), "{secret} lies open");
        }
    }
}
