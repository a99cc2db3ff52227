//! What a sign-in has to say to people, and the plain pages that say it.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use clever_auth::READ_FLOOR_S;

/// What a person is told when a sign-in doesn't end in the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notice {
    /// The sign-in is not this browser's: its cookie is gone or blocked, or ten minutes have passed.
    Cookies,
    /// The sign-in was used or broken off.
    Again,
    /// Clever refused the person, most often because nobody shares them with the application.
    ByClever,
    /// Clever could not be reached, or its answers do not stand.
    Failed,
    /// The sign-in could not be checked just now, which passes.
    Later,
    /// The application refuses the person.
    Refused,
    /// Nobody is signed in any more.
    SignedOut,
}

impl Notice {
    /// The HTTP status to say it with.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Cookies | Self::Again => StatusCode::BAD_REQUEST,
            Self::ByClever | Self::Refused => StatusCode::FORBIDDEN,
            Self::Failed => StatusCode::BAD_GATEWAY,
            Self::Later => StatusCode::SERVICE_UNAVAILABLE,
            Self::SignedOut => StatusCode::UNAUTHORIZED,
        }
    }

    /// What happened, and what to do now.
    #[must_use]
    pub fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Cookies => (
                "This sign-in could not be finished.",
                "It may have taken longer than ten minutes, or this browser blocks cookies. Allow cookies \
                 for this site, then sign in again.",
            ),
            Self::Again => (
                "This sign-in is over.",
                "It was finished or broken off before. Please sign in again.",
            ),
            Self::ByClever => (
                "Clever did not let you through to this application.",
                "Your school may not have shared you with it. Ask your teacher, or the person who looks \
                 after Clever at your school.",
            ),
            Self::Failed => (
                "Clever could not be asked who you are.",
                "This is not your fault. Please try again in a minute.",
            ),
            Self::Later => (
                "Your sign-in can't be checked at the moment.",
                "This is not your fault. Please sign in again in half a minute.",
            ),
            Self::Refused => (
                "You are signed in to Clever, but this application has no place for you yet.",
                "Ask your teacher, or the person who looks after this application at your school.",
            ),
            Self::SignedOut => ("You are signed out.", "Sign in again to go on."),
        }
    }

    /// A small page that says it and offers the way on. Nothing of the request is in it.
    #[must_use]
    pub fn page(self) -> String {
        let (what, then) = self.text();
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>Sign in</title>\
             <body style=\"font:18px/1.5 sans-serif;max-width:32em;margin:15vh auto;padding:0 1em\">\
             <main><h1 style=\"font-size:1.3em\">{what}</h1><p>{then}</p>\
             <p><a href=\"/login\">Sign in with Clever</a></p></main></body></html>"
        )
    }

    pub(super) fn response(self, page: String) -> Response {
        let mut response = (self.status(), page).into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (
                CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self == Self::Later {
            headers.insert(RETRY_AFTER, READ_FLOOR_S.into());
        }
        response
    }
}
