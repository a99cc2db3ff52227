//! Sign-in at an issuer of OpenID Connect: the issuer says who somebody is, and a claim says which role that is.
//!
//! The browser comes back from another site, and brings no cookie of `SameSite=Strict` then. So the way there is remembered by a cookie of
//! its own, which is `Lax`; and the answer to the way back is a page that goes on by itself, to which the browser is already at home.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use clever_auth::issuer::{Begun, Issuer, IssuerError, Services};
use clever_auth::seal::{SystemRandomness, random_text};
use clever_auth::{Answer, IdTokenVerifier, KeyNeed, Request};
use clever_model::{Timestamp, visible};
use maud::html;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::enter::attributes;
use super::sessions::cookie;
use crate::html as parts;
use crate::site::{Shared, Site};
use crate::trouble::Trouble;
use crate::who::{Person, Role};

/// How long the issuer may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most sign-ins under way; beyond them the oldest is forgotten.
const MOST: usize = 1000;
/// The most sign-ins that are begun in a minute.
const MOST_BEGUN: u32 = 60;
/// The largest answer of an issuer, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Which claim says what somebody may do.
#[derive(Debug, Clone)]
pub struct RolesBy {
    /// The claim: its name, or the way to it with dots, as in `realm_access.roles`. Its value is a text or a list of texts.
    pub claim: String,
    /// The role of each value. Whoever has several has the highest; whoever has none does not come in.
    pub roles: BTreeMap<String, Role>,
    /// The claim with the name that the audit keeps; `sub` if it is missing.
    pub name: String,
}

impl RolesBy {
    /// Who somebody with these claims is here.
    fn person(&self, claims: &Map<String, Value>) -> Option<Person> {
        let mut path = self.claim.split('.');
        let mut value = claims.get(path.next()?);
        // A name may have dots of its own, as those of namespaces do.
        if let Some(whole) = claims.get(&self.claim) {
            value = Some(whole);
        } else {
            for part in path {
                value = value.and_then(|value| value.get(part));
            }
        }
        let values: Vec<&str> = match value? {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        let role = values
            .iter()
            .filter_map(|value| self.roles.get(*value))
            .max()?;
        let text = |name: &str| {
            let text = claims.get(name).and_then(Value::as_str)?.trim();
            (!text.is_empty()).then(|| visible(text).chars().take(100).collect::<String>())
        };
        Some(Person {
            name: text(&self.name).or_else(|| text("sub"))?,
            role: *role,
            district: None,
        })
    }
}

/// Where people sign in.
#[derive(Debug)]
pub struct OpenId {
    issuer: Issuer,
    roles: RolesBy,
    http: reqwest::Client,
}

/// Why an issuer can't be asked.
#[derive(Debug, thiserror::Error)]
enum NotAsked {
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    #[error("the issuer can't be reached")]
    Network(#[source] reqwest::Error),
    #[error("the system has no randomness")]
    Randomness(#[from] clever_auth::seal::NoRandomness),
}

impl From<NotAsked> for Trouble {
    fn from(error: NotAsked) -> Self {
        // What the issuer said is logged without its answer, and not shown.
        let mut said = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            said = format!("{said}: {error}");
            source = error.source();
        }
        tracing::warn!(error = said, "a sign-in came to nothing");
        Self::SignIn
    }
}

/// What the issuer offers, and what checks its tokens.
struct Ready {
    services: Services,
    verifier: IdTokenVerifier,
}

#[derive(Default)]
struct UnderWay {
    begun: Vec<(String, Begun, Timestamp)>,
    count: u32,
    /// The minute in which those were begun.
    minute: i64,
}

/// The sign-ins that are under way.
#[derive(Default)]
pub(crate) struct SignIns {
    under_way: Mutex<UnderWay>,
    ready: tokio::sync::Mutex<Option<Ready>>,
}

impl SignIns {
    /// Counts a sign-in that is begun; refuses it if there were too many in this minute.
    fn count(&self, now: Timestamp) -> Result<(), Trouble> {
        let mut state = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_second().div_euclid(60);
        if state.minute != minute {
            (state.minute, state.count) = (minute, 0);
        }
        if state.count >= MOST_BEGUN {
            return Err(Trouble::TooOften);
        }
        state.count += 1;
        Ok(())
    }

    fn keep(&self, id: String, begun: Begun, now: Timestamp) {
        let mut state = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if state.begun.len() >= MOST {
            state.begun.remove(0);
        }
        state.begun.push((id, begun, now));
    }

    /// Takes a sign-in, which is good once.
    fn take(&self, id: &str) -> Option<Begun> {
        let mut state = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let digest = blake3::hash(id.as_bytes());
        // Hashes of blake3 are compared in constant time.
        let at = state
            .begun
            .iter()
            .position(|(other, ..)| blake3::hash(other.as_bytes()) == digest)?;
        Some(state.begun.remove(at).1)
    }
}

impl OpenId {
    /// An issuer, and the roles of those whom it knows. The address `/enter/back` of the console must be registered there.
    ///
    /// # Errors
    ///
    /// [`reqwest::Error`] if the HTTP client can't be prepared.
    pub fn new(issuer: Issuer, roles: RolesBy) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .build()?;
        Ok(Self {
            issuer,
            roles,
            http,
        })
    }

    /// Where people sign in, for the page at the door.
    pub(crate) fn host(&self) -> &str {
        let name = self.issuer.name();
        name.split_once("://").map_or(name, |(_, host)| host)
    }

    async fn public(&self, url: Url) -> Result<Answer, NotAsked> {
        answer(self.http.get(url)).await
    }

    async fn send(&self, request: &Request) -> Result<Answer, NotAsked> {
        let mut sent = self.http.post(request.url().clone());
        if let Some((user, password)) = request.basic_credentials() {
            sent = sent.basic_auth(user, Some(password));
        }
        let form = request.form_body().unwrap_or_default();
        let kind = "application/x-www-form-urlencoded";
        answer(sent.header(CONTENT_TYPE, kind).body(form)).await
    }

    /// Reads what the issuer offers.
    async fn ready(&self) -> Result<Ready, NotAsked> {
        let document = self.public(self.issuer.discovery()).await?;
        let services = self.issuer.services(&document)?;
        Ok(Ready {
            verifier: self.issuer.verifier(&services),
            services,
        })
    }

    /// Reads the issuer's keys, if it is time for that.
    async fn keys(&self, ready: &mut Ready, need: KeyNeed, now: Timestamp) -> Result<(), NotAsked> {
        if ready.verifier.begin_reading(need, now) {
            let keys = self.public(ready.services.keys.clone()).await?;
            let taken = ready.verifier.take_keys(&keys, now);
            taken.map_err(|error| NotAsked::Issuer(error.into()))?;
        }
        Ok(())
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, NotAsked> {
    let mut answer = request
        .header(ACCEPT, "application/json")
        .send()
        .await
        .map_err(|error| NotAsked::Network(error.without_url()))?;
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while let Some(part) = answer
        .chunk()
        .await
        .map_err(|error| NotAsked::Network(error.without_url()))?
    {
        body.extend_from_slice(&part);
        if body.len() > MAX_ANSWER {
            break;
        }
    }
    Ok(Answer { status, body })
}

/// Sends the browser to the issuer.
pub(crate) async fn begin(State(site): Shared) -> Result<Response, Trouble> {
    let openid = site.options.openid.as_ref().ok_or(Trouble::Missing)?;
    let now = site.now();
    site.sign_ins.count(now)?;
    let mut ready = site.sign_ins.ready.lock().await;
    if ready.is_none() {
        *ready = Some(openid.ready().await?);
    }
    let services = ready
        .as_ref()
        .map(|ready| ready.services.clone())
        .ok_or(Trouble::SignIn)?;
    drop(ready);
    let begun = openid.issuer.begin(&services, &SystemRandomness, now);
    let begun = begun.map_err(NotAsked::from)?;
    let id = random_text(&SystemRandomness).map_err(NotAsked::from)?;
    let to = begun.url.to_string();
    let cookie = begun_cookie(&site, &id, 600);
    site.sign_ins.keep(id, begun, now);
    Ok((
        StatusCode::SEE_OTHER,
        [(LOCATION, to), (SET_COOKIE, cookie)],
    )
        .into_response())
}

fn begun_cookie(site: &Site, value: &str, seconds: u32) -> String {
    let (name, attributes) = (site.sessions.begun(), attributes(site, "Lax"));
    format!("{name}={value}; Max-Age={seconds}; {attributes}")
}

/// What the browser brings back.
#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
}

/// Takes the browser back from the issuer, and begins the session.
pub(crate) async fn back(
    State(site): Shared,
    headers: HeaderMap,
    Query(asked): Query<Back>,
) -> Result<Response, Trouble> {
    let openid = site.options.openid.as_ref().ok_or(Trouble::Missing)?;
    let now = site.now();
    let begun = cookie(&headers, &site.sessions.begun()).and_then(|id| site.sign_ins.take(id));
    let begun = begun.ok_or(Trouble::SignIn)?;
    let mut ready = site.sign_ins.ready.lock().await;
    let ready = ready.as_mut().ok_or(Trouble::SignIn)?;
    let request = openid
        .issuer
        .redeem(&ready.services, &begun, &asked.state, &asked.code, now);
    let answer = openid.send(&request.map_err(NotAsked::from)?).await?;
    openid.keys(ready, KeyNeed::Age, now).await?;
    let mut claims = openid
        .issuer
        .identify(&begun, &answer, &ready.verifier, now);
    if let Err(IssuerError::Token(error)) = &claims
        && let Some(need) = error.need()
    {
        openid.keys(ready, need, now).await?;
        claims = openid
            .issuer
            .identify(&begun, &answer, &ready.verifier, now);
    }
    let claims = claims.map_err(NotAsked::from)?;
    let person = openid.roles.person(&claims).ok_or(Trouble::Unknown)?;
    let session = site
        .sessions
        .begin(person, now, &attributes(&site, "Strict"));
    let session = session.map_err(NotAsked::from)?;
    let content = html! {
        p { "You are signed in." }
        p { a.button #on href=(site.at("/")) { "Go on" } }
    };
    let page = parts::onward(&site, "Signed in", &site.at("/"), &content);
    let mut response = page.into_response();
    for cookie in [session, begun_cookie(&site, "", 0)] {
        if let Ok(value) = cookie.parse() {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person(claim: &str, claims: &Value) -> Option<Person> {
        let roles = RolesBy {
            claim: claim.to_owned(),
            roles: [
                ("clever-ops".to_owned(), Role::Operator),
                ("clever-admins".to_owned(), Role::Admin),
            ]
            .into(),
            name: "preferred_username".to_owned(),
        };
        roles.person(claims.as_object().unwrap())
    }

    #[test]
    fn the_highest_role_counts_and_whoever_has_none_stays_outside() {
        let groups = |all: Value| person("groups", &json!({ "sub": "17", "groups": all }));
        assert_eq!(
            groups(json!(["clever-ops", "clever-admins", "x"]))
                .unwrap()
                .role,
            Role::Admin
        );
        assert_eq!(groups(json!("clever-ops")).unwrap().role, Role::Operator);
        for none in [
            json!([]),
            json!("clever"),
            json!(7),
            Value::Null,
            json!({"clever-ops": 1}),
        ] {
            assert_eq!(groups(none), None);
        }
        assert_eq!(person("groups", &json!({ "sub": "17" })), None);
        assert_eq!(
            person("groups", &json!({ "groups": "clever-ops" })),
            None,
            "nobody without a name"
        );
    }

    #[test]
    fn a_claim_may_lie_within_another_or_have_dots_in_its_name() {
        let nested = json!({ "sub": "17", "preferred_username": " kim\n", "realm_access": { "roles": ["clever-ops"] } });
        assert_eq!(person("realm_access.roles", &nested).unwrap().name, "kim");
        let dotted = json!({ "sub": "17", "https://a.example/roles": "clever-ops" });
        assert_eq!(
            person("https://a.example/roles", &dotted).unwrap().name,
            "17"
        );
    }

    #[test]
    fn sign_ins_are_good_once_and_not_too_many_in_a_minute() {
        let sign_ins = SignIns::default();
        let at = |second: i64| Timestamp::from_second(1_789_000_020 + second).unwrap();
        for _ in 0..MOST_BEGUN {
            assert!(sign_ins.count(at(0)).is_ok());
        }
        assert!(sign_ins.count(at(1)).is_err());
        assert!(sign_ins.count(at(61)).is_ok());
        assert!(sign_ins.take("nobody").is_none());
    }
}
