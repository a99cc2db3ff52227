//! Sign-in for axum applications: `/login`, `/callback`, `/logout`, and who is signed in.
//!
//! The application keeps sessions and accounts; this keeps to the rules. Each login gets a new session
//! id, and the browser's former session ends, whosever it was: school computers are shared.
//!
//! `docs/security.md` says which attacks are held off, what ends when somebody signs out, and what to do
//! where an application is nested, behind a proxy, inside a frame or beside another one on the same host.

mod asker;
mod callback;
mod cause;
mod current_user;
mod deliveries;
mod logout;
mod notice;
mod options;
mod page;
mod place;
mod reply;
mod sessions;
mod start;

use std::error::Error;
use std::sync::Arc;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{BoxError, Router};
use clever_auth::login::LoginFlow;
use clever_auth::login::cookies::{Cookies, SetCookie};
use clever_auth::seal::Randomness;
use clever_auth::{IdTokenVerifier, OpenId, READ_FLOOR_S, SafePath};
use clever_model::Clock;
use tracing::error;

use crate::sign_in::{IssuerKeys, LoginService};
pub use current_user::CurrentUser;
use deliveries::Deliveries;
pub use notice::{Notice, Reason};
pub use options::{Pages, WebOptions};
pub use page::{Message, OpenSession, Page};
use place::{LOGIN, LOGOUT, Place};
pub use sessions::{Admission, Sessions};

/// An application's sign-in. Clones share everything.
pub struct WebLogin<S>(Arc<Inner<S>>);

struct Inner<S> {
    flow: LoginFlow,
    service: LoginService,
    sessions: S,
    openid: OpenId<IssuerKeys>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    deliveries: Deliveries,
    pages: Pages,
    place: Place,
    /// The name of the session's cookie.
    session: String,
    home: Option<SafePath>,
    after_sign_out: Option<SafePath>,
    /// Where a person signs out of Clever.
    clever: String,
}

impl<S> Clone for WebLogin<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
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
        Self::with_options(flow, service, sessions, openid, WebOptions::default())
    }

    /// Like [`WebLogin::new`], with the application's own choices.
    pub fn with_options(
        flow: LoginFlow,
        service: LoginService,
        sessions: S,
        openid: OpenId<IdTokenVerifier>,
        options: WebOptions,
    ) -> Self {
        let WebOptions {
            pages,
            base,
            home,
            after_sign_out,
            sign_out_of_clever,
            clock,
            random,
        } = options;
        let app = flow.app();
        let clever = match sign_out_of_clever {
            Some(url) => url.into(),
            None => format!("{}/", app.issuer()),
        };
        Self(Arc::new(Inner {
            place: Place::new(app.redirect().path(), base.as_ref()),
            session: flow.cookie_names().session(),
            flow,
            service,
            sessions,
            openid: openid.map(IssuerKeys::new),
            clock,
            random,
            deliveries: Deliveries::default(),
            pages,
            home,
            after_sign_out,
            clever,
        }))
    }

    /// The routes `/login`, `/callback` and `/logout`, to merge or nest: browsers must find the second one
    /// at the app's redirect address, whose last part is its name.
    ///
    /// `HEAD` begins and ends nothing: what looks at links must not spend a code.
    pub fn router<T>(&self) -> Router<T> {
        let nothing = async || reply::empty(StatusCode::NO_CONTENT);
        let callback = get(callback::callback::<S>).head(nothing);
        let logout = get(logout::ask::<S>).post(logout::end::<S>);
        Router::new()
            .route(LOGIN, get(start::start::<S>).head(nothing))
            .route(self.0.place.callback(), callback)
            .route(LOGOUT, logout)
            .with_state(self.clone())
    }

    /// Finds who is signed in, from a request's cookies.
    ///
    /// # Errors
    ///
    /// The application's own, from [`Sessions::find`]; whether somebody is signed in is not known then.
    pub async fn user(&self, headers: &HeaderMap) -> Result<Option<S::User>, BoxError> {
        self.live(&cookies(headers)).await
    }

    /// The secret id of the session that a browser's cookie names, whether or not it is live: for the page where
    /// a person answers what was asked ([`Admission::Ask`]).
    #[must_use]
    pub fn session(&self, headers: &HeaderMap) -> Option<String> {
        cookies(headers).get(&self.0.session).map(ToOwned::to_owned)
    }

    /// Whether a browser's cookie opens a session, with a user or with somebody who is still asked.
    async fn is_open(&self, cookies: &Cookies<'_>) -> Result<bool, BoxError> {
        match cookies.get(&self.0.session) {
            Some(session) => self.is_session(session).await,
            None => Ok(false),
        }
    }

    /// Whether there is such a session, with a user or with somebody who is still asked.
    async fn is_session(&self, session: &str) -> Result<bool, BoxError> {
        let sessions = &self.0.sessions;
        let found = async {
            Ok(sessions.find(session).await?.is_some()
                || sessions.waiting(session).await?.is_some())
        };
        found.await.inspect_err(|error: &BoxError| {
            self.ours(&**error);
        })
    }

    /// Finds whose session a browser's cookie opens.
    async fn live(&self, cookies: &Cookies<'_>) -> Result<Option<S::User>, BoxError> {
        let Some(session) = cookies.get(&self.0.session) else {
            return Ok(None);
        };
        let found = self.0.sessions.find(session).await;
        found.inspect_err(|error| {
            self.ours(&**error);
        })
    }

    /// Whose session goes on in this browser, to say so on a page.
    async fn still_open(&self, cookies: &Cookies<'_>) -> Option<OpenSession> {
        let user = self.live(cookies).await.ok().flatten()?;
        Some(OpenSession {
            name: S::name(&user),
        })
    }

    /// Notes an error of the application's own.
    fn ours(&self, error: &(dyn Error + 'static)) -> Notice {
        error!(error = %cause::chain(error), "the application could not look after a session");
        Notice::Ours
    }

    /// The address that begins a sign-in, as browsers see it; it leads to the page `wanted` afterwards.
    #[must_use]
    pub fn sign_in(&self, wanted: Option<&SafePath>) -> String {
        self.0.place.login(wanted.map(SafePath::as_str))
    }

    /// The page for an error of the application's own, with status 503; the error and its sources are logged. So they
    /// must not name anybody.
    #[must_use]
    pub fn failed(&self, error: &(dyn Error + 'static)) -> Response {
        self.trouble(error)
    }

    /// The page for somebody whom the application refuses, with status 403.
    #[must_use]
    pub fn refused(&self, reason: Reason) -> Response {
        self.notice(Notice::Refused(reason))
    }

    fn trouble(&self, error: &(dyn Error + 'static)) -> Response {
        let notice = self.ours(error);
        self.notice(notice)
    }

    fn notice(&self, notice: Notice) -> Response {
        self.say(notice, None, "", &[])
    }

    /// The way out of a frame.
    fn framed(&self, wanted: Option<&SafePath>) -> Response {
        let sign_in = self.0.place.login(wanted.map(SafePath::as_str));
        self.page(Notice::Framed, None, "", &sign_in, &[])
    }

    fn say(
        &self,
        notice: Notice,
        still_open: Option<&OpenSession>,
        stripped: &str,
        cookies: &[SetCookie],
    ) -> Response {
        let sign_in = self.0.place.login(None);
        self.page(notice, still_open, stripped, &sign_in, cookies)
    }

    fn page(
        &self,
        notice: Notice,
        still_open: Option<&OpenSession>,
        stripped: &str,
        sign_in: &str,
        cookies: &[SetCookie],
    ) -> Response {
        let this = &self.0;
        let page = (this.pages)(&Message {
            notice,
            still_open,
            sign_in,
            sign_out: &this.place.logout(),
            sign_out_of_clever: &this.clever,
            home: this.home(stripped).as_str(),
        });
        let response = reply::page(notice.status(), page, cookies);
        match notice {
            Notice::Later => reply::retry_after(response, READ_FLOOR_S),
            _ => response,
        }
    }
}

/// The cookies of a request.
fn cookies(headers: &HeaderMap) -> Cookies<'_> {
    let values = headers.get_all(COOKIE).into_iter();
    Cookies::read(values.filter_map(|value| value.to_str().ok()))
}
