//! Why a sign-in failed: a line for the log that leads to the mend, and a page for the person.
//!
//! The sentences are ours; what stands behind them comes from errors that hold no code, token or name.

use std::error::Error;

use clever_auth::login::LoginError;
use clever_auth::{AnswerError, IdTokenError};

use super::Notice;
use crate::sign_in::SignInError;

/// Most sources of an error that are written down.
const MAX_SOURCES: usize = 8;

/// What to log and what to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cause {
    /// The likely cause and what to look at.
    pub(super) text: &'static str,
    pub(super) notice: Notice,
}

/// An error and its sources, outermost first.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    for _ in 0..MAX_SOURCES {
        let Some(error) = source else { break };
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl Cause {
    pub(super) fn of(error: &SignInError) -> Self {
        let (text, notice) = match error {
            SignInError::Network(_) => (
                "no answer from Clever: look at this machine's way to it, or wait",
                Notice::Failed,
            ),
            SignInError::Login(error) => of_login(error),
            SignInError::NoKeys(_) => (
                "the id token can't be checked: the issuer's keys could not be read",
                Notice::Later,
            ),
            SignInError::Answer(error) => of_answer(*error),
            _ => ("Clever's answer can't be used", Notice::Failed),
        };
        Self { text, notice }
    }
}

fn of_login(error: &LoginError) -> (&'static str, Notice) {
    match error {
        LoginError::Redeem(AnswerError::Refused { status: 400 }) => (
            "Clever does not know the code: it was older than a minute or used before, or the redirect \
             address is not letter by letter the registered one",
            Notice::Again,
        ),
        LoginError::Redeem(AnswerError::Refused { status: 401 | 403 }) => (
            "Clever does not accept the app's client id and secret: compare them with the dashboard",
            Notice::Ours,
        ),
        LoginError::Redeem(error) => of_answer(*error),
        LoginError::Me(AnswerError::Refused { status: 401 | 403 })
        | LoginError::UserInfo(AnswerError::Refused { status: 401 | 403 }) => (
            "Clever does not accept the token that it gave a moment ago: look at the API address and version",
            Notice::Failed,
        ),
        LoginError::Me(error) | LoginError::UserInfo(error) => of_answer(*error),
        LoginError::IdToken(IdTokenError::Time) => (
            "the id token is not valid now: is this machine's clock right?",
            Notice::Ours,
        ),
        LoginError::IdToken(IdTokenError::OtherApp) => (
            "the id token was made for another app: is the client id right?",
            Notice::Ours,
        ),
        LoginError::IdToken(IdTokenError::UnknownKey) => (
            "the id token's key is not among those that the issuer publishes now",
            Notice::Failed,
        ),
        LoginError::IdToken(IdTokenError::Nonce) => (
            "the id token belongs to another login: somebody may have put in a stolen code",
            Notice::Failed,
        ),
        LoginError::IdToken(IdTokenError::Signature) => (
            "the id token's signature is wrong by the keys that the issuer publishes now",
            Notice::Failed,
        ),
        LoginError::IdToken(IdTokenError::OtherIssuer) => (
            "another issuer made the id token: is the app's login address right?",
            Notice::Ours,
        ),
        LoginError::IdToken(_) => ("the id token does not stand", Notice::Failed),
        LoginError::NoIdToken => (
            "there is no checked id token: is OpenID Connect on for the app, and could the issuer's keys be read?",
            Notice::Ours,
        ),
        LoginError::Disagreement(_) => (
            "Clever's answers are about different people",
            Notice::Failed,
        ),
        LoginError::OtherPerson => (
            "another person came back from Clever than the one who began the account link",
            Notice::LinkOtherPerson,
        ),
        _ => ("the login does not stand", Notice::Failed),
    }
}

fn of_answer(error: AnswerError) -> (&'static str, Notice) {
    match error {
        AnswerError::Refused { status: 429 } => (
            "Clever asks for fewer requests: the app's logins and syncs are too many at once",
            Notice::Failed,
        ),
        AnswerError::Refused { status: 500.. } => ("Clever is out of order: wait", Notice::Failed),
        AnswerError::Refused { .. } => (
            "Clever refuses the request: look at its address and version",
            Notice::Failed,
        ),
        _ => (
            "Clever's answer can't be read: something in between may answer in its place",
            Notice::Failed,
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn field_f13_each_cause_has_a_sentence_of_its_own() {
        let refused = |status| AnswerError::Refused { status };
        let id_token = LoginError::IdToken;
        let causes = [
            (LoginError::Redeem(refused(400)), Notice::Again),
            (LoginError::Redeem(refused(401)), Notice::Ours),
            (LoginError::Redeem(refused(404)), Notice::Failed),
            (LoginError::Redeem(refused(429)), Notice::Failed),
            (LoginError::Redeem(refused(503)), Notice::Failed),
            (LoginError::Redeem(AnswerError::NotJson), Notice::Failed),
            (LoginError::Me(refused(401)), Notice::Failed),
            (id_token(IdTokenError::Time), Notice::Ours),
            (id_token(IdTokenError::OtherApp), Notice::Ours),
            (id_token(IdTokenError::OtherIssuer), Notice::Ours),
            (id_token(IdTokenError::Nonce), Notice::Failed),
            (id_token(IdTokenError::UnknownKey), Notice::Failed),
            (id_token(IdTokenError::Signature), Notice::Failed),
            (id_token(IdTokenError::Form), Notice::Failed),
            (LoginError::NoIdToken, Notice::Ours),
            (LoginError::OtherPerson, Notice::LinkOtherPerson),
        ];
        let mut told = BTreeSet::new();
        for (error, notice) in causes {
            let shown = error.to_string();
            let error = SignInError::from(error);
            let cause = Cause::of(&error);
            assert_eq!(cause.notice, notice, "{shown}");
            assert!(told.insert(cause.text), "{shown}: {}", cause.text);
            assert!(chain(&error).starts_with(&shown));
        }
        let keys = Cause::of(&SignInError::NoKeys(None));
        assert_eq!(keys.notice, Notice::Later);
        assert!(told.insert(keys.text));
    }

    #[test]
    fn an_error_is_written_down_with_its_sources() {
        let error = SignInError::from(LoginError::Redeem(AnswerError::Refused { status: 401 }));
        assert_eq!(
            chain(&error),
            "Clever would not redeem the code: answered 401"
        );
    }
}
