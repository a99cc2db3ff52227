//! From a code to a person: redeem it, once, and ask who it is.

use std::fmt;

use clever_model::{Timestamp, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::codes::CodeDigest;
use super::error::LoginError;
use super::safe_path::SafePath;
use super::start::LoginFlow;
use crate::id_token::{IdTokenError, IdTokenVerifier, OpenId};
use crate::identity::{self, Entry, VerifiedLogin};
use crate::message::{Answer, AnswerError, Request, read};
use crate::tokens::district::word;
use crate::tokens::user::LoginToken;

/// The result is a login.
#[derive(Debug)]
pub struct Login;

/// The result is a proof for linking this account, which the caller began as its holder.
#[derive(Debug)]
pub struct Link {
    /// The account that the link was begun for.
    pub account: String,
}

/// Names a callback's first delivery, for whoever remembers answers. `Debug` shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryKey(pub(super) CodeDigest);

impl fmt::Debug for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliveryKey(…)")
    }
}

/// What a login carries from its callback to its end.
pub(super) struct Facts {
    pub(super) flow: LoginFlow,
    pub(super) code_digest: CodeDigest,
    pub(super) nonce: Option<String>,
    pub(super) return_to: SafePath,
    pub(super) entry: Entry,
    /// Who must come back.
    pub(super) expected: Option<UserId>,
}

/// A code to redeem, once. The request must not be repeated, whatever becomes of it.
pub struct Redeem<P> {
    pub(super) facts: Facts,
    pub(super) code: SecretString,
    pub(super) verifier: Option<SecretString>,
    pub(super) purpose: P,
}

/// A redeemed code: who the person is must still be asked.
pub struct Identify<P> {
    facts: Facts,
    token: SecretString,
    id_token: Option<SecretString>,
    purpose: P,
}

/// The end of a login.
#[derive(Debug)]
pub struct SignedIn<P> {
    /// Who signed in.
    pub login: VerifiedLogin,
    /// Opens the person's own data now; not to be stored.
    pub token: LoginToken,
    /// Where to go next.
    pub return_to: SafePath,
    /// What the login was for.
    pub purpose: P,
}

impl<P> Redeem<P> {
    /// Names this delivery, for remembering its answer: a [`Repeat`](super::Repeat) asks by it.
    #[must_use]
    pub fn delivery(&self) -> DeliveryKey {
        DeliveryKey(self.facts.code_digest)
    }

    /// The request to send once.
    #[must_use]
    pub fn request(&self) -> Request {
        let verifier = self.verifier.as_ref().map(ExposeSecret::expose_secret);
        self.facts.flow.0.app.redeem(&self.code, verifier)
    }

    /// Reads Clever's answer.
    ///
    /// # Errors
    ///
    /// [`LoginError::Redeem`], [`LoginError::NoIdToken`].
    pub fn answered(self, answer: &Answer) -> Result<Identify<P>, LoginError> {
        #[derive(Deserialize)]
        struct Tokens {
            access_token: String,
            token_type: Option<String>,
            id_token: Option<String>,
        }
        let tokens: Tokens = read(answer).map_err(LoginError::Redeem)?;
        let bearer = tokens
            .token_type
            .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
        let token = word(tokens.access_token)
            .ok()
            .filter(|_| bearer)
            .ok_or(LoginError::Redeem(AnswerError::Missing("access_token")))?;
        let id_token = tokens
            .id_token
            .filter(|text| !text.is_empty())
            .map(SecretString::from);
        if id_token.is_none() && self.facts.flow.0.id_token {
            return Err(LoginError::NoIdToken);
        }
        Ok(Identify {
            facts: self.facts,
            token,
            id_token,
            purpose: self.purpose,
        })
    }
}

impl<P> Identify<P> {
    /// Asks who the person is; always needed.
    #[must_use]
    pub fn me_request(&self) -> Request {
        self.facts.flow.0.app.me(self.token.expose_secret())
    }

    /// Asks for the person's claims; adds name, address and a second opinion.
    #[must_use]
    pub fn user_info_request(&self) -> Request {
        self.facts.flow.0.app.user_info(self.token.expose_secret())
    }

    /// Says whether Clever sent an id token, which needs the issuer's keys to be checked.
    #[must_use]
    pub fn has_id_token(&self) -> bool {
        self.id_token.is_some()
    }

    /// The flow that the login belongs to.
    #[must_use]
    pub fn flow(&self) -> &LoginFlow {
        &self.facts.flow
    }

    /// Checks the id token, if Clever sent one, with the keys in hand; [`IdTokenError::need`] says whether other
    /// keys may change the verdict. The login is ended by [`Identify::finish`], which checks it too.
    ///
    /// # Errors
    ///
    /// [`IdTokenError`].
    pub fn check(&self, verifier: &IdTokenVerifier, now: Timestamp) -> Result<(), IdTokenError> {
        match &self.id_token {
            Some(token) => verifier
                .verify(token.expose_secret(), self.facts.nonce.as_deref(), now)
                .map(drop),
            None => Ok(()),
        }
    }

    /// Ends the login if all that Clever said stands and agrees.
    ///
    /// An id token is checked when there is one, unless OpenID Connect is off for the app.
    ///
    /// # Errors
    ///
    /// [`LoginError`].
    pub fn finish(
        self,
        me: &Answer,
        user_info: Option<&Answer>,
        openid: OpenId<&IdTokenVerifier>,
        now: Timestamp,
    ) -> Result<SignedIn<P>, LoginError> {
        let mut who = identity::me(me).map_err(LoginError::Me)?;
        if let Some(answer) = user_info {
            who = who.agree(identity::user_info(answer).map_err(LoginError::UserInfo)?)?;
        }
        let checked = match (&self.id_token, openid) {
            (Some(token), OpenId::Checked(verifier)) => {
                let nonce = self.facts.nonce.as_deref();
                who = who.agree(verifier.verify(token.expose_secret(), nonce, now)?)?;
                true
            }
            _ if self.facts.flow.0.id_token => return Err(LoginError::NoIdToken),
            _ => false,
        };
        if self.facts.expected.is_some_and(|user| user != who.id) {
            return Err(LoginError::OtherPerson);
        }
        self.facts.flow.0.codes.done(self.facts.code_digest);
        Ok(SignedIn {
            token: LoginToken::new(self.token, who.authority()),
            login: VerifiedLogin::new(who, self.facts.entry, now).with_id_token(checked),
            return_to: self.facts.return_to,
            purpose: self.purpose,
        })
    }
}

impl<P> fmt::Debug for Redeem<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redeem(…)")
    }
}

impl<P> fmt::Debug for Identify<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identify(…)")
    }
}
