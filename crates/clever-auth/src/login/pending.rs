//! A login that a browser has begun, sealed in a cookie of its own.
//!
//! The browser that ends a login must be the one that began it: the cookie opens only with the `state`
//! that the callback brings, for our app at our issuer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clever_model::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::identity::Entry;
use crate::seal::{NoRandomness, Randomness, SealingKeys};

/// How long a begun login may take, in seconds.
pub(crate) const LIFE_S: i64 = 600;

/// What a login is for; a login can never become a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    #[serde(rename = "l")]
    Login,
    #[serde(rename = "k")]
    Link {
        account: String,
        session: [u8; 32],
        /// Who must come back.
        user: Option<UserId>,
    },
}

/// One begun login. Names are short: a browser may bring several of them with each request.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    #[serde(rename = "n")]
    pub(crate) nonce: String,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub(crate) verifier: Option<String>,
    #[serde(rename = "r")]
    pub(crate) return_to: String,
    #[serde(rename = "p")]
    pub(crate) purpose: Purpose,
    #[serde(rename = "e")]
    pub(crate) entry: Entry,
    /// The digest of the code that ended it.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<[u8; 32]>,
}

/// The PKCE challenge of a verifier (RFC 7636, S256).
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// When the login in a cookie's value was begun; `None` if that is not within its life.
///
/// It stands before the sealed part, which does not open for another time: so old cookies can be told apart from
/// young ones without their `state`.
pub(crate) fn born(value: &str, now: Timestamp) -> Option<i64> {
    let born = i64::from_str_radix(value.split_once('.')?.0, 16).ok()?;
    // A birth in the future is as wrong as one long ago.
    let age = now.as_second().checked_sub(born)?;
    (0..LIFE_S).contains(&age).then_some(born)
}

impl Pending {
    /// Seals a login that was begun at `born`.
    pub(crate) fn seal(
        &self,
        (app, keys): (&App, &SealingKeys),
        state: &str,
        born: i64,
        random: &dyn Randomness,
    ) -> Result<String, NoRandomness> {
        let born = format!("{born:x}");
        let text = serde_json::to_vec(self).map_err(|_| NoRandomness)?;
        let sealed = keys.seal(&purpose(app, state, &born), &text, random)?;
        Ok(format!("{born}.{sealed}"))
    }

    /// Opens a cookie's value, and says when its login was begun; one that isn't ours, is of another
    /// `state` or is over is like none.
    pub(crate) fn open(
        (app, keys): (&App, &SealingKeys),
        state: &str,
        value: &str,
        now: Timestamp,
    ) -> Option<(Self, i64)> {
        let at = born(value, now)?;
        let (born, sealed) = value.split_once('.')?;
        let text = keys.open(&purpose(app, state, born), sealed).ok()?;
        Some((serde_json::from_slice(&text).ok()?, at))
    }
}

/// What a cookie is sealed for; the seal authenticates each part.
fn purpose<'a>(app: &'a App, state: &'a str, born: &'a str) -> [&'a str; 6] {
    let (client, issuer) = (app.client_id(), app.issuer());
    ["clever-auth", "begun login", client, issuer, state, born]
}
