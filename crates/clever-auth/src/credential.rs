//! Credentials that a person keeps: named, described, and sealed as one text for a file.

use std::collections::BTreeMap;
use std::fmt;

use clever_model::DistrictId;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::seal::{NoRandomness, NotOurs, Randomness, SealingKeys};
use crate::token::{DistrictAppToken, TokenError};

const PURPOSE: &[&str] = &["clever-auth", "credentials"];

/// Longest name, in bytes.
const MAX_NAME: usize = 64;

/// What a credential opens.
#[derive(Debug, Clone)]
pub enum Secret {
    /// One district's data.
    DistrictApp {
        /// The district, once it is known: what to find a rotated token by.
        district: Option<DistrictId>,
        /// The token.
        token: DistrictAppToken,
    },
    /// An app's own identity: logins, and the tokens of all its districts.
    App {
        /// Public.
        client_id: String,
        /// Secret.
        client_secret: SecretString,
    },
}

/// One credential.
#[derive(Debug, Clone)]
pub struct Credential {
    /// What it is for, in its keeper's words.
    pub description: String,
    /// What it opens.
    pub secret: Secret,
}

/// All credentials that a person keeps, by name. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Credentials(BTreeMap<String, Credential>);

/// Why a credential can't be kept, or the kept ones not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A name is 1 to 64 ASCII letters, digits, `-`, `_` or `.`.
    #[error("a credential's name has 1 to {MAX_NAME} letters, digits, `-`, `_` or `.`")]
    Name,
    /// The name is taken.
    #[error("there is a credential `{0}` already")]
    Taken(String),
    /// The text was sealed with another key, for something else, or was changed.
    #[error(transparent)]
    NotOurs(#[from] NotOurs),
    /// The text is ours, but its content is of a form unknown to this version.
    #[error("the credentials are of a form that this version does not read")]
    Form,
    /// A kept token is none.
    #[error("a kept token is unusable")]
    Token(#[from] TokenError),
}

/// The sealed form.
#[derive(Serialize, Deserialize)]
struct Kept {
    description: String,
    #[serde(flatten)]
    secret: KeptSecret,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum KeptSecret {
    DistrictApp {
        district: Option<DistrictId>,
        token: String,
    },
    App {
        client_id: String,
        client_secret: String,
    },
}

impl Credentials {
    /// Adds a credential under a new name.
    ///
    /// # Errors
    ///
    /// [`CredentialError::Name`], [`CredentialError::Taken`].
    pub fn add(&mut self, name: &str, credential: Credential) -> Result<(), CredentialError> {
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(word) {
            return Err(CredentialError::Name);
        }
        if self.0.contains_key(name) {
            return Err(CredentialError::Taken(name.to_owned()));
        }
        self.0.insert(name.to_owned(), credential);
        Ok(())
    }

    /// Finds a credential.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Credential> {
        self.0.get(name)
    }

    /// Removes a credential and gives it back.
    pub fn remove(&mut self, name: &str) -> Option<Credential> {
        self.0.remove(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Credential)> {
        self.0
            .iter()
            .map(|(name, credential)| (&**name, credential))
    }

    /// Seals all credentials as one text.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn seal(
        &self,
        keys: &SealingKeys,
        random: &dyn Randomness,
    ) -> Result<String, NoRandomness> {
        let kept: BTreeMap<&str, Kept> = self.iter().map(|(name, c)| (name, kept(c))).collect();
        let text = serde_json::to_vec(&kept).map_err(|_| NoRandomness)?;
        let text = secrecy::zeroize::Zeroizing::new(text);
        keys.seal(PURPOSE, &text, random)
    }

    /// Opens what [`Credentials::seal`] made.
    ///
    /// # Errors
    ///
    /// [`CredentialError`].
    pub fn open(keys: &SealingKeys, sealed: &str) -> Result<Self, CredentialError> {
        let text = keys.open(PURPOSE, sealed.trim())?;
        let kept: BTreeMap<String, Kept> =
            serde_json::from_slice(&text).map_err(|_| CredentialError::Form)?;
        let mut all = Self::default();
        for (name, kept) in kept {
            let secret = match kept.secret {
                KeptSecret::DistrictApp { district, token } => Secret::DistrictApp {
                    district,
                    token: DistrictAppToken::new(token)?,
                },
                KeptSecret::App {
                    client_id,
                    client_secret,
                } => Secret::App {
                    client_id,
                    client_secret: client_secret.into(),
                },
            };
            let description = kept.description;
            all.add(
                &name,
                Credential {
                    description,
                    secret,
                },
            )?;
        }
        Ok(all)
    }
}

fn kept(credential: &Credential) -> Kept {
    let secret = match &credential.secret {
        Secret::DistrictApp { district, token } => KeptSecret::DistrictApp {
            district: district.clone(),
            token: token.secret().to_owned(),
        },
        Secret::App {
            client_id,
            client_secret,
        } => KeptSecret::App {
            client_id: client_id.clone(),
            client_secret: client_secret.expose_secret().to_owned(),
        },
    };
    Kept {
        description: credential.description.clone(),
        secret,
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{KeyId, SystemRandomness};

    fn two() -> Credentials {
        let mut all = Credentials::default();
        let secret = Secret::DistrictApp {
            district: Some(DistrictId::new("d1").unwrap()),
            token: DistrictAppToken::new("canary1111").unwrap(),
        };
        let description = "north".to_owned();
        all.add(
            "north",
            Credential {
                description,
                secret,
            },
        )
        .unwrap();
        let secret = Secret::App {
            client_id: "our-app".into(),
            client_secret: "canary2222".to_owned().into(),
        };
        let description = "the app".to_owned();
        all.add(
            "app",
            Credential {
                description,
                secret,
            },
        )
        .unwrap();
        all
    }

    #[test]
    fn p26_credentials_come_back_from_their_seal_and_no_other_way() {
        let keys = SealingKeys::new(KeyId(1), &[7; 32]);
        let sealed = two().seal(&keys, &SystemRandomness).unwrap();
        assert!(!sealed.contains("canary"));
        let back = Credentials::open(&keys, &format!("{sealed}\n")).unwrap();
        let names: Vec<&str> = back.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["app", "north"]);
        let Some(Secret::DistrictApp { token, district }) = back.get("north").map(|c| &c.secret)
        else {
            panic!("another kind")
        };
        assert_eq!(token.secret(), "canary1111");
        assert_eq!(district.as_ref().unwrap().as_str(), "d1");
        let other = SealingKeys::new(KeyId(1), &[8; 32]);
        let refused = Credentials::open(&other, &sealed).unwrap_err();
        assert_eq!(refused, CredentialError::NotOurs(NotOurs));
        let elsewhere = keys.seal(&["else"], b"{}", &SystemRandomness).unwrap();
        assert!(Credentials::open(&keys, &elsewhere).is_err());
        let odd = keys.seal(PURPOSE, b"[]", &SystemRandomness).unwrap();
        assert_eq!(
            Credentials::open(&keys, &odd).unwrap_err(),
            CredentialError::Form
        );
    }

    #[test]
    fn p25_secrets_do_not_show_and_names_are_plain_and_unique() {
        let mut all = two();
        let shown = format!("{all:?} {:?}", all.iter().collect::<Vec<_>>());
        assert!(!shown.contains("canary"), "{shown}");
        let again = all.get("app").unwrap().clone();
        assert_eq!(
            all.add("app", again.clone()),
            Err(CredentialError::Taken("app".into()))
        );
        for name in ["", "a b", "../x/", &"a".repeat(65)] {
            assert_eq!(
                all.add(name, again.clone()),
                Err(CredentialError::Name),
                "{name}"
            );
        }
        assert!(all.remove("app").is_some() && all.get("app").is_none());
    }
}
