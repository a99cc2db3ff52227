//! What a client says while a call takes longer than it should. Paths and numbers; no token, no query, nothing of a person.

use std::fmt;
use std::time::Duration;

/// Why nothing comes for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A call failed, and is tried again after a wait.
    Again {
        /// The path asked for, without its query.
        path: String,
        /// What was wrong with the last attempt.
        cause: String,
        /// The attempt that follows, from 2.
        attempt: u32,
        /// How many attempts there are at most.
        of: u32,
        /// How long it is waited first.
        wait: Duration,
    },
    /// A page did not come as it was asked for; a smaller one is asked for.
    Smaller {
        /// The list's path, without its query.
        path: String,
        /// How many records a page has from now on.
        limit: u32,
    },
    /// The rate limit is used up.
    Limited {
        /// The path to be asked for, without its query.
        path: String,
        /// How long until the window ends.
        wait: Duration,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Again {
                path,
                cause,
                attempt,
                of,
                wait,
            } => write!(
                f,
                "{path}: {cause}; try {attempt} of {of} in {:.1} s",
                wait.as_secs_f64()
            ),
            Self::Smaller { path, limit } => {
                write!(f, "{path}: asking for {limit} records a page")
            }
            Self::Limited { path, wait } => write!(
                f,
                "{path}: the rate limit is used up; going on in {} s",
                wait.as_secs()
            ),
        }
    }
}

/// Hears a client's [`Notice`]s. `()` hears nothing.
pub trait Watch: fmt::Debug + Send + Sync {
    /// A call takes longer than it should.
    fn notice(&self, notice: &Notice);
}

impl Watch for () {
    fn notice(&self, _: &Notice) {}
}
