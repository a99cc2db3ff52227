//! Sign-ins that go well, and strangers who don't get in.

use std::time::Duration;

use crate::browser::{Browser, callback, state};
use crate::site::{Setup, serve};

#[tokio::test]
async fn a_page_sends_to_the_sign_in_and_back() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let sent = browser.get("/classes?tab=2").await;
    assert_eq!(
        (sent.status, &*sent.to),
        (303, "/login?return_to=%2Fclasses%3Ftab%3D2")
    );
    let authorize = browser.get(&sent.to).await.to;
    let back = callback("ada", &state(&authorize));
    assert_eq!(browser.get(&back).await.to, "/classes?tab=2");
    assert_eq!(browser.get("/classes").await.text, "ada");
    // Reload of the callback: no second redemption, the session goes on.
    assert_eq!(browser.get(&back).await.to, "/classes?tab=2");
    assert_eq!(site.redeemed(), 1);
    assert_eq!(browser.send("POST", "/logout").await.to, "/logout");
    assert_eq!(browser.get("/classes").await.status, 303);
    assert_eq!(browser.send("POST", "/classes").await.status, 401);
}

#[tokio::test]
async fn a15_each_login_has_a_new_session_and_ends_the_former() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    browser.plant("planted");
    site.sessions.plant("planted", "mallory");
    browser.sign_in("ada").await;
    let first = browser.session().unwrap().to_owned();
    assert!(first.len() == 43 && first != "planted");
    // The next pupil at the same computer.
    browser.sign_in("bob").await;
    assert_eq!(browser.get("/classes").await.text, "bob");
    assert_eq!(site.sessions.users(), ["bob"]);
}

#[tokio::test]
async fn a8_a_strangers_callback_gives_no_session() {
    let site = serve(Setup::default()).await;
    let (mut attacker, mut victim) = (Browser::new(&site.url), Browser::new(&site.url));
    let planted = callback("mallory", &attacker.begin().await);
    let answer = victim.get(&planted).await;
    assert_eq!(answer.status, 400);
    let text = answer.text;
    assert!(
        text.contains("href=\"/login\"") && !text.contains("mallory"),
        "{text}"
    );
    assert!(site.sessions.users().is_empty());
    assert_eq!(site.redeemed(), 0);
}

#[tokio::test]
async fn whom_the_application_refuses_has_no_session_and_loses_none_elsewhere() {
    let site = serve(Setup::default()).await;
    let (mut ada, mut stranger) = (Browser::new(&site.url), Browser::new(&site.url));
    ada.sign_in("ada").await;
    assert_eq!(stranger.sign_in("stranger").await.status, 403);
    assert_eq!(site.sessions.users(), ["ada"]);
    assert_eq!(stranger.sign_in("<script>").await.status, 502);
    assert_eq!(ada.get("/classes").await.text, "ada");
}

#[tokio::test]
async fn a12_two_deliveries_at_once_get_one_answer() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let back = callback("ada", &browser.begin().await);
    let mut twin = browser.clone();
    let (first, second) = tokio::join!(browser.get(&back), twin.get(&back));
    assert_eq!((first.status, &*first.to), (303, "/classes"));
    assert_eq!(first, second);
    assert_eq!(browser.session(), twin.session());
    assert_eq!(site.sessions.users().len(), 1);
    assert_eq!(site.redeemed(), 1);
}

#[tokio::test]
async fn a12_a_browser_that_breaks_off_and_asks_again_is_signed_in() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let back = callback("ada", &browser.begin().await);
    let soon = Duration::from_millis(40);
    let broken = tokio::time::timeout(soon, browser.get(&back)).await;
    assert!(broken.is_err());
    assert_eq!(browser.get(&back).await.to, "/classes");
    assert_eq!(browser.get("/classes").await.text, "ada");
    assert_eq!(site.sessions.users().len(), 1);
}

#[tokio::test]
async fn a_sign_in_that_fails_says_what_to_do() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    for (query, status, word) in [
        ("error=access_denied", 403, "Your school"),
        ("error=<script>alert(1)</script>", 403, "Your school"),
        ("error=temporarily_unavailable", 502, "try again"),
        ("code=a&state=forged", 400, "cookies"),
        ("nothing=here", 400, "sign in again"),
        ("code=a&code=b&state=c", 400, "sign in again"),
        ("code=a&state=b&state=c", 400, "sign in again"),
    ] {
        let answer = browser.get(&format!("/callback?{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        let text = answer.text;
        assert!(text.contains(word) && !text.contains("script"), "{text}");
        assert!(text.contains("href=\"/login\""));
    }
    assert_eq!(site.redeemed(), 0);
}
