//! Tokens of users, and tokens whose kind is not known yet.

use std::fmt;

use clever_model::{DistrictId, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::district::{DistrictAppToken, TokenError, word};
use crate::app::App;
use crate::identity::{self, Authority};
use crate::message::{Answer, AnswerError, Request, read};

macro_rules! tokens {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let digest = Sha256::digest(self.0.expose_secret().as_bytes());
                write!(f, concat!(stringify!($name), "({:02x}{:02x}…)"), digest[0], digest[1])
            }
        }

        impl PartialEq for $name {
            /// Compares in constant time for equal lengths.
            fn eq(&self, other: &Self) -> bool {
                let (one, two) = (self.0.expose_secret(), other.0.expose_secret());
                one.as_bytes().ct_eq(two.as_bytes()).into()
            }
        }

        impl Eq for $name {}
    )+};
}

tokens! {
    /// A token from somewhere, of a kind and an app unknown. Opens nothing: it must prove itself.
    RawToken,
    /// A token that Clever says is our app's, of a kind unknown.
    OwnToken,
    /// Opens one district-shared user's own data, for the length of a login.
    UserToken,
    /// Opens one Library teacher's own data, sections and students.
    LibraryToken,
}

impl UserToken {
    /// Returns the secret itself, for the `Authorization` header and nothing else.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl LibraryToken {
    /// Returns the secret itself, for the `Authorization` header and nothing else.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A user's token, by who shares the user with us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginToken {
    /// The user's district does.
    District(UserToken),
    /// The teacher does, through Clever Library.
    Library(LibraryToken),
}

impl LoginToken {
    pub(crate) fn new(token: SecretString, authority: Authority) -> Self {
        match authority {
            Authority::District => Self::District(UserToken(token)),
            Authority::Teacher => Self::Library(LibraryToken(token)),
        }
    }
}

/// Why a token is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KindError {
    /// Clever's answer about the token can't be used; 401 means that it knows no such token.
    #[error("Clever's answer about the token can't be used")]
    Answer(#[from] AnswerError),
    /// The token was given to another app.
    #[error("the token belongs to another app")]
    OtherApp,
}

impl RawToken {
    /// Takes `text`, without the white space around it, as some token.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub fn new(text: impl Into<String>) -> Result<Self, TokenError> {
        word(text.into()).map(Self)
    }

    /// Asks Clever whose app's the token is.
    #[must_use]
    pub fn ask(&self, app: &App) -> Request {
        app.token_info(self.0.expose_secret())
    }

    /// Takes the token as ours if Clever's answer to [`RawToken::ask`] says so.
    ///
    /// # Errors
    ///
    /// [`KindError`].
    pub fn confirm(self, app: &App, answer: &Answer) -> Result<OwnToken, KindError> {
        #[derive(Deserialize)]
        struct Info {
            client_id: Option<String>,
        }
        let info: Info = read(answer)?;
        let client = info.client_id.ok_or(AnswerError::Missing("client_id"))?;
        let ours: bool = client.as_bytes().ct_eq(app.client_id().as_bytes()).into();
        if ours {
            Ok(OwnToken(self.0))
        } else {
            Err(KindError::OtherApp)
        }
    }
}

/// Whose a user's token is, as Clever tells any holder of the token: no proof that the user is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHolder {
    /// The user.
    pub user: UserId,
    /// The user's district, if Clever says.
    pub district: Option<DistrictId>,
    /// Who shares the user with us.
    pub authority: Authority,
    /// The role of the login, a hint.
    pub role: Option<String>,
}

impl OwnToken {
    /// Reads whose the token is from Clever's answer to [`OwnToken::ask`].
    ///
    /// # Errors
    ///
    /// [`AnswerError`] when no user's token gets such an answer.
    pub fn holder(&self, answer: &Answer) -> Result<TokenHolder, AnswerError> {
        let me = identity::me(answer)?;
        Ok(TokenHolder {
            authority: me.authority(),
            role: me.role().map(ToOwned::to_owned),
            district: me.district().cloned(),
            user: me.id,
        })
    }

    /// Asks Clever whose user's the token is.
    #[must_use]
    pub fn ask(&self, app: &App) -> Request {
        app.me(self.0.expose_secret())
    }

    /// Takes the token as a user's, from Clever's answer to [`OwnToken::ask`].
    ///
    /// # Errors
    ///
    /// [`AnswerError`] when no user's token gets such an answer.
    pub fn into_user(self, answer: &Answer) -> Result<LoginToken, AnswerError> {
        let me = identity::me(answer)?;
        Ok(LoginToken::new(self.0, me.authority()))
    }

    /// Takes the token as a district's.
    ///
    /// # Errors
    ///
    /// [`TokenError::UserToken`] when it looks like a user's.
    pub fn into_district_app(self) -> Result<DistrictAppToken, TokenError> {
        DistrictAppToken::new(self.0.expose_secret())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> App {
        let redirect = "https://app.example/callback".parse().unwrap();
        App::new("our-app", "s3cret".to_owned(), redirect).unwrap()
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.into(),
        }
    }

    #[test]
    fn a10_another_apps_token_stays_raw() {
        let raw = RawToken::new("ilc123456").unwrap();
        assert_eq!(raw.ask(&app()).bearer_token(), Some("ilc123456"));
        for (answer, error) in [
            (answer(200, r#"{"client_id":"other"}"#), KindError::OtherApp),
            (answer(200, "{}"), AnswerError::Missing("client_id").into()),
            (
                answer(401, r#"{"client_id":"our-app"}"#),
                AnswerError::Refused { status: 401 }.into(),
            ),
        ] {
            assert_eq!(raw.clone().confirm(&app(), &answer), Err(error));
        }
    }

    #[test]
    fn our_own_token_gets_its_kind_from_clevers_answer() {
        let own = || {
            let raw = RawToken::new("ilc123456").unwrap();
            raw.confirm(
                &app(),
                &answer(200, r#"{"client_id":"our-app","scopes":[]}"#),
            )
            .unwrap()
        };
        let me = answer(200, r#"{"data":{"id":"a1","authorized_by":"teacher"}}"#);
        assert!(matches!(own().into_user(&me), Ok(LoginToken::Library(_))));
        let me = answer(200, r#"{"data":{"id":"a1","district":"d1"}}"#);
        let holder = own().holder(&me).unwrap();
        assert_eq!(
            (holder.user.as_str(), holder.authority),
            ("a1", Authority::District)
        );
        assert!(matches!(own().into_user(&me), Ok(LoginToken::District(_))));
        assert_eq!(own().into_district_app(), Err(TokenError::UserToken));
        assert!(!format!("{:?}", own()).contains("123456"));
    }
}
