//! Who looks, and what each role may do.

use std::fmt;

use axum::http::HeaderMap;
use futures_util::future::BoxFuture;

/// What somebody may do; each may do what those before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks. Names and addresses are masked.
    Viewer,
    /// Also reveals, approves, undoes, syncs, answers reviews and merges.
    Operator,
    /// Also forgets people and districts.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The role in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = NoRole;

    fn from_str(word: &str) -> Result<Self, NoRole> {
        let mut all = Self::ALL.into_iter();
        all.find(|role| role.as_str() == word).ok_or(NoRole)
    }
}

/// A word that is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is viewer, operator or admin")]
pub struct NoRole;

/// Somebody who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who it is, as the audit keeps it.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The one district that the person may see; all of them, if there is none.
    pub district: Option<String>,
}

/// Says who sends a request, for an app that signs people in itself.
pub trait Gate: Send + Sync {
    /// Who it is; `None` for somebody who may not come in.
    fn who<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Option<Person>>;
}
