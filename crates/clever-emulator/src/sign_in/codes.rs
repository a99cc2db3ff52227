//! What is given for a code.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Timestamp};
use serde_json::{Value, json};

use super::app::App;
use super::openid;
use super::parameters::parameters;
use crate::districts::Districts;
use crate::reply::Reply;

/// How long a code can be redeemed.
const CODE_SECONDS: i64 = 60;

impl App {
    /// `POST /oauth/tokens`: a code for a token, once, from a JSON object or a form.
    pub(crate) fn exchange(
        &self,
        districts: &Districts,
        content_type: &str,
        body: &str,
        now: Timestamp,
    ) -> Reply {
        let Some(given) = read_body(content_type, body) else {
            return Reply::refused(
                400,
                "invalid_request",
                "the body must be a JSON object or a form, and its Content-Type must say which",
            );
        };
        if given.get("grant_type").map(String::as_str) != Some("authorization_code") {
            return Reply::refused(400, "unsupported_grant_type", "grant_type is not supported");
        }
        let code = given
            .get("code")
            .and_then(|code| self.issued().codes.remove(code));
        let fresh = code.filter(|code| now.as_second() - code.made.as_second() <= CODE_SECONDS);
        let Some(code) = fresh else {
            return invalid_code();
        };
        if given.get("redirect_uri") != Some(&code.redirect_uri) {
            return Reply::refused(400, "redirect_uri_mismatch", "redirect_uri is another one");
        }
        if let Some(challenge) = &code.challenge {
            let verifier = given
                .get("code_verifier")
                .map(|verifier| openid::challenge(verifier));
            if verifier.as_ref() != Some(challenge) {
                return Reply::refused(
                    400,
                    "invalid_grant",
                    "invalid grant: code_verifier is another one",
                );
            }
        }
        let mut answer = json!({ "token_type": "bearer" });
        // Not for the Library, whatever support switched on.
        if self.openid && !code.person.library {
            let district = districts.get(&code.person.district);
            let record = district
                .and_then(|district| district.world().value(RecordKind::Users, &code.person.user))
                .unwrap_or_default();
            let claims = openid::claims(self, &code.person, &record, code.nonce.as_deref(), now);
            match self.keys.sign(&claims) {
                Ok(token) => answer["id_token"] = token.into(),
                Err(_) => return Reply::message(500, "could not sign"),
            }
        }
        answer["access_token"] = self.token_of(code.person).into();
        Reply::json(answer.to_string())
    }
}

/// Reads a body as its content type says; `None` where that is neither JSON nor a form.
fn read_body(content_type: &str, body: &str) -> Option<BTreeMap<String, String>> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        let Value::Object(given) = serde_json::from_str(body).ok()? else {
            return None;
        };
        let texts = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        return Some(texts.collect());
    }
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        .then(|| parameters(body))
}

/// The answer to a code that was redeemed before, is too old, or never was.
pub(crate) fn invalid_code() -> Reply {
    Reply::refused(400, "invalid_grant", "invalid grant: invalid code")
}
