//! One call, with its retries: the body belongs to the attempt, so a connection lost in the middle
//! of a page is tried again like one that was never made.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use clever_auth::tokens::grants;
use clever_auth::{App, DistrictAppToken, LibraryToken, UserToken, address};
use clever_model::DistrictId;
use clever_raw::operation::{self, Hosts, InvalidRequest, Operation};
use clever_raw::page::PageError;
use clever_raw::text::without_mark;
use clever_raw::v3_1::operations::{GetDistricts, GetSchools};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::Method;
use serde::Deserialize;
use tokio::time::{Instant, sleep};
use tracing::{Instrument, debug, debug_span, info, warn};
use url::Url;

use crate::drift::DriftCount;
use crate::error::{self, ClientError, ErrorKind, SetupError};
use crate::notice::Notice;
use crate::options::ClientOptions;
use crate::send::attempts::{Call, GivenUp};
use crate::send::body::read_answer;
use crate::send::failure::{Failure, Received};
use crate::send::governor::Governor;
use crate::send::retry::{self, Chances};
use crate::send::wire::{Service, Wire};
use crate::sign_in::LoginService;

/// What all clones of a client share: a token, and the way on which it goes.
#[derive(Debug)]
pub(crate) struct Caller {
    wire: Wire,
    token: RwLock<Bearer>,
    renewal: Option<Renewal>,
    pub(crate) version: &'static str,
    governor: Governor,
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

/// A call on its way.
struct Sent<'a, T> {
    caller: &'a Caller,
    asked: Asked<'a>,
    read: Read<T>,
    /// Whether another token was asked for: once a call, for what else may help is to wait.
    asked_anew: bool,
}

impl<T: Send> Call for Sent<'_, T> {
    type Answer = T;

    async fn attempt(&mut self) -> Result<T, Failure> {
        let caller = self.caller;
        let (token, attempt) = caller.once(&self.asked, self.read).await;
        let refused = matches!(&attempt, Err(Failure::Answer(answer)) if matches!(answer.status.as_u16(), 401 | 403));
        if refused && !std::mem::replace(&mut self.asked_anew, true) && caller.renew(&token).await {
            return caller.once(&self.asked, self.read).await.1;
        }
        attempt
    }

    fn chances(&self, failure: &Failure) -> Chances {
        let most = self.caller.options().retry.max_attempts;
        let doubts = match failure {
            Failure::Answer(answer) => self.caller.doubts(answer.status, &self.asked),
            _ => false,
        };
        Chances {
            changes: self.asked.changes(),
            strange: self.caller.once_opened(most),
            refused: if doubts {
                self.caller.once_opened(retry::REFUSED_ATTEMPTS)
            } else {
                0
            },
            slow: if self.asked.tries.can_shrink {
                retry::SLOW_ATTEMPTS
            } else {
                most
            },
        }
    }
}

impl Caller {
    pub(crate) fn new(
        options: ClientOptions,
        token: Bearer,
        version: &'static str,
        renewal: Option<Renewal>,
    ) -> Result<Arc<Self>, SetupError> {
        address::check(&options.api_url, options.insecure_http).map_err(|why| {
            let mut shown = options.api_url.clone();
            // An address may carry a password; one that can't has none to hide.
            let _ = shown.set_password(None);
            SetupError::Address(shown.to_string(), why)
        })?;
        if !(1..=10_000).contains(&options.page_limit) {
            return Err(SetupError::PageLimit(options.page_limit));
        }
        Ok(Arc::new(Self {
            wire: Wire::new(Service::Api, options)?,
            token: RwLock::new(token),
            renewal,
            version,
            governor: Governor::default(),
            opened: AtomicBool::new(false),
            drift: DriftCount::default(),
        }))
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.wire.options
    }

    /// Where calls go, and in which version: the API's address, without a user, password or query.
    pub(crate) fn reads_from(&self) -> String {
        let url = &self.options().api_url;
        let path = url.path().trim_end_matches('/');
        let origin = url.origin().ascii_serialization();
        format!("{origin}{path}/{}/", self.version)
    }

    /// The address that `call` is sent to.
    pub(crate) fn address(&self, call: &operation::Call) -> Result<Url, ClientError> {
        let address = call.address(&Hosts::new(self.options().api_url.as_str()));
        Url::parse(&address).map_err(|_| {
            let path = call.place().path;
            InvalidRequest::Address { path }.into()
        })
    }

    /// Gets what `read` makes of an answer, with the tries that a read is worth.
    pub(crate) async fn get<T: Send>(
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
        let tried = self.tried(asked, read).instrument(span);
        match tokio::time::timeout_at(until, tried).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Silent {
                path: url.path().to_owned(),
                waited: self.options().max_silence,
            }),
        }
    }

    /// When a silence that begins now has lasted long enough.
    pub(crate) fn silent_until(&self) -> Instant {
        let now = Instant::now();
        // An end too far away to be expressed is later than any process lives.
        now.checked_add(self.options().max_silence)
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
        let answer = self.tried(asked, read_answer).instrument(span).await;
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

    async fn tried<T: Send>(&self, asked: Asked<'_>, read: Read<T>) -> Result<T, ClientError> {
        let path = asked.url.path();
        let mut sent = Sent {
            caller: self,
            asked,
            read,
            asked_anew: false,
        };
        match self.wire.tried(path, &mut sent).await {
            Ok(answer) => Ok(answer),
            Err(given_up) => {
                let confirmed = self.confirms(&given_up.failure, &sent.asked).await;
                Err(self.error(given_up, sent.asked.url, confirmed))
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
            Failure::Answer(answer) => {
                retry::is_refusal(answer.status, answer.is_html(), &answer.body)
            }
            _ => false,
        };
        if !refusal(failure) {
            return false;
        }
        if !matches!(self.token(), Bearer::District(_)) {
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
        match self.once(&second, |_| Ok(())).await.1 {
            Ok(()) => false,
            Err(failure) => refusal(&failure),
        }
    }

    /// Waits until the rate limit lets one more request through.
    async fn wait_for_turn(&self, path: &str) -> Result<(), Failure> {
        loop {
            let wait = match self.governor.take(Instant::now()) {
                Ok(Duration::ZERO) => return Ok(()),
                Ok(pause) => {
                    let pause = pause.min(self.options().retry.max_rate_wait);
                    metrics::histogram!("clever_rate_wait_seconds", "service" => self.wire.service.as_str()).record(pause.as_secs_f64());
                    sleep(pause).await;
                    return Ok(());
                }
                Err(wait) => wait,
            };
            if wait > self.options().retry.max_rate_wait {
                return Err(Failure::Limited(wait));
            }
            debug!(wait_ms = wait.as_millis(), "the rate limit is used up");
            self.options().watch.notice(&Notice::Limited {
                path: path.to_owned(),
                wait,
            });
            metrics::histogram!("clever_rate_wait_seconds", "service" => self.wire.service.as_str()).record(wait.as_secs_f64());
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
        let Some(grant) = grants::current(&grants, district) else {
            return false;
        };
        let token = Bearer::District(grant.token.clone());
        let other = token != *refused;
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
        if other {
            info!(%district, "the district's token had changed");
            metrics::counter!("clever_token_renewals_total", "service" => self.wire.service.as_str())
                .increment(1);
        }
        other
    }

    /// Sends a call once, when its turn has come, with the token of that moment, which is given back too.
    async fn once<T>(&self, asked: &Asked<'_>, read: Read<T>) -> (Bearer, Result<T, Failure>) {
        let turn = self.wait_for_turn(asked.url.path()).await;
        let token = self.token();
        let attempt = match turn {
            Ok(()) => self.sent(asked, &token, read).await,
            Err(failure) => Err(failure),
        };
        (token, attempt)
    }

    async fn sent<T>(
        &self,
        asked: &Asked<'_>,
        token: &Bearer,
        read: Read<T>,
    ) -> Result<T, Failure> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.secret()))
            .unwrap_or(HeaderValue::from_static("Bearer"));
        bearer.set_sensitive(true);
        let mut request = self
            .wire
            .request(asked.method.clone(), asked.url)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, bearer);
        if asked.changes() {
            request = request.timeout(self.options().write_timeout);
        }
        if let Some(body) = &asked.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let most = self.options().max_page_bytes;
        let answer = self.wire.exchange(request, most, |headers| {
            if let Some(standing) = retry::window(headers, self.options().clock.now()) {
                self.governor.learn(standing, Instant::now());
            }
        });
        let answer = read(answer.await?.body).map_err(Failure::Undecodable)?;
        self.opened.store(true, Ordering::Relaxed);
        Ok(answer)
    }

    /// Turns the last failure into the caller's error.
    fn error(&self, given_up: GivenUp, url: &Url, confirmed: bool) -> ClientError {
        let path = url.path().to_owned();
        let attempts = given_up.attempts;
        match given_up.failure {
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
                limit: self.options().max_page_bytes,
            },
            Failure::Limited(wait) => ClientError::RateLimited { path, wait },
            Failure::Answer(answer) => refused(&answer, url, attempts, confirmed),
        }
    }
}

/// The error that an answer is.
fn refused(answer: &Received, url: &Url, attempts: u32, confirmed: bool) -> ClientError {
    let shortened = |text: &str| text.chars().take(80).collect();
    let redirect = answer
        .header(LOCATION)
        .filter(|_| answer.status.is_redirection())
        .and_then(|to| url.join(to).ok())
        // The host alone: a query may hold anything.
        .and_then(|to| Some(format!("a redirect to {}", to.host_str()?)));
    let kind = match answer.status.as_u16() {
        401 | 403 => ErrorKind::Unauthorized,
        200..=299 => ErrorKind::WrongTokenKind,
        404 if answer.is_html() => ErrorKind::WrongTokenKind,
        404 => ErrorKind::NotShared,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited,
        501 => ErrorKind::Refused,
        408 | 500..=599 => ErrorKind::Server,
        _ => ErrorKind::Refused,
    };
    ClientError::Answer {
        path: url.path().to_owned(),
        status: answer.status.as_u16(),
        content_type: answer.header(CONTENT_TYPE).map(shortened),
        request_id: answer
            .header("x-request-id")
            .or_else(|| answer.header("clever-request-id"))
            .map(shortened),
        message: redirect.or_else(|| message(&answer.body)),
        attempts,
        kind,
        confirmed,
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
