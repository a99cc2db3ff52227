//! OpenID Connect: what an app with it finds at `/.well-known/openid-configuration`, the keys, and the
//! signed identities. Keys are made when the first one is needed, and new at every start.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clever_model::Timestamp;
use serde_json::{Value, json};

use crate::identity::{App, Person};
use crate::me::{legacy_id, login_role};

/// How long an identity is good, in seconds.
const ID_TOKEN_SECONDS: i64 = 3600;
/// Keys that are published at once: the one that signs, and those before it.
const PUBLISHED: usize = 2;

/// The keys, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<Vec<(String, KeyPair)>>);

impl Keys {
    fn locked(&self) -> MutexGuard<'_, Vec<(String, KeyPair)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a key and signs with it from now on; the one before stays published.
    pub(crate) fn rotate(&self) -> Result<(), Unspecified> {
        let key = KeyPair::generate(KeySize::Rsa2048)?;
        let mut keys = self.locked();
        let number = keys
            .last()
            .and_then(|(id, _)| id.rsplit('-').next()?.parse::<u64>().ok())
            .unwrap_or_default();
        keys.push((format!("emulated-{}", number + 1), key));
        if keys.len() > PUBLISHED {
            keys.remove(0);
        }
        Ok(())
    }

    /// Makes the first key, if there is none.
    fn begin(&self) -> Result<(), Unspecified> {
        if self.locked().is_empty() {
            self.rotate()?;
        }
        Ok(())
    }

    /// The keys as a JSON Web Key Set.
    pub(crate) fn published(&self) -> Result<Value, Unspecified> {
        self.begin()?;
        let keys: Vec<Value> = self
            .locked()
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
        self.begin()?;
        let keys = self.locked();
        let (id, key) = keys.last().ok_or(Unspecified)?;
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

/// What the issuer says of itself.
pub(crate) fn discovery(issuer: &str, pkce: bool) -> Value {
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/tokens"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/oauth/certs"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "scopes_supported": ["openid", "email", "profile"],
        "claims_supported": [
            "sub", "iss", "aud", "iat", "exp", "nonce", "user_id", "multi_role_user_id", "user_type", "district",
            "email", "email_verified", "given_name", "family_name",
        ],
    });
    if pkce {
        document["code_challenge_methods_supported"] = json!(["S256"]);
    }
    document
}

/// The challenge of a PKCE verifier (RFC 7636, S256).
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        verifier.as_bytes(),
    ))
}

/// What is signed of a user.
pub(crate) fn claims(
    app: &App,
    person: &Person,
    record: &Value,
    nonce: Option<&str>,
    now: Timestamp,
) -> Value {
    let user = person.user.as_str();
    let mut claims = json!({
        "iss": app.issuer, "sub": user, "aud": app.client_id,
        "iat": now.as_second(), "exp": now.as_second() + ID_TOKEN_SECONDS,
        "user_id": legacy_id(record, user), "multi_role_user_id": user, "user_type": login_role(record),
        "district": person.district, "email_verified": app.email_verified,
    });
    let name = &record["name"];
    for (claim, value, needed) in [
        ("nonce", nonce, true),
        ("email", record["email"].as_str(), false),
        ("given_name", name["first"].as_str(), false),
        ("family_name", name["last"].as_str(), false),
    ] {
        if let Some(value) = value.filter(|value| needed || !value.is_empty()) {
            claims[claim] = value.into();
        }
    }
    claims
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
        keys.rotate().unwrap();
        assert_eq!(key_ids(&keys), ["emulated-1", "emulated-2"]);
        let token = keys.sign(&json!({ "sub": "u" })).unwrap();
        assert_eq!(token.split('.').count(), 3);
        assert_eq!(header(&token)["kid"], "emulated-2");
        keys.rotate().unwrap();
        assert_eq!(key_ids(&keys), ["emulated-2", "emulated-3"]);
    }
}
