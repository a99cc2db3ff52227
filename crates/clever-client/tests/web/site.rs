//! A small application and its Clever of a few lines: a code like `ada.7` is redeemed for a token that is Ada's.
//!
//! Some codes go wrong: `secret` meets a refused client secret, `old` is older than a minute, `outage` finds
//! Clever out of order, `cut` gets no answer, `garbled` gets something else than JSON.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{BoxError, Router};
use clever_auth::login::{Link, LoginFlow};
use clever_auth::seal::{KeyId, SealingKeys};
use clever_auth::{App, LoginToken, OpenId, SafePath, VerifiedLogin};
use clever_client::web::{Admission, CurrentUser, Reason, Sessions, WebLogin, WebOptions};
use clever_client::{ClientOptions, LoginService, RetryPolicy};
use clever_model::ManualClock;
use clever_model::{Clock, Timestamp, UserId};

/// Who is signed in, by session.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) live: Arc<Mutex<BTreeMap<String, String>>>,
    /// The database is down.
    pub(crate) down: Arc<AtomicBool>,
}

impl Memory {
    fn up(&self) -> Result<(), BoxError> {
        if self.down.load(Ordering::Relaxed) {
            let cause = std::io::Error::other("connection refused by the database");
            return Err(BoxError::from(cause));
        }
        Ok(())
    }

    pub(crate) fn plant(&self, id: &str, user: &str) {
        let mut live = self.live.lock().unwrap();
        live.insert(id.to_owned(), user.to_owned());
    }

    pub(crate) fn users(&self) -> Vec<String> {
        self.live.lock().unwrap().values().cloned().collect()
    }
}

impl Sessions for Memory {
    type User = String;

    async fn begin(
        &self,
        id: &str,
        login: VerifiedLogin,
        _: LoginToken,
    ) -> Result<Admission, BoxError> {
        self.up()?;
        let user = login.user_id().to_string();
        if user == "stranger" {
            return Ok(Admission::Refused(Reason::NoPlace));
        }
        assert!(user != "panic", "the application has a bug");
        self.plant(id, &user);
        Ok(Admission::In)
    }

    async fn link(
        &self,
        id: &str,
        link: Link,
        login: VerifiedLogin,
        _: LoginToken,
    ) -> Result<Admission, BoxError> {
        self.up()?;
        if login.user_id().as_str() == "stranger" {
            return Ok(Admission::Refused(Reason::NoPlace));
        }
        let mut live = self.live.lock().unwrap();
        live.retain(|_, user| *user != link.account);
        let user = format!("{} = {}", link.account, login.user_id());
        live.insert(id.to_owned(), user);
        Ok(Admission::In)
    }

    async fn find(&self, id: &str) -> Result<Option<String>, BoxError> {
        self.up()?;
        Ok(self.live.lock().unwrap().get(id).cloned())
    }

    async fn end(&self, id: &str) -> Result<(), BoxError> {
        self.up()?;
        self.live.lock().unwrap().remove(id);
        Ok(())
    }

    fn name(user: &String) -> Option<String> {
        Some(user.clone())
    }
}

#[derive(Clone, FromRef)]
struct Pages {
    login: WebLogin<Memory>,
}

async fn home(CurrentUser(user): CurrentUser<Memory>) -> String {
    user
}

/// Begins a link for the account of the session, as an application does after asking for the password; the
/// header `holder` says who that is at Clever.
async fn link(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    let account = pages.login.user(&headers).await.unwrap();
    let back = SafePath::new("/classes").unwrap();
    let holder = headers
        .get("holder")
        .map(|id| id.to_str().unwrap().parse::<UserId>().unwrap());
    // Without a session an application refuses by itself; what follows shows that the library does too.
    let account = account.unwrap_or_else(|| "account".to_owned());
    let login = &pages.login;
    login.link(&headers, &account, holder.as_ref(), &back).await
}

pub(crate) async fn listen(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A running application.
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) sessions: Memory,
    pub(crate) clock: Arc<ManualClock>,
    /// How many codes Clever was asked to redeem.
    pub(crate) redeemed: Arc<AtomicUsize>,
}

impl Site {
    pub(crate) fn redeemed(&self) -> usize {
        self.redeemed.load(Ordering::Relaxed)
    }
}

/// How an application is put together.
pub(crate) struct Setup {
    pub(crate) redirect: &'static str,
    pub(crate) options: WebOptions,
    pub(crate) flow: fn(LoginFlow) -> LoginFlow,
    pub(crate) build: fn(Router<()>, Router<()>) -> Router,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            redirect: "https://app.example/callback",
            options: WebOptions::default(),
            flow: |flow| flow,
            build: Router::merge,
        }
    }
}

async fn redeem(body: String) -> Response {
    // Long enough for a second delivery.
    tokio::time::sleep(std::time::Duration::from_millis(80)).await;
    let code = body.split('&').find_map(|part| part.strip_prefix("code="));
    match code.unwrap().split('.').next().unwrap() {
        "secret" => StatusCode::UNAUTHORIZED.into_response(),
        "old" => (StatusCode::BAD_REQUEST, r#"{"error":"invalid_grant"}"#).into_response(),
        "outage" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "garbled" => "<html>a proxy's page</html>".into_response(),
        "cut" => panic!("the connection ends"),
        who => format!(r#"{{"access_token":"il-{who}","token_type":"bearer"}}"#).into_response(),
    }
}

async fn me(headers: HeaderMap) -> String {
    let token = headers["authorization"].to_str().unwrap();
    let id = token.strip_prefix("Bearer il-").unwrap();
    format!(r#"{{"data":{{"id":"{id}","district":"d1"}}}}"#)
}

/// Serves an application and its Clever.
pub(crate) async fn serve(setup: Setup) -> Site {
    let redeemed: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&redeemed);
    let tokens = move |body: String| {
        count.fetch_add(1, Ordering::Relaxed);
        redeem(body)
    };
    let clever = Router::new()
        .route("/oauth/tokens", post(tokens))
        .route("/v3.1/me", get(me));
    let clever: url::Url = listen(clever).await.parse().unwrap();
    let redirect = setup.redirect.parse().unwrap();
    let app = App::new("our-app", "app-secret".to_owned(), redirect).unwrap();
    let app = app.at(clever.clone(), clever).unwrap();
    let flow = LoginFlow::new(app, SealingKeys::new(KeyId(1), &[7; 32]));
    let clock = Arc::new(ManualClock::at(
        Timestamp::from_second(1_790_000_000).unwrap(),
    ));
    let options = WebOptions {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..setup.options
    };
    let service = LoginService::new(ClientOptions {
        retry: RetryPolicy {
            base_delay: std::time::Duration::from_millis(1),
            ..RetryPolicy::default()
        },
        ..ClientOptions::default()
    });
    let sessions = Memory::default();
    let login = WebLogin::with_options(
        (setup.flow)(flow),
        service.unwrap(),
        sessions.clone(),
        OpenId::Off,
        options,
    );
    let pages = Router::new()
        .route("/", get(home))
        .route("/classes", get(home).post(home))
        .route("/link", post(link))
        .with_state(Pages {
            login: login.clone(),
        });
    let router = (setup.build)(pages, login.router());
    Site {
        url: listen(router).await,
        sessions,
        clock,
        redeemed,
    }
}
