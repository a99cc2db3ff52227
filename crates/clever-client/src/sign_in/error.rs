//! What can go wrong at the login service. No error holds a code, a token or anything of a person.

use std::sync::Arc;
use std::time::Duration;

use clever_auth::login::LoginError;
use clever_auth::{AnswerError, KindError, READ_FLOOR_S};

/// Longest reading of discovery and keys.
pub(super) const KEYS_TIME: Duration = Duration::from_secs(8);

/// Why a call to the login service failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// No whole answer came. A code that was on its way is lost: begin the login again.
    #[error("no whole answer from the login service")]
    Network(#[source] reqwest::Error),
    /// The login does not stand.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The token is not what it should be.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// The answer can't be used.
    #[error("the answer of the login service can't be used")]
    Answer(#[from] AnswerError),
    /// Discovery or keys took too long.
    #[error("the login service did not tell its keys within {} s", KEYS_TIME.as_secs())]
    Slow,
    /// The id token's key is not in hand and could not be read, so that nobody knows whether the token is
    /// good. The token is not to blame: begin the login again in a moment.
    #[error("the id token can't be checked: the issuer's keys could not be read")]
    NoKeys(#[source] Option<Arc<SignInError>>),
    /// The list of districts leads elsewhere or never ends.
    #[error("the list of districts does not end")]
    Endless,
}

impl SignInError {
    /// After which time a new login may succeed, if the failure is a passing one.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::NoKeys(_)).then(|| Duration::from_secs(READ_FLOOR_S.into()))
    }
}
