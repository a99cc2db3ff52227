//! Sign-in of staff at any issuer of OpenID Connect (Core 1.0, with Discovery 1.0 and PKCE): not Clever's users, and no roster.
//!
//! Like the rest of this crate it makes requests and reads answers as plain values, and does no I/O. A sign-in is [`Issuer::begin`], the
//! browser's way to [`Begun::url`] and back, [`Issuer::redeem`], and [`Issuer::identify`], which checks the id token and gives its claims.
//!
//! Decision: id tokens are checked by [`IdTokenVerifier`], as Clever's are. `openidconnect` would bring a second implementation of
//! signatures (`rsa`, which RUSTSEC-2023-0071 is about) into what is shipped; it stays the second opinion of the tests.

use std::fmt;

use clever_model::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;
use url::Url;
use url::form_urlencoded::byte_serialize;

use crate::address::{self, UnsafeAddress};
use crate::id_token::{IdTokenError, IdTokenVerifier};
use crate::login::challenge;
use crate::message::{Answer, AnswerError, Request, read};
use crate::seal::{NoRandomness, Randomness, random_text};

/// How long somebody may take at the issuer, in seconds.
const LASTS: i64 = 600;

/// An app at an issuer.
#[derive(Clone)]
pub struct Issuer {
    issuer: Url,
    client_id: String,
    client_secret: SecretString,
    redirect: Url,
    scopes: String,
}

/// Where an issuer's services are, as it publishes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Services {
    /// The issuer as its tokens name it.
    name: String,
    authorize: Url,
    token: Url,
    /// Where its keys are.
    pub keys: Url,
    /// Whether the app's secret goes into the form, for an issuer that takes no other way.
    in_form: bool,
}

/// A sign-in that was begun. Its `Debug` shows no secret.
pub struct Begun {
    /// Where the browser goes.
    pub url: Url,
    /// What the browser brings back.
    pub state: String,
    nonce: String,
    verifier: SecretString,
    at: Timestamp,
}

/// Why a sign-in came to nothing. Holds nothing of a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// Secrets must not go to this address.
    #[error("an address of the issuer can't be used")]
    Address(#[source] UnsafeAddress),
    /// An answer of the issuer can't be used.
    #[error("the issuer's answer can't be used")]
    Answer(#[from] AnswerError),
    /// The id token does not stand.
    #[error("the issuer's id token does not stand")]
    Token(#[from] IdTokenError),
    /// It took too long, or the browser brought another state.
    #[error("the sign-in is over, or is another's")]
    Over,
}

impl Issuer {
    /// An app by its id and secret. `redirect` is the address that is registered for it.
    ///
    /// # Errors
    ///
    /// [`IssuerError::Address`] if the issuer is neither at HTTPS nor on this machine.
    pub fn new(
        issuer: Url,
        client_id: &str,
        client_secret: impl Into<SecretString>,
        redirect: Url,
    ) -> Result<Self, IssuerError> {
        address::check(&issuer, false).map_err(IssuerError::Address)?;
        Ok(Self {
            issuer,
            client_id: client_id.to_owned(),
            client_secret: client_secret.into(),
            redirect,
            scopes: "openid".to_owned(),
        })
    }

    /// Asks for more than `openid`: names of scopes with spaces between them, as in `profile groups`.
    #[must_use]
    pub fn with_scopes(mut self, scopes: &str) -> Self {
        self.scopes = format!("openid {scopes}").trim_end().to_owned();
        self
    }

    /// The issuer's address, without a slash at its end.
    #[must_use]
    pub fn name(&self) -> &str {
        self.issuer.as_str().trim_end_matches('/')
    }

    /// Where the issuer says what it offers.
    #[must_use]
    pub fn discovery(&self) -> Url {
        let mut url = self.issuer.clone();
        let path = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.path().trim_end_matches('/')
        );
        url.set_path(&path);
        url
    }

    /// Reads what the issuer offers.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if the document is another issuer's, or names an address to which no secret may go.
    pub fn services(&self, answer: &Answer) -> Result<Services, IssuerError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            authorization_endpoint: Url,
            token_endpoint: Url,
            jwks_uri: Url,
            #[serde(default)]
            token_endpoint_auth_methods_supported: Vec<String>,
        }
        let document: Document = read(answer)?;
        // The document names the issuer as it was asked for (Discovery 1.0, §4.3); a slash at its end is its own matter.
        if document.issuer.trim_end_matches('/') != self.name() {
            return Err(AnswerError::OtherIssuer.into());
        }
        for url in [
            &document.authorization_endpoint,
            &document.token_endpoint,
            &document.jwks_uri,
        ] {
            address::check(url, false).map_err(IssuerError::Address)?;
        }
        let methods = &document.token_endpoint_auth_methods_supported;
        let has = |name: &str| methods.iter().any(|method| method == name);
        Ok(Services {
            name: document.issuer,
            authorize: document.authorization_endpoint,
            token: document.token_endpoint,
            keys: document.jwks_uri,
            in_form: has("client_secret_post") && !has("client_secret_basic"),
        })
    }

    /// What checks its id tokens: RS256 and ES256, with the keys of [`Services::keys`], of which it has none yet.
    #[must_use]
    pub fn verifier(&self, services: &Services) -> IdTokenVerifier {
        IdTokenVerifier::of(services.name.clone(), self.client_id.clone()).and_es256()
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`] if the system has none.
    pub fn begin(
        &self,
        services: &Services,
        random: &dyn Randomness,
        now: Timestamp,
    ) -> Result<Begun, NoRandomness> {
        let (state, nonce) = (random_text(random)?, random_text(random)?);
        let verifier = random_text(random)?;
        let mut url = services.authorize.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", self.redirect.as_str())
            .append_pair("scope", &self.scopes)
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge(&verifier))
            .append_pair("code_challenge_method", "S256");
        Ok(Begun {
            url,
            state,
            nonce,
            verifier: verifier.into(),
            at: now,
        })
    }

    /// The request that redeems the code with which a browser came back.
    ///
    /// # Errors
    ///
    /// [`IssuerError::Over`] if it brings another state, or took too long.
    pub fn redeem(
        &self,
        services: &Services,
        begun: &Begun,
        state: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<Request, IssuerError> {
        let took = now.as_second() - begun.at.as_second();
        let is_same: bool = begun.state.as_bytes().ct_eq(state.as_bytes()).into();
        if !is_same || !(0..LASTS).contains(&took) {
            return Err(IssuerError::Over);
        }
        let url = services.token.clone();
        let request = if services.in_form {
            Request::open(url)
                .field("client_id", self.client_id.clone())
                .field("client_secret", self.client_secret.clone())
        } else {
            // Both are coded as in a form (RFC 6749, §2.3.1).
            let coded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let secret = coded(self.client_secret.expose_secret()).into();
            Request::basic(url, &coded(&self.client_id), &secret)
        };
        Ok(request
            .field("grant_type", "authorization_code".to_owned())
            .field("code", code.to_owned())
            .field("redirect_uri", self.redirect.to_string())
            .field("code_verifier", begun.verifier.clone()))
    }

    /// The claims of who signed in, by the answer to [`Issuer::redeem`].
    ///
    /// # Errors
    ///
    /// [`IssuerError::Token`] with a [`IdTokenError::need`] if the issuer's keys are to be read, once more.
    pub fn identify(
        &self,
        begun: &Begun,
        answer: &Answer,
        verifier: &IdTokenVerifier,
        now: Timestamp,
    ) -> Result<Map<String, Value>, IssuerError> {
        #[derive(Deserialize)]
        struct Tokens {
            id_token: String,
        }
        let tokens: Tokens = read(answer)?;
        let token = SecretString::from(tokens.id_token);
        Ok(verifier.claims(token.expose_secret(), Some(&begun.nonce), now)?)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("issuer", &self.issuer.as_str())
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::seal::SystemRandomness;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_789_000_000 + second).unwrap()
    }

    fn issuer(at: &str) -> Result<Issuer, IssuerError> {
        let redirect = Url::parse("https://ops.example.com/enter/back").unwrap();
        Issuer::new(Url::parse(at).unwrap(), "the app", "a:secret", redirect)
    }

    fn answer(value: &Value) -> Answer {
        Answer {
            status: 200,
            body: value.to_string().into_bytes(),
        }
    }

    fn document(name: &str, methods: &[&str]) -> Answer {
        answer(&json!({
            "issuer": name, "jwks_uri": "https://id.example.com/keys",
            "authorization_endpoint": "https://id.example.com/authorize?tenant=1",
            "token_endpoint": "https://id.example.com/token", "token_endpoint_auth_methods_supported": methods,
        }))
    }

    #[test]
    fn an_issuer_without_encryption_is_of_this_machine() {
        assert!(issuer("http://id.example.com").is_err());
        assert!(issuer("http://127.0.0.1:4/").is_ok());
        let one = issuer("https://id.example.com/realms/staff").unwrap();
        let place = "https://id.example.com/realms/staff/.well-known/openid-configuration";
        assert_eq!(one.discovery().as_str(), place);
    }

    #[test]
    fn a_document_of_another_issuer_or_with_a_bare_address_is_refused() {
        let one = issuer("https://id.example.com").unwrap();
        assert!(
            one.services(&document("https://id.example.com/", &[]))
                .is_ok()
        );
        let other = one.services(&document("https://evil.example.com", &[]));
        assert!(matches!(
            other,
            Err(IssuerError::Answer(AnswerError::OtherIssuer))
        ));
        let bare = answer(&json!({
            "issuer": "https://id.example.com", "jwks_uri": "https://id.example.com/keys",
            "authorization_endpoint": "https://id.example.com/a", "token_endpoint": "http://id.example.com/token",
        }));
        assert!(matches!(one.services(&bare), Err(IssuerError::Address(_))));
    }

    #[test]
    fn a_sign_in_is_redeemed_with_its_own_state_in_time() {
        let one = issuer("https://id.example.com")
            .unwrap()
            .with_scopes("groups");
        let services = one
            .services(&document(
                "https://id.example.com",
                &["client_secret_basic"],
            ))
            .unwrap();
        let begun = one.begin(&services, &SystemRandomness, at(0)).unwrap();
        let asked: std::collections::BTreeMap<_, _> =
            begun.url.query_pairs().into_owned().collect();
        assert_eq!(asked["tenant"], "1");
        assert_eq!(asked["scope"], "openid groups");
        assert_eq!(asked["state"], begun.state);
        assert_eq!(asked["code_challenge_method"], "S256");
        let redeem = |state: &str, second| one.redeem(&services, &begun, state, "code", at(second));
        assert!(matches!(redeem("other", 1), Err(IssuerError::Over)));
        assert!(matches!(
            redeem(&begun.state, LASTS),
            Err(IssuerError::Over)
        ));
        let request = redeem(&begun.state, 1).unwrap();
        assert_eq!(request.basic_credentials(), Some(("the+app", "a%3Asecret")));
        let body = request.form_body().unwrap();
        assert!(body.contains("code=code") && body.contains("code_verifier="));
        assert!(!format!("{begun:?} {one:?}").contains("secret"));
    }

    #[test]
    fn a_secret_goes_into_the_form_if_the_issuer_takes_it_only_there() {
        let one = issuer("https://id.example.com").unwrap();
        let services = one
            .services(&document("https://id.example.com", &["client_secret_post"]))
            .unwrap();
        let begun = one.begin(&services, &SystemRandomness, at(0)).unwrap();
        let request = one
            .redeem(&services, &begun, &begun.state, "code", at(1))
            .unwrap();
        assert_eq!(request.basic_credentials(), None);
        assert!(
            request
                .form_body()
                .unwrap()
                .contains("client_secret=a%3Asecret")
        );
    }
}
