//! What browsers do besides following a link: tabs at once, loading ahead, scripts, frames, other methods.

use crate::browser::{Browser, answer, callback, state};
use crate::site::{Setup, serve};
use clever_client::web::{Message, Page, WebOptions};

#[tokio::test]
async fn field_f6_three_tabs_at_once_all_end_signed_in() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    // A browser restores three tabs: none of them knows of the others' cookies.
    let mut states = Vec::new();
    for tab in 1..=3 {
        let path = format!("/login?return_to=/classes?tab={tab}");
        let response = Browser::new(&site.url).raw("GET", &path, &[]).await;
        browser.keep(&response);
        states.push(state(&answer(response).await.to));
    }
    for (tab, state) in (1..=3).zip(states) {
        let back = format!("/callback?code=ada.{tab}&state={state}");
        let ended = browser.get(&back).await;
        let wanted = format!("/classes?tab={tab}");
        assert_eq!((ended.status, ended.to), (303, wanted));
        assert_eq!(browser.get("/classes").await.text, "ada");
    }
}

#[tokio::test]
async fn field_f6_what_is_loaded_ahead_or_fetched_pushes_no_login_out() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let under_way = browser.begin().await;
    let cookies = browser.cookies.clone();
    for ahead in [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
        ("x-moz", "prefetch"),
    ] {
        for path in [
            "/login",
            "/callback?code=ada&state=STATE",
            "/callback?code=x",
        ] {
            let path = path.replace("STATE", &under_way);
            let answer = browser.with("GET", &path, &[ahead]).await;
            assert_eq!((answer.status, &*answer.to), (204, ""), "{ahead:?} {path}");
        }
    }
    for script in [
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-mode", "same-origin"),
        ("sec-fetch-mode", "no-cors"),
        ("x-requested-with", "XMLHttpRequest"),
    ] {
        for path in ["/classes", "/login"] {
            let answer = browser.with("GET", path, &[script]).await;
            assert_eq!((answer.status, &*answer.to), (401, ""), "{script:?} {path}");
        }
    }
    let navigates = [
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    assert_eq!(
        browser.with("GET", "/classes", &navigates).await.status,
        303
    );
    assert_eq!(browser.cookies, cookies);
    assert_eq!(site.redeemed(), 0);
    // Many more logins than a browser may keep leave the newest ones standing.
    let mut newest = String::new();
    for _ in 0..20 {
        newest = browser.begin().await;
        assert!(browser.cookies.len() <= 8, "{}", browser.cookies.len());
    }
    let back = callback("ada", &newest);
    assert_eq!(browser.get(&back).await.status, 303);
    assert_eq!(browser.get("/classes").await.text, "ada");
}

#[tokio::test]
async fn field_f6_who_is_signed_in_already_goes_on_instead_of_reading_about_cookies() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let slow = browser.begin().await;
    browser.sign_in("ada").await;
    site.clock.advance_seconds(600);
    // The other tab took too long; a login of another browser; a login without a word of it.
    for state in [&*slow, "unknown", ""] {
        let answer = browser.get(&callback("x", state)).await;
        assert_eq!((answer.status, &*answer.to), (303, "/"), "{state}");
    }
    assert_eq!(browser.get("/classes").await.text, "ada");
    assert_eq!(site.redeemed(), 1);
    // Whoever is not signed in reads it.
    let mut other = Browser::new(&site.url);
    let page = other.get(&callback("x", &slow)).await;
    assert_eq!(page.status, 400);
}

#[tokio::test]
async fn a_double_click_at_clever_ends_signed_in() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let state = browser.begin().await;
    let first = callback("ada", &state);
    let second = callback("ada", &state);
    assert_eq!(browser.get(&first).await.to, "/classes");
    assert_eq!(browser.get(&second).await.to, "/classes");
    assert_eq!(browser.get("/classes").await.text, "ada");
    assert_eq!(site.redeemed(), 1);
    // Both at once, before the browser has an answer.
    let mut browser = Browser::new(&site.url);
    let state = browser.begin().await;
    let mut twin = browser.clone();
    let (first, second) = (callback("ada", &state), callback("ada", &state));
    let (one, two) = tokio::join!(browser.get(&first), twin.get(&second));
    assert_eq!((one.status, two.status), (303, 303));
    for browser in [&mut browser, &mut twin] {
        assert_eq!(browser.get("/classes").await.text, "ada");
    }
}

#[tokio::test]
async fn a_doubled_key_is_answered_by_our_page() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    for path in [
        "/callback?code=a&state=b&code=c",
        "/callback?error=a&error=b",
        "/callback?iss=a&iss=b&code=c",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 400, "{path}");
        assert!(page.text.contains("href=\"/login\""), "{}", page.text);
    }
    // What is said twice is not said.
    let sent = browser
        .get("/login?return_to=/a&return_to=/b&district=c&district=d")
        .await;
    assert_eq!(sent.status, 303);
    assert!(!sent.to.contains("district_id"), "{}", sent.to);
    let back = callback("ada", &state(&sent.to));
    assert_eq!(browser.get(&back).await.to, "/");
    // Nor is a way that would begin again, or sign out.
    for wish in [
        "/login",
        "/callback?code=x",
        "/logout",
        "//evil.example",
        "/%",
    ] {
        let sent = browser.get(&format!("/login?return_to={wish}")).await;
        let back = format!("/callback?code=ada{}&state={}", wish.len(), state(&sent.to));
        let to = browser.get(&back).await.to;
        assert!(matches!(&*to, "/" | "/%"), "{wish}: {to}");
    }
}

#[tokio::test]
async fn every_answer_keeps_its_address_to_itself() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let state = browser.begin().await;
    let callback = callback("ada", &state);
    for (method, path, status) in [
        ("GET", "/callback?code=portal", 401),
        ("GET", "/callback?nothing", 400),
        ("GET", "/callback?error=access_denied", 403),
        ("GET", "/classes", 303),
        ("POST", "/classes", 401),
        ("GET", &*callback, 303),
        ("GET", &*callback, 303),
        ("GET", "/login", 303),
        ("GET", "/logout", 200),
        ("POST", "/logout", 303),
        ("HEAD", "/login", 204),
    ] {
        let response = browser.raw(method, path, &[]).await;
        browser.keep(&response);
        assert_eq!(response.status(), status, "{method} {path}");
        let headers = response.headers();
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        if status != 303 && status != 204 {
            let csp = headers["content-security-policy"].to_str().unwrap();
            assert!(csp.contains("default-src 'none'"), "{csp}");
            assert!(csp.contains("frame-ancestors 'none'"), "{csp}");
        }
    }
}

#[tokio::test]
async fn other_methods_begin_and_end_nothing() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let state = browser.begin().await;
    let callback = callback("ada", &state);
    let before = browser.cookies.clone();
    // What checks links looks by HEAD.
    for path in ["/login", &callback, "/callback?code=x"] {
        assert_eq!(browser.send("HEAD", path).await.status, 204, "{path}");
    }
    assert_eq!(browser.send("HEAD", "/logout").await.status, 200);
    assert_eq!(browser.send("HEAD", "/classes").await.status, 303);
    for (method, path, allowed) in [
        ("POST", "/login", "GET,HEAD"),
        ("POST", &*callback, "GET,HEAD"),
        ("OPTIONS", "/login", "GET,HEAD"),
        ("OPTIONS", "/logout", "GET,HEAD,POST"),
        ("DELETE", "/logout", "GET,HEAD,POST"),
        ("TRACE", &*callback, "GET,HEAD"),
    ] {
        let response = browser.raw(method, path, &[]).await;
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(response.headers()["allow"], allowed, "{method} {path}");
    }
    assert_eq!(browser.cookies, before);
    assert_eq!(site.redeemed(), 0);
    assert_eq!(browser.get(&callback).await.to, "/classes");
}

#[tokio::test]
async fn inside_a_frame_there_is_a_way_out() {
    let site = serve(Setup::default()).await;
    let mut browser = Browser::new(&site.url);
    let frame = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
    let sent = browser.with("GET", "/classes", &frame).await;
    assert_eq!(sent.status, 303);
    let response = browser.raw("GET", &sent.to, &frame).await;
    let csp = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(
        !csp.contains("frame-ancestors"),
        "it is made to be seen in one"
    );
    assert!(!response.headers().contains_key("set-cookie"));
    let page = answer(response).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text
            .contains("<a href=\"/login?return_to=%2Fclasses\" target=\"_top\">"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn pages_may_be_the_applications_own() {
    let logo = "<img src=\"/logo.png\">".to_owned();
    let options = WebOptions::default().with_pages(move |message: &Message<'_>| Page {
        html: format!(
            "{logo}<p>{:?} <a href=\"{}\">in</a>",
            message.notice, message.sign_in
        ),
        csp: "default-src 'none'; img-src 'self'".to_owned(),
    });
    let site = serve(Setup {
        options,
        ..Setup::default()
    })
    .await;
    let browser = Browser::new(&site.url);
    let response = browser
        .raw("GET", "/callback?error=access_denied", &[])
        .await;
    let csp = &response.headers()["content-security-policy"];
    assert_eq!(csp, "default-src 'none'; img-src 'self'");
    let page = answer(response).await;
    assert_eq!(
        page.text,
        "<img src=\"/logo.png\"><p>ByClever <a href=\"/login\">in</a>"
    );
    // A policy that is no header's value leaves ours.
    let options = WebOptions::default().with_pages(|_| Page {
        html: "x".to_owned(),
        csp: "a\nb".to_owned(),
    });
    let site = serve(Setup {
        options,
        ..Setup::default()
    })
    .await;
    let response = Browser::new(&site.url).raw("GET", "/callback?x", &[]).await;
    let csp = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(csp.contains("frame-ancestors 'none'"), "{csp}");
}
