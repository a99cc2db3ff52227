//! The login matrix: how people come in × who they are × what may go wrong, in a web application that signs
//! in against the emulator.

mod scene;
mod tampered;

use clever_auth::{App, Authority, KindError, RawToken};
use clever_client::SignInError;
use url::Url;

use scene::Browser;
use tampered::tampered;

pub(crate) use scene::{Entry, Person, Scene};

/// What happens on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Ok,
    ReplayedCode,
    ForgedState,
    MissingState,
    ExpiredCode,
    OtherClientsToken,
    TamperedIdToken,
    CookiesBlocked,
}

const PEOPLE: [Person; 5] = [
    Person::StudentWithoutEmail,
    Person::Teacher,
    Person::TeacherAndStaff,
    Person::DistrictAdmin,
    Person::Contact,
];

const WAYS: [Way; 8] = [
    Way::Ok,
    Way::ReplayedCode,
    Way::ForgedState,
    Way::MissingState,
    Way::OtherClientsToken,
    Way::TamperedIdToken,
    Way::CookiesBlocked,
    // Last: it moves Clever's clock.
    Way::ExpiredCode,
];

fn query(url: &Url, name: &str) -> String {
    let mut query = url.query_pairs();
    query
        .find(|(found, _)| found == name)
        .unwrap()
        .1
        .into_owned()
}

/// `url` with a parameter replaced, or without it.
fn with(url: &Url, name: &str, value: Option<&str>) -> Url {
    let others: Vec<_> = url
        .query_pairs()
        .into_owned()
        .filter(|(found, _)| found != name)
        .collect();
    let mut changed = url.clone();
    let mut query = changed.query_pairs_mut();
    query.clear().extend_pairs(others);
    if let Some(value) = value {
        query.append_pair(name, value);
    }
    drop(query);
    changed
}

async fn cell(scene: &Scene, entry: Entry, person: Person, way: Way) {
    scene.sessions.0.lock().unwrap().clear();
    scene.sessions.1.lock().unwrap().clear();
    let mut browser = Browser::new(way == Way::CookiesBlocked);
    let door = scene.door(entry);
    let library = entry == Entry::Library;
    if library && matches!(person, Person::DistrictAdmin | Person::Contact) {
        // The Library is for teachers and their students: Clever sends nobody else.
        assert_eq!(browser.until_callback(scene, door).await, None);
        assert!(scene.signed_in().is_empty());
        return;
    }
    if way == Way::TamperedIdToken {
        tampered(entry, scene).await;
        return;
    }
    if way == Way::CookiesBlocked {
        // The restart needs no cookie, its callback does: an error page, after few requests, and no code spent.
        let callback = browser.until_callback(scene, door).await.unwrap();
        let (status, text) = browser.follow(&callback).await;
        assert_eq!(status, 400);
        assert!(text.contains("cookies"), "{text}");
        assert!(browser.requests < 10);
        assert!(scene.redeemable(&query(&callback, "code")).await);
        assert!(scene.signed_in().is_empty());
        return;
    }
    let callback = browser.until_callback(scene, door).await.unwrap();
    let code = query(&callback, "code");
    match way {
        Way::Ok | Way::CookiesBlocked | Way::TamperedIdToken => {
            assert_eq!(browser.follow(&callback).await, (200, scene.user.clone()));
            let home = scene.site.join("classes").unwrap();
            assert_eq!(browser.follow(&home).await, (200, scene.user.clone()));
        }
        Way::ReplayedCode => {
            browser.load(&callback).await;
            assert!(!scene.redeemable(&code).await);
            // The same browser is sent on; another one, even with a login of its own, is not let in.
            assert_eq!(browser.load(&callback).await.0, 303);
            let mut thief = Browser::new(false);
            assert_eq!(thief.follow(&callback).await.0, 400);
            let own = thief.until_callback(scene, scene.door(Entry::Button)).await;
            let planted = with(&own.unwrap(), "code", Some(&code));
            assert_eq!(thief.follow(&planted).await.0, 400);
        }
        Way::ForgedState => {
            let forged = with(
                &callback,
                "state",
                Some("VALI_CSRF_PROBE_NOT_A_REAL_SESSION"),
            );
            assert_eq!(browser.follow(&forged).await.0, 400);
            assert!(scene.signed_in().is_empty());
            // Refused without being redeemed; the real one still ends the login.
            assert_eq!(browser.load(&callback).await.0, 303);
        }
        Way::MissingState => {
            // A code without a state is dropped and the login begins again, once a minute.
            let stateless = with(&callback, "state", None);
            let (status, to, _) = browser.load(&stateless).await;
            if entry == Entry::Button {
                assert_eq!(status, 401);
                assert_eq!(to.unwrap().path(), "/login");
            } else {
                assert_eq!(status, 400, "it was begun again a moment ago");
            }
            assert!(scene.redeemable(&code).await);
            assert!(scene.signed_in().is_empty());
            return;
        }
        Way::ExpiredCode => {
            scene.clock.advance_seconds(90);
            let (status, text) = browser.follow(&callback).await;
            assert_eq!(status, 400, "{text}");
            assert!(text.contains("took too long"), "{text}");
            assert!(scene.signed_in().is_empty());
            return;
        }
        Way::OtherClientsToken => {
            let token = if library {
                scene.emulator.library_token(&scene.user)
            } else {
                scene.emulator.user_token(&scene.user)
            };
            let raw = || RawToken::new(token.clone()).unwrap();
            let ours = scene.service.confirm(&scene.app, raw()).await.unwrap();
            let holder = scene.service.holder(&scene.app, &ours).await.unwrap();
            assert_eq!(holder.user.as_str(), scene.user);
            assert_eq!(library, holder.authority == Authority::Teacher);
            let url = scene.emulator.base_url().clone();
            let other = App::new(
                "another-app",
                "secret".to_owned(),
                scene.app.redirect().clone(),
            );
            let other = other.unwrap().at(url.clone(), url).unwrap();
            let refused = scene.service.confirm(&other, raw()).await.unwrap_err();
            assert!(
                matches!(refused, SignInError::Kind(KindError::OtherApp)),
                "{refused:?}"
            );
            return;
        }
    }
    assert_eq!(scene.signed_in().join(" "), scene.user);
    let expected = if library {
        Authority::Teacher
    } else {
        Authority::District
    };
    assert_eq!(*scene.sessions.1.lock().unwrap(), [expected]);
}

#[expect(
    clippy::print_stdout,
    reason = "the last line names the cell that failed"
)]
async fn row(entry: Entry) {
    for person in PEOPLE {
        let scene = Scene::new(person).await;
        for way in WAYS {
            println!("{entry:?} × {person:?} × {way:?}");
            cell(&scene, entry, person, way).await;
        }
    }
}

#[tokio::test]
async fn logins_from_the_portal() {
    row(Entry::Portal).await;
}

#[tokio::test]
async fn logins_from_our_button() {
    row(Entry::Button).await;
}

#[tokio::test]
async fn logins_from_an_instant_login_link() {
    row(Entry::InstantLogin).await;
}

#[tokio::test]
async fn logins_from_the_library() {
    row(Entry::Library).await;
}

/// Where discovery offers PKCE, the first login has it: a code that somebody takes on its way is worth nothing.
#[tokio::test]
async fn a13_where_discovery_offers_pkce_a_code_alone_is_worth_nothing() {
    let scene = Scene::with(Person::Teacher, true, 0).await;
    let mut browser = Browser::new(false);
    let callback = browser
        .until_callback(&scene, scene.door(Entry::Button))
        .await
        .unwrap();
    let code = callback.query_pairs().find(|(name, _)| name == "code");
    let code = code.unwrap().1.into_owned();
    assert!(!scene.redeemable(&code).await);
    // The one who began it signs in, also from the portal.
    for entry in [Entry::Button, Entry::Portal] {
        let mut browser = Browser::new(false);
        let callback = browser.until_callback(&scene, scene.door(entry)).await;
        let (status, page) = browser.follow(&callback.unwrap()).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(scene.signed_in(), std::slice::from_ref(&scene.user));
        scene.sessions.0.lock().unwrap().clear();
    }
}
