//! What can go wrong with a call. No error holds a token, a body or anything of a person.

use std::time::Duration;

use clever_auth::address::UnsafeAddress;
use clever_raw::operation::InvalidRequest;
use clever_raw::page::{LinkFault, PageError};

/// A client can't be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The token must not go to this address: why. The address is without its password.
    #[error("the API address `{0}` can't be used")]
    Address(String, #[source] UnsafeAddress),
    /// The page limit is outside Clever's bounds.
    #[error("a page has 1 to 10000 records, not {0}")]
    PageLimit(u32),
    /// TLS or the HTTP client could not be prepared.
    #[error("the HTTP client could not be prepared")]
    Http(#[source] reqwest::Error),
}

/// The sort of a [`ClientError`], for whoever decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The token is wrong, revoked or rotated (401, 403).
    Unauthorized,
    /// The token does not open this, or the record is gone (404 as JSON).
    NotShared,
    /// No such path for this kind of token, or not Clever's API at all (404 or success as HTML).
    WrongTokenKind,
    /// The rate limit stayed exhausted for longer than we wait.
    RateLimited,
    /// Clever failed, again and again.
    Server,
    /// No connection, or it broke, again and again.
    Network,
    /// The answer is not what the API sends.
    Undecodable,
    /// The answer is larger than allowed, even with the smallest pages.
    TooLarge,
    /// The pages do not form a list.
    Walk,
    /// Another refusal: a bad request, or a status that the API does not have.
    Refused,
}

impl ErrorKind {
    /// Says whether Clever may have done what was asked, for all that we know.
    pub(crate) fn leaves_doubt(self) -> bool {
        matches!(self, Self::Server | Self::Network | Self::Undecodable)
    }
}

/// A call failed, after whatever retries it was worth.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Clever answered with an error.
    #[error("{path}: answered {status}{}", detail(.content_type.as_deref(), .message.as_deref(), .request_id.as_deref()))]
    Answer {
        /// The path asked for, without its query.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The answer's content type.
        content_type: Option<String>,
        /// Clever's id of the request, to quote to their support.
        request_id: Option<String>,
        /// The answer's own words, shortened and redacted; of a redirect, the host that it leads to.
        message: Option<String>,
        /// How often the call was tried.
        attempts: u32,
        /// What sort of error it is.
        kind: ErrorKind,
        /// Whether it is Clever that refuses the token: a second, different call with it was refused too. Of a user's token,
        /// which has no second call, a refusal is believed at once.
        confirmed: bool,
    },
    /// No whole answer came.
    #[error("{path}: no whole answer in {attempts} attempts")]
    Network {
        /// The path asked for, without its query.
        path: String,
        /// How often the call was tried.
        attempts: u32,
        /// How much of an answer the last attempt had brought, in bytes.
        received: u64,
        /// What broke the last attempt.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing that could be used came for so long, whatever was tried.
    #[error("{path}: no whole answer within {} s, with all tries", .waited.as_secs())]
    Silent {
        /// The path asked for, without its query.
        path: String,
        /// How long it was waited: [`crate::ClientOptions::max_silence`].
        waited: Duration,
    },
    /// An answer came that is no page, again and again.
    #[error("{path}: no readable answer in {attempts} attempts")]
    Undecodable {
        /// The path asked for, without its query.
        path: String,
        /// How often the call was tried.
        attempts: u32,
        /// Why the last answer is no page.
        #[source]
        source: PageError,
    },
    /// The answer is larger than [`crate::ClientOptions::max_page_bytes`].
    #[error("{path}: the answer is larger than the {limit} bytes allowed")]
    TooLarge {
        /// The path asked for, without its query.
        path: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A write had no whole answer, or Clever failed over it: it may have had its effect or not. Look before
    /// sending it again.
    #[error("{path}: the write may or may not have had its effect")]
    Unsure {
        /// The path written to, without its query.
        path: String,
        /// What went wrong.
        #[source]
        source: Box<ClientError>,
    },
    /// A value can't be sent; nothing was.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// The limit's window ends later than we are willing to wait.
    #[error("{path}: the rate limit is used up for another {} s", .wait.as_secs())]
    RateLimited {
        /// The path asked for, without its query.
        path: String,
        /// How long until the window ends.
        wait: Duration,
    },
    /// The pages do not form a list.
    #[error("{path}: the pages do not form a list")]
    Walk {
        /// The list's path, without its query.
        path: String,
        /// What is wrong with them.
        source: WalkError,
    },
}

/// Pages that do not form a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// `next` leads to a page already read.
    #[error("page {page} leads back to a page already read")]
    Loop {
        /// The page whose link it is, from 1.
        page: u64,
    },
    /// `next` leads to another host: the token must not go there.
    #[error("page {page} leads to another host")]
    Foreign {
        /// The page whose link it is, from 1.
        page: u64,
    },
    /// The links of a page do not say whether another one follows: that is no end.
    #[error("page {page} does not say what follows it: {fault}")]
    Links {
        /// The page whose links they are, from 1.
        page: u64,
        /// What is wrong with them.
        fault: LinkFault,
    },
    /// Page after page has no record beyond those that came before, and leads on.
    #[error("page {page} is the second in a row that brings nothing new, and leads on")]
    NoProgress {
        /// The page, from 1.
        page: u64,
    },
    /// `next` is no address.
    #[error("page {page} leads to something that is no address")]
    BadLink {
        /// The page whose link it is, from 1.
        page: u64,
    },
    /// A district-app token opens exactly one district.
    #[error("{found} districts where a district-app token has exactly one")]
    NotOneDistrict {
        /// How many the list had.
        found: usize,
    },
    /// Clever said how many records the list has, and the walk found another number.
    #[error("the list has {said} records, and {found} were found")]
    Count {
        /// What the first page said.
        said: u64,
        /// How many there were.
        found: u64,
    },
    /// There is a last record, but nobody can say which it is.
    #[error("the last record has no usable id")]
    NoLastId,
}

impl ClientError {
    /// Returns the sort of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Answer { kind, .. } => *kind,
            Self::Network { .. } | Self::Silent { .. } => ErrorKind::Network,
            Self::Undecodable { .. } => ErrorKind::Undecodable,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::Unsure { source, .. } => source.kind(),
            Self::Invalid(_) => ErrorKind::Refused,
            Self::Walk { .. } => ErrorKind::Walk,
        }
    }

    /// Says whether the same call may work later, unchanged.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let doubtful = matches!(self, Self::Unsure { .. });
        !doubtful && (self.kind() == ErrorKind::RateLimited || self.kind().leaves_doubt())
    }

    /// Says whether Clever refuses the token, so that no later run would do better. A web page is no refusal, and a
    /// refusal of one list alone is none of the token.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Answer {
                confirmed: true,
                ..
            }
        )
    }
}

fn detail(content_type: Option<&str>, message: Option<&str>, request_id: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(message) = message {
        text.push_str(": ");
        text.push_str(message);
    } else if content_type.is_some_and(is_html) {
        text.push_str(" with an HTML page");
    }
    if let Some(id) = request_id {
        text.push_str(" (request ");
        text.push_str(id);
        text.push(')');
    }
    text
}

/// Says whether a content type is HTML, which Clever's API sends for paths that a token has not.
pub(crate) fn is_html(content_type: &str) -> bool {
    content_type
        .trim_start()
        .to_ascii_lowercase()
        .split([';', ',', ' '])
        .any(|part| part == "text/html" || part == "application/xhtml+xml")
}

/// Longest part of an answer's own words kept, in characters.
const MAX_MESSAGE: usize = 160;

/// Keeps the words of an error answer that are safe to show: what may be a token or an address is
/// replaced, the rest shortened.
pub(crate) fn redacted(message: &str) -> String {
    let words: Vec<&str> = message
        .split_whitespace()
        .map(|word| {
            let long = word.chars().filter(char::is_ascii_alphanumeric).count() >= 16;
            if long || word.contains('@') {
                "…"
            } else {
                word
            }
        })
        .collect();
    words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_MESSAGE)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_words_are_kept_without_what_may_be_secret() {
        assert_eq!(
            redacted("no access for\n0123456789abcdef0123 or ada@example.org"),
            "no access for … or …"
        );
        assert_eq!(redacted(&"a ".repeat(400)).chars().count(), MAX_MESSAGE);
    }
}
