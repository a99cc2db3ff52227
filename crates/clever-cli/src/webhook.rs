//! A webhook in the form of Standard Webhooks (standardwebhooks.com): signed, so that whoever gets it knows whose it is.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clever_model::{Clock, SystemClock};
use reqwest::{Client, StatusCode, redirect};
use url::{Host, Url};

use crate::diagnostics::Usage;
use crate::settings;

/// The variable with the secret that signs.
pub(crate) const SECRET_VARIABLE: &str = "CLEVER_WEBHOOK_SECRET";

/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// A secret's least length, in bytes.
const MIN_SECRET: usize = 24;

/// A receiver, and the key that signs what it gets.
#[derive(Debug)]
pub(crate) struct Webhook {
    url: Url,
    http: Client,
    key: Option<hmac::Key>,
}

/// Why a message is not delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDelivered {
    /// The receiver answered that it wants no more.
    #[error("the receiver at {0} wants no more messages (410)")]
    Gone(String),
    /// The receiver answered with an error.
    #[error("the receiver at {host} answered {status}")]
    Answered {
        /// The receiver's host.
        host: String,
        /// What it answered.
        status: StatusCode,
    },
    /// The receiver can't be reached.
    #[error("the receiver at {host} can't be reached")]
    Unreachable {
        /// The receiver's host.
        host: String,
        /// Why, without the address: it may hold a secret.
        #[source]
        source: reqwest::Error,
    },
}

impl Webhook {
    /// Takes a receiver that wants no signature, as Slack does.
    pub(crate) fn unsigned(url: &Url) -> Result<Self> {
        check(url)?;
        let http = Client::builder()
            .timeout(TIMEOUT)
            .user_agent(concat!("cleverctl/", env!("CARGO_PKG_VERSION")))
            // It could carry the message elsewhere.
            .redirect(redirect::Policy::none())
            .build()
            .context("the HTTP client could not be prepared")?;
        Ok(Self {
            url: url.clone(),
            http,
            key: None,
        })
    }

    /// Takes a receiver, and the secret from `file` or from the environment.
    pub(crate) fn signed(url: &Url, file: Option<&Path>) -> Result<Self> {
        let hint = format!(
            "make one with `echo whsec_$(openssl rand -base64 32)`, put it into {SECRET_VARIABLE} or a file, and give it \
             to the receiver"
        );
        let Some((text, source)) = settings::secret(file, SECRET_VARIABLE)? else {
            return Err(
                Usage::new("a webhook is signed, and there is no secret for it")
                    .hint(hint)
                    .into(),
            );
        };
        let text = text.trim();
        let secret = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text));
        let secret = secret.ok().filter(|bytes| bytes.len() >= MIN_SECRET);
        let Some(secret) = secret else {
            return Err(Usage::new(format!(
                "the webhook's secret in {source} is not at least {MIN_SECRET} bytes in base64"
            ))
            .hint(hint)
            .into());
        };
        Ok(Self {
            key: Some(hmac::Key::new(hmac::HMAC_SHA256, &secret)),
            ..Self::unsigned(url)?
        })
    }

    /// Sends a message once. `id` is the same whenever the same message is sent again.
    pub(crate) async fn send(&self, id: &str, body: &[u8]) -> Result<(), NotDelivered> {
        let mut request = self
            .http
            .post(self.url.clone())
            .header("content-type", "application/json")
            .body(body.to_vec());
        if let Some(key) = &self.key {
            let at = SystemClock.now().as_second();
            request = request
                .header("webhook-id", id)
                .header("webhook-timestamp", at.to_string())
                .header("webhook-signature", signature(key, id, at, body));
        }
        let host = || self.url.host_str().unwrap_or_default().to_owned();
        let answer = request
            .send()
            .await
            .map_err(|error| NotDelivered::Unreachable {
                host: host(),
                source: error.without_url(),
            })?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::GONE => Err(NotDelivered::Gone(host())),
            status => Err(NotDelivered::Answered {
                host: host(),
                status,
            }),
        }
    }
}

/// Signs `ID.SECONDS.BODY`.
fn signature(key: &hmac::Key, id: &str, at: i64, body: &[u8]) -> String {
    let mut signing = hmac::Context::with_key(key);
    signing.update(format!("{id}.{at}.").as_bytes());
    signing.update(body);
    format!("v1,{}", STANDARD.encode(signing.sign()))
}

/// Refuses an address that would show messages to the network.
fn check(url: &Url) -> Result<()> {
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_local => Ok(()),
        _ => {
            // The rest of the address may be a secret.
            let host = url.host_str().unwrap_or_default();
            Err(
                Usage::new(format!("the webhook at `{host}` is not encrypted"))
                    .hint("use https; http is for this machine only")
                    .into(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_standards_own_example() {
        // From the specification and the libraries of Standard Webhooks.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn only_this_machine_is_told_in_clear_text() {
        for (url, is_fine) in [
            ("https://example.org/hook", true),
            ("http://127.0.0.1:9/hook", true),
            ("http://localhost/hook", true),
            ("http://example.org/hook", false),
            ("http://localhost.example.org/hook", false),
            ("ftp://example.org/hook", false),
        ] {
            assert_eq!(check(&url.parse().unwrap()).is_ok(), is_fine, "{url}");
        }
    }
}
