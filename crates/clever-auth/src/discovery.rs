//! What an issuer publishes about itself (OpenID Connect Discovery 1.0).

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::app::App;
use crate::message::{Answer, AnswerError, read};

/// What is used of an issuer's document.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// Where its keys are.
    pub jwks_uri: Url,
    /// Whether it takes PKCE with S256.
    pub pkce: bool,
}

impl Discovery {
    /// Where to read it.
    #[must_use]
    pub fn address(app: &App) -> Url {
        app.discovery()
    }

    /// Reads the document; it must be of the app's own issuer, with its keys on HTTPS or this machine.
    ///
    /// # Errors
    ///
    /// [`AnswerError`].
    pub fn parse(app: &App, answer: &Answer) -> Result<Self, AnswerError> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: Url,
            #[serde(default)]
            code_challenge_methods_supported: Value,
        }
        let document: Document = read(answer)?;
        if document.issuer != app.issuer() {
            return Err(AnswerError::OtherIssuer);
        }
        let same_as_issuer = Url::parse(app.issuer())
            .is_ok_and(|issuer| issuer.origin() == document.jwks_uri.origin());
        if document.jwks_uri.scheme() != "https" && !same_as_issuer {
            return Err(AnswerError::Missing("jwks_uri"));
        }
        let methods = document.code_challenge_methods_supported.as_array();
        Ok(Self {
            jwks_uri: document.jwks_uri,
            pkce: methods.is_some_and(|methods| methods.iter().any(|method| method == "S256")),
        })
    }
}
