//! What keeps a page from being shown or a deed from being done, in words for whoever asked.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// Why nothing was shown or done.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Trouble {
    /// There is no such thing, or it is not the viewer's to see.
    #[error("there is nothing here")]
    Missing,
    /// The role does not allow it.
    #[error("your role does not allow this: it takes the role {0}")]
    Role(crate::who::Role),
    /// The form is of another session, or of another site.
    #[error("this page is out of date, and nothing was done: open it again")]
    Form,
    /// What was judged is not there any more as it was.
    #[error("{0}")]
    Moved(String),
    /// What was sent can't be used.
    #[error("{0}")]
    Wrong(String),
    /// It is against a rule of accounts.
    #[error("{0}")]
    Refused(String),
    /// The app in which the console lies let nobody in.
    #[error("sign in to the app first, as somebody who may come in here")]
    Out,
    /// Too often.
    #[error("that was tried too often: wait a minute, then try again")]
    TooOften,
    /// The console was started without accounts.
    #[error("this console has no accounts: start it with --accounts")]
    NoAccounts,
    /// The store can't be used. What it says is logged, and not shown.
    #[error("the store does not answer, and nothing was done: try again in a minute")]
    Store(String),
}

impl Trouble {
    /// The answer's status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Missing => StatusCode::NOT_FOUND,
            Self::Role(_) | Self::Form | Self::Out => StatusCode::FORBIDDEN,
            Self::Moved(_) | Self::Refused(_) => StatusCode::CONFLICT,
            Self::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::NoAccounts => StatusCode::NOT_FOUND,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Trouble {
    /// The guard makes a page or a document of it: it knows which was asked for.
    fn into_response(self) -> Response {
        if let Self::Store(error) = &self {
            tracing::warn!(error, "the store could not be used");
        }
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
