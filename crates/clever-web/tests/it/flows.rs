//! Ways from a sign-in to an account.

use clever_model::Role;
use clever_provision::AccountId;
use clever_web::{Came, Why};

use crate::browser::Browser;
use crate::site::Scene;

#[tokio::test]
async fn a_teacher_is_asked_once_and_is_in_ever_after() {
    for scene in Scene::over_each("asked_once").await {
        let site = scene.site().await;
        let user = scene.person(Role::Teacher, 0);
        let mut browser = Browser::new();
        let page = browser.go(&site.at("/?deep=link"), &user).await;
        assert_eq!(
            page.text,
            format!("asked {user} SignInElsewhere"),
            "{page:?}"
        );
        assert_eq!(page.at.path(), "/welcome");
        assert!(page.at.query().unwrap().contains("deep"), "{page:?}");
        // Nobody is in yet: each page leads back to the question.
        let page = browser.go(&site.at("/"), "").await;
        assert_eq!(page.at.path(), "/welcome");
        let page = browser.send(&site.at("/new"), "", "").await;
        assert!(page.text.starts_with("in "), "{page:?}");
        let account = site.opened_by(&user).await.unwrap();
        // Back, and pressed again: the question is answered.
        let again = browser.send(&site.at("/new"), "", "").await;
        assert_eq!(again.text, page.text);
        let elsewhere = Browser::new().go(&site.at("/"), &user).await;
        assert_eq!(elsewhere.text, page.text);
        let came: Vec<_> = site
            .notes
            .all()
            .into_iter()
            .map(|(_, came, _)| came)
            .collect();
        assert_eq!(came, [Came::Created, Came::Known]);
        assert_eq!(site.opened_by(&user).await, Some(account));
    }
}

#[tokio::test]
async fn two_answers_at_once_make_one_account() {
    for scene in Scene::over_each("two_answers").await {
        let site = scene.site().await;
        let user = scene.person(Role::Teacher, 0);
        let mut browser = Browser::new();
        browser.go(&site.at("/"), &user).await;
        let (mut one, mut other) = (browser.clone(), browser);
        let new = site.at("/new");
        let (a, b) = tokio::join!(one.send(&new, "", ""), other.send(&new, "", ""));
        assert!(a.text.starts_with("in "), "{a:?}");
        assert_eq!(a.text, b.text);
        let store = site.accounts.pool().get().await;
        assert!(store.unwrap().verify().await.is_ok());
    }
}

#[tokio::test]
async fn an_account_that_was_proven_is_linked_and_its_old_sessions_end() {
    for scene in Scene::over_each("proven").await {
        let site = scene.site().await;
        let (user, other) = (
            scene.person(Role::Teacher, 0),
            scene.person(Role::Teacher, 1),
        );
        let now = clever_model::Clock::now(&*site.clock);
        site.sign_up("old", now).await;
        let mut browser = Browser::new();
        browser.go(&site.at("/"), &user).await;
        // Somebody else is at Clever when the browser gets there: nothing is linked.
        let mut stolen = browser.clone();
        let page = stolen.send(&site.at("/mine"), "old", &other).await;
        assert_eq!(page.status, 403, "{page:?}");
        assert_eq!(site.opened_by(&other).await, None);
        assert_eq!(site.opened_by(&user).await, None);
        let page = browser.send(&site.at("/mine"), "old", &user).await;
        assert!(
            page.text.starts_with(&format!("in old as {user}")),
            "{page:?}"
        );
        assert_eq!(site.opened_by(&user).await, Some(AccountId::new("old")));
        // It is one person's in this district: the next one who knows its password gets a reason.
        let mut squatter = Browser::new();
        squatter.go(&site.at("/"), &other).await;
        let page = squatter.send(&site.at("/mine"), "old", &other).await;
        assert_eq!(page.status, 403);
        assert!(page.text.contains("can't be connected"), "{page:?}");
        assert_eq!(site.opened_by(&other).await, None);
        let still = browser.go(&site.at("/"), "").await;
        assert!(still.text.starts_with("in old"), "{still:?}");
    }
}

#[tokio::test]
async fn two_accounts_are_joined_and_parted() {
    for scene in Scene::over_each("joined").await {
        let site = scene.site().await;
        let user = scene.person(Role::Teacher, 0);
        let now = clever_model::Clock::now(&*site.clock);
        site.sign_up("old", now).await;
        let mut browser = Browser::new();
        browser.go(&site.at("/"), &user).await;
        browser.send(&site.at("/new"), "", "").await;
        let new = site.opened_by(&user).await.unwrap();
        site.clock.advance_seconds(60);
        let page = browser.send(&site.at("/join"), "old", &user).await;
        assert!(page.text.starts_with("in old"), "{page:?}");
        assert_eq!(site.opened_by(&user).await, Some(AccountId::new("old")));
        site.clock.advance_seconds(60);
        let page = browser.send(&site.at("/part"), "somebody-elses", "").await;
        assert_eq!(page.text, "Err(OfSomebodyElse)");
        let page = browser.send(&site.at("/part"), "old", "").await;
        assert_eq!(page.text, "Ok(())");
        assert_eq!(site.opened_by(&user).await, Some(new.clone()));
        // The session was of both: nobody knows whose it is now.
        site.clock.advance_seconds(1);
        let page = browser.go(&site.at("/"), &user).await;
        assert!(page.text.starts_with(&format!("in {new}")), "{page:?}");
        let store = site.accounts.pool().get().await;
        assert!(store.unwrap().verify().await.is_ok());
    }
}

#[tokio::test]
async fn a_question_outlives_the_process_and_ten_minutes_it_does_not() {
    let scene = Scene::new().await;
    let site = scene.site().await;
    let user = scene.person(Role::Teacher, 0);
    let mut browser = Browser::new();
    let page = browser.go(&site.at("/"), &user).await;
    assert_eq!(page.at.path(), "/welcome");
    let next = scene.site().await;
    let page = browser.go(&next.at("/welcome"), "").await;
    assert_eq!(page.text, format!("asked {user} SignInElsewhere"));
    next.clock.advance_seconds(601);
    // Clever's session lives on, so the way leads through a new sign-in to the question again.
    let late = browser.send(&next.at("/new"), "", "").await;
    assert_eq!(late.at.path(), "/welcome", "{late:?}");
    assert_eq!(next.opened_by(&user).await, None);
    let page = browser.send(&next.at("/new"), "", "").await;
    assert!(page.text.starts_with("in "), "{page:?}");
}

#[tokio::test]
async fn who_is_not_served_reads_why_and_is_on_the_admins_list() {
    let scene = Scene::new().await;
    let site = scene.site().await;
    let student = scene.person(Role::Student, 0);
    let page = Browser::new().go(&site.at("/"), &student).await;
    assert!(page.text.starts_with("in "), "{page:?}");
    let parent = scene.person(Role::Contact, 0);
    for _ in 0..2 {
        let page = Browser::new().go(&site.at("/"), &parent).await;
        assert_eq!(page.status, 403);
        assert!(page.text.contains("not made for your kind"), "{page:?}");
    }
    let district = scene.clever.districts().remove(0).id.parse().unwrap();
    let refused = site.accounts.refused(&district).await.unwrap();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].user.as_str(), parent);
    assert_eq!(refused[0].times, 2);
    assert_eq!(refused[0].why, Why::Refused("not_for_role".to_owned()));
    let mut browser = Browser::new();
    browser.go(&site.at("/"), &student).await;
    browser.send(&site.at("/not-me"), "", "").await;
    let refused = site.accounts.refused(&district).await.unwrap();
    assert!(refused.iter().any(|one| one.why == Why::NotMe));
}

#[tokio::test]
async fn nobody_disconnects_the_only_way_in() {
    let scene = Scene::new().await;
    let site = scene.site().await;
    let user = scene.person(Role::Teacher, 0);
    let mut browser = Browser::new();
    browser.go(&site.at("/"), &user).await;
    browser.send(&site.at("/new"), "", "").await;
    let page = browser.send(&site.at("/disconnect"), "", "").await;
    assert_eq!(page.text, "Err(OnlyWayIn)");
    let now = clever_model::Clock::now(&*site.clock);
    site.sign_up("old", now).await;
    let (other, mut browser) = (scene.person(Role::Teacher, 1), Browser::new());
    browser.go(&site.at("/"), &other).await;
    browser.send(&site.at("/mine"), "old", &other).await;
    let page = browser.send(&site.at("/disconnect"), "", "").await;
    assert_eq!(page.text, "Ok(())");
    assert_eq!(site.opened_by(&other).await, None);
    let page = browser.go(&site.at("/"), &other).await;
    assert!(page.text.starts_with("asked"), "{page:?}");
}
