//! Applications that are nested, behind a proxy, on this machine, or beside another one on the same host.

use axum::Router;
use clever_auth::SafePath;
use clever_auth::login::LoginFlow;
use clever_client::web::WebOptions;

use crate::browser::{Browser, callback, state};
use crate::site::{Setup, serve};

/// Goes in by a protected page and comes back to it; paths as the application sees them.
async fn around(setup: Setup, page: &str, stripped: &str) -> Vec<String> {
    let site = serve(setup).await;
    let mut browser = Browser::new(&site.url);
    // A proxy takes `stripped` away before the application sees a path.
    let inner = |path: &str| {
        let rest = path.strip_prefix(stripped);
        rest.unwrap_or_else(|| panic!("{path} leads out of {stripped}"))
            .to_owned()
    };
    let login = browser.get(page).await.to;
    let authorize = browser.get(&inner(&login)).await.to;
    let url: url::Url = authorize.parse().unwrap();
    let redirect = url.query_pairs().find(|(name, _)| name == "redirect_uri");
    let redirect: url::Url = redirect.unwrap().1.parse().unwrap();
    let callback = inner(redirect.path());
    let back = format!("{callback}?code=ada&state={}", state(&authorize));
    let to = browser.get(&back).await.to;
    assert_eq!(browser.get(&inner(&to)).await.text, "ada", "{to}");
    // From the portal, without a wish.
    let arrived = browser.get(&format!("{callback}?code=portal")).await;
    let restart = arrived.text.split("0;url=").nth(1).unwrap();
    let restart = restart.split('"').next().unwrap().to_owned();
    let authorize = browser.get(&inner(&restart)).await.to;
    let back = format!("{callback}?code=ada.2&state={}", state(&authorize));
    let home = browser.get(&back).await.to;
    // A callback of an old login leads to the same front page.
    let old = browser
        .get(&format!("{callback}?code=x&state=old"))
        .await
        .to;
    assert_eq!(old, home);
    let logout = inner(&restart).replace("login", "logout");
    let out = browser.send("POST", &logout).await.to;
    let page = browser.get(&inner(&out)).await;
    assert!(
        page.text.contains(&format!("href=\"{restart}\"")),
        "{}",
        page.text
    );
    vec![login, to, restart, home, out]
}

#[tokio::test]
async fn field_f5_a_nested_router_finds_its_way() {
    let setup = Setup {
        redirect: "https://app.example/auth/callback",
        build: |pages, login| {
            let area = Router::new().nest("/area", pages.clone());
            area.merge(pages).nest("/auth", login)
        },
        ..Setup::default()
    };
    assert_eq!(
        around(setup, "/area/classes?a=b", "").await,
        [
            "/auth/login?return_to=%2Farea%2Fclasses%3Fa%3Db",
            "/area/classes?a=b",
            "/auth/login",
            "/",
            "/auth/logout"
        ]
    );
}

#[tokio::test]
async fn field_f5_nested_twice_and_with_another_name_for_the_callback() {
    let setup = Setup {
        redirect: "https://app.example/sites/one/clever-answers",
        build: |pages, login| {
            let one = Router::new().merge(pages).merge(login);
            Router::new().nest("/sites", Router::new().nest("/one", one))
        },
        options: WebOptions {
            home: Some(SafePath::new("/sites/one/classes").unwrap()),
            ..WebOptions::default()
        },
        ..Setup::default()
    };
    assert_eq!(
        around(setup, "/sites/one/classes", "").await,
        [
            "/sites/one/login?return_to=%2Fsites%2Fone%2Fclasses",
            "/sites/one/classes",
            "/sites/one/login",
            "/sites/one/classes",
            "/sites/one/logout"
        ]
    );
}

#[tokio::test]
async fn field_f5_a_proxy_that_strips_a_path() {
    let setup = Setup {
        redirect: "https://app.example/tool/callback",
        ..Setup::default()
    };
    assert_eq!(
        around(setup, "/classes", "/tool").await,
        [
            "/tool/login?return_to=%2Fclasses",
            "/tool/classes",
            "/tool/login",
            "/tool/",
            "/tool/logout"
        ]
    );
}

#[tokio::test]
async fn field_f5_a_proxy_that_strips_a_path_before_a_nested_router() {
    let setup = Setup {
        redirect: "https://app.example/tool/auth/callback",
        build: |pages, login| pages.nest("/auth", login),
        ..Setup::default()
    };
    assert_eq!(
        around(setup, "/classes", "/tool").await,
        [
            "/tool/auth/login?return_to=%2Fclasses",
            "/tool/classes",
            "/tool/auth/login",
            "/tool/",
            "/tool/auth/logout"
        ]
    );
}

#[tokio::test]
async fn field_f5_the_place_can_be_said() {
    let options = WebOptions {
        base: Some(SafePath::new("/elsewhere").unwrap()),
        ..WebOptions::default()
    };
    let site = serve(Setup {
        options,
        ..Setup::default()
    })
    .await;
    let sent = Browser::new(&site.url).get("/classes").await.to;
    assert_eq!(sent, "/elsewhere/login?return_to=%2Fclasses");
}

#[tokio::test]
async fn on_this_machine_cookies_are_such_as_every_browser_keeps() {
    let setup = Setup {
        redirect: "http://localhost:3000/callback",
        ..Setup::default()
    };
    let site = serve(setup).await;
    let mut browser = Browser::new(&site.url);
    let state = browser.begin().await;
    browser.get(&callback("ada", &state)).await;
    let names: Vec<&String> = browser.cookies.keys().collect();
    assert!(
        names.iter().all(|name| name.starts_with("local-clever_")),
        "{names:?}"
    );
    assert!(browser.cookies.contains_key("local-clever_session"));
    assert_eq!(browser.get("/classes").await.text, "ada");
    browser.send("POST", "/logout").await;
    assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
}

#[tokio::test]
async fn two_apps_on_one_host_keep_their_sessions_apart() {
    let math = |flow: LoginFlow| flow.with_cookie_suffix("math").unwrap();
    let plain = serve(Setup::default()).await;
    let math = serve(Setup {
        flow: math,
        ..Setup::default()
    })
    .await;
    // One browser, two applications: it brings all cookies of the host to both.
    let mut at_plain = Browser::new(&plain.url);
    let under_way = at_plain.begin().await;
    at_plain.sign_in("ada").await;
    let mut at_math = Browser::new(&math.url);
    at_math.cookies = at_plain.cookies.clone();
    at_math.sign_in("bob").await;
    assert!(at_math.cookies.contains_key("__Host-clever_session_math"));
    at_plain.cookies = at_math.cookies.clone();
    assert_eq!(at_plain.get("/classes").await.text, "ada");
    assert_eq!(at_math.get("/classes").await.text, "bob");
    at_math.send("POST", "/logout").await;
    at_plain.cookies = at_math.cookies.clone();
    assert_eq!(at_plain.get("/classes").await.text, "ada");
    let back = callback("ada", &under_way);
    assert_eq!(at_plain.get(&back).await.to, "/classes");
}
