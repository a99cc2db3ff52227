//! Sends what `clever-auth` has decided to send, and brings back the answers.
//!
//! A code is redeemed at most once: its request is never repeated, not even when no answer came. Reads
//! are tried again like all others, but for the issuer's keys: whoever can go on without them does.

mod ask;
mod error;
mod keys;

use std::sync::Arc;

use clever_auth::login::{LoginFlow, Redeem, SignedIn};
use clever_auth::tokens::grants::{self, DistrictGrant};
use clever_auth::{
    AnswerError, App, Discovery, IdTokenVerifier, LoginToken, OpenId, OwnToken, RawToken,
    TokenHolder,
};
use clever_model::DistrictId;
use tracing::{debug, warn};
use url::Url;

use crate::error::SetupError;
use crate::options::ClientOptions;
use crate::send::wire::{Service, Wire};
pub use error::SignInError;
pub use keys::IssuerKeys;

/// Most parts of a list of grants.
const MAX_PARTS: usize = 10_000;

/// Calls Clever's login service.
#[derive(Debug, Clone)]
pub struct LoginService(Arc<Wire>);

/// What a knock at a service's door found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The HTTP status of the answer.
    pub status: u16,
    /// By how many seconds the service's clock is ahead of ours, if it says the time.
    pub clock_ahead_s: Option<i64>,
}

impl LoginService {
    /// Prepares calls with the options' time-outs and retries; the addresses are the app's.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn new(options: ClientOptions) -> Result<Self, SetupError> {
        Ok(Self(Arc::new(Wire::new(Service::Login, options)?)))
    }

    /// Learns what the service offers before a login begins: PKCE, and the keys for its end.
    ///
    /// Reads at most once every few seconds, whoever asks, and waits for at most a second; a service that does
    /// not answer keeps no login from beginning.
    pub async fn prepare(&self, flow: &LoginFlow, openid: &OpenId<IssuerKeys>) {
        if let OpenId::Checked(keys) = openid {
            keys.prepare(&self.0, flow).await;
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
        let tokens = ask::once(&self.0, &redeem.request()).await?;
        let identify = redeem.answered(&tokens)?;
        let verifier = match openid {
            OpenId::Checked(keys) => {
                keys.freshen(&self.0, identify.flow());
                OpenId::Checked(keys.check(&self.0, &identify).await?)
            }
            OpenId::Off => OpenId::Off,
        };
        let me = ask::read(&self.0, &identify.me_request()).await?;
        let info = ask::read(&self.0, &identify.user_info_request()).await?;
        // Not every service has `/userinfo`; what it does say must agree.
        let info = (info.status != 404).then_some(&info);
        let now = self.0.options.clock.now();
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
        let answer = ask::read(&self.0, &token.ask(app)).await?;
        Ok(token.confirm(app, &answer)?)
    }

    /// Asks Clever whose user's our app's token is.
    ///
    /// # Errors
    ///
    /// [`SignInError::Answer`] when it is no user's.
    pub async fn holder(&self, app: &App, token: &OwnToken) -> Result<TokenHolder, SignInError> {
        Ok(token.holder(&ask::read(&self.0, &token.ask(app)).await?)?)
    }

    /// Asks Clever whose user's our app's token is, and takes it as that user's.
    ///
    /// # Errors
    ///
    /// [`SignInError::Answer`] when it is no user's.
    pub async fn into_user(&self, app: &App, token: OwnToken) -> Result<LoginToken, SignInError> {
        let answer = ask::read(&self.0, &token.ask(app)).await?;
        Ok(token.into_user(&answer)?)
    }

    /// Knocks at `url` once: does anybody answer, and how far is its clock from ours?
    ///
    /// # Errors
    ///
    /// [`SignInError::Network`] when nobody answers.
    pub async fn reach(&self, url: &Url) -> Result<Reach, SignInError> {
        let answer = ask::knock(&self.0, url).await?;
        let date = answer.header("date");
        let there = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let here = self.0.options.clock.now().as_second();
        Ok(Reach {
            status: answer.status.as_u16(),
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
        let (discovery, keys) = ask::keys(&self.0, app).await?;
        verifier.take_keys(&keys, self.0.options.clock.now())?;
        Ok(discovery)
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
        let mut request = grants::request(app, district);
        for _ in 0..MAX_PARTS {
            let part = grants::parse(&ask::read(&self.0, &request).await?)?;
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
            request = grants::next_request(app, &next).ok_or(SignInError::Endless)?;
        }
        Err(SignInError::Endless)
    }
}
