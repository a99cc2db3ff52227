//! Tokens of the API: made once, and kept as digests.

use clever_auth::seal::{NoRandomness, SystemRandomness, random_text};
use clever_model::Timestamp;
use clever_sync::look::Token;

use crate::who::Role;

/// What each token begins with, so that whoever finds one knows whose it is.
const BEGINS: &str = "clever_console_";

/// A token that was just made. It is shown once; its `Debug` does not show it.
pub struct NewToken {
    /// The token itself, for `Authorization: Bearer`.
    pub token: String,
    /// What is kept of it: the digest.
    pub digest: String,
    /// What it may do.
    pub kept: Token,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NewToken").field(&self.kept).finish()
    }
}

/// Makes a token. It is good when the store has its digest.
///
/// # Errors
///
/// [`NoRandomness`] if the system has none.
pub fn new_token(
    name: &str,
    role: Role,
    district: Option<&str>,
    now: Timestamp,
    ends_at: Option<Timestamp>,
) -> Result<NewToken, NoRandomness> {
    let token = format!("{BEGINS}{}", random_text(&SystemRandomness)?);
    Ok(NewToken {
        digest: digest(&token),
        token,
        kept: Token {
            name: name.to_owned(),
            role: role.as_str().to_owned(),
            district_id: district.unwrap_or_default().to_owned(),
            made_at: now,
            ends_at,
        },
    })
}

/// What is kept of a token. It has 256 random bits, so that no salt and no slow hash is needed.
pub(super) fn digest(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown_and_not_kept() {
        let at = Timestamp::from_second(1_789_000_000).unwrap();
        let one = new_token("nightly", Role::Viewer, None, at, None).unwrap();
        assert_eq!(digest(&one.token), one.digest);
        assert!(!format!("{one:?}").contains(&one.token));
        assert!(!one.digest.contains(&one.token));
        let other = new_token("nightly", Role::Viewer, None, at, None).unwrap();
        assert_ne!(one.token, other.token);
    }
}
