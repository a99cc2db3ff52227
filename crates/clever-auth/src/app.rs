//! The app as Clever knows it: its client id and secret, its redirect addresses, Clever's addresses.

use std::fmt;

use clever_model::DistrictId;
use secrecy::SecretString;
use url::Url;

use crate::address::{self, UnsafeAddress};
use crate::message::Request;
use crate::redirect::RedirectUri;

/// The settings of one app at one issuer.
#[derive(Clone)]
pub struct App {
    client_id: String,
    client_secret: SecretString,
    redirect: RedirectUri,
    auth_url: Url,
    api_url: Url,
    issuer: String,
    version: String,
}

/// Settings that can't work, or would send secrets unencrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// A client id is one word.
    #[error("the client id is empty or has white space")]
    ClientId,
    /// A client secret is one word.
    #[error("the client secret is empty or has white space")]
    ClientSecret,
    /// Secrets must not go to an address: which, and why.
    #[error("the {0} address can't be used")]
    Address(&'static str, #[source] UnsafeAddress),
}

impl App {
    /// Takes the app's settings from Clever's dashboard, for Clever's own service.
    ///
    /// `redirect` is the *primary* redirect address: the first one registered, to which portal and Library
    /// logins come. Clever compares it as text, so it is sent as it is written here.
    ///
    /// # Errors
    ///
    /// [`AppError`].
    pub fn new(
        client_id: &str,
        client_secret: impl Into<SecretString>,
        redirect: RedirectUri,
    ) -> Result<Self, AppError> {
        let client_secret = client_secret.into();
        let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if !word(client_id) {
            return Err(AppError::ClientId);
        }
        if !word(secrecy::ExposeSecret::expose_secret(&client_secret)) {
            return Err(AppError::ClientSecret);
        }
        Ok(Self {
            client_id: client_id.to_owned(),
            client_secret,
            redirect,
            auth_url: constant("https://clever.com"),
            api_url: constant("https://api.clever.com"),
            issuer: "https://clever.com".to_owned(),
            version: "v3.1".to_owned(),
        })
    }

    /// Uses another server than Clever's own: an emulator, or a test.
    ///
    /// With `insecure_http` it may be called over HTTP wherever it is, as in a closed network of containers: everybody
    /// on the way can read secrets and tokens. Without it, HTTP is for this machine only; Clever's own addresses are
    /// never called over HTTP.
    ///
    /// # Errors
    ///
    /// [`AppError::Address`].
    pub fn served_at(
        mut self,
        auth_url: Url,
        api_url: Url,
        insecure_http: bool,
    ) -> Result<Self, AppError> {
        for (which, url) in [("login", &auth_url), ("API", &api_url)] {
            address::check(url, insecure_http).map_err(|why| AppError::Address(which, why))?;
        }
        auth_url
            .as_str()
            .trim_end_matches('/')
            .clone_into(&mut self.issuer);
        self.auth_url = auth_url;
        self.api_url = api_url;
        Ok(self)
    }

    /// The same over HTTPS, or on this machine.
    ///
    /// # Errors
    ///
    /// [`AppError::Address`].
    pub fn at(self, auth_url: Url, api_url: Url) -> Result<Self, AppError> {
        self.served_at(auth_url, api_url, false)
    }

    /// Speaks another version of the API: `v1.2` to `v3.1`, as in its paths.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// The app's client id, which is public.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The issuer whose logins this app takes.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The primary redirect address.
    #[must_use]
    pub fn redirect(&self) -> &RedirectUri {
        &self.redirect
    }

    /// The page where a user signs in at Clever.
    pub(crate) fn authorize(
        &self,
        state: &str,
        nonce: &str,
        challenge: Option<&str>,
        district: Option<&DistrictId>,
    ) -> Url {
        let mut url = below(&self.auth_url, "oauth/authorize");
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &self.client_id)
                .append_pair("redirect_uri", self.redirect.as_str())
                .append_pair("state", state)
                .append_pair("nonce", nonce);
            if let Some(challenge) = challenge {
                query
                    .append_pair("code_challenge", challenge)
                    .append_pair("code_challenge_method", "S256");
            }
            if let Some(district) = district {
                query.append_pair("district_id", district.as_str());
            }
        }
        url
    }

    /// Where the issuer says what it offers.
    pub(crate) fn discovery(&self) -> Url {
        below(&self.auth_url, ".well-known/openid-configuration")
    }

    /// The request that redeems a code.
    pub(crate) fn redeem(&self, code: &SecretString, verifier: Option<&str>) -> Request {
        let url = below(&self.auth_url, "oauth/tokens");
        let request = Request::basic(url, &self.client_id, &self.client_secret)
            .field("grant_type", "authorization_code".to_owned())
            .field("code", code.clone())
            .field("redirect_uri", self.redirect.to_string());
        match verifier {
            Some(verifier) => request.field("code_verifier", verifier.to_owned()),
            None => request,
        }
    }

    /// A request to the login service with the app's own credentials.
    pub(crate) fn as_app(&self, path: &str, query: &[(&str, &str)]) -> Request {
        let mut url = below(&self.auth_url, path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Request::basic(url, &self.client_id, &self.client_secret)
    }

    /// A request to the login service with a token.
    pub(crate) fn token_info(&self, token: &str) -> Request {
        Request::bearer(below(&self.auth_url, "oauth/tokeninfo"), token)
    }

    /// The request for whose a user's token is.
    pub(crate) fn me(&self, token: &str) -> Request {
        let path = format!("{}/me", self.version);
        Request::bearer(below(&self.api_url, &path), token)
    }

    /// The request for a user's claims.
    pub(crate) fn user_info(&self, token: &str) -> Request {
        Request::bearer(below(&self.api_url, "userinfo"), token)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("client_id", &self.client_id)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let prefix = base.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{prefix}/{path}"));
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[expect(
    clippy::expect_used,
    reason = "called with constants only; a test makes an app of them"
)]
fn constant(url: &'static str) -> Url {
    Url::parse(url).expect("a constant URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(redirect: &str) -> App {
        App::new("abc", "secretsecret".to_owned(), redirect.parse().unwrap()).unwrap()
    }

    #[test]
    fn settings_that_would_show_secrets_are_refused() {
        let there = app("https://app.example/").at(
            "http://clever.example".parse().unwrap(),
            "https://api.clever.example".parse().unwrap(),
        );
        assert_eq!(
            there.unwrap_err(),
            AppError::Address("login", UnsafeAddress::Insecure)
        );
        let shown = format!("{:?}", app("https://app.example/"));
        assert!(!shown.contains("secretsecret"), "{shown}");
    }

    #[test]
    fn field_f9_clever_is_told_the_redirect_address_as_it_is_registered() {
        for text in [
            "http://localhost",
            "https://app.example:443/a/../callback",
            "https://App.example/callback/",
        ] {
            let app = app(text);
            let authorize = app.authorize("s", "n", None, None);
            let mut sent = authorize.query_pairs();
            let sent = sent.find(|(name, _)| name == "redirect_uri").unwrap().1;
            assert_eq!(sent, text);
            let body = app
                .redeem(&"c".to_owned().into(), None)
                .form_body()
                .unwrap();
            let mut fields = url::form_urlencoded::parse(body.as_bytes());
            let sent = fields.find(|(name, _)| name == "redirect_uri").unwrap().1;
            assert_eq!(sent, text);
        }
    }
}
