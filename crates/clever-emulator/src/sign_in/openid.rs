//! OpenID Connect: what an app with it finds at `/.well-known/openid-configuration`, and what is signed of a user.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clever_model::Timestamp;
use serde_json::{Value, json};

use super::app::{App, Issuing, Person};
use super::role::{legacy_id, login_role};
use crate::reply::Reply;

/// Where the issuer tells of itself, and of its keys.
pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(crate) const CERTS: &str = "/oauth/certs";

/// How long an identity is good, in seconds.
const ID_TOKEN_SECONDS: i64 = 3600;

impl App {
    /// `/.well-known/openid-configuration` and `/oauth/certs`, where OpenID Connect is on.
    pub(crate) fn openid(&self, path: &str) -> Reply {
        if !self.openid {
            return Reply::no_such_path(path);
        }
        if self.issuing() == Issuing::Down {
            return Reply::message(503, "Service Unavailable");
        }
        if path == CERTS {
            return match self.keys.published() {
                Ok(keys) => Reply::json(keys.to_string()),
                Err(_) => Reply::message(500, "could not make a key"),
            };
        }
        Reply::json(discovery(&self.issuer, self.pkce).to_string())
    }
}

/// What the issuer says of itself.
fn discovery(issuer: &str, pkce: bool) -> Value {
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
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        verifier.as_bytes(),
    ))
}

/// What is signed of a user.
pub(super) fn claims(
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
