//! Checks id tokens (OpenID Connect Core 1.0, §3.1.3.7) against the issuer's published keys.
//!
//! The algorithms are ours to choose, the keys are the issuer's: nothing in a token says how or with
//! what it is checked. Keys that a token carries or points to are not looked at; such a token is refused.

use std::fmt;

use clever_model::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;
use url::Url;

use crate::app::App;
use crate::identity::{self, Statement};
use crate::message::{Answer, AnswerError, read};

/// Largest token read, in bytes.
const MAX_TOKEN: usize = 16 * 1024;
/// Most keys of an issuer.
const MAX_KEYS: usize = 32;
/// How far the issuer's clock may be from ours, in seconds.
const SKEW_S: i64 = 60;
/// Longest life of an id token, in seconds; Clever's have an hour.
const MAX_LIFE_S: i64 = 24 * 3600;
/// Shortest time between two readings of the keys, in seconds.
const REFRESH_FLOOR_S: i64 = 300;
/// Age at which the keys are read again, in seconds.
const REFRESH_CEILING_S: i64 = 24 * 3600;

/// Why an id token does not stand. Holds nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdTokenError {
    /// Too long, or not of a signed token's form.
    #[error("it is no signed token")]
    Form,
    /// Signed by an algorithm that we don't take.
    #[error("its algorithm is not accepted")]
    Algorithm,
    /// Signed by a key that the issuer does not publish; the keys may have changed.
    #[error("its key is not among the issuer's")]
    UnknownKey,
    /// The signature, issuer or audience is wrong.
    #[error("its signature, issuer or audience is wrong")]
    Signature,
    /// It is over, not begun, or lives too long.
    #[error("it is over, or not valid yet")]
    Time,
    /// It belongs to another login.
    #[error("it belongs to another login")]
    Nonce,
    /// It was made for another app.
    #[error("it was made for another app")]
    OtherApp,
    /// A claim is missing or unusable.
    #[error("a claim is missing or unusable")]
    Claims,
}

/// What an issuer publishes about itself (OpenID Connect Discovery 1.0).
#[derive(Debug, Clone)]
pub struct Discovery {
    /// Where its keys are.
    pub jwks_uri: Url,
    /// Whether it takes PKCE with S256.
    pub pkce: bool,
}

impl Discovery {
    /// Where to read it.
    #[must_use]
    pub fn address(app: &App) -> String {
        format!("{}/.well-known/openid-configuration", app.issuer())
    }

    /// Reads the document; it must be of the app's own issuer, with its keys on HTTPS or this machine.
    ///
    /// # Errors
    ///
    /// [`AnswerError`].
    pub fn parse(app: &App, answer: &Answer) -> Result<Self, AnswerError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: Url,
            #[serde(default)]
            code_challenge_methods_supported: Vec<String>,
        }
        let document: Document = read(answer)?;
        if document.issuer != app.issuer() {
            return Err(AnswerError::Missing("issuer"));
        }
        let same_as_issuer = Url::parse(app.issuer())
            .is_ok_and(|issuer| issuer.origin() == document.jwks_uri.origin());
        if document.jwks_uri.scheme() != "https" && !same_as_issuer {
            return Err(AnswerError::Missing("jwks_uri"));
        }
        Ok(Self {
            jwks_uri: document.jwks_uri,
            pkce: document
                .code_challenge_methods_supported
                .iter()
                .any(|method| method == "S256"),
        })
    }
}

/// Checks id tokens for one app.
#[derive(Clone)]
pub struct IdTokenVerifier {
    issuer: String,
    client_id: String,
    algorithms: Vec<Algorithm>,
    keys: Vec<Jwk>,
    read_at: Option<i64>,
    tried_at: Option<i64>,
}

impl IdTokenVerifier {
    /// Prepares to take RS256 of the app's issuer; has no keys yet.
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self {
            issuer: app.issuer().to_owned(),
            client_id: app.client_id().to_owned(),
            algorithms: vec![Algorithm::RS256],
            keys: Vec::new(),
            read_at: None,
            tried_at: None,
        }
    }

    /// Takes ES256 too, for issuers that sign so.
    #[must_use]
    pub fn and_es256(mut self) -> Self {
        self.algorithms.push(Algorithm::ES256);
        self
    }

    /// Says whether to read the keys now: they are old, or `unknown_key` was met, and not tried of late.
    #[must_use]
    pub fn wants_keys(&self, unknown_key: bool, now: Timestamp) -> bool {
        let age = |at: Option<i64>| at.map(|at| now.as_second() - at);
        let lately = age(self.tried_at).is_some_and(|age| (0..REFRESH_FLOOR_S).contains(&age));
        let old = age(self.read_at).is_none_or(|age| age > REFRESH_CEILING_S);
        !lately && (old || unknown_key)
    }

    /// Takes the issuer's keys. An answer without a usable key leaves the last good ones in place.
    ///
    /// # Errors
    ///
    /// [`AnswerError`].
    pub fn take_keys(&mut self, answer: &Answer, now: Timestamp) -> Result<(), AnswerError> {
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<Value>,
        }
        self.tried_at = Some(now.as_second());
        let keys: Keys = read(answer)?;
        // A key of a kind unknown to us costs that key, not the set.
        let keys: Vec<Jwk> = keys
            .keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(|key| serde_json::from_value(key).ok())
            .filter(signs)
            .collect();
        if keys.is_empty() {
            return Err(AnswerError::Missing("keys"));
        }
        self.keys = keys;
        self.read_at = Some(now.as_second());
        Ok(())
    }

    /// Checks a token and gives what it says.
    pub(crate) fn verify(
        &self,
        token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Statement, IdTokenError> {
        if token.len() > MAX_TOKEN {
            return Err(IdTokenError::Form);
        }
        // An unknown `alg`, `none` included, is no header that reads.
        let header = decode_header(token).map_err(|_| IdTokenError::Form)?;
        if !self.algorithms.contains(&header.alg) {
            return Err(IdTokenError::Algorithm);
        }
        let typed = header
            .typ
            .as_deref()
            .is_none_or(|typ| typ.eq_ignore_ascii_case("jwt"));
        let foreign_key = header.jku.is_some()
            || header.jwk.is_some()
            || header.x5u.is_some()
            || header.x5c.is_some();
        if !typed || foreign_key || header.crit.is_some() {
            return Err(IdTokenError::Form);
        }
        let key = self.key(header.kid.as_deref(), header.alg)?;
        let mut rules = Validation::new(header.alg);
        rules.algorithms = vec![header.alg];
        rules.set_issuer(&[&self.issuer]);
        rules.set_audience(&[&self.client_id]);
        rules.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        // Time is passed in, so its rules are below.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let claims = decode::<Map<String, Value>>(token, &key, &rules)
            .map_err(|_| IdTokenError::Signature)?
            .claims;
        self.check_times(&claims, now)?;
        self.check_party(&claims)?;
        if let Some(nonce) = nonce {
            let said = claims
                .get("nonce")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !bool::from(said.as_bytes().ct_eq(nonce.as_bytes())) {
                return Err(IdTokenError::Nonce);
            }
        }
        identity::claims(&claims).map_err(|_| IdTokenError::Claims)
    }

    /// Finds the issuer's key. Without a `kid`, there must be exactly one that fits.
    fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, IdTokenError> {
        let mut fitting = self.keys.iter().filter(|key| fits(key, algorithm));
        let key = match kid {
            Some(kid) => fitting.find(|key| key.common.key_id.as_deref() == Some(kid)),
            None => match (fitting.next(), fitting.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            },
        };
        DecodingKey::from_jwk(key.ok_or(IdTokenError::UnknownKey)?)
            .map_err(|_| IdTokenError::UnknownKey)
    }

    fn check_times(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), IdTokenError> {
        let time = |name| claims.get(name).and_then(Value::as_i64);
        let now = now.as_second();
        let (Some(issued), Some(ends)) = (time("iat"), time("exp")) else {
            return Err(IdTokenError::Claims);
        };
        let begins = match claims.get("nbf") {
            None => issued,
            Some(begins) => begins.as_i64().ok_or(IdTokenError::Claims)?,
        };
        let latest = now.saturating_add(SKEW_S);
        let valid = issued <= latest
            && begins <= latest
            && ends > now.saturating_sub(SKEW_S)
            && ends.saturating_sub(issued) <= MAX_LIFE_S
            && ends > issued;
        if valid {
            Ok(())
        } else {
            Err(IdTokenError::Time)
        }
    }

    /// Several audiences need an authorized party, and it is us.
    fn check_party(&self, claims: &Map<String, Value>) -> Result<(), IdTokenError> {
        let several = claims
            .get("aud")
            .and_then(Value::as_array)
            .is_some_and(|audiences| audiences.len() > 1);
        match claims.get("azp") {
            Some(party) if party.as_str() == Some(&self.client_id) => Ok(()),
            None if !several => Ok(()),
            _ => Err(IdTokenError::OtherApp),
        }
    }
}

/// Says whether a key is one to check signatures with, by an algorithm that has a public key.
fn signs(key: &Jwk) -> bool {
    let usable = matches!(
        key.algorithm,
        AlgorithmParameters::RSA(_) | AlgorithmParameters::EllipticCurve(_)
    );
    let meant = matches!(
        key.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    usable && meant
}

/// Says whether a key may have made a signature of this algorithm.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let family = match key.algorithm {
        AlgorithmParameters::RSA(_) => algorithm == Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(_) => algorithm == Algorithm::ES256,
        _ => false,
    };
    let named = key
        .common
        .key_algorithm
        .is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
    family && named
}

impl fmt::Debug for IdTokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokenVerifier")
            .field("issuer", &self.issuer)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "id_token_tests.rs"]
mod tests;
