//! Sessions: what is kept of one, what a page gets, and where they are kept.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;

use axum::BoxError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clever_model::{DistrictId, Role, Timestamp, UserId};
use clever_provision::{AccountId, Person, SharedBy};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The key that a session is kept under: a digest of its secret id. It opens nothing, so a page may show it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionKey(String);

impl SessionKey {
    /// Makes the key of a session's secret id.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(digest("session", id))
    }

    /// The key's text, of URL-safe characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for SessionKey {
    /// Takes a key back from a form.
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = self.0.chars().take(6).collect();
        write!(f, "SessionKey({start}…)")
    }
}

/// What a form of the session must bring back, so that no other site can send it (CSRF).
///
/// It is a digest of the session's secret id, so it needs no place of its own, and nobody who reads the store can
/// make one.
#[derive(Clone)]
pub struct FormToken(String);

impl FormToken {
    pub(crate) fn of(id: &str) -> Self {
        Self(digest("form", id))
    }

    /// The token's text, for a hidden field.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether a form brought this token; in constant time.
    #[must_use]
    pub fn matches(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for FormToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormToken(…)")
    }
}

fn digest(what: &str, id: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["clever-web", what, id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// What a session knows of its person, as of the sign-in. `Debug` hides the name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The name to greet with; the Clever id if Clever gave no name.
    pub name: String,
    /// All roles that are shared.
    pub roles: BTreeSet<Role>,
    /// The district that shares the person; `None` for somebody whom a teacher shares through the Library.
    pub district: Option<DistrictId>,
}

impl Profile {
    pub(crate) fn of(person: &Person, authority: &SharedBy) -> Self {
        let parts = [&person.name.first, &person.name.last];
        let parts: Vec<&str> = parts
            .into_iter()
            .flatten()
            .map(|part| part.trim())
            .collect();
        let name = parts.join(" ").trim().to_owned();
        Self {
            name: if name.is_empty() {
                person.id.to_string()
            } else {
                name
            },
            roles: person.roles.clone(),
            district: match authority {
                SharedBy::District(id) => Some(id.clone()),
                SharedBy::Teacher(_) => None,
            },
        }
    }

    /// Says whether a district shares the person, by contract, and not only a teacher.
    #[must_use]
    pub fn is_of_district(&self) -> bool {
        self.district.is_some()
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("roles", &self.roles)
            .field("district", &self.district)
            .finish_non_exhaustive()
    }
}

/// Who is signed in, for the app's pages.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The account.
    pub account: AccountId,
    /// Clever's id of the person.
    pub user: UserId,
    /// The session's key.
    pub session: SessionKey,
    /// When the session began.
    pub began: Timestamp,
    /// What forms of this session bring back.
    pub form: FormToken,
    /// What was known of the person at the sign-in.
    pub profile: Profile,
}

/// A session as a store keeps it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSession {
    /// What it is found by.
    pub key: SessionKey,
    /// Whose account it opens; `None` while its person is asked.
    pub account: Option<AccountId>,
    /// Clever's id of the person.
    pub user: UserId,
    /// When it began.
    pub began: Timestamp,
    /// When it is over.
    pub expires: Timestamp,
    /// The person's profile, or what waits for an answer; sealed.
    pub sealed: String,
}

impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSession")
            .field("key", &self.key)
            .field("account", &self.account)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Where sessions are kept. What is written must be there after a crash: a browser has been promised it.
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a new session; `now` tells which others are over.
    fn put(
        &self,
        session: &StoredSession,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Replaces a session that is there, and says whether it was: one that has ended meanwhile stays so.
    fn replace(
        &self,
        session: &StoredSession,
    ) -> impl Future<Output = Result<bool, BoxError>> + Send;

    /// Finds a session that has not ended; the caller looks at its time.
    fn get(
        &self,
        key: &SessionKey,
    ) -> impl Future<Output = Result<Option<StoredSession>, BoxError>> + Send;

    /// Ends a session.
    fn end(&self, key: &SessionKey) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// All sessions of an account, in no order.
    fn of(
        &self,
        account: &AccountId,
    ) -> impl Future<Output = Result<Vec<StoredSession>, BoxError>> + Send;

    /// Ends all sessions of an account.
    fn end_all(&self, account: &AccountId) -> impl Future<Output = Result<(), BoxError>> + Send;
}
