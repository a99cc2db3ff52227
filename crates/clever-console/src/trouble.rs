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
    #[error("{says}")]
    Moved {
        /// What happened, for a person.
        says: String,
        /// How it is now, for a program; null if that is nothing to say.
        now: serde_json::Value,
    },
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
    /// The sign-in at the issuer came to nothing. Why is logged, and not shown.
    #[error("the sign-in came to nothing: begin it again")]
    SignIn,
    /// The issuer knows somebody who has no role here.
    #[error("you are signed in, but have no role here: ask whoever runs this console")]
    Unknown,
    /// No token, a wrong one, or one that is over.
    #[error("there is no such token: `cleverctl console token add` makes one")]
    Token,
    /// The same is being done now, by a request with the same key.
    #[error("this is being done now: ask again with the same key in a moment")]
    Again,
    /// The console has no key to sign the notes of what is forgotten.
    #[error(
        "this console can't forget: it has no key that signs the notes (CLEVER_KEY or --key-file)"
    )]
    NoNotes,
    /// The console was started without accounts.
    #[error("this console has no accounts: start it with --accounts")]
    NoAccounts,
    /// The store can't be used. What it says is logged, and not shown.
    #[error("the store does not answer, and nothing was done: try again in a minute")]
    Store(String),
}

impl Trouble {
    /// What was judged is not there any more.
    pub(crate) fn moved(says: &str) -> Self {
        Self::Moved {
            says: says.to_owned(),
            now: serde_json::Value::Null,
        }
    }

    /// The answer's status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Missing => StatusCode::NOT_FOUND,
            Self::Role(_) | Self::Form | Self::Out | Self::SignIn | Self::Unknown => {
                StatusCode::FORBIDDEN
            }
            Self::Moved { .. } | Self::Refused(_) | Self::Again => StatusCode::CONFLICT,
            Self::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::NoAccounts | Self::NoNotes => StatusCode::NOT_FOUND,
            Self::Token => StatusCode::UNAUTHORIZED,
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
