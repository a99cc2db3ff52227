//! What the application keeps: sessions, and who may have one.

use std::future::Future;

use axum::BoxError;
use clever_auth::login::Link;
use clever_auth::{LoginToken, VerifiedLogin};

/// What an application says to somebody whom Clever has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// The session is begun.
    In,
    /// The application has no place for this person: a page says to ask a teacher.
    Refused,
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
        std::future::ready(Ok(Admission::Refused))
    }

    /// Finds the user of a live session; `None` where there is no such session, or no longer.
    fn find(&self, id: &str) -> impl Future<Output = Result<Option<Self::User>, BoxError>> + Send;

    /// Ends a session; one that doesn't exist is ended already.
    fn end(&self, id: &str) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// How a page names a user to whoever sits at the browser where the user is signed in, such as
    /// "Ana R."; without it, the page says "somebody".
    fn name(user: &Self::User) -> Option<String> {
        let _ = user;
        None
    }
}
