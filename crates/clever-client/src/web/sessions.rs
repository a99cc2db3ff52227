//! What the application keeps: sessions, and who may have one.

use std::future::Future;

use axum::BoxError;
use clever_auth::login::Link;
use clever_auth::{LoginToken, SafePath, VerifiedLogin};

use super::notice::Reason;

/// What an application says to somebody whom Clever has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// The session is begun.
    In,
    /// The session is begun, but it has no user until the person has answered something. The browser goes
    /// to this page of the application, with the page that it wanted as `return_to` in the query.
    Ask(SafePath),
    /// The application does not let this person in; a page says why, and whom to ask.
    Refused(Reason),
}

/// The application's sessions.
///
/// An `Err` is the application's own trouble, such as a database that is down. The person gets a page that
/// says so, with status 503; the log gets the error and its sources. So they must not name anybody.
pub trait Sessions: Send + Sync + 'static {
    /// What the application knows of a signed-in user.
    type User: Send;

    /// Begins the session `id` for whom Clever has signed in, or refuses the person.
    ///
    /// `id` is new and secret: store a digest of it.
    fn begin(
        &self,
        id: &str,
        login: VerifiedLogin,
        token: LoginToken,
    ) -> impl Future<Output = Result<Admission, BoxError>> + Send;

    /// Links the account that [`super::WebLogin::link`] named to whom Clever has signed in, ends **all** of the
    /// account's sessions (one of them may be a stranger's, from before), and begins the session `id` for
    /// its holder; or refuses, as it does where nothing is said.
    fn link(
        &self,
        id: &str,
        link: Link,
        login: VerifiedLogin,
        token: LoginToken,
    ) -> impl Future<Output = Result<Admission, BoxError>> + Send {
        let _ = (id, link, login, token);
        std::future::ready(Ok(Admission::Refused(Reason::NoPlace)))
    }

    /// Finds the user of a live session; `None` where there is no such session, or no longer.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<Self::User>, BoxError>> + Send;

    /// Finds the page where the person of a session must answer something first ([`Admission::Ask`]); `None` for
    /// every other session. It is asked for a session that has no user.
    fn waiting(&self, id: &str) -> impl Future<Output = Result<Option<SafePath>, BoxError>> + Send {
        let _ = id;
        std::future::ready(Ok(None))
    }

    /// Ends a session; one that doesn't exist is ended already.
    fn end(&self, id: &str) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// How a page names a user to whoever sits at the browser where the user is signed in, such as
    /// "Ana R."; without it, the page says "somebody".
    fn name(user: &Self::User) -> Option<String> {
        let _ = user;
        None
    }
}
