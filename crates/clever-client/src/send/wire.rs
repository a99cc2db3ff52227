//! The HTTP client that the calls of one service share: sends one request, once, and reads what comes.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use clever_auth::address::is_of_this_machine;
use clever_raw::page::PageError;
use futures_util::StreamExt;
use http::header::ACCEPT_ENCODING;
use reqwest::{Method, RequestBuilder, redirect};
use tokio::time::Instant;
use tracing::debug;
use url::Url;

use super::failure::{Failure, Received};
use super::retry::{self, Verdict};
use super::unpack::{self, Fault};
use crate::error::SetupError;
use crate::options::ClientOptions;

/// Most of an error answer that is read, in bytes.
const MAX_ERROR_BYTES: usize = 16 * 1024;

/// The service that is called; the label `service` of every metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Clever's data API.
    Api,
    /// Clever's login service.
    Login,
}

impl Service {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Login => "login",
        }
    }
}

/// A way to one service. Clones of a client share it.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) service: Service,
    pub(crate) options: ClientOptions,
    http: reqwest::Client,
    /// The same without a proxy.
    direct: reqwest::Client,
    /// Whether the service has ever answered.
    answered: AtomicBool,
}

impl Wire {
    /// Prepares a way with the options' time-outs.
    pub(crate) fn new(service: Service, options: ClientOptions) -> Result<Self, SetupError> {
        // What the caller's builder says of these is replaced; [`crate::HttpSetup`] says why.
        let ours = || {
            options
                .http
                .builder()
                .connect_timeout(options.connect_timeout)
                .timeout(options.request_timeout)
                .user_agent(&options.user_agent)
                .redirect(redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_gzip()
        };
        let http = ours().build().map_err(SetupError::Http)?;
        let direct = ours().no_proxy().build().map_err(SetupError::Http)?;
        Ok(Self {
            service,
            options,
            http,
            direct,
            answered: AtomicBool::new(false),
        })
    }

    /// Says whether the service has ever answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// A request to be filled in.
    pub(crate) fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        let client = if url.scheme() == "http" && is_of_this_machine(url) {
            &self.direct
        } else {
            &self.http
        };
        let request = client.request(method, url.clone());
        request.header(ACCEPT_ENCODING, unpack::GZIP)
    }

    /// Sends a request, once, and reads its answer, of a success at most `most` bytes. Whatever has a head tells
    /// `learn` before its body is read.
    pub(crate) async fn exchange(
        &self,
        request: RequestBuilder,
        most: usize,
        learn: impl FnOnce(&http::HeaderMap) + Send,
    ) -> Result<Received, Failure> {
        let started = Instant::now();
        let service = self.service.as_str();
        let network = |error: reqwest::Error, received: usize| {
            metrics::counter!("clever_unanswered_total", "service" => service).increment(1);
            Failure::Network {
                error: error.without_url(),
                received: received as u64,
            }
        };
        let response = request.send().await.map_err(|error| network(error, 0))?;
        self.answered.store(true, Ordering::Relaxed);
        let (status, headers) = (response.status(), response.headers().clone());
        learn(&headers);
        let success = retry::verdict(status) == Verdict::Success;
        let limit = if success { most } else { MAX_ERROR_BYTES };
        let packed = unpack::is_packed(&headers);
        let mut body = BytesMut::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            // An error answer that breaks off is still that answer.
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(_) if !success => break,
                Err(error) => return Err(network(error, body.len())),
            };
            if body.len() + chunk.len() > limit {
                if success {
                    return Err(Failure::TooLarge);
                }
                break;
            }
            body.extend_from_slice(&chunk);
        }
        let body = match unpack::body(body.freeze(), packed, limit) {
            Ok(body) => body,
            // As above: of an error, what can be read is enough.
            Err(Fault::Damaged(body) | Fault::TooLarge(body)) if !success => body,
            Err(Fault::Damaged(_)) => return Err(Failure::Undecodable(PageError::Damaged)),
            Err(Fault::TooLarge(_)) => return Err(Failure::TooLarge),
        };
        debug!(
            status = status.as_u16(),
            bytes = body.len(),
            ms = started.elapsed().as_millis(),
            "answered"
        );
        // No path in a label: ids would make as many series as there are records.
        metrics::counter!("clever_answers_total", "service" => service, "status" => status.as_u16().to_string())
            .increment(1);
        metrics::histogram!("clever_answer_seconds", "service" => service)
            .record(started.elapsed().as_secs_f64());
        metrics::counter!("clever_answer_bytes_total", "service" => service)
            .increment(body.len() as u64);
        let answer = Received {
            status,
            headers,
            body,
        };
        if success && !answer.is_html() {
            Ok(answer)
        } else {
            Err(Failure::Answer(answer))
        }
    }
}
