//! What the generated clients stand on, in place of progenitor's run-time crate, whose errors print whole
//! response bodies.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::ser::Serializer;

/// Longest id that may stand in a path, in bytes.
const MAX_ID: usize = 128;

/// Why a call failed. Never holds a body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is missing or can't be sent.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// No whole answer came.
    #[error("no whole answer")]
    Http(#[source] reqwest::Error),
    /// Clever answered with an error.
    #[error("answered {status}")]
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// The answer's content type.
        content_type: Option<String>,
    },
    /// The answer is not what the documents say.
    #[error(
        "the answer to a request with status {status} does not read (line {line}, column {column})"
    )]
    Undecodable {
        /// The HTTP status.
        status: StatusCode,
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

/// The host part of an address; the address itself where it has none, so that requests fail with its name.
#[must_use]
pub fn origin(address: &str) -> String {
    match reqwest::Url::parse(address) {
        Ok(url) if url.has_host() => url.origin().ascii_serialization(),
        _ => address.trim_end_matches('/').to_owned(),
    }
}

/// Where tokens are given, for an API at `origin`: Clever has two hosts, its stand-ins have one.
#[must_use]
pub fn site(origin: &str) -> String {
    if origin == "https://api.clever.com" {
        "https://clever.com".to_owned()
    } else {
        origin.to_owned()
    }
}

/// A decoded answer with its status and headers.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: T,
}

/// Sends one request and reads its answer, once: retries are the caller's.
///
/// # Errors
///
/// [`Error`].
pub async fn send<T: Decode>(client: &Client, request: Request) -> Result<Answer<T>, Error> {
    let response = client.execute(request).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    if !status.is_success() {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(ToOwned::to_owned);
        return Err(Error::Status {
            status,
            content_type,
        });
    }
    let body = response.bytes().await?;
    let body = T::decode(&body).map_err(|error| Error::Undecodable {
        status,
        line: error.line(),
        column: error.column(),
    })?;
    Ok(Answer {
        status,
        headers,
        body,
    })
}

/// A body that an operation answers with.
pub trait Decode: Sized {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// When the bytes are not JSON of the expected shape.
    fn decode(body: &Bytes) -> Result<Self, serde_json::Error>;
}

impl<T: DeserializeOwned> Decode for T {
    fn decode(body: &Bytes) -> Result<Self, serde_json::Error> {
        // An operation without an answer has an empty body.
        let body = crate::text::without_mark(body);
        if body.is_empty() {
            serde_json::from_str("null")
        } else {
            serde_json::from_slice(body)
        }
    }
}

/// Takes an id as one segment of a path.
///
/// # Errors
///
/// [`Error::InvalidRequest`] for a text that would change the path: an empty one addresses the list, `..`
/// its parent.
pub fn segment(id: &str) -> Result<&str, Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
    if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(allowed) {
        return Err(Error::InvalidRequest(
            "an id is letters, digits, `-`, `_` or `~`".to_owned(),
        ));
    }
    Ok(id)
}

/// A query parameter: absent, one value, or one for each element of a list.
#[derive(Debug)]
pub struct QueryParam<'a, T>(&'a str, &'a T);

impl<'a, T> QueryParam<'a, T> {
    /// Names a value.
    pub fn new(name: &'a str, value: &'a T) -> Self {
        Self(name, value)
    }
}

impl<T: Pairs> Serialize for QueryParam<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.values().into_iter().map(|value| (self.0, value)))
    }
}

/// A value that a query can carry.
pub trait Pairs {
    /// The values to send.
    fn values(&self) -> Vec<String>;
}

impl Pairs for String {
    fn values(&self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl Pairs for i64 {
    fn values(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

impl Pairs for crate::scalar::Date {
    fn values(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

impl<T: Pairs> Pairs for Option<T> {
    fn values(&self) -> Vec<String> {
        self.as_ref().map(Pairs::values).unwrap_or_default()
    }
}

impl<T: Pairs> Pairs for Vec<T> {
    fn values(&self) -> Vec<String> {
        self.iter().flat_map(Pairs::values).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_can_not_change_a_path() {
        assert_eq!(
            segment("58da8c63d7dc0ca0680003ed").unwrap(),
            "58da8c63d7dc0ca0680003ed"
        );
        for wrong in ["", ".", "..", "a/b", "a?b", "a%2e", "é"] {
            assert!(segment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tokens_are_given_where_the_api_has_them() {
        assert_eq!(
            origin("https://api.clever.com/v3.1/"),
            "https://api.clever.com"
        );
        assert_eq!(origin("http://127.0.0.1:9/v3.1"), "http://127.0.0.1:9");
        assert_eq!(site("https://api.clever.com"), "https://clever.com");
        assert_eq!(site("http://127.0.0.1:9"), "http://127.0.0.1:9");
        assert_eq!(origin("nowhere"), "nowhere");
    }
}
