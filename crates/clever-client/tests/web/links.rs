//! Account links: they end with the person and in the session that began them, or not at all.

use crate::browser::{Answer, Browser, state};
use crate::site::{Setup, Site, serve};

/// A browser in which the holder of `account` is signed in.
fn holder(site: &Site) -> Browser {
    site.sessions.plant("holders", "account");
    let mut browser = Browser::new(&site.url);
    browser.plant("holders");
    browser
}

/// Begins a link; with the holder's id at Clever or without.
async fn begin(browser: &mut Browser, user: Option<&'static str>) -> String {
    let user: Vec<_> = user.into_iter().map(|user| ("holder", user)).collect();
    let sent = browser.with("POST", "/link", &user).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    state(&sent.to)
}

async fn come_back(browser: &mut Browser, code: &str, state: &str) -> Answer {
    browser
        .get(&format!("/callback?code={code}&state={state}"))
        .await
}

#[tokio::test]
async fn a2_a_link_ends_the_accounts_sessions_and_a_stranger_ends_none() {
    let site = serve(Setup::default()).await;
    // Somebody made the account before its holder came, and still has a session of it.
    site.sessions.plant("squatters", "account");
    site.sessions.plant("others", "other");
    let (mut squatter, mut holder) = (Browser::new(&site.url), holder(&site));
    squatter.plant("squatters");
    assert_eq!(squatter.get("/classes").await.text, "account");
    let state = begin(&mut holder, None).await;
    // In another session, the link does not end.
    let mut elsewhere = holder.clone();
    elsewhere.plant("others");
    let refused = come_back(&mut elsewhere, "ada", &state).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text.contains("Nothing was connected"),
        "{}",
        refused.text
    );
    assert!(refused.text.contains("other is still signed in"));
    assert_eq!(site.redeemed(), 0);
    let linked = come_back(&mut holder, "ada", &state).await;
    assert_eq!(linked.to, "/classes");
    assert_eq!(holder.get("/classes").await.text, "account = ada");
    assert_eq!(squatter.get("/classes").await.status, 303, "signed out");
    let mut live = site.sessions.users();
    live.sort_unstable();
    assert_eq!(live, ["account = ada", "other"]);
    // The back button: linked once.
    assert_eq!(come_back(&mut holder, "ada", &state).await.to, "/classes");
    assert_eq!(site.redeemed(), 1);
}

#[tokio::test]
async fn field_f8_a_link_ends_with_the_person_who_began_it() {
    let site = serve(Setup::default()).await;
    let mut browser = holder(&site);
    // At Clever, Sam is signed in, or gets signed in.
    let state = begin(&mut browser, Some("ada")).await;
    let page = come_back(&mut browser, "sam", &state).await;
    assert_eq!(page.status, 403, "{}", page.text);
    assert!(
        page.text.contains("somebody else is signed in to Clever"),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("account is still signed in"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("sam"));
    assert_eq!(site.sessions.users(), ["account"], "nothing was linked");
    assert_eq!(browser.session(), Some("holders"));
    // Going back does not help; nor does the refused code in a login of Sam's.
    let again = come_back(&mut browser, "sam", &state).await;
    assert_eq!(again.status, 403);
    // The right person ends the next one.
    let state = begin(&mut browser, Some("ada")).await;
    assert_eq!(come_back(&mut browser, "ada", &state).await.to, "/classes");
    assert_eq!(site.sessions.users(), ["account = ada"]);
}

#[tokio::test]
async fn field_f8_a_link_whose_session_has_changed_or_ended_ends_nowhere() {
    let site = serve(Setup::default()).await;
    // Somebody else signs in between.
    let mut browser = holder(&site);
    let state = begin(&mut browser, Some("ada")).await;
    browser.sign_in("bob").await;
    let page = come_back(&mut browser, "ada", &state).await;
    assert_eq!(page.status, 400);
    assert!(
        page.text.contains("begun in another session"),
        "{}",
        page.text
    );
    assert_eq!(site.sessions.users(), ["bob"]);
    // The session ends elsewhere; its cookie is still here.
    let mut browser = holder(&site);
    let state = begin(&mut browser, Some("ada")).await;
    site.sessions.live.lock().unwrap().clear();
    let before = site.redeemed();
    let page = come_back(&mut browser, "ada", &state).await;
    assert_eq!(page.status, 400);
    assert!(
        page.text.contains("begun in another session"),
        "{}",
        page.text
    );
    assert_eq!(site.redeemed(), before, "the code is not spent");
    assert!(site.sessions.users().is_empty());
    // Signed out here.
    let mut browser = holder(&site);
    let state = begin(&mut browser, Some("ada")).await;
    browser.send("POST", "/logout").await;
    assert_eq!(come_back(&mut browser, "ada", &state).await.status, 400);
    assert!(site.sessions.users().is_empty());
    // A session that has ended begins no link.
    let mut browser = Browser::new(&site.url);
    browser.plant("holders");
    let refused = browser.send("POST", "/link").await;
    assert_eq!(refused.status, 401);
    assert!(refused.text.contains("sign in first"));
    assert!(browser.cookies.len() == 1, "no login is begun");
}

#[tokio::test]
async fn field_f8_a_link_begun_twice_ends_once() {
    let site = serve(Setup::default()).await;
    let mut browser = holder(&site);
    let first = begin(&mut browser, Some("ada")).await;
    let second = begin(&mut browser, Some("ada")).await;
    assert_eq!(come_back(&mut browser, "ada", &first).await.to, "/classes");
    let page = come_back(&mut browser, "ada.2", &second).await;
    assert_eq!(page.status, 400);
    assert!(
        page.text.contains("account = ada is still signed in"),
        "{}",
        page.text
    );
    assert_eq!(site.redeemed(), 1);
    assert_eq!(browser.get("/classes").await.text, "account = ada");
}

#[tokio::test]
async fn field_f8_a_link_that_clever_or_the_application_refuses_ends_no_session() {
    let site = serve(Setup::default()).await;
    let mut browser = holder(&site);
    let state = begin(&mut browser, None).await;
    let denied = format!("/callback?error=access_denied&state={state}");
    let page = browser.get(&denied).await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("Nothing was connected"), "{}", page.text);
    assert_eq!(browser.get("/classes").await.text, "account");
    for code in ["stranger", "outage", "old"] {
        let state = begin(&mut browser, None).await;
        let page = come_back(&mut browser, code, &state).await;
        assert!(page.status >= 400, "{code}");
        assert!(
            page.text.contains("account is still signed in"),
            "{}",
            page.text
        );
        assert_eq!(browser.get("/classes").await.text, "account", "{code}");
    }
}
