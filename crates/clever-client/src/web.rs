//! Sign-in for axum applications: `/login`, `/callback`, `/logout`, and who is signed in.
//!
//! The application keeps sessions and accounts; this keeps to the rules. Each login gets a new session
//! id, and the browser's former session ends, whosever it was: school computers are shared.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts, Query, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clever_auth::login::{self, Arrival, Departure, Login, LoginFlow, Redeem};
use clever_auth::seal::{NoRandomness, Randomness, SystemRandomness, random_text};
use clever_auth::{IdTokenVerifier, LoginToken, SafePath, VerifiedLogin};
use clever_model::{Clock, DistrictId, SystemClock};
use serde::Deserialize;
use tokio::sync::RwLock;
use tracing::{info, warn};

use crate::sign_in::LoginService;

/// Name of the session's cookie.
const SESSION: &str = "__Host-clever_session";

/// The application's sessions.
pub trait Sessions: Send + Sync + 'static {
    /// What the application knows of a signed-in user.
    type User: Send;

    /// Begins the session `id` for whom Clever has signed in; `None` refuses the person.
    ///
    /// `id` is new and secret: store a digest of it.
    fn begin(
        &self,
        id: &str,
        login: VerifiedLogin,
        token: LoginToken,
    ) -> impl Future<Output = Option<()>> + Send;

    /// Finds the user of a live session.
    fn find(&self, id: &str) -> impl Future<Output = Option<Self::User>> + Send;

    /// Ends a session; one that doesn't exist is ended already.
    fn end(&self, id: &str) -> impl Future<Output = ()> + Send;
}

/// An application's sign-in. Clones share everything.
pub struct WebLogin<S>(Arc<Inner<S>>);

struct Inner<S> {
    flow: LoginFlow,
    service: LoginService,
    sessions: S,
    verifier: Option<RwLock<IdTokenVerifier>>,
    clock: Box<dyn Clock>,
    random: Box<dyn Randomness>,
}

impl<S> Clone for WebLogin<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Sessions> WebLogin<S> {
    /// Prepares the sign-in. With a `verifier`, id tokens are checked and its keys kept fresh.
    pub fn new(
        flow: LoginFlow,
        service: LoginService,
        sessions: S,
        verifier: Option<IdTokenVerifier>,
    ) -> Self {
        Self(Arc::new(Inner {
            flow,
            service,
            sessions,
            verifier: verifier.map(RwLock::new),
            clock: Box::new(SystemClock),
            random: Box::new(SystemRandomness),
        }))
    }

    /// The routes `/login`, `/callback` (the app's redirect address) and `/logout`, to merge or nest.
    pub fn router<T>(&self) -> Router<T> {
        Router::new()
            .route("/login", get(start::<S>))
            .route("/callback", get(callback::<S>))
            .route("/logout", post(logout::<S>))
            .with_state(self.clone())
    }

    /// Finds who is signed in, from a request's cookies.
    pub async fn user(&self, headers: &HeaderMap) -> Option<S::User> {
        self.0.sessions.find(cookie(headers, SESSION)?).await
    }

    /// Ends a login that came back: asks Clever, then begins a new session in place of the former.
    async fn finish(
        &self,
        headers: &HeaderMap,
        redeem: Redeem<Login>,
        pending: &str,
    ) -> Result<Response, NoRandomness> {
        let this = &self.0;
        let verifier = self.verifier(false).await;
        let signed_in = match this.service.finish(redeem, verifier.as_ref()).await {
            Ok(signed_in) => signed_in,
            Err(error) => {
                warn!(%error, "a sign-in failed");
                // Perhaps Clever has new keys: the next try will have them.
                self.verifier(true).await;
                return Ok(page(StatusCode::BAD_GATEWAY, FAILED));
            }
        };
        if let Some(former) = cookie(headers, SESSION) {
            this.sessions.end(former).await;
        }
        let id = random_text(&*this.random)?;
        let (user, district) = (
            signed_in.login.user_id().clone(),
            signed_in.login.district().cloned(),
        );
        let begun = this
            .sessions
            .begin(&id, signed_in.login, signed_in.token)
            .await;
        if begun.is_none() {
            return Ok(page(StatusCode::FORBIDDEN, REFUSED));
        }
        info!(%user, ?district, "signed in");
        let session = format!("{SESSION}={id}; Path=/; Secure; HttpOnly; SameSite=Lax");
        let cookies = [login::set_cookie(pending), session];
        Ok(redirect(signed_in.return_to.as_str(), &cookies))
    }

    /// The verifier with keys as fresh as they need to be.
    async fn verifier(&self, unknown_key: bool) -> Option<IdTokenVerifier> {
        let lock = self.0.verifier.as_ref()?;
        let now = self.0.clock.now();
        if lock.read().await.wants_keys(unknown_key, now) {
            let mut verifier = lock.write().await;
            let app = self.0.flow.app();
            if verifier.wants_keys(unknown_key, now)
                && let Err(error) = self.0.service.refresh_keys(app, &mut verifier).await
            {
                warn!(%error, "the issuer's keys could not be read");
            }
        }
        Some(lock.read().await.clone())
    }
}

/// Who is signed in. A page that asks for it sends others to the sign-in and back.
pub struct CurrentUser<S: Sessions>(pub S::User);

impl<S: Sessions, T: Send + Sync> FromRequestParts<T> for CurrentUser<S>
where
    WebLogin<S>: FromRef<T>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Response> {
        let login = WebLogin::<S>::from_ref(state);
        if let Some(user) = login.user(&parts.headers).await {
            return Ok(Self(user));
        }
        if parts.method != Method::GET {
            return Err(page(StatusCode::UNAUTHORIZED, SIGNED_OUT));
        }
        let here = parts.uri.path_and_query().map_or("/", |here| here.as_str());
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("return_to", here)
            .finish();
        Err(redirect(&format!("/login?{query}"), &[]))
    }
}

#[derive(Deserialize)]
struct Start {
    return_to: Option<String>,
    district: Option<String>,
}

async fn start<S: Sessions>(
    State(login): State<WebLogin<S>>,
    Query(start): Query<Start>,
    headers: HeaderMap,
) -> Response {
    let path = start.return_to.and_then(|text| SafePath::new(&text).ok());
    let district: Option<DistrictId> = start.district.and_then(|text| text.parse().ok());
    let this = &login.0;
    let departure = this.flow.start(
        cookie(&headers, login::COOKIE),
        &path.unwrap_or_default(),
        district.as_ref(),
        this.clock.now(),
        &*this.random,
    );
    answer(departure.map(|departure| depart(&departure)))
}

async fn callback<S: Sessions>(
    State(login): State<WebLogin<S>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let this = &login.0;
    let arrival = this.flow.callback(
        cookie(&headers, login::COOKIE),
        query.as_deref().unwrap_or_default(),
        None,
        this.clock.now(),
        &*this.random,
    );
    match arrival {
        Ok(Arrival::Login(redeem, pending)) => {
            answer(login.finish(&headers, redeem, &pending).await)
        }
        Ok(Arrival::Restart(departure)) => depart(&departure),
        Ok(Arrival::Repeat(path)) => match login.user(&headers).await {
            Some(_) => redirect(path.as_str(), &[]),
            None => redirect("/login", &[]),
        },
        // The routes begin no links; an application that does has a callback for them.
        Ok(Arrival::Link(..)) => page(StatusCode::BAD_REQUEST, AGAIN),
        Ok(Arrival::Rejected(reason)) => {
            info!(%reason, "a sign-in was refused");
            page(StatusCode::BAD_REQUEST, AGAIN)
        }
        Err(error) => answer(Err(error)),
    }
}

async fn logout<S: Sessions>(State(login): State<WebLogin<S>>, headers: HeaderMap) -> Response {
    if let Some(id) = cookie(&headers, SESSION) {
        login.0.sessions.end(id).await;
    }
    let gone = format!("{SESSION}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
    redirect("/", &[gone])
}

fn depart(departure: &Departure) -> Response {
    redirect(departure.authorize.as_str(), &[departure.set_cookie()])
}

fn answer(result: Result<Response, NoRandomness>) -> Response {
    result.unwrap_or_else(|_| page(StatusCode::INTERNAL_SERVER_ERROR, FAILED))
}

/// The value of the one cookie of this name; two of them are none, since one may be planted.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) if !value.is_empty() => Some(value),
        _ => None,
    }
}

fn redirect(to: &str, cookies: &[String]) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(LOCATION, to);
    }
    for cookie in cookies {
        if let Ok(cookie) = HeaderValue::from_str(cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const AGAIN: &str =
    "This sign-in could not be finished. It may have taken too long, or cookies may be blocked.";
const FAILED: &str = "Clever could not be reached, or its answer made no sense. Please try again.";
const REFUSED: &str = "You are signed in to Clever, but this application has no place for you yet.";
const SIGNED_OUT: &str = "You are signed out.";

/// A page that says what happened and offers the way on. Nothing of the request is in it.
fn page(status: StatusCode, text: &str) -> Response {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Sign in</title>\
         <body style=\"font:18px/1.5 sans-serif;max-width:32em;margin:15vh auto;padding:0 1em\">\
         <p>{text}</p><p><a href=\"/login\">Sign in with Clever</a></p></body></html>"
    );
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, html);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
