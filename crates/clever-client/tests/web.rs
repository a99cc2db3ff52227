//! The sign-in routes in a small application, with a browser of a few lines and a Clever of fewer: the
//! code `ada` is redeemed for a token that is Ada's.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clever_auth::login::{Link, LoginFlow};
use clever_auth::seal::{KeyId, SealingKeys};
use clever_auth::{App, LoginToken, OpenId, SafePath, VerifiedLogin};
use clever_client::web::{CurrentUser, Sessions, WebLogin};
use clever_client::{ClientOptions, LoginService};

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, String>>>);

impl Sessions for Memory {
    type User = String;

    async fn begin(&self, id: &str, login: VerifiedLogin, _: LoginToken) -> Option<()> {
        let user = login.user_id().to_string();
        if user == "stranger" {
            return None;
        }
        self.0.lock().unwrap().insert(id.to_owned(), user);
        Some(())
    }

    async fn link(&self, id: &str, link: Link, login: VerifiedLogin) -> Option<()> {
        let mut sessions = self.0.lock().unwrap();
        sessions.retain(|_, user| *user != link.account);
        let user = format!("{} = {}", link.account, login.user_id());
        sessions.insert(id.to_owned(), user);
        Some(())
    }

    async fn find(&self, id: &str) -> Option<String> {
        self.0.lock().unwrap().get(id).cloned()
    }

    async fn end(&self, id: &str) {
        self.0.lock().unwrap().remove(id);
    }
}

#[derive(Clone, FromRef)]
struct Site {
    login: WebLogin<Memory>,
}

async fn home(CurrentUser(user): CurrentUser<Memory>) -> String {
    user
}

/// Begins a link for the account of the session, as an application does after asking for the password.
async fn link(State(site): State<Site>, headers: HeaderMap) -> Response {
    let Some(account) = site.login.user(&headers).await else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let back = SafePath::new("/classes").unwrap();
    site.login.link(&headers, &account, &back)
}

async fn listen(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Serves an application and its Clever; gives the application's address and sessions.
async fn serve() -> (String, Memory) {
    let tokens = |body: String| async move {
        // Long enough for a second delivery.
        tokio::time::sleep(std::time::Duration::from_millis(80)).await;
        let code = body.split('&').find_map(|part| part.strip_prefix("code="));
        format!(
            r#"{{"access_token":"il-{}","token_type":"bearer"}}"#,
            code.unwrap()
        )
    };
    let me = |headers: HeaderMap| async move {
        let token = headers["authorization"].to_str().unwrap();
        let id = token.strip_prefix("Bearer il-").unwrap();
        format!(r#"{{"data":{{"id":"{id}","district":"d1"}}}}"#)
    };
    let clever = Router::new()
        .route("/oauth/tokens", post(tokens))
        .route("/v3.1/me", get(me));
    let clever: url::Url = listen(clever).await.parse().unwrap();
    let redirect = "https://app.example/callback".parse().unwrap();
    let app = App::new("our-app", "app-secret".to_owned(), redirect).unwrap();
    let app = app.at(clever.clone(), clever).unwrap();
    let flow = LoginFlow::new(app, SealingKeys::new(KeyId(1), &[7; 32]));
    let sessions = Memory::default();
    let service = LoginService::new(ClientOptions::default()).unwrap();
    let login = WebLogin::new(flow, service, sessions.clone(), OpenId::Off);
    let site = Router::new()
        .route("/classes", get(home).post(home))
        .route("/link", post(link))
        .merge(login.router())
        .with_state(Site { login });
    (listen(site).await, sessions)
}

struct Browser {
    site: String,
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new(site: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            site: site.to_owned(),
            http: http.build().unwrap(),
            cookies: BTreeMap::new(),
        }
    }

    /// Sends a request; gives status, `Location` and body, and keeps the cookies.
    async fn send(&mut self, method: &str, path: &str) -> (u16, String, String) {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        let response = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.site))
            .header("cookie", cookies.join("; "))
            .send()
            .await
            .unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(
                cookie.contains("; Secure; HttpOnly; SameSite=Lax"),
                "{cookie}"
            );
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = response.headers().get("location");
        let location = location.map_or(String::new(), |to| to.to_str().unwrap().to_owned());
        (
            response.status().as_u16(),
            location,
            response.text().await.unwrap(),
        )
    }

    async fn get(&mut self, path: &str) -> (u16, String, String) {
        self.send("GET", path).await
    }

    /// Signs in by the button, as whom the code says.
    async fn sign_in(&mut self, code: &str) -> (u16, String, String) {
        let (_, authorize, _) = self.get("/login?return_to=/classes").await;
        let state = state(&authorize);
        self.get(&format!("/callback?code={code}&state={state}"))
            .await
    }

    fn session(&self) -> String {
        self.cookies["__Host-clever_session"].clone()
    }
}

fn state(authorize: &str) -> String {
    let url: url::Url = authorize.parse().unwrap();
    let mut query = url.query_pairs();
    query
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned()
}

#[tokio::test]
async fn a_page_sends_to_the_sign_in_and_back() {
    let (site, _) = serve().await;
    let mut browser = Browser::new(&site);
    let (status, to, _) = browser.get("/classes?tab=2").await;
    assert_eq!(
        (status, &*to),
        (303, "/login?return_to=%2Fclasses%3Ftab%3D2")
    );
    let (_, authorize, _) = browser.get(&to).await;
    let back = format!("/callback?code=ada&state={}", state(&authorize));
    assert_eq!(browser.get(&back).await.1, "/classes?tab=2");
    assert_eq!(browser.get("/classes").await.2, "ada");
    // Reload of the callback: no second redemption, the session goes on.
    assert_eq!(browser.get(&back).await.1, "/classes?tab=2");
    assert_eq!(browser.send("POST", "/logout").await.1, "/");
    assert_eq!(browser.get("/classes").await.0, 303);
    assert_eq!(browser.send("POST", "/classes").await.0, 401);
}

#[tokio::test]
async fn a_portal_login_takes_one_more_redirect() {
    let (site, _) = serve().await;
    let mut browser = Browser::new(&site);
    let (status, authorize, _) = browser.get("/callback?code=dropped").await;
    assert_eq!(status, 303);
    let back = format!("/callback?code=ada&state={}", state(&authorize));
    assert_eq!(browser.get(&back).await.1, "/");
    assert_eq!(browser.get("/classes").await.2, "ada");
}

#[tokio::test]
async fn a15_each_login_has_a_new_session_and_ends_the_former() {
    let (site, sessions) = serve().await;
    let mut browser = Browser::new(&site);
    browser
        .cookies
        .insert("__Host-clever_session".into(), "planted".into());
    sessions
        .0
        .lock()
        .unwrap()
        .insert("planted".into(), "mallory".into());
    browser.sign_in("ada").await;
    let first = browser.session();
    assert!(first.len() == 43 && first != "planted");
    // The next pupil at the same computer.
    browser.sign_in("bob").await;
    assert_eq!(browser.get("/classes").await.2, "bob");
    let live: Vec<String> = sessions.0.lock().unwrap().keys().cloned().collect();
    assert_eq!(live, [browser.session()]);
}

#[tokio::test]
async fn a8_a_strangers_callback_gives_no_session() {
    let (site, sessions) = serve().await;
    let (mut attacker, mut victim) = (Browser::new(&site), Browser::new(&site));
    let (_, authorize, _) = attacker.get("/login").await;
    let planted = format!("/callback?code=mallory&state={}", state(&authorize));
    let (status, _, text) = victim.get(&planted).await;
    assert_eq!(status, 400);
    assert!(
        text.contains("href=\"/login\"") && !text.contains("mallory"),
        "{text}"
    );
    assert!(sessions.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn whom_the_application_refuses_has_no_session_and_loses_none_elsewhere() {
    let (site, sessions) = serve().await;
    let (mut ada, mut stranger) = (Browser::new(&site), Browser::new(&site));
    ada.sign_in("ada").await;
    assert_eq!(stranger.sign_in("stranger").await.0, 403);
    assert_eq!(sessions.0.lock().unwrap().len(), 1);
    assert_eq!(stranger.sign_in("<script>").await.0, 502);
    assert_eq!(ada.get("/classes").await.2, "ada");
}

#[tokio::test]
async fn a12_two_deliveries_at_once_get_one_answer() {
    let (site, sessions) = serve().await;
    let mut browser = Browser::new(&site);
    let (_, authorize, _) = browser.get("/login?return_to=/classes").await;
    let back = format!("/callback?code=ada&state={}", state(&authorize));
    let mut twin = Browser {
        cookies: browser.cookies.clone(),
        ..Browser::new(&site)
    };
    let (first, second) = tokio::join!(browser.get(&back), twin.get(&back));
    assert_eq!((first.0, &*first.1), (303, "/classes"));
    assert_eq!(first, second);
    assert_eq!(browser.session(), twin.session());
    assert_eq!(sessions.0.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a12_a_browser_that_breaks_off_and_asks_again_is_signed_in() {
    let (site, sessions) = serve().await;
    let mut browser = Browser::new(&site);
    let (_, authorize, _) = browser.get("/login?return_to=/classes").await;
    let back = format!("/callback?code=ada&state={}", state(&authorize));
    let soon = std::time::Duration::from_millis(40);
    assert!(
        tokio::time::timeout(soon, browser.get(&back))
            .await
            .is_err()
    );
    assert_eq!(browser.get(&back).await.1, "/classes");
    assert_eq!(browser.get("/classes").await.2, "ada");
    assert_eq!(sessions.0.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a2_a_link_ends_the_accounts_sessions_and_a_stranger_ends_none() {
    let (site, sessions) = serve().await;
    let plant = |id: &str, user: &str| {
        let mut all = sessions.0.lock().unwrap();
        all.insert(id.to_owned(), user.to_owned());
    };
    // Somebody made the account before its holder came, and still has a session of it.
    plant("squatters", "account");
    plant("holders", "account");
    plant("others", "other");
    let (mut squatter, mut holder) = (Browser::new(&site), Browser::new(&site));
    for (browser, id) in [(&mut squatter, "squatters"), (&mut holder, "holders")] {
        browser
            .cookies
            .insert("__Host-clever_session".into(), id.into());
    }
    assert_eq!(squatter.get("/classes").await.2, "account");
    let (status, authorize, _) = holder.send("POST", "/link").await;
    assert_eq!(status, 303);
    let back = format!("/callback?code=ada&state={}", state(&authorize));
    // In another session, the link does not end.
    let elsewhere = Browser {
        cookies: holder.cookies.clone(),
        ..Browser::new(&site)
    };
    let mut elsewhere = elsewhere;
    elsewhere
        .cookies
        .insert("__Host-clever_session".into(), "others".into());
    assert_eq!(elsewhere.get(&back).await.0, 400);
    assert_eq!(holder.get(&back).await.1, "/classes");
    assert_eq!(holder.get("/classes").await.2, "account = ada");
    assert_eq!(squatter.get("/classes").await.0, 303, "signed out");
    let live: Vec<String> = sessions.0.lock().unwrap().values().cloned().collect();
    assert_eq!(live.len(), 2, "{live:?}");
    assert!(live.contains(&"other".to_owned()));
}

#[tokio::test]
async fn a_sign_in_that_fails_says_what_to_do() {
    let (site, _) = serve().await;
    let mut browser = Browser::new(&site);
    for (query, status, word) in [
        ("error=access_denied", 403, "Your school"),
        ("error=<script>alert(1)</script>", 403, "Your school"),
        ("code=a&state=forged", 400, "cookies"),
        ("nothing=here", 400, "sign in again"),
    ] {
        let (found, _, text) = browser.get(&format!("/callback?{query}")).await;
        assert_eq!(found, status, "{query}");
        assert!(text.contains(word) && !text.contains("script"), "{text}");
        assert!(text.contains("href=\"/login\""));
    }
}
