//! A small app with Clever sign-in that keeps every rule, but for the one that it is told to break.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::roster::{self, Accounts};

/// A rule that the app breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    WithoutState,
    ForgedState,
    InvalidCode,
    ReplayedCode,
    ExpiredCode,
    Clever429,
    Clever500,
    CleverSlow,
    RedirectUri,
    NothingLeaks,
    Referer,
    FriendlyErrors,
    WayButton,
    WayPortal,
    RoleStaff,
    MissingFields,
    NameShown,
    NamesInAnyScript,
    LogOut,
    SessionEnds,
    SharedDevice,
    SeveralTabs,
    BackButton,
    UsersUnique,
    UsersComplete,
    UsersSisIds,
    UsersArchived,
    UsersRestored,
    UsersRollover,
    UsersRekeyed,
}

/// Where the app's Clever is, and what the app is there.
#[derive(Clone)]
pub(crate) struct Clever {
    pub(crate) base: String,
    pub(crate) client: (String, String),
    pub(crate) token: String,
}

#[derive(Default)]
struct Kept {
    made: u64,
    /// Logins under way: the browser and the `state`.
    pending: BTreeSet<(String, String)>,
    redeemed: BTreeSet<String>,
    /// Who is signed in, by the session's cookie.
    sessions: BTreeMap<String, Value>,
    accounts: Accounts,
}

#[derive(Clone)]
struct App {
    broken: Option<Break>,
    url: String,
    clever: Clever,
    kept: Arc<Mutex<Kept>>,
}

/// Serves the app on `listener`.
pub(crate) fn serve(listener: TcpListener, clever: Clever, broken: Option<Break>) {
    let app = App {
        broken,
        url: format!("http://{}", listener.local_addr().unwrap()),
        clever,
        kept: Arc::default(),
    };
    let router = Router::new()
        .route("/", get(home))
        .route("/login", get(login))
        .route("/callback", get(callback))
        .route("/logout", post(logout))
        .route("/users.json", get(users))
        .with_state(app);
    tokio::spawn(async move { axum::serve(listener, router).await });
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get(header::COOKIE)?.to_str().ok()?;
    let mut pairs = all
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='));
    let found = pairs.find(|(one, _)| *one == name);
    found.map(|(_, value)| value.to_owned())
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('\'', "&#39;")
}

fn page(status: u16, body: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let html = Html(format!(
        "<!doctype html><meta charset=utf-8><title>Sums</title>{body}"
    ));
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, html).into_response()
}

fn go(to: &str, cookies: &[String]) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    for cookie in cookies {
        let cookie = format!("{cookie}; Path=/; HttpOnly; SameSite=Lax");
        response
            .headers_mut()
            .append(header::SET_COOKIE, cookie.parse().unwrap());
    }
    response
}

/// Turns away whoever goes back to a page.
const NO_WAY_BACK: &str = "<script>addEventListener('pageshow', (event) => {
  const [way] = performance.getEntriesByType('navigation');
  if (event.persisted || way.type === 'back_forward') document.body.textContent = 'Error: this page has expired.';
})</script>";

async fn home(State(app): State<App>, headers: HeaderMap) -> Response {
    let session = cookie(&headers, "session");
    let user = session.and_then(|session| app.kept().sessions.get(&session).cloned());
    let script = match app.is(Break::BackButton) {
        true => NO_WAY_BACK,
        false => "",
    };
    let Some(user) = user else {
        let button = "<a href=/login><img alt='Log in with Clever' src='data:,'></a>";
        let button = if app.is(Break::WayButton) { "" } else { button };
        return page(200, &format!("<h1>Sums</h1>{button}{script}"));
    };
    let mut name = escaped(&roster::name(&user));
    if app.is(Break::NamesInAnyScript) {
        name = escaped(&name);
    }
    if app.is(Break::NameShown) {
        name = "you".to_owned();
    }
    if app.is(Break::MissingFields) && user["email"].is_null() {
        name += " (undefined)";
    }
    let out = "<form method=post action=/logout><button>Sign out</button></form>";
    page(200, &format!("<h1>Hello, {name}</h1>{out}{script}"))
}

async fn login(State(app): State<App>, headers: HeaderMap) -> Response {
    let browser = cookie(&headers, "browser").unwrap_or_else(|| app.word());
    let state = app.word();
    {
        let mut kept = app.kept();
        if app.is(Break::SeveralTabs) {
            kept.pending.retain(|(one, _)| *one != browser);
        }
        kept.pending.insert((browser.clone(), state.clone()));
    }
    let mut callback = format!("{}/callback", app.url);
    if app.is(Break::RedirectUri) {
        callback.push('/');
    }
    let to = reqwest::Url::parse_with_params(
        &format!("{}/oauth/authorize", app.clever.base),
        [
            ("response_type", "code"),
            ("client_id", &app.clever.client.0),
            ("redirect_uri", &callback),
            ("state", &state),
        ],
    );
    go(to.unwrap().as_str(), &[format!("browser={browser}")])
}

async fn callback(
    State(app): State<App>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let code = query.get("code").cloned().unwrap_or_default();
    let former = cookie(&headers, "session");
    let is_live = former
        .as_ref()
        .is_some_and(|id| app.kept().sessions.contains_key(id));
    if app.is(Break::InvalidCode) && !code.starts_with("code") {
        return app.sorry(500, "We could not sign you in.");
    }
    if app.kept().redeemed.contains(&code) {
        if app.is(Break::ReplayedCode) {
            return app.sorry(500, "We could not sign you in.");
        }
        return if is_live {
            go("/", &[])
        } else {
            app.sorry(400, "That was used before.")
        };
    }
    if is_live && app.is(Break::SharedDevice) {
        return go("/", &[]);
    }
    match query.get("state") {
        None if app.is(Break::WithoutState) => {}
        None if app.is(Break::WayPortal) => {
            return page(
                401,
                "<p>Please sign in here. <a href=/>To the front page</a>",
            );
        }
        None => {
            let go_on = "<meta http-equiv=refresh content='0;url=/login'><p>One moment. <a href=/login>Go on</a>";
            return page(401, &format!("{}{go_on}", app.picture()));
        }
        Some(state) => {
            let browser = cookie(&headers, "browser").unwrap_or_default();
            let is_ours = app.kept().pending.remove(&(browser, state.clone()));
            if !is_ours && !app.is(Break::ForgedState) {
                return app.sorry(400, "That sign-in did not begin in this browser.");
            }
        }
    }
    if let Some(former) = former {
        app.kept().sessions.remove(&former);
    }
    let (token, user) = match app.ask_clever(&code).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    app.kept().redeemed.insert(code);
    let roles = user["roles"].as_object().unwrap();
    let only = |role: &str| roles.len() == 1 && roles.contains_key(role);
    if only("contact") {
        return app.sorry(403, "Sums is for schools; ask your child's teacher.");
    }
    if only("staff") && app.is(Break::RoleStaff) {
        return app.sorry(403, "Access denied.");
    }
    let session = app.word();
    {
        let mut kept = app.kept();
        kept.accounts.signed_in(&user, app.broken);
        kept.sessions.insert(session.clone(), user);
    }
    let mut cookies = vec![format!("session={session}")];
    if app.is(Break::NothingLeaks) {
        cookies.push(format!("token={token}"));
    }
    go("/", &cookies)
}

async fn logout(State(app): State<App>, headers: HeaderMap) -> Response {
    if app.is(Break::LogOut) {
        return go("/", &[]);
    }
    if let Some(session) = cookie(&headers, "session")
        && !app.is(Break::SessionEnds)
    {
        app.kept().sessions.remove(&session);
    }
    go("/", &["session=; Max-Age=0".to_owned()])
}

/// The export of the accounts, as they are after a sync.
async fn users(State(app): State<App>) -> Response {
    let first_page_alone = app.is(Break::UsersComplete);
    let users = roster::read(&app.clever.base, &app.clever.token, first_page_alone).await;
    let mut kept = app.kept();
    kept.accounts.follow(&users, app.broken);
    axum::Json(kept.accounts.export(app.broken)).into_response()
}

impl App {
    fn is(&self, broken: Break) -> bool {
        self.broken == Some(broken)
    }

    /// A picture from another host, of a page that undoes what its own header says.
    fn picture(&self) -> String {
        if !self.is(Break::Referer) {
            return String::new();
        }
        let elsewhere = self.url.replace("127.0.0.1", "localhost");
        format!("<meta name=referrer content=unsafe-url><img src={elsewhere}/logo.png>")
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    fn word(&self) -> String {
        let mut kept = self.kept();
        kept.made += 1;
        format!("word{}", kept.made)
    }

    fn sorry(&self, status: u16, text: &str) -> Response {
        let trace = if self.is(Break::FriendlyErrors) {
            "<pre>Traceback (most recent call last)</pre>"
        } else {
            ""
        };
        page(
            status,
            &format!("<p>{text} <a href=/login>Begin again</a></p>{trace}"),
        )
    }

    /// The page for an answer of Clever's that is no 200.
    fn refused(&self, status: Option<u16>) -> Response {
        let (breaks, status) = match status {
            Some(429) => (Break::Clever429, 503),
            Some(500..) | None => (Break::Clever500, 502),
            Some(_) => (Break::ExpiredCode, 400),
        };
        let status = if self.is(breaks) { 500 } else { status };
        self.sorry(status, "Clever did not let us sign you in.")
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, Response> {
        let patience = if self.is(Break::CleverSlow) { 1 } else { 20 };
        let answer = request.timeout(Duration::from_secs(patience)).send().await;
        let answer = answer.map_err(|_| self.refused(None))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(self.refused(Some(status)));
        }
        answer.json().await.map_err(|_| self.refused(None))
    }

    /// The token for a code, and the user's record.
    async fn ask_clever(&self, code: &str) -> Result<(String, Value), Response> {
        let (base, (id, secret)) = (&self.clever.base, &self.clever.client);
        let http = reqwest::Client::new();
        let asked = json!({
            "code": code, "grant_type": "authorization_code", "redirect_uri": format!("{}/callback", self.url),
        });
        let exchange = http
            .post(format!("{base}/oauth/tokens"))
            .basic_auth(id, Some(secret))
            .json(&asked);
        let answer = self.send(exchange).await?;
        let token = answer["access_token"].as_str().unwrap();
        let me = self
            .send(http.get(format!("{base}/v3.1/me")).bearer_auth(token))
            .await?;
        let user = me["data"]["id"].as_str().unwrap();
        let user = http
            .get(format!("{base}/v3.1/users/{user}"))
            .bearer_auth(token);
        let mut user = self.send(user).await?;
        Ok((token.to_owned(), user["data"].take()))
    }
}
