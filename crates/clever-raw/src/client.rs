//! Sends operations with reqwest, once each. Paging, retries, rate limits and token kinds are in
//! `clever-client`.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};

use crate::operation::{Decode, Hosts, InvalidRequest, Operation};

/// Calls the API. Authorization is a default header of the HTTP client.
#[derive(Debug, Clone)]
pub struct Client {
    hosts: Hosts,
    http: reqwest::Client,
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

/// Why a call failed. Never holds a body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value can't be sent.
    #[error("invalid request")]
    InvalidRequest(#[from] InvalidRequest),
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

impl Client {
    /// Takes the hosts and a prepared HTTP client.
    #[must_use]
    pub fn new(hosts: Hosts, http: reqwest::Client) -> Self {
        Self { hosts, http }
    }

    /// Sends one request and reads its answer, once: retries are the caller's.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn send<O: Operation>(&self, operation: &O) -> Result<Answer<O::Answer>, Error> {
        let request = operation.call()?.request(&self.hosts)?;
        let response = self.http.execute(request.try_into()?).await?;
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
        let body = O::Answer::decode(&body).map_err(|error| Error::Undecodable {
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
}
