//! What a caller may choose; the defaults are for Clever's own service.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clever_model::{Clock, SystemClock};
use url::Url;

use crate::notice::Watch;
use crate::send::retry::RetryPolicy;

/// A version of Clever's data API that this crate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiVersion {
    /// Version 3.0.
    V3_0,
    /// Version 3.1: 3.0 with more fields.
    #[default]
    V3_1,
}

/// A text that names no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown API version {0:?}; known are v3.0 and v3.1")]
pub struct UnknownVersion(pub String);

impl ApiVersion {
    /// Returns the version as paths have it: `v3.1`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V3_0 => "v3.0",
            Self::V3_1 => "v3.1",
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ApiVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        match text.strip_prefix('v').unwrap_or(text) {
            "3.0" => Ok(Self::V3_0),
            "3.1" => Ok(Self::V3_1),
            _ => Err(UnknownVersion(text.chars().take(20).collect())),
        }
    }
}

/// The settings of the HTTP client: proxies, an own CA, a client certificate, addresses of names.
///
/// Without any, the client trusts the roots of the system and goes by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
/// `NO_PROXY`, in upper or lower case.
///
/// ```
/// use clever_client::{ClientOptions, HttpSetup, reqwest};
///
/// # fn f(ca: &[u8]) -> Result<ClientOptions, reqwest::Error> {
/// let ca = reqwest::Certificate::from_pem(ca)?;
/// let proxy = reqwest::Proxy::all("http://proxy.example:3128")?;
/// let http = HttpSetup::new(move || {
///     reqwest::Client::builder().tls_certs_merge([ca.clone()]).proxy(proxy.clone())
/// });
/// # Ok(
/// ClientOptions { http, ..ClientOptions::default() }
/// # )
/// # }
/// ```
///
/// These settings of a builder are replaced, because the rest of this crate relies on them:
///
/// - *Redirects* are not followed: one could carry a token elsewhere.
/// - *Retries* are those of [`RetryPolicy`]: a client that sent a write again by itself could have it done twice.
/// - *Time-outs* of a connection and of a request, and the *user agent*, are those of [`ClientOptions`].
/// - What goes to this machine without encryption takes *no proxy*: another one would see the token.
#[derive(Clone)]
pub struct HttpSetup(Arc<dyn Fn() -> reqwest::ClientBuilder + Send + Sync>);

impl HttpSetup {
    /// Takes what makes the builder of a client. It is called several times.
    pub fn new(make: impl Fn() -> reqwest::ClientBuilder + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    pub(crate) fn builder(&self) -> reqwest::ClientBuilder {
        (self.0)()
    }
}

impl Default for HttpSetup {
    fn default() -> Self {
        Self::new(reqwest::Client::builder)
    }
}

impl fmt::Debug for HttpSetup {
    // A proxy's address may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpSetup(…)")
    }
}

/// Where and how to call.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The API's origin, and a path prefix if there is a proxy before it.
    pub api_url: Url,
    /// The version to speak; events and data must be read in the same one.
    pub version: ApiVersion,
    /// Records a page, 1 to 10,000; halved for the rest of a walk when pages are refused as too large.
    pub page_limit: u32,
    /// When and how often to try again.
    pub retry: RetryPolicy,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for a whole answer.
    pub request_timeout: Duration,
    /// Longest wait for a page of a list, with all tries: a walk that is silent for longer ends with an error.
    pub max_silence: Duration,
    /// Longest wait for the answer to a write; learning management systems are slow.
    pub write_timeout: Duration,
    /// What to say in `User-Agent`.
    pub user_agent: String,
    /// Whether `http://` hosts other than this machine may be called, as in a closed network of containers: everybody on
    /// the way can read the token. Clever's own addresses are never called so.
    pub insecure_http: bool,
    /// The HTTP client to make: proxies, an own CA, a client certificate.
    pub http: HttpSetup,
    /// Largest answer read, in bytes after decompression.
    pub max_page_bytes: usize,
    /// The clock against which `x-ratelimit-reset` is read in an answer without a date.
    pub clock: Arc<dyn Clock>,
    /// Hears why a call takes longer than it should.
    pub watch: Arc<dyn Watch>,
}

impl Default for ClientOptions {
    #[expect(
        clippy::expect_used,
        reason = "the address is a constant that parses; a test says so"
    )]
    fn default() -> Self {
        Self {
            api_url: Url::parse("https://api.clever.com").expect("a constant URL"),
            version: ApiVersion::default(),
            page_limit: 2000,
            retry: RetryPolicy::default(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(120),
            max_silence: Duration::from_secs(15 * 60),
            write_timeout: Duration::from_secs(60),
            user_agent: concat!("clever-client/", env!("CARGO_PKG_VERSION"), " (Rust)").to_owned(),
            insecure_http: false,
            http: HttpSetup::default(),
            max_page_bytes: 256 * 1024 * 1024,
            clock: Arc::new(SystemClock),
            watch: Arc::new(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_clevers_own() {
        assert_eq!(
            ClientOptions::default().api_url.as_str(),
            "https://api.clever.com/"
        );
    }

    #[test]
    fn versions_read_with_and_without_the_letter() {
        assert_eq!("v3.0".parse(), Ok(ApiVersion::V3_0));
        assert_eq!("3.1".parse(), Ok(ApiVersion::V3_1));
        assert_eq!(
            "v2.1".parse::<ApiVersion>(),
            Err(UnknownVersion("v2.1".to_owned()))
        );
    }
}
