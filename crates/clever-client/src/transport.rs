//! One call, with its retries: the body belongs to the attempt, so a connection lost in the middle
//! of a page is tried again like one that was never made.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use clever_auth::{App, DistrictAppToken, LibraryToken, UserToken, district_tokens};
use clever_model::DistrictId;
use clever_raw::operation::{Call, Hosts, InvalidRequest, Operation};
use clever_raw::page::PageError;
use clever_raw::text::without_mark;
use clever_raw::v3_1::operations::{GetDistricts, GetSchools};
use futures_util::StreamExt;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, redirect};
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use tracing::{Instrument, debug, debug_span, info, warn};
use url::{Host, Url};

use crate::error::{self, ClientError, ErrorKind, SetupError};
use crate::governor::Governor;
use crate::notice::Notice;
use crate::options::ClientOptions;
use crate::paged::read_answer;
use crate::retry::{self, Verdict};
use crate::sign_in::LoginService;
use crate::typed::DriftCount;

/// Most of an error answer that is read, in bytes.
const MAX_ERROR_BYTES: usize = 16 * 1024;

/// What all clones of a client share.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) options: ClientOptions,
    http: reqwest::Client,
    token: RwLock<Bearer>,
    renewal: Option<Renewal>,
    pub(crate) version: &'static str,
    governor: Governor,
    /// Whether the API has ever answered.
    answered: AtomicBool,
    /// Whether the token has ever opened something.
    opened: AtomicBool,
    pub(crate) drift: DriftCount,
}

/// How to find a district's token again after it was changed.
#[derive(Debug)]
pub(crate) struct Renewal {
    pub(crate) service: LoginService,
    pub(crate) app: App,
    pub(crate) district: DistrictId,
    /// One asks, the others wait.
    pub(crate) gate: tokio::sync::Mutex<()>,
}

/// The token of a client; which calls it may make is the handle's matter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bearer {
    District(DistrictAppToken),
    User(UserToken),
    Library(LibraryToken),
}

impl Bearer {
    fn secret(&self) -> &str {
        match self {
            Self::District(token) => token.secret(),
            Self::User(token) => token.secret(),
            Self::Library(token) => token.secret(),
        }
    }
}

/// Reads a body; what can't be read is asked for again.
pub(crate) type Read<T> = fn(Bytes) -> Result<T, PageError>;

/// How a read is tried.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tries {
    /// Whether it is of a list that the token should open: what is refused then may be a passing fault, while a single
    /// record may be gone.
    pub(crate) of_list: bool,
    /// Whether less can be asked for: then a slow answer is not tried to the end.
    pub(crate) can_shrink: bool,
    /// When the silence has lasted long enough; else the longest silence begins with the call.
    pub(crate) until: Option<Instant>,
}

/// What is asked: an operation, or the address that a page's link names.
struct Asked<'a> {
    method: Method,
    url: &'a Url,
    body: Option<Bytes>,
    tries: Tries,
}

impl Asked<'_> {
    /// Says whether it may change something at Clever.
    fn changes(&self) -> bool {
        self.method != Method::GET
    }
}

/// Why one attempt gave no usable answer.
enum Failure {
    Answer {
        status: http::StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    Network {
        error: reqwest::Error,
        received: u64,
    },
    Undecodable(PageError),
    TooLarge,
}

impl Failure {
    /// What was wrong, for whoever waits.
    fn cause(&self) -> String {
        match self {
            Self::Answer {
                status, headers, ..
            } => {
                let html = is_html(headers);
                let page = if html { " with an HTML page" } else { "" };
                format!("answered {}{page}", status.as_u16())
            }
            Self::Network { error, received } if error.is_timeout() && *received > 0 => {
                "the answer took too long".to_owned()
            }
            Self::Network { error, .. } if error.is_timeout() => "no answer in time".to_owned(),
            Self::Network { error, .. } if error.is_connect() => "no connection".to_owned(),
            Self::Network { .. } => "the connection broke".to_owned(),
            Self::Undecodable(error) => error.to_string(),
            Self::TooLarge => "the answer is too large".to_owned(),
        }
    }
}

impl Transport {
    pub(crate) fn new(
        options: ClientOptions,
        token: Bearer,
        version: &'static str,
        renewal: Option<Renewal>,
    ) -> Result<Arc<Self>, SetupError> {
        check_address(&options.api_url)?;
        if !(1..=10_000).contains(&options.page_limit) {
            return Err(SetupError::PageLimit(options.page_limit));
        }
        let http = http_client(&options)?;
        Ok(Arc::new(Self {
            options,
            http,
            token: RwLock::new(token),
            renewal,
            version,
            governor: Governor::default(),
            answered: AtomicBool::new(false),
            opened: AtomicBool::new(false),
            drift: DriftCount::default(),
        }))
    }

    /// Where calls go, and in which version: the API's address, without a user, password or query.
    pub(crate) fn reads_from(&self) -> String {
        let url = &self.options.api_url;
        let path = url.path().trim_end_matches('/');
        let origin = url.origin().ascii_serialization();
        format!("{origin}{path}/{}/", self.version)
    }

    /// The address that `call` is sent to.
    pub(crate) fn address(&self, call: &Call) -> Result<Url, ClientError> {
        let address = call.address(&Hosts::new(self.options.api_url.as_str()));
        Url::parse(&address).map_err(|_| {
            let path = call.place().path;
            InvalidRequest::Address { path }.into()
        })
    }

    /// Gets what `read` makes of an answer, with the tries that a read is worth.
    pub(crate) async fn get<T>(
        &self,
        url: &Url,
        tries: Tries,
        read: Read<T>,
    ) -> Result<T, ClientError> {
        let span = debug_span!("clever_call", path = shape(url.path()));
        let until = tries.until.unwrap_or_else(|| self.silent_until());
        let asked = Asked {
            method: Method::GET,
            url,
            body: None,
            tries,
        };
        let tried = self.tried(&asked, read).instrument(span);
        match tokio::time::timeout_at(until, tried).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Silent {
                path: url.path().to_owned(),
                waited: self.options.max_silence,
            }),
        }
    }

    /// When a silence that begins now has lasted long enough.
    pub(crate) fn silent_until(&self) -> Instant {
        let now = Instant::now();
        // An end too far away to be expressed is later than any process lives.
        now.checked_add(self.options.max_silence)
            .unwrap_or(now + Duration::from_secs(365 * 86_400))
    }

    /// Sends an operation and reads its answer.
    ///
    /// A write is sent again only if it certainly had no effect: it was refused by the rate limit, or for a
    /// token that has changed, or never connected.
    pub(crate) async fn call<O: Operation>(&self, operation: &O) -> Result<O::Answer, ClientError> {
        let call = operation.call()?;
        let url = self.address(&call)?;
        let asked = Asked {
            method: call.place().method.clone(),
            url: &url,
            body: call.body().cloned(),
            tries: Tries::default(),
        };
        if !asked.changes() {
            return self.get(&url, Tries::default(), read_answer).await;
        }
        let span = debug_span!("clever_write", path = call.place().path);
        let answer = self.tried(&asked, read_answer).instrument(span).await;
        answer.map_err(|error| match error {
            ClientError::Network { source, .. } if source.is_connect() => ClientError::Network {
                path: url.path().to_owned(),
                attempts: 1,
                received: 0,
                source,
            },
            error if error.kind().leaves_doubt() => ClientError::Unsure {
                path: url.path().to_owned(),
                source: Box::new(error),
            },
            error => error,
        })
    }

    async fn tried<T>(&self, call: &Asked<'_>, read: Read<T>) -> Result<T, ClientError> {
        let url = call.url;
        let policy = self.options.retry;
        let path = url.path().to_owned();
        let (mut attempt, mut asked_anew) = (0, false);
        loop {
            attempt += 1;
            self.wait_for_turn(&path).await?;
            let token = self.token();
            let failure = match self.attempt(call, &token, read).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let refused = matches!(&failure, Failure::Answer { status, .. } if matches!(status.as_u16(), 401 | 403));
            // Once a call: what else may help is to wait.
            if refused && !std::mem::replace(&mut asked_anew, true) && self.renew(&token).await {
                continue;
            }
            let pace = policy.delay(attempt, fastrand::f64());
            let (wait, most) = match &failure {
                Failure::Answer {
                    status, headers, ..
                } => match retry::verdict_of(*status, is_html(headers)) {
                    Verdict::RateLimited => {
                        let wait =
                            retry::rate_wait(headers, self.options.clock.now(), fastrand::f64());
                        if wait > policy.max_rate_wait {
                            return Err(ClientError::RateLimited { path, wait });
                        }
                        // If Clever gives the window's end wrongly, all tries together still outlast a window.
                        (Some(wait.max(pace * 4)), policy.max_attempts)
                    }
                    _ if call.changes() => (None, 0),
                    Verdict::Transient => (Some(pace), policy.max_attempts),
                    Verdict::Strange => (Some(pace), self.once_opened(policy.max_attempts)),
                    Verdict::Refused if self.doubts(*status, call) => {
                        (Some(pace), self.once_opened(retry::REFUSED_ATTEMPTS))
                    }
                    Verdict::Refused | Verdict::Success | Verdict::TooLarge | Verdict::Final => {
                        (None, 0)
                    }
                },
                Failure::Network { error, .. } if error.is_builder() => (None, 0),
                Failure::Network { error, .. }
                    if error.is_connect() && !self.answered.load(Ordering::Relaxed) =>
                {
                    (Some(pace), retry::FIRST_CONTACT_ATTEMPTS)
                }
                Failure::Network { error, .. } if call.changes() && !error.is_connect() => {
                    (None, 0)
                }
                Failure::Undecodable(_) if call.changes() => (None, 0),
                Failure::Network { error, received }
                    if error.is_timeout() && *received > 0 && call.tries.can_shrink =>
                {
                    (Some(pace), retry::SLOW_ATTEMPTS)
                }
                Failure::Network { .. } | Failure::Undecodable(_) => {
                    (Some(pace), policy.max_attempts)
                }
                Failure::TooLarge => (None, 0),
            };
            let most = most.min(policy.max_attempts.max(1));
            match wait {
                Some(wait) if attempt < most => {
                    debug!(attempt, wait_ms = wait.as_millis(), "will try again");
                    metrics::counter!("clever_retries_total").increment(1);
                    self.options.watch.notice(&Notice::Again {
                        path: path.clone(),
                        cause: failure.cause(),
                        attempt: attempt + 1,
                        of: most,
                        wait,
                    });
                    sleep(wait).await;
                }
                _ => {
                    let confirmed = self.confirms(&failure, call).await;
                    return Err(self.give_up(failure, call.url, attempt, confirmed));
                }
            }
        }
    }

    /// How often a call is tried that something before Clever's API may have answered: a token or an address that never
    /// opened anything may simply be wrong.
    fn once_opened(&self, attempts: u32) -> u32 {
        if self.opened.load(Ordering::Relaxed) {
            attempts
        } else {
            attempts.min(retry::FIRST_CONTACT_ATTEMPTS)
        }
    }

    /// Says whether a refusal may be a fault that passes: a district's token opens the same until it is changed.
    fn doubts(&self, status: http::StatusCode, call: &Asked<'_>) -> bool {
        let of_token = status.as_u16() == 401;
        (of_token || call.tries.of_list) && matches!(self.token(), Bearer::District(_))
    }

    /// Asks, where a call was refused, whether it is the token that is: by another call with it.
    async fn confirms(&self, failure: &Failure, call: &Asked<'_>) -> bool {
        let refusal = |failure: &Failure| match failure {
            Failure::Answer {
                status,
                headers,
                body,
            } => retry::is_refusal(*status, is_html(headers), body),
            _ => false,
        };
        if !refusal(failure) {
            return false;
        }
        let token = self.token();
        if !matches!(token, Bearer::District(_)) {
            return true;
        }
        let districts = GetDistricts::PLACE.path;
        let other = if call.url.path().ends_with(districts) {
            GetSchools::default().call().map(|call| call.limit(1))
        } else {
            GetDistricts::default().call()
        };
        let other = other.map(|call| call.in_version(self.version));
        let Some(other) = other.ok().and_then(|call| self.address(&call).ok()) else {
            return false;
        };
        let second = Asked {
            method: Method::GET,
            url: &other,
            body: None,
            tries: Tries::default(),
        };
        if self.wait_for_turn(other.path()).await.is_err() {
            return false;
        }
        match self.attempt(&second, &token, |_| Ok(())).await {
            Ok(()) => false,
            Err(failure) => refusal(&failure),
        }
    }

    /// Waits until the rate limit lets one more request through.
    async fn wait_for_turn(&self, path: &str) -> Result<(), ClientError> {
        loop {
            let wait = match self.governor.take(Instant::now()) {
                Ok(Duration::ZERO) => return Ok(()),
                Ok(pause) => {
                    let pause = pause.min(self.options.retry.max_rate_wait);
                    metrics::histogram!("clever_rate_wait_seconds").record(pause.as_secs_f64());
                    sleep(pause).await;
                    return Ok(());
                }
                Err(wait) => wait,
            };
            if wait > self.options.retry.max_rate_wait {
                return Err(ClientError::RateLimited {
                    path: path.to_owned(),
                    wait,
                });
            }
            debug!(wait_ms = wait.as_millis(), "the rate limit is used up");
            self.options.watch.notice(&Notice::Limited {
                path: path.to_owned(),
                wait,
            });
            metrics::histogram!("clever_rate_wait_seconds").record(wait.as_secs_f64());
            sleep(wait + Duration::from_secs(1).mul_f64(fastrand::f64())).await;
        }
    }

    /// The token of now.
    fn token(&self) -> Bearer {
        self.token
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads the district's token again after `refused` was; says whether there is another one.
    async fn renew(&self, refused: &Bearer) -> bool {
        let Some(renewal) = &self.renewal else {
            return false;
        };
        let _turn = renewal.gate.lock().await;
        if self.token() != *refused {
            return true;
        }
        let district = &renewal.district;
        let grants = renewal
            .service
            .district_grants(&renewal.app, Some(district));
        let grants = match grants.await {
            Ok(grants) => grants,
            Err(error) => {
                warn!(%district, %error, "the district's token was refused, and could not be read again");
                return false;
            }
        };
        let Some(grant) = district_tokens::current(&grants, district) else {
            return false;
        };
        let token = Bearer::District(grant.token.clone());
        let other = token != *refused;
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
        if other {
            info!(%district, "the district's token had changed");
            metrics::counter!("clever_token_renewals_total").increment(1);
        }
        other
    }

    async fn attempt<T>(
        &self,
        call: &Asked<'_>,
        token: &Bearer,
        read: Read<T>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let network = |error: reqwest::Error, received: usize| Failure::Network {
            error: error.without_url(),
            received: received as u64,
        };
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.secret()))
            .unwrap_or(HeaderValue::from_static("Bearer"));
        bearer.set_sensitive(true);
        let mut request = self
            .http
            .request(call.method.clone(), call.url.clone())
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, bearer);
        if call.changes() {
            request = request.timeout(self.options.write_timeout);
        }
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let response = request.send().await.map_err(|error| network(error, 0))?;
        self.answered.store(true, Ordering::Relaxed);
        let (status, headers) = (response.status(), response.headers().clone());
        if let Some(standing) = retry::window(&headers, self.options.clock.now()) {
            self.governor.learn(standing, Instant::now());
        }
        let success = retry::verdict(status) == Verdict::Success;
        let limit = if success {
            self.options.max_page_bytes
        } else {
            MAX_ERROR_BYTES
        };
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
        debug!(
            status = status.as_u16(),
            bytes = body.len(),
            ms = started.elapsed().as_millis(),
            "answered"
        );
        // No path in a label: ids would make as many series as there are records.
        metrics::counter!("clever_answers_total", "status" => status.as_u16().to_string())
            .increment(1);
        metrics::histogram!("clever_answer_seconds").record(started.elapsed().as_secs_f64());
        metrics::counter!("clever_answer_bytes_total").increment(body.len() as u64);
        let body = body.freeze();
        if !success || is_html(&headers) {
            return Err(Failure::Answer {
                status,
                headers,
                body,
            });
        }
        let answer = read(body).map_err(Failure::Undecodable)?;
        self.opened.store(true, Ordering::Relaxed);
        Ok(answer)
    }

    /// Turns the last failure into the caller's error.
    fn give_up(&self, failure: Failure, url: &Url, attempts: u32, confirmed: bool) -> ClientError {
        let path = url.path().to_owned();
        match failure {
            Failure::Network { error, received } => ClientError::Network {
                path,
                attempts,
                received,
                source: error,
            },
            Failure::Undecodable(source) => ClientError::Undecodable {
                path,
                attempts,
                source,
            },
            Failure::TooLarge => ClientError::TooLarge {
                path,
                limit: self.options.max_page_bytes,
            },
            Failure::Answer {
                status,
                headers,
                body,
            } => {
                let content_type = header(&headers, CONTENT_TYPE.as_str());
                let html = is_html(&headers);
                let redirect = header(&headers, LOCATION.as_str())
                    .filter(|_| status.is_redirection())
                    .and_then(|to| url.join(&to).ok())
                    // The host alone: a query may hold anything.
                    .and_then(|to| Some(format!("a redirect to {}", to.host_str()?)));
                let kind = match status.as_u16() {
                    401 | 403 => ErrorKind::Unauthorized,
                    200..=299 => ErrorKind::WrongTokenKind,
                    404 if html => ErrorKind::WrongTokenKind,
                    404 => ErrorKind::NotShared,
                    413 => ErrorKind::TooLarge,
                    429 => ErrorKind::RateLimited,
                    501 => ErrorKind::Refused,
                    408 | 500..=599 => ErrorKind::Server,
                    _ => ErrorKind::Refused,
                };
                ClientError::Answer {
                    path,
                    status: status.as_u16(),
                    content_type: content_type.map(|text| text.chars().take(80).collect()),
                    request_id: header(&headers, "x-request-id")
                        .or_else(|| header(&headers, "clever-request-id"))
                        .map(|id| id.chars().take(80).collect()),
                    message: redirect.or_else(|| message(&body)),
                    attempts,
                    kind,
                    confirmed,
                }
            }
        }
    }
}

/// Makes the HTTP client that all calls share.
pub(crate) fn http_client(options: &ClientOptions) -> Result<reqwest::Client, SetupError> {
    reqwest::Client::builder()
        .connect_timeout(options.connect_timeout)
        .timeout(options.request_timeout)
        .user_agent(&options.user_agent)
        // A redirect could carry the token elsewhere; the API has none.
        .redirect(redirect::Policy::none())
        .build()
        .map_err(SetupError::Http)
}

/// Refuses an address that can't carry requests, or would show the token to the network.
fn check_address(url: &Url) -> Result<(), SetupError> {
    let shown = || {
        let mut shown = url.clone();
        // An address may carry a password; one that can't has none to hide.
        let _ = shown.set_password(None);
        shown.to_string()
    };
    let local = match url.host() {
        None => return Err(SetupError::Address(shown())),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if local => Ok(()),
        "http" => Err(SetupError::Insecure(shown())),
        _ => Err(SetupError::Address(shown())),
    }
}

/// A path without ids, for spans: `/v3.1/users/{id}/sections`.
fn shape(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        let word = |c: char| c.is_ascii_lowercase();
        let version =
            part.starts_with('v') && part[1..].chars().all(|c| c.is_ascii_digit() || c == '.');
        if version || part.chars().all(word) {
            part
        } else {
            "{id}"
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}

/// Says whether an answer is a web page.
fn is_html(headers: &HeaderMap) -> bool {
    header(headers, CONTENT_TYPE.as_str()).is_some_and(|text| error::is_html(&text))
}

/// The words of an error answer: `message` (v2 and later), `error_description` or `error`.
fn message(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Words {
        message: Option<String>,
        error_description: Option<String>,
        error: Option<String>,
    }
    let words: Words = serde_json::from_slice(without_mark(body)).ok()?;
    words
        .message
        .or(words.error_description)
        .or(words.error)
        .map(|text| error::redacted(&text))
        .filter(|text| !text.is_empty())
}
