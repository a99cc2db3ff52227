//! Requests to make and answers to read, as plain values: the caller owns the connection.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// How a request says who asks.
#[derive(Clone)]
enum Credential {
    /// What says who asks is in the form.
    Open,
    Basic {
        user: String,
        password: SecretString,
    },
    Bearer(SecretString),
}

/// A request to send as it is, without following redirects. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct Request {
    url: Url,
    credential: Credential,
    form: Vec<(&'static str, SecretString)>,
}

/// An answer: its status and its body, of which at most 1 MiB is worth reading. `Debug` hides the body.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Request {
    pub(crate) fn basic(url: Url, user: &str, password: &SecretString) -> Self {
        let credential = Credential::Basic {
            user: user.to_owned(),
            password: password.clone(),
        };
        Self {
            url,
            credential,
            form: Vec::new(),
        }
    }

    pub(crate) fn open(url: Url) -> Self {
        Self {
            url,
            credential: Credential::Open,
            form: Vec::new(),
        }
    }

    pub(crate) fn bearer(url: Url, token: &str) -> Self {
        Self {
            url,
            credential: Credential::Bearer(token.to_owned().into()),
            form: Vec::new(),
        }
    }

    pub(crate) fn field(mut self, name: &'static str, value: impl Into<SecretString>) -> Self {
        self.form.push((name, value.into()));
        self
    }

    /// Where to send it.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// `POST` when there is a form to send, else `GET`.
    #[must_use]
    pub fn method(&self) -> &'static str {
        if self.form.is_empty() { "GET" } else { "POST" }
    }

    /// User and password for HTTP Basic, secret.
    #[must_use]
    pub fn basic_credentials(&self) -> Option<(&str, &str)> {
        match &self.credential {
            Credential::Basic { user, password } => Some((user, password.expose_secret())),
            Credential::Bearer(_) | Credential::Open => None,
        }
    }

    /// The token for `Authorization: Bearer`, secret.
    #[must_use]
    pub fn bearer_token(&self) -> Option<&str> {
        match &self.credential {
            Credential::Bearer(token) => Some(token.expose_secret()),
            Credential::Basic { .. } | Credential::Open => None,
        }
    }

    /// The body's fields, to send as `application/x-www-form-urlencoded`; secret.
    #[must_use]
    pub fn form_body(&self) -> Option<String> {
        if self.form.is_empty() {
            return None;
        }
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.form {
            body.append_pair(name, value.expose_secret());
        }
        Some(body.finish())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method(), self.url.path())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// Why an answer can't be used. Holds no part of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Clever refused.
    #[error("answered {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// The body is too large to be what was asked for.
    #[error("the answer is too large")]
    TooLarge,
    /// The body is not JSON of the expected shape.
    #[error("the answer is not the expected JSON")]
    NotJson,
    /// The document is about another issuer.
    #[error("the document is another issuer's")]
    OtherIssuer,
    /// The body lacks something needed, or has it in an unusable form.
    #[error("the answer has no usable `{0}`")]
    Missing(&'static str),
}

/// Largest answer read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Reads a successful answer as JSON.
pub(crate) fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, AnswerError> {
    if answer.status != 200 {
        return Err(AnswerError::Refused {
            status: answer.status,
        });
    }
    if answer.body.len() > MAX_ANSWER {
        return Err(AnswerError::TooLarge);
    }
    // Some servers begin with a mark of byte order.
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf");
    serde_json::from_slice(body.unwrap_or(&answer.body)).map_err(|_| AnswerError::NotJson)
}
