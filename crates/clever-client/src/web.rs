//! Sign-in for axum applications: `/login`, `/callback`, `/logout`, and who is signed in.
//!
//! The application keeps sessions and accounts; this keeps to the rules. Each login gets a new session
//! id, and the browser's former session ends, whosever it was: school computers are shared.

mod deliveries;
mod notice;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts, Query, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, COOKIE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clever_auth::login::{
    self, Arrival, Departure, Link, Login, LoginFlow, Redeem, Rejection, Repeat, SessionDigest,
};
use clever_auth::seal::{NoRandomness, Randomness, SystemRandomness, random_text};
use clever_auth::{IdTokenVerifier, LoginToken, OpenId, SafePath, VerifiedLogin};
use clever_model::{Clock, DistrictId, SystemClock};
use serde::Deserialize;
use tracing::{info, warn};

use crate::sign_in::{IssuerKeys, LoginService, SignInError};
use deliveries::{Deliveries, Outcome};
pub use notice::Notice;

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

    /// Links the account that [`WebLogin::link`] named to whom Clever has signed in, ends **all** of the
    /// account's sessions (one of them may be a stranger's, from before), and begins the session `id` for
    /// its holder; `None` refuses, as it does where nothing is said.
    fn link(
        &self,
        id: &str,
        link: Link,
        login: VerifiedLogin,
    ) -> impl Future<Output = Option<()>> + Send {
        let _ = (id, link, login);
        std::future::ready(None)
    }

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
    openid: OpenId<IssuerKeys>,
    clock: Box<dyn Clock>,
    random: Box<dyn Randomness>,
    deliveries: Deliveries,
    page: fn(Notice) -> String,
}

impl<S> Clone for WebLogin<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A code that came back, for either purpose.
enum Back {
    Login(Redeem<Login>),
    Link(Redeem<Link>),
}

impl<S: Sessions> WebLogin<S> {
    /// Prepares the sign-in. Where OpenID Connect is on, id tokens are checked and the issuer's keys kept fresh;
    /// an issuer that fails delays no login that can be checked, and lets none in unchecked.
    pub fn new(
        flow: LoginFlow,
        service: LoginService,
        sessions: S,
        openid: OpenId<IdTokenVerifier>,
    ) -> Self {
        Self::with_page(flow, service, sessions, openid, Notice::page)
    }

    /// Like [`WebLogin::new`], with the application's own pages for what a sign-in has to say.
    pub fn with_page(
        flow: LoginFlow,
        service: LoginService,
        sessions: S,
        openid: OpenId<IdTokenVerifier>,
        page: fn(Notice) -> String,
    ) -> Self {
        Self(Arc::new(Inner {
            flow,
            service,
            sessions,
            openid: openid.map(IssuerKeys::new),
            clock: Box::new(SystemClock),
            random: Box::new(SystemRandomness),
            deliveries: Deliveries::default(),
            page,
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

    /// Sends the holder of `account`, who has proven to be it just now, to Clever for the proof of also
    /// being a Clever user. It ends in [`Sessions::link`], in the same session only.
    pub fn link(&self, headers: &HeaderMap, account: &str, return_to: &SafePath) -> Response {
        let this = &self.0;
        let Some(session) = cookie(headers, SESSION) else {
            return self.notice(Notice::SignedOut);
        };
        let departure = this.flow.start_link(
            cookie(headers, login::COOKIE),
            account,
            SessionDigest::of(session),
            return_to,
            this.clock.now(),
            &*this.random,
        );
        self.answer(departure.map(|departure| depart(&departure)))
    }

    /// Ends a login that came back, once; a repeated delivery gets this one's answer.
    ///
    /// The work goes on when the browser breaks off its request: the code is spent, and the browser may
    /// have asked twice.
    async fn finish(&self, headers: &HeaderMap, back: Back, pending: String) -> Response {
        let delivery = match &back {
            Back::Login(redeem) => redeem.delivery(),
            Back::Link(redeem) => redeem.delivery(),
        };
        let now = self.0.clock.now();
        let (answer, login) = (self.0.deliveries.begin(delivery, now), self.clone());
        let former = cookie(headers, SESSION).map(ToOwned::to_owned);
        let work = tokio::spawn(async move {
            let outcome = login
                .outcome(former.as_deref(), back, &pending)
                .await
                .unwrap_or(Outcome::Notice(Notice::Failed));
            answer.give(outcome.clone());
            outcome
        });
        let outcome = work.await.unwrap_or(Outcome::Notice(Notice::Failed));
        self.show(&outcome)
    }

    /// Asks Clever, then begins a new session in place of the former.
    async fn outcome(
        &self,
        former: Option<&str>,
        back: Back,
        pending: &str,
    ) -> Result<Outcome, NoRandomness> {
        let this = &self.0;
        let id = random_text(&*this.random)?;
        let (return_to, begun) = match back {
            Back::Login(redeem) => match this.service.finish(redeem, &this.openid).await {
                Err(error) => return Ok(failed(&error)),
                Ok(signed_in) => {
                    if let Some(former) = former {
                        this.sessions.end(former).await;
                    }
                    let login = signed_in.login;
                    let (user, district) = (login.user_id().clone(), login.district().cloned());
                    let begun = this.sessions.begin(&id, login, signed_in.token).await;
                    if begun.is_some() {
                        info!(%user, ?district, "signed in");
                    }
                    (signed_in.return_to, begun)
                }
            },
            Back::Link(redeem) => match this.service.finish(redeem, &this.openid).await {
                Err(error) => return Ok(failed(&error)),
                Ok(signed_in) => {
                    let user = signed_in.login.user_id().clone();
                    let linked = this
                        .sessions
                        .link(&id, signed_in.purpose, signed_in.login)
                        .await;
                    if linked.is_some() {
                        info!(%user, "linked");
                        if let Some(former) = former {
                            this.sessions.end(former).await;
                        }
                    }
                    (signed_in.return_to, linked)
                }
            },
        };
        if begun.is_none() {
            return Ok(Outcome::Notice(Notice::Refused));
        }
        let session = format!("{SESSION}={id}; Path=/; Secure; HttpOnly; SameSite=Lax");
        Ok(Outcome::SignedIn {
            to: return_to,
            cookies: [login::set_cookie(pending), session],
        })
    }

    /// Answers a callback that this browser delivers again.
    async fn again(&self, headers: &HeaderMap, repeat: Repeat) -> Response {
        let remembered = self
            .0
            .deliveries
            .answer(&repeat.delivery, self.0.clock.now());
        if let Some(outcome) = remembered.await {
            return self.show(&outcome);
        }
        match self.user(headers).await {
            Some(_) => redirect(repeat.return_to.as_str(), &[]),
            None if repeat.finished => redirect("/login", &[]),
            None => self.notice(Notice::Again),
        }
    }

    fn show(&self, outcome: &Outcome) -> Response {
        match outcome {
            Outcome::SignedIn { to, cookies } => redirect(to.as_str(), cookies),
            Outcome::Notice(notice) => self.notice(*notice),
        }
    }

    fn notice(&self, notice: Notice) -> Response {
        notice.response((self.0.page)(notice))
    }

    fn answer(&self, result: Result<Response, NoRandomness>) -> Response {
        result.unwrap_or_else(|_| self.notice(Notice::Failed))
    }
}

fn failed(error: &SignInError) -> Outcome {
    warn!(%error, "a sign-in failed");
    Outcome::Notice(match error.retry_after() {
        Some(_) => Notice::Later,
        None => Notice::Failed,
    })
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
            return Err(login.notice(Notice::SignedOut));
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
    this.service.prepare(&this.flow, &this.openid).await;
    let departure = this.flow.start(
        cookie(&headers, login::COOKIE),
        &path.unwrap_or_default(),
        district.as_ref(),
        this.clock.now(),
        &*this.random,
    );
    login.answer(departure.map(|departure| depart(&departure)))
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
        cookie(&headers, SESSION).map(SessionDigest::of),
        this.clock.now(),
        &*this.random,
    );
    match arrival {
        Ok(Arrival::Login(redeem, pending)) => {
            login.finish(&headers, Back::Login(redeem), pending).await
        }
        Ok(Arrival::Link(redeem, pending)) => {
            login.finish(&headers, Back::Link(redeem), pending).await
        }
        Ok(Arrival::Restart(departure)) => depart(&departure),
        Ok(Arrival::Repeat(repeat)) => login.again(&headers, repeat).await,
        Ok(Arrival::Rejected(reason)) => {
            info!(%reason, "a sign-in was refused");
            login.notice(match reason {
                Rejection::ByClever(_) => Notice::ByClever,
                Rejection::TooManyRestarts | Rejection::NotBegunHere => Notice::Cookies,
                _ => Notice::Again,
            })
        }
        Err(error) => login.answer(Err(error)),
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
