//! Logins that a browser has begun, sealed in its own cookie.
//!
//! The browser that ends a login must be the one that began it: the cookie holds what the callback
//! must match. Several tabs may log in at once, so it holds a few.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clever_model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::identity::Entry;
use crate::seal::{NoRandomness, Randomness, SealingKeys};

/// How long a begun login may take, in seconds.
pub(crate) const LIFE_S: i64 = 600;
/// Most begun logins a browser has.
const MAX_TABS: usize = 4;
/// Largest cookie value; browsers keep 4096 bytes with the name and attributes.
const MAX_COOKIE: usize = 3800;
/// Seconds between two restarts that happen by themselves.
const RESTART_S: i64 = 60;

const PURPOSE: &[&str] = &["clever-auth", "pending logins"];

/// What a login is for; a login can never become a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    Login,
    Link { account: String, session: [u8; 32] },
}

/// One begun login.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: Option<String>,
    pub(crate) issuer: String,
    pub(crate) return_to: String,
    pub(crate) purpose: Purpose,
    pub(crate) entry: Entry,
    pub(crate) born: i64,
    /// The digest of the code that ended it.
    pub(crate) used: Option<[u8; 32]>,
}

/// All that one browser has begun.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Tabs {
    pending: Vec<Pending>,
    restarted: Option<i64>,
}

/// The PKCE challenge of a verifier (RFC 7636, S256).
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

impl Tabs {
    /// Opens a cookie; one that isn't ours is like none. Old logins fall out.
    pub(crate) fn open(keys: &SealingKeys, cookie: Option<&str>, now: Timestamp) -> Self {
        let bytes = cookie.and_then(|cookie| keys.open(PURPOSE, cookie).ok());
        let mut tabs: Self = bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        // A birth in the future is as wrong as one long ago.
        tabs.pending
            .retain(|p| (0..LIFE_S).contains(&(now.as_second() - p.born)));
        tabs
    }

    /// Seals the cookie; the oldest logins give way when it grows too large.
    pub(crate) fn seal(
        &mut self,
        keys: &SealingKeys,
        random: &dyn Randomness,
    ) -> Result<String, NoRandomness> {
        loop {
            let text = serde_json::to_vec(self).map_err(|_| NoRandomness)?;
            let sealed = keys.seal(PURPOSE, &text, random)?;
            if sealed.len() <= MAX_COOKIE || self.pending.len() <= 1 {
                return Ok(sealed);
            }
            self.pending.remove(0);
        }
    }

    pub(crate) fn add(&mut self, pending: Pending) {
        while self.pending.len() >= MAX_TABS {
            self.pending.remove(0);
        }
        self.pending.push(pending);
    }

    /// Finds the begun login with this state, compared in constant time.
    pub(crate) fn find(&mut self, state: &str) -> Option<&mut Pending> {
        self.pending
            .iter_mut()
            .find(|p| p.state.as_bytes().ct_eq(state.as_bytes()).into())
    }

    /// Says whether another restart may happen by itself, and notes it.
    pub(crate) fn may_restart(&mut self, now: Timestamp) -> bool {
        let now = now.as_second();
        let recent = self
            .restarted
            .is_some_and(|at| (now - at).abs() < RESTART_S);
        if !recent {
            self.restarted = Some(now);
        }
        !recent
    }
}
