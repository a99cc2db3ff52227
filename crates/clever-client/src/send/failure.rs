//! What can come of one attempt.

use std::time::Duration;

use bytes::Bytes;
use clever_raw::page::PageError;
use http::StatusCode;
use http::header::{AsHeaderName, CONTENT_TYPE, HeaderMap};

use crate::error;

/// An answer as it came: its body is whole if the status is a success, else what could be read of it.
pub(crate) struct Received {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    /// Says whether it is a web page, which Clever's API sends for paths that a token has not, and everybody else for
    /// anything.
    pub(crate) fn is_html(&self) -> bool {
        self.header(CONTENT_TYPE).is_some_and(error::is_html)
    }

    /// A header that is text.
    pub(crate) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why one attempt gave no usable answer.
pub(crate) enum Failure {
    /// An answer that is no success, or a web page.
    Answer(Received),
    /// No whole answer came.
    Network {
        error: reqwest::Error,
        /// How much of an answer had come, in bytes.
        received: u64,
    },
    /// A success whose body can't be read.
    Undecodable(PageError),
    /// A success that is larger than its reader allows.
    TooLarge,
    /// Nothing was sent: the token's rate limit is used up for longer than we wait.
    Limited(Duration),
}

impl Failure {
    /// What was wrong, for whoever waits.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::Answer(answer) => {
                let page = if answer.is_html() {
                    " with an HTML page"
                } else {
                    ""
                };
                format!("answered {}{page}", answer.status.as_u16())
            }
            Self::Network { error, received } if error.is_timeout() && *received > 0 => {
                "the answer took too long".to_owned()
            }
            Self::Network { error, .. } if error.is_timeout() => "no answer in time".to_owned(),
            Self::Network { error, .. } if error.is_connect() => "no connection".to_owned(),
            Self::Network { .. } => "the connection broke".to_owned(),
            Self::Undecodable(error) => error.to_string(),
            Self::TooLarge => "the answer is too large".to_owned(),
            Self::Limited(_) => "the rate limit is used up".to_owned(),
        }
    }
}
