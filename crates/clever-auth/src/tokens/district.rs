//! Secrets that open Clever's API.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Longest token accepted, in bytes; Clever's have about 40.
const MAX_LEN: usize = 1024;

/// Why a text can't be a token of the wanted kind. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// There is nothing but white space.
    #[error("the token is empty")]
    Empty,
    /// A token is one word of visible ASCII characters.
    #[error("the token has a character that no token has (at byte {at})")]
    BadCharacter {
        /// The place of the first one, in bytes.
        at: usize,
    },
    /// Far longer than any token.
    #[error("the token has {length} bytes, more than the {MAX_LEN} allowed")]
    TooLong {
        /// The text's length.
        length: usize,
    },
    /// A user token (prefix `il`) where a district-app token is needed.
    #[error("this looks like a user token (it starts with `il`); a district-app token is needed")]
    UserToken,
}

/// Opens one district's data to one app: roster, events, and what its scopes add.
///
/// Zeroed when dropped. Its `Debug` shows the kind and four hex digits of a digest, enough to tell
/// two tokens apart in a log and too little to guess one.
#[derive(Clone)]
pub struct DistrictAppToken(SecretString);

impl DistrictAppToken {
    /// Takes `text`, without the white space around it, as a district-app token.
    ///
    /// # Errors
    ///
    /// [`TokenError`], which never holds the text.
    pub fn new(text: impl Into<String>) -> Result<Self, TokenError> {
        let word = word(text.into())?;
        if word.expose_secret().starts_with("il") {
            return Err(TokenError::UserToken);
        }
        Ok(Self(word))
    }

    /// Returns the secret itself, for the `Authorization` header and nothing else.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Takes the one word of `text` as a token of whatever kind.
pub(crate) fn word(text: String) -> Result<SecretString, TokenError> {
    // The untrimmed copy is a secret too.
    let text = SecretString::from(text);
    let word = text.expose_secret().trim();
    if word.is_empty() {
        return Err(TokenError::Empty);
    }
    if word.len() > MAX_LEN {
        return Err(TokenError::TooLong { length: word.len() });
    }
    if let Some((at, _)) = word.char_indices().find(|(_, c)| !c.is_ascii_graphic()) {
        return Err(TokenError::BadCharacter { at });
    }
    Ok(SecretString::from(word.to_owned()))
}

impl fmt::Debug for DistrictAppToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = Sha256::digest(self.secret().as_bytes());
        write!(f, "DistrictAppToken({:02x}{:02x}…)", digest[0], digest[1])
    }
}

impl PartialEq for DistrictAppToken {
    /// Compares in constant time for equal lengths.
    fn eq(&self, other: &Self) -> bool {
        self.secret()
            .as_bytes()
            .ct_eq(other.secret().as_bytes())
            .into()
    }
}

impl Eq for DistrictAppToken {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_around_a_token_is_not_part_of_it() {
        assert_eq!(DistrictAppToken::new(" 0a1b\n").unwrap().secret(), "0a1b");
    }

    #[test]
    fn what_is_no_district_token_is_refused_with_its_reason() {
        for (text, error) in [
            ("", TokenError::Empty),
            ("  \n", TokenError::Empty),
            ("a b", TokenError::BadCharacter { at: 1 }),
            ("aé", TokenError::BadCharacter { at: 1 }),
            ("ilc_DEMO_TEACHER_TOKEN", TokenError::UserToken),
        ] {
            assert_eq!(DistrictAppToken::new(text).unwrap_err(), error, "{text:?}");
        }
        assert_eq!(
            DistrictAppToken::new("a".repeat(2000)).unwrap_err(),
            TokenError::TooLong { length: 2000 }
        );
    }

    proptest! {
        #[test]
        fn no_token_shows_in_debug_or_errors(text in "[ -~é]{9,60}") {
            let shown = match DistrictAppToken::new(text.clone()) {
                Ok(token) => format!("{token:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains(text.trim()) || text.trim().is_empty());
        }

        #[test]
        fn tokens_are_equal_exactly_when_their_texts_are(a in "[a-c]{1,3}", b in "[a-c]{1,3}") {
            let equal = DistrictAppToken::new(a.clone()).unwrap() == DistrictAppToken::new(b.clone()).unwrap();
            prop_assert_eq!(equal, a == b);
        }
    }
}
