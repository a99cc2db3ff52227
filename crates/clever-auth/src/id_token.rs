//! Checks id tokens (OpenID Connect Core 1.0, §3.1.3.7) against the issuer's published keys.
//!
//! The algorithms are ours to choose, the keys are the issuer's: nothing in a token says how or with
//! what it is checked. Keys that a token carries or points to are not looked at; such a token is refused.
//!
//! Issuers change their keys without a word. So what a token says of its key decides when the keys are read
//! again ([`KeyNeed`]), and the same token is checked again afterwards: its code can't be redeemed twice.

use std::fmt;

use clever_model::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

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
/// Shortest time between two readings of the keys for the same [`KeyNeed`], in seconds.
pub const READ_FLOOR_S: u32 = 10;
/// Age at which the keys are read again, in seconds.
const READ_CEILING_S: i64 = 24 * 3600;

/// Whether Clever signs identities for the app: OpenID Connect, which Clever's support switches on app by app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenId<K> {
    /// It is on. Every id token is checked, with the keys that `K` has or gets.
    Checked(K),
    /// It is off. There are no id tokens; one that comes all the same says nothing.
    Off,
}

impl<K> OpenId<K> {
    /// Changes what has the keys.
    pub fn map<L>(self, change: impl FnOnce(K) -> L) -> OpenId<L> {
        match self {
            Self::Checked(keys) => OpenId::Checked(change(keys)),
            Self::Off => OpenId::Off,
        }
    }

    /// The same with what has the keys lent.
    #[must_use]
    pub fn as_ref(&self) -> OpenId<&K> {
        match self {
            Self::Checked(keys) => OpenId::Checked(keys),
            Self::Off => OpenId::Off,
        }
    }
}

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
    /// Signed by a key that is not in hand; the issuer may have a new one.
    #[error("its key is not among the issuer's")]
    UnknownKey,
    /// The key that it names did not make its signature; the issuer may have put another in its place.
    #[error("its signature is wrong")]
    Signature,
    /// Another issuer made it.
    #[error("another issuer made it")]
    OtherIssuer,
    /// It is over, not begun, or lives too long.
    #[error("it is over, or not valid yet; perhaps a clock is wrong")]
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

impl IdTokenError {
    /// Says which reading of the issuer's keys may change the verdict, if one may.
    #[must_use]
    pub fn need(self) -> Option<KeyNeed> {
        match self {
            Self::UnknownKey => Some(KeyNeed::Unknown),
            Self::Signature => Some(KeyNeed::Replaced),
            _ => None,
        }
    }
}

/// Why the issuer's keys are to be read.
///
/// Each need has a floor of its own, so that no reading for one keeps another from being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyNeed {
    /// There are none yet, or they are a day old.
    Age,
    /// A token's key is not in hand.
    Unknown,
    /// A token's signature is not of the key that it names, which may be another by now.
    Replaced,
}

/// Checks id tokens for one app.
#[derive(Clone)]
pub struct IdTokenVerifier {
    issuer: String,
    client_id: String,
    algorithms: Vec<Algorithm>,
    keys: Vec<Jwk>,
    read_at: Option<i64>,
    /// When a reading was last begun, by need.
    begun_at: [Option<i64>; 3],
}

impl IdTokenVerifier {
    /// Prepares to take RS256 of the app's issuer; has no keys yet.
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self::of(app.issuer().to_owned(), app.client_id().to_owned())
    }

    /// The same for any app at any issuer.
    pub(crate) fn of(issuer: String, client_id: String) -> Self {
        Self {
            issuer,
            client_id,
            algorithms: vec![Algorithm::RS256],
            keys: Vec::new(),
            read_at: None,
            begun_at: [None; 3],
        }
    }

    /// Takes ES256 too, for issuers that sign so.
    #[must_use]
    pub fn and_es256(mut self) -> Self {
        self.algorithms.push(Algorithm::ES256);
        self
    }

    /// Says whether keys were ever read.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Says whether to read the keys now, and notes that this is done: whatever becomes of the reading, the
    /// next one for the same need is [`READ_FLOOR_S`] away.
    #[must_use]
    pub fn begin_reading(&mut self, need: KeyNeed, now: Timestamp) -> bool {
        let now = now.as_second();
        let begun_at = &mut self.begun_at[need as usize];
        // A clock that was set back makes no floor of years.
        let lately = begun_at.is_some_and(|at| (0..i64::from(READ_FLOOR_S)).contains(&(now - at)));
        let fresh = self
            .read_at
            .is_some_and(|at| (0..=READ_CEILING_S).contains(&(now - at)));
        let wanted = !lately && (need != KeyNeed::Age || !fresh);
        if wanted {
            *begun_at = Some(now);
        }
        wanted
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
        let keys: Keys = read(answer)?;
        // A key of a kind unknown to us costs that key, not the set.
        let keys: Vec<Jwk> = keys
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value(key).ok())
            .filter(signs)
            .take(MAX_KEYS)
            .collect();
        if keys.is_empty() {
            return Err(AnswerError::Missing("keys"));
        }
        self.keys = keys;
        self.read_at = Some(now.as_second());
        Ok(())
    }

    /// Checks a token of Clever's and gives what it says.
    pub(crate) fn verify(
        &self,
        token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Statement, IdTokenError> {
        let claims = self.claims(token, nonce, now)?;
        identity::claims(&claims).map_err(|_| IdTokenError::Claims)
    }

    /// Checks a token and gives its claims, of whichever issuer they are.
    pub(crate) fn claims(
        &self,
        token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Map<String, Value>, IdTokenError> {
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
        let claims = self.signed(token, &header)?;
        self.check_parties(&claims)?;
        check_times(&claims, now)?;
        if let Some(nonce) = nonce {
            let said = claims
                .get("nonce")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !bool::from(said.as_bytes().ct_eq(nonce.as_bytes())) {
                return Err(IdTokenError::Nonce);
            }
        }
        Ok(claims)
    }

    /// The claims, if one of the issuer's keys made the signature: the one that the token names, or one
    /// without a name. A token without a `kid` may be any key's.
    fn signed(&self, token: &str, header: &Header) -> Result<Map<String, Value>, IdTokenError> {
        let mut rules = Validation::new(header.alg);
        // What the claims must say is checked below: time is passed in, and each failure has its own word.
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_nbf = false;
        rules.validate_aud = false;
        let kid = header.kid.as_deref();
        let mut error = IdTokenError::UnknownKey;
        for key in self.keys.iter().filter(|key| fits(key, header.alg)) {
            let name = key.common.key_id.as_deref();
            if kid.is_some() && name.is_some() && kid != name {
                continue;
            }
            // A key that can't be used costs itself.
            let Ok(usable) = DecodingKey::from_jwk(key) else {
                continue;
            };
            match decode(token, &usable, &rules) {
                Ok(token) => return Ok(token.claims),
                Err(wrong) => match wrong.kind() {
                    ErrorKind::InvalidSignature if kid.is_some() && name == kid => {
                        error = IdTokenError::Signature;
                    }
                    ErrorKind::Json(_) | ErrorKind::Utf8(_) => return Err(IdTokenError::Claims),
                    ErrorKind::Base64(_) => return Err(IdTokenError::Form),
                    _ => {}
                },
            }
        }
        Err(error)
    }

    /// Checks who made the token, and for whom. Several audiences need an authorized party, and it is us.
    fn check_parties(&self, claims: &Map<String, Value>) -> Result<(), IdTokenError> {
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(IdTokenError::OtherIssuer);
        }
        let ours = |party: &Value| party.as_str() == Some(&self.client_id);
        let (for_us, for_others) = match claims.get("aud") {
            Some(Value::Array(all)) => (all.iter().any(ours), !all.iter().all(ours)),
            Some(one) => (ours(one), false),
            None => (false, false),
        };
        let party = claims.get("azp").filter(|party| !party.is_null());
        if for_us && party.map_or(!for_others, ours) {
            Ok(())
        } else {
            Err(IdTokenError::OtherApp)
        }
    }
}

/// Checks that the token is valid now, and not for longer than a day.
fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), IdTokenError> {
    let time = |name| claims.get(name).and_then(seconds);
    let now = now.as_second();
    let (Some(issued), Some(ends)) = (time("iat"), time("exp")) else {
        return Err(IdTokenError::Claims);
    };
    let begins = match claims.get("nbf") {
        None | Some(Value::Null) => issued,
        Some(begins) => seconds(begins).ok_or(IdTokenError::Claims)?,
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

/// Reads a NumericDate (RFC 7519, §2): seconds, with a fraction or an exponent as the issuer likes. What no
/// calendar has becomes the first or last second there is.
fn seconds(value: &Value) -> Option<i64> {
    let whole = value.as_i64();
    // A float that is too large for the type becomes its largest value.
    whole.or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64))
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
mod tests;
