//! Sends what `clever-auth` has decided to send, and brings back the answers.
//!
//! A code is redeemed at most once: its request is never repeated, not even when no answer came. Reads
//! are tried again like all others, but for the issuer's keys: whoever can go on without them does.

mod keys;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clever_auth::district_tokens::{self, DistrictGrant};
use clever_auth::login::{LoginError, LoginFlow, Redeem, SignedIn};
use clever_auth::{
    Answer, AnswerError, App, Discovery, IdTokenVerifier, KindError, LoginToken, OpenId, OwnToken,
    READ_FLOOR_S, RawToken, Request, TokenHolder,
};
use clever_model::DistrictId;
use futures_util::StreamExt;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};
use url::Url;

use crate::error::SetupError;
use crate::options::ClientOptions;
use crate::retry::{self, Verdict};
use crate::transport::http_client;
pub use keys::IssuerKeys;

/// Largest answer read, in bytes; `clever-auth` refuses one of this size.
const MAX_ANSWER: usize = 1024 * 1024 + 1;
/// Most parts of a list of grants.
const MAX_PARTS: usize = 10_000;
/// Longest reading of discovery and keys.
const KEYS_TIME: Duration = Duration::from_secs(8);

/// Calls Clever's login service.
#[derive(Debug, Clone)]
pub struct LoginService {
    http: reqwest::Client,
    options: ClientOptions,
    /// Whether the service has ever answered.
    answered: Arc<AtomicBool>,
}

/// What a knock at a service's door found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The HTTP status of the answer.
    pub status: u16,
    /// By how many seconds the service's clock is ahead of ours, if it says the time.
    pub clock_ahead_s: Option<i64>,
}

/// Why a call to the login service failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// No whole answer came. A code that was on its way is lost: begin the login again.
    #[error("no whole answer from the login service")]
    Network(#[source] reqwest::Error),
    /// The login does not stand.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The token is not what it should be.
    #[error(transparent)]
    Kind(#[from] KindError),
    /// The answer can't be used.
    #[error("the answer of the login service can't be used")]
    Answer(#[from] AnswerError),
    /// Discovery or keys took too long.
    #[error("the login service did not tell its keys within {} s", KEYS_TIME.as_secs())]
    Slow,
    /// The id token's key is not in hand and could not be read, so that nobody knows whether the token is
    /// good. The token is not to blame: begin the login again in a moment.
    #[error("the id token can't be checked: the issuer's keys could not be read")]
    NoKeys(#[source] Option<Arc<SignInError>>),
    /// The list of districts leads elsewhere or never ends.
    #[error("the list of districts does not end")]
    Endless,
}

impl SignInError {
    /// After which time a new login may succeed, if the failure is a passing one.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::NoKeys(_)).then(|| Duration::from_secs(READ_FLOOR_S.into()))
    }
}

impl LoginService {
    /// Prepares calls with the options' time-outs and retries; the addresses are the app's.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn new(options: ClientOptions) -> Result<Self, SetupError> {
        let http = http_client(&options)?;
        Ok(Self {
            http,
            options,
            answered: Arc::default(),
        })
    }

    /// Learns what the service offers before a login begins: PKCE, and the keys for its end.
    ///
    /// Reads at most once every few seconds, whoever asks, and waits for at most a second; a service that does
    /// not answer keeps no login from beginning.
    pub async fn prepare(&self, flow: &LoginFlow, openid: &OpenId<IssuerKeys>) {
        if let OpenId::Checked(keys) = openid {
            keys.prepare(self, flow).await;
        }
    }

    /// Ends a login: redeems its code, once, checks its id token and asks who the person is.
    ///
    /// If the id token's key is not in hand, the keys are read and the same token is checked again.
    ///
    /// # Errors
    ///
    /// [`SignInError`]; the person has to begin again.
    pub async fn finish<P>(
        &self,
        redeem: Redeem<P>,
        openid: &OpenId<IssuerKeys>,
    ) -> Result<SignedIn<P>, SignInError> {
        let tokens = self.once(&redeem.request()).await?;
        let identify = redeem.answered(&tokens)?;
        let verifier = match openid {
            OpenId::Checked(keys) => {
                keys.freshen(self, identify.flow());
                OpenId::Checked(keys.check(self, &identify).await?)
            }
            OpenId::Off => OpenId::Off,
        };
        let me = self.read(&identify.me_request()).await?;
        let info = self.read(&identify.user_info_request()).await?;
        // Not every service has `/userinfo`; what it does say must agree.
        let info = (info.status != 404).then_some(&info);
        let now = self.options.clock.now();
        let signed_in = identify.finish(&me, info, verifier.as_ref(), now)?;
        let differing = signed_in.login.differing();
        if !differing.is_empty() {
            debug!(user = %signed_in.login.user_id(), ?differing, "Clever's answers show a person differently");
        }
        Ok(signed_in)
    }

    /// Asks Clever whether a token is our app's.
    ///
    /// # Errors
    ///
    /// [`SignInError`].
    pub async fn confirm(&self, app: &App, token: RawToken) -> Result<OwnToken, SignInError> {
        let answer = self.read(&token.ask(app)).await?;
        Ok(token.confirm(app, &answer)?)
    }

    /// Asks Clever whose user's our app's token is.
    ///
    /// # Errors
    ///
    /// [`SignInError::Answer`] when it is no user's.
    pub async fn holder(&self, app: &App, token: &OwnToken) -> Result<TokenHolder, SignInError> {
        Ok(token.holder(&self.read(&token.ask(app)).await?)?)
    }

    /// Asks Clever whose user's our app's token is, and takes it as that user's.
    ///
    /// # Errors
    ///
    /// [`SignInError::Answer`] when it is no user's.
    pub async fn into_user(&self, app: &App, token: OwnToken) -> Result<LoginToken, SignInError> {
        let answer = self.read(&token.ask(app)).await?;
        Ok(token.into_user(&answer)?)
    }

    /// Knocks at `url` once: does anybody answer, and how far is its clock from ours?
    ///
    /// # Errors
    ///
    /// [`SignInError::Network`] when nobody answers.
    pub async fn reach(&self, url: &Url) -> Result<Reach, SignInError> {
        let (answer, headers) = send(self.http.get(url.clone()))
            .await
            .map_err(SignInError::Network)?;
        let date = headers.get("date").and_then(|date| date.to_str().ok());
        let there = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let here = self.options.clock.now().as_second();
        Ok(Reach {
            status: answer.status,
            clock_ahead_s: there.map(|there| there.timestamp().as_second() - here),
        })
    }

    /// Reads the issuer's keys into `verifier`, with one try.
    ///
    /// # Errors
    ///
    /// [`SignInError`]; the verifier keeps the keys it had.
    pub async fn refresh_keys(
        &self,
        app: &App,
        verifier: &mut IdTokenVerifier,
    ) -> Result<Discovery, SignInError> {
        let (discovery, keys) = self.read_keys(app).await?;
        verifier.take_keys(&keys, self.options.clock.now())?;
        Ok(discovery)
    }

    /// Reads what the issuer says of itself, and its keys, with one try: a service that fails is not asked
    /// six times while people wait.
    async fn read_keys(&self, app: &App) -> Result<(Discovery, Answer), SignInError> {
        let read = async {
            let document = self.public(&Discovery::address(app)).await?;
            let discovery = Discovery::parse(app, &document)?;
            let keys = self.public(discovery.jwks_uri.as_str()).await?;
            Ok((discovery, keys))
        };
        timeout(KEYS_TIME, read)
            .await
            .unwrap_or(Err(SignInError::Slow))
    }

    /// Reads the districts that have connected the app, or one of them, with their tokens of now.
    ///
    /// A grant that can't be read costs itself, and is logged; if one district is asked for and none can be
    /// read, that is an error: it may be connected.
    ///
    /// # Errors
    ///
    /// [`SignInError`]; never the first parts of the list alone.
    pub async fn district_grants(
        &self,
        app: &App,
        district: Option<&DistrictId>,
    ) -> Result<Vec<DistrictGrant>, SignInError> {
        let (mut grants, mut refused) = (Vec::new(), 0);
        let mut request = district_tokens::request(app, district);
        for _ in 0..MAX_PARTS {
            let part = district_tokens::parse(&self.read(&request).await?)?;
            grants.extend(part.grants);
            refused += part.refused;
            let Some(next) = part.next else {
                if refused > 0 {
                    warn!(refused, "districts' grants could not be read");
                    if district.is_some() && grants.is_empty() {
                        return Err(AnswerError::Missing("data").into());
                    }
                }
                return Ok(grants);
            };
            request = district_tokens::next_request(app, &next).ok_or(SignInError::Endless)?;
        }
        Err(SignInError::Endless)
    }

    /// Reads what everybody may read, once.
    async fn public(&self, url: &str) -> Result<Answer, SignInError> {
        let sent = send(self.http.get(url).header("accept", "application/json")).await;
        sent.map(|(answer, _)| answer).map_err(SignInError::Network)
    }

    /// Sends a read, again if that may help.
    async fn read(&self, request: &Request) -> Result<Answer, SignInError> {
        let policy = self.options.retry;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let result = send(self.prepared(request)).await;
            if result.is_ok() {
                self.answered.store(true, Ordering::Relaxed);
            }
            let may = match &result {
                Err(error) if error.is_connect() && !self.answered.load(Ordering::Relaxed) => {
                    attempt < retry::FIRST_CONTACT_ATTEMPTS
                }
                Err(error) => !error.is_builder(),
                Ok((answer, _)) => matches!(
                    status(answer).map(retry::verdict),
                    Some(Verdict::Transient | Verdict::RateLimited)
                ),
            };
            if !may || attempt >= policy.max_attempts.max(1) {
                return result
                    .map(|(answer, _)| answer)
                    .map_err(SignInError::Network);
            }
            let chance = fastrand::f64();
            let wait = match &result {
                Ok((answer, headers)) if answer.status == 429 => {
                    let wait = retry::rate_wait(headers, self.options.clock.now(), chance);
                    wait.min(policy.max_rate_wait)
                }
                _ => policy.delay(attempt, chance),
            };
            debug!(attempt, wait_ms = wait.as_millis(), "will try again");
            sleep(wait).await;
        }
    }

    /// Sends what must not be sent twice.
    async fn once(&self, request: &Request) -> Result<Answer, SignInError> {
        let sent = send(self.prepared(request)).await;
        sent.map(|(answer, _)| answer).map_err(SignInError::Network)
    }

    fn prepared(&self, request: &Request) -> reqwest::RequestBuilder {
        let url = request.url().clone();
        let mut prepared = match request.form_body() {
            Some(form) => self
                .http
                .post(url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form),
            None => self.http.get(url),
        };
        if let Some((user, password)) = request.basic_credentials() {
            prepared = prepared.basic_auth(user, Some(password));
        }
        if let Some(token) = request.bearer_token() {
            prepared = prepared.bearer_auth(token);
        }
        prepared.header("accept", "application/json")
    }
}

fn status(answer: &Answer) -> Option<http::StatusCode> {
    http::StatusCode::from_u16(answer.status).ok()
}

async fn send(
    prepared: reqwest::RequestBuilder,
) -> Result<(Answer, http::HeaderMap), reqwest::Error> {
    let response = prepared.send().await.map_err(reqwest::Error::without_url)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(reqwest::Error::without_url)?);
        if body.len() >= MAX_ANSWER {
            break;
        }
    }
    Ok((Answer { status, body }, headers))
}
