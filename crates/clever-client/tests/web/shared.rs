//! Computers that pupils share: what one leaves behind, and how the next one comes.

use std::sync::atomic::Ordering;

use crate::browser::{Browser, SESSION, callback, state};
use crate::site::{Setup, serve};
use clever_auth::SafePath;
use clever_client::web::WebOptions;

#[tokio::test]
async fn field_f4_signed_out_stays_signed_out() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    browser.sign_in("ada").await;
    let back = callback("late", &browser.begin().await);
    let out = browser.send("POST", "/logout").await;
    assert_eq!((out.status, &*out.to), (303, "/logout"));
    // Wherever that leads, it ends on a page, without a session and without a way on by itself.
    let page = browser.follow(&out.to).await;
    assert_eq!((page.status, &*page.to), (200, ""));
    assert!(
        page.text.contains("signed out of this app"),
        "{}",
        page.text
    );
    assert!(page.text.contains("sign out of Clever too"));
    assert!(!page.text.contains("http-equiv"), "{}", page.text);
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
    assert!(site.sessions.users().is_empty());
    // A sign-in that was under way in another tab is over too.
    assert_eq!(browser.get(&back).await.status, 400);
    assert_eq!(site.redeemed(), 1);
    assert_eq!(browser.follow("/logout").await.status, 200);
}

#[tokio::test]
async fn field_f4_the_back_button_after_signing_out_signs_nobody_in() {
    let site = serve(Setup::default()).await;
    for keeps_cookies in [false, true] {
        let mut browser = Browser::new(&site.url);
        let back = callback("ada", &browser.begin().await);
        let (before, begun) = (browser.cookies.clone(), site.redeemed());
        browser.get(&back).await;
        let after = browser.cookies.clone();
        browser.send("POST", "/logout").await;
        // Even if the browser had kept the cookies from before or from after the sign-in.
        browser.cookies = if keeps_cookies { after } else { before };
        let page = browser.follow(&back).await;
        assert_eq!(page.status, 400, "{}", page.text);
        assert!(page.text.contains("sign in again"), "{}", page.text);
        assert!(site.sessions.users().is_empty());
        assert!(site.redeemed() <= begun + 1);
    }
}

#[tokio::test]
async fn field_f4_the_page_after_signing_out_may_be_the_applications() {
    let options = WebOptions {
        after_sign_out: Some(SafePath::new("/goodbye").unwrap()),
        sign_out_of_clever: Some("https://clever.example/out?a=1&b=2".parse().unwrap()),
        ..WebOptions::default()
    };
    let site = serve(Setup {
        options,
        ..Setup::default()
    })
    .await;
    let mut browser = Browser::new(&site.url);
    browser.sign_in("ada").await;
    // An address that is typed asks first; another site's form does not sign anybody out.
    let asked = browser.get("/logout").await;
    assert!(
        asked
            .text
            .contains("<form method=\"post\" action=\"/logout\">")
    );
    let cross = [("sec-fetch-site", "cross-site")];
    let asked = browser.with("POST", "/logout", &cross).await;
    assert!(asked.text.contains("Do you want to sign out"));
    assert_eq!(browser.get("/classes").await.text, "ada");
    assert_eq!(browser.send("POST", "/logout").await.to, "/goodbye");
    let page = browser.get("/logout").await;
    assert!(
        page.text
            .contains("href=\"https://clever.example/out?a=1&amp;b=2\""),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn field_f4_two_planted_sessions_end_as_well() {
    let site = serve(Setup::default()).await;
    for id in ["one", "two"] {
        site.sessions.plant(id, "ada");
    }
    let browser = Browser::new(&site.url);
    let both = [(
        "cookie",
        "__Host-clever_session=one; __Host-clever_session=two",
    )];
    let response = browser.raw("POST", "/logout", &both).await;
    let gone = response.headers()["set-cookie"].to_str().unwrap();
    assert!(gone.starts_with("__Host-clever_session=; "), "{gone}");
    assert!(site.sessions.users().is_empty());
}

#[tokio::test]
async fn field_f12_an_arrival_from_clever_ends_the_session_at_once() {
    let site = serve(Setup::default()).await;
    for (arrival, status) in [
        // From the portal, the Library or an instant-login link, and nothing more happens.
        ("code=bobs", 401),
        ("error=access_denied", 403),
        ("error=unauthorized-user&error_description=x", 403),
        ("error=access_denied&state=unknown", 403),
        ("error=server_error", 502),
        // Bob pressed the button, and then something fails.
        ("code=secret&state=STATE", 503),
        ("code=old&state=STATE", 400),
        ("code=outage&state=STATE", 502),
        ("code=garbled&state=STATE", 502),
        ("code=stranger&state=STATE", 403),
        ("code=panic&state=STATE", 503),
        ("error=access_denied&state=STATE", 403),
    ] {
        let mut browser = Browser::new(&site.url);
        browser.sign_in("ada").await;
        assert_eq!(browser.get("/classes").await.text, "ada");
        let (session, state) = (browser.session().unwrap().to_owned(), browser.begin().await);
        let query = arrival.replace("STATE", &state);
        let answer = browser.get(&format!("/callback?{query}")).await;
        assert_eq!(answer.status, status, "{arrival}: {}", answer.text);
        assert!(!browser.cookies.contains_key(SESSION), "{arrival}");
        // The session is gone, not only the browser's memory of it.
        browser.plant(&session);
        let next = browser.get("/classes").await;
        assert_eq!((next.status, &*next.text), (303, ""), "{arrival}");
        assert!(site.sessions.users().is_empty(), "{arrival}");
    }
}

#[tokio::test]
async fn field_f12_a_refusal_says_whose_session_is_still_open() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    browser.sign_in("ada").await;
    // Not from Clever, so nothing ends; but whoever reads it should know who is signed in.
    let state = browser.begin().await;
    for query in [
        "nothing=here".to_owned(),
        "code=a&code=b".to_owned(),
        format!("code=a&state={state}&iss=https://evil.example"),
    ] {
        let page = browser.get(&format!("/callback?{query}")).await;
        assert_eq!(page.status, 400);
        assert!(
            page.text.contains("ada is still signed in"),
            "{}",
            page.text
        );
        assert!(
            page.text
                .contains("<form method=\"post\" action=\"/logout\">")
        );
    }
    assert_eq!(browser.get("/classes").await.text, "ada");
}

#[tokio::test]
async fn a_portal_login_takes_one_page_that_goes_on_by_itself() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let response = browser.raw("GET", "/callback?code=dropped", &[]).await;
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!response.headers().contains_key("location"));
    let csp = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(!csp.contains("sandbox") && !csp.contains("navigate-to"));
    browser.keep(&response);
    let text = response.text().await.unwrap();
    assert!(
        text.contains("<meta http-equiv=\"refresh\" content=\"0;url=/login\">"),
        "{text}"
    );
    assert!(text.contains("<a href=\"/login\">"), "{text}");
    assert!(!text.contains("dropped"));
    // As a browser goes on.
    let authorize = browser.follow("/login").await.to;
    let back = callback("ada", &state(&authorize));
    assert_eq!(browser.get(&back).await.to, "/");
    assert_eq!(browser.get("/classes").await.text, "ada");
    assert_eq!(site.redeemed(), 1);
    // The next pupil's click in the portal, a moment later.
    let arrived = browser.get("/callback?code=bobs").await;
    assert_eq!(arrived.status, 401);
    assert!(site.sessions.users().is_empty());
    // And once more before that sign-in has ended: no round trips without end.
    let again = browser.get("/callback?code=bobs2").await;
    assert_eq!(again.status, 400);
    assert!(!again.text.contains("http-equiv"), "{}", again.text);
    site.clock.advance_seconds(60);
    assert_eq!(browser.get("/callback?code=bobs3").await.status, 401);
}

#[tokio::test]
async fn field_f16_what_is_remembered_gives_no_session_back() {
    let site = serve(Setup::default()).await;
    // The browser is closed and opened again; its login's cookie may be there still.
    for keeps in [false, true] {
        let mut browser = Browser::new(&site.url);
        let back = callback("ada", &browser.begin().await);
        assert_eq!(browser.get(&back).await.status, 303);
        if keeps {
            browser.cookies.remove(SESSION);
        } else {
            browser.reopen();
        }
        let answer = browser.follow(&back).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(browser.session().is_none());
        assert_eq!(browser.get("/classes").await.status, 303);
    }
    // The cookies of the login are not for later either: some seconds on, nothing is given.
    let mut browser = Browser::new(&site.url);
    let back = callback("ada", &browser.begin().await);
    let mut thief = browser.clone();
    assert_eq!(browser.get(&back).await.status, 303);
    site.clock.advance_seconds(5);
    let answer = thief.get(&back).await;
    assert_eq!(answer.status, 400);
    assert!(thief.session().is_none());
    assert_eq!(browser.get("/classes").await.text, "ada");
}

#[tokio::test]
async fn field_f16_going_back_to_the_former_pupils_callback_keeps_the_present_one() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let adas = callback("ada", &browser.begin().await);
    let before = browser.cookies.clone();
    browser.get(&adas).await;
    browser.sign_in("bob").await;
    let bobs = browser.session().unwrap().to_owned();
    let answer = browser.get(&adas).await;
    assert_eq!((answer.status, &*answer.to), (303, "/classes"));
    assert_eq!(browser.session(), Some(&*bobs));
    assert_eq!(browser.get("/classes").await.text, "bob");
    // The same if the browser still has the login's cookie from before it ended.
    browser.cookies.extend(before);
    browser.get(&adas).await;
    assert_eq!(browser.session(), Some(&*bobs));
    assert_eq!(browser.get("/classes").await.text, "bob");
    // And when Bob has signed out.
    browser.send("POST", "/logout").await;
    assert_eq!(browser.follow(&adas).await.status, 400);
    assert_eq!(browser.get("/classes").await.status, 303);
    assert_eq!(site.redeemed(), 2);
}

#[tokio::test]
async fn field_f12_a_session_that_cannot_be_ended_is_forgotten_by_the_browser() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    browser.sign_in("ada").await;
    site.sessions.down.store(true, Ordering::Relaxed);
    assert_eq!(browser.get("/callback?code=bobs").await.status, 401);
    assert!(browser.session().is_none());
    let mut browser = Browser::new(&site.url);
    browser.plant("x");
    assert_eq!(browser.send("POST", "/logout").await.status, 303);
    assert!(browser.session().is_none());
}
