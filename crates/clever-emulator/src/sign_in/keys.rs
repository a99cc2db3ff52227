//! The keys that sign identities. They are made when the first one is needed, and new at every start.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Keys that are published at once: the one that signs, and those before it.
const PUBLISHED: usize = 2;

/// How a new key takes the place of the one that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The last key stays published beside it.
    Rotate,
    /// All keys before it are gone at once.
    Replace,
    /// It takes the last key's place, under the same id.
    Reuse,
}

/// The keys. They are made when one is needed.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// By id, the newest last.
    keys: Vec<(String, KeyPair)>,
    /// What is still to be done before one is used.
    changes: Vec<Change>,
}

impl Ring {
    /// Puts a new key in place.
    fn change(&mut self, change: Change) -> Result<(), Unspecified> {
        let key = KeyPair::generate(KeySize::Rsa2048)?;
        let last = self.keys.last().map(|(id, _)| id.clone());
        let number = last
            .as_deref()
            .and_then(|id| id.rsplit('-').next()?.parse::<u64>().ok())
            .unwrap_or_default();
        let next = format!("emulated-{}", number + 1);
        let id = match change {
            Change::Rotate => next,
            Change::Replace => {
                self.keys.clear();
                next
            }
            Change::Reuse => {
                self.keys.pop();
                last.unwrap_or(next)
            }
        };
        self.keys.push((id, key));
        if self.keys.len() > PUBLISHED {
            self.keys.remove(0);
        }
        Ok(())
    }
}

impl Keys {
    /// Has another key sign from now on.
    pub(crate) fn change(&self, change: Change) {
        self.locked().changes.push(change);
    }

    fn locked(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys of now, of which there is one at least.
    fn ready(&self) -> Result<MutexGuard<'_, Ring>, Unspecified> {
        let mut ring = self.locked();
        if ring.keys.is_empty() {
            ring.change(Change::Rotate)?;
        }
        for change in std::mem::take(&mut ring.changes) {
            ring.change(change)?;
        }
        Ok(ring)
    }

    /// The keys as a JSON Web Key Set.
    pub(crate) fn published(&self) -> Result<Value, Unspecified> {
        let keys: Vec<Value> = self
            .ready()?
            .keys
            .iter()
            .map(|(id, key)| {
                let public = key.public_key();
                let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
                json!({
                    "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
                    "n": part(public.modulus().big_endian_without_leading_zero()),
                    "e": part(public.exponent().big_endian_without_leading_zero()),
                })
            })
            .collect();
        Ok(json!({ "keys": keys }))
    }

    /// Signs claims as a JSON Web Token.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, Unspecified> {
        let ring = self.ready()?;
        let (id, key) = ring.keys.last().ok_or(Unspecified)?;
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": id });
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        )?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_ids(keys: &Keys) -> Vec<String> {
        let published = keys.published().unwrap();
        let all = published["keys"].as_array().unwrap().iter();
        all.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_new_key_signs_and_the_last_one_stays_published() {
        let keys = Keys::default();
        assert_eq!(key_ids(&keys), ["emulated-1"]);
        let header = |token: &str| -> Value {
            let part = URL_SAFE_NO_PAD
                .decode(token.split('.').next().unwrap())
                .unwrap();
            serde_json::from_slice(&part).unwrap()
        };
        keys.change(Change::Rotate);
        assert_eq!(key_ids(&keys), ["emulated-1", "emulated-2"]);
        let token = keys.sign(&json!({ "sub": "u" })).unwrap();
        assert_eq!(token.split('.').count(), 3);
        assert_eq!(header(&token)["kid"], "emulated-2");
        keys.change(Change::Rotate);
        assert_eq!(key_ids(&keys), ["emulated-2", "emulated-3"]);
        let before = keys.published().unwrap();
        keys.change(Change::Reuse);
        assert_eq!(key_ids(&keys), ["emulated-2", "emulated-3"]);
        let after = keys.published().unwrap();
        assert_eq!(before["keys"][0], after["keys"][0]);
        assert_ne!(before["keys"][1]["n"], after["keys"][1]["n"]);
        keys.change(Change::Replace);
        assert_eq!(key_ids(&keys), ["emulated-4"]);
    }
}
