//! Credentials that a person keeps: named, described, and sealed as one text for a file.

use std::collections::BTreeMap;
use std::fmt;

use clever_model::DistrictId;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::seal::{NoRandomness, NotOurs, Randomness, SealingKeys};
use crate::tokens::district::{DistrictAppToken, TokenError};

const PURPOSE: &[&str] = &["clever-auth", "credentials"];

/// How a sealed text of credentials begins: what it is, and the version of its form. Then follow, each after a `:`, the
/// key's fingerprint, the number of characters still to come, and those.
const HEAD: &str = "clever-credentials:1";

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
        /// The app's id, which is no secret.
        client_id: String,
        /// The app's secret.
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
    /// There is no such name.
    #[error("there is no credential `{0}`")]
    Missing(String),
    /// The text is empty, or blank.
    #[error("the file is empty")]
    Empty,
    /// The text ends too early.
    #[error("the file is cut: its end is missing")]
    Cut,
    /// The text is something else.
    #[error("the file holds something else than credentials")]
    Foreign,
    /// The text was sealed with another key.
    #[error("the credentials were sealed with another key")]
    OtherKey,
    /// The key is right and the text is whole, but was changed.
    #[error("the file was changed or damaged")]
    Damaged,
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

    /// Puts another secret in a credential's place, or what it is for in other words, and gives the former one.
    ///
    /// # Errors
    ///
    /// [`CredentialError::Missing`].
    pub fn replace(
        &mut self,
        name: &str,
        credential: Credential,
    ) -> Result<Credential, CredentialError> {
        match self.0.get_mut(name) {
            Some(kept) => Ok(std::mem::replace(kept, credential)),
            None => Err(CredentialError::Missing(name.to_owned())),
        }
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
        let sealed = keys.seal(PURPOSE, &text, random)?;
        let key = keys.fingerprint().ok_or(NoRandomness)?;
        Ok(format!("{HEAD}:{key}:{}:{sealed}", sealed.len()))
    }

    /// Opens what [`Credentials::seal`] made, white space around it or not.
    ///
    /// # Errors
    ///
    /// [`CredentialError`], which says whether the text or the key is to blame.
    pub fn open(keys: &SealingKeys, sealed: &[u8]) -> Result<Self, CredentialError> {
        let text = keys
            .open(PURPOSE, whole(keys, sealed)?)
            .map_err(|NotOurs| CredentialError::Damaged)?;
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

/// The sealed part of a file's content, if all of it is there and one of the keys has made it.
fn whole<'a>(keys: &SealingKeys, content: &'a [u8]) -> Result<&'a str, CredentialError> {
    // A file system that lost its power may leave zeros where text was.
    let content = match content.iter().rposition(|byte| *byte != 0) {
        Some(last) => &content[..=last],
        None => return Err(CredentialError::Empty),
    };
    let text = std::str::from_utf8(content).map_err(|_| CredentialError::Foreign)?;
    let text = text.trim();
    if text.is_empty() {
        return Err(CredentialError::Empty);
    }
    let Some(rest) = text.strip_prefix(HEAD) else {
        return Err(match text.split_once(':') {
            _ if HEAD.starts_with(text) => CredentialError::Cut,
            Some((name, _)) if HEAD.starts_with(&format!("{name}:")) => CredentialError::Form,
            _ => CredentialError::Foreign,
        });
    };
    let parts: Vec<&str> = rest.split(':').collect();
    match parts.as_slice() {
        ["", key, length, sealed] => {
            let length: usize = length.parse().map_err(|_| CredentialError::Damaged)?;
            if sealed.len() < length {
                return Err(CredentialError::Cut);
            }
            if !keys.knows(key) {
                return Err(CredentialError::OtherKey);
            }
            Ok(sealed)
        }
        [] | ["", _, _, _, ..] => Err(CredentialError::Damaged),
        ["", ..] => Err(CredentialError::Cut),
        // `clever-credentials:12:…` is a later form.
        _ => Err(CredentialError::Form),
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
        let back = Credentials::open(&keys, format!("{sealed}\n").as_bytes()).unwrap();
        let names: Vec<&str> = back.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["app", "north"]);
        let Some(Secret::DistrictApp { token, district }) = back.get("north").map(|c| &c.secret)
        else {
            panic!("another kind")
        };
        assert_eq!(token.secret(), "canary1111");
        assert_eq!(district.as_ref().unwrap().as_str(), "d1");
        let other = SealingKeys::new(KeyId(1), &[8; 32]);
        let refused = Credentials::open(&other, sealed.as_bytes()).unwrap_err();
        assert_eq!(refused, CredentialError::OtherKey);
        let both = SealingKeys::new(KeyId(2), &[8; 32]).and_old(KeyId(1), &[7; 32]);
        assert!(Credentials::open(&both, sealed.as_bytes()).is_ok());
        let framed = |purpose: &[&str], text: &[u8]| {
            let sealed = keys.seal(purpose, text, &SystemRandomness).unwrap();
            let key = keys.fingerprint().unwrap();
            format!("{HEAD}:{key}:{}:{sealed}", sealed.len())
        };
        for (content, error) in [
            (framed(&["else"], b"{}"), CredentialError::Damaged),
            (framed(PURPOSE, b"[]"), CredentialError::Form),
        ] {
            let refused = Credentials::open(&keys, content.as_bytes()).unwrap_err();
            assert_eq!(refused, error);
        }
    }

    /// A file that was not written to its end, or is another file, is not a matter of the key.
    #[test]
    fn field_a_file_that_does_not_open_is_named_as_what_it_is() {
        use CredentialError::{Cut, Damaged, Empty, Foreign, Form, OtherKey};
        let keys = SealingKeys::new(KeyId(1), &[7; 32]);
        let sealed = two().seal(&keys, &SystemRandomness).unwrap();
        let open = |content: &[u8]| Credentials::open(&keys, content).unwrap_err();
        for blank in [&b""[..], b"\n", b"  \t\n", &[0; 512]] {
            assert_eq!(open(blank), Empty, "{blank:?}");
        }
        for length in 1..sealed.len() {
            assert_eq!(open(&sealed.as_bytes()[..length]), Cut, "{length}");
            let zeros = [&sealed.as_bytes()[..length], &[0; 9]].concat();
            assert_eq!(open(&zeros), Cut, "{length}");
        }
        let changed = |from: &str, to: &str| sealed.replacen(from, to, 1);
        let last = format!("{}{}", &sealed[..sealed.len() - 4], "AAAA");
        for (content, error) in [
            (last, Damaged),
            (format!("{sealed}AAAA"), Damaged),
            (format!("{sealed}:"), Damaged),
            (changed(":1:", ":2:"), Form),
            (changed(":1:", ":12:"), Form),
            (changed("clever-credentials", "other-credentials"), Foreign),
            ("{\"token\": \"abc\"}".to_owned(), Foreign),
            ("A".repeat(400), Foreign),
            (changed(&keys.fingerprint().unwrap(), "AAAA"), OtherKey),
        ] {
            assert_eq!(open(content.as_bytes()), error, "{content}");
        }
        assert_eq!(open(b"\xff\xfe\x00c"), Foreign);
    }

    #[test]
    fn a_secret_is_replaced_under_its_name() {
        let mut all = two();
        let mut new = all.get("app").unwrap().clone();
        new.secret = Secret::App {
            client_id: "our-app".into(),
            client_secret: "canary3333".to_owned().into(),
        };
        let former = all.replace("app", new.clone()).unwrap();
        let secret = |one: &Credential| match &one.secret {
            Secret::App { client_secret, .. } => client_secret.expose_secret().to_owned(),
            Secret::DistrictApp { .. } => String::new(),
        };
        assert_eq!(secret(&former), "canary2222");
        assert_eq!(secret(all.get("app").unwrap()), "canary3333");
        assert_eq!(all.iter().count(), 2);
        let missing = all.replace("south", new).unwrap_err();
        assert_eq!(missing, CredentialError::Missing("south".into()));
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
