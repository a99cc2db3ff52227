//! The adapter itself: what it is made of, and what its parts share.

use std::fmt;
use std::sync::Arc;

use clever_auth::SafePath;
use clever_auth::seal::{Randomness, SealingKeys, SystemRandomness};
use clever_client::{ClientOptions, LibraryVersion, RetryPolicy};
use clever_model::{Clock, SystemClock, Timestamp};
use clever_provision::Policy;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::WebError;
use crate::pool::AccountPool;
use crate::session::SessionKey;
use crate::sql::SqlSessions;

/// Seconds for which a sign-in waits for its person's answer.
pub(crate) const WAIT_S: i64 = 600;

/// An app's choices about accounts and sessions.
pub struct AccountsOptions {
    /// What decisions may do by themselves.
    pub policy: Policy,
    /// The page of the app where a person is asked ([`Accounts::asked`]), as browsers see it.
    pub ask: SafePath,
    /// How long a session lasts, in seconds. The browser forgets it earlier, when it is closed.
    pub session_s: i64,
    /// How the app calls Clever for people's records.
    pub client: ClientOptions,
    /// In which version Library teachers' classes are read.
    pub library: LibraryVersion,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where secrets come from.
    pub random: Arc<dyn Randomness>,
}

impl Default for AccountsOptions {
    /// The page `/welcome`, and sessions of twelve hours.
    fn default() -> Self {
        let client = ClientOptions {
            retry: RetryPolicy::for_a_person(),
            ..ClientOptions::default()
        };
        Self {
            policy: Policy::default(),
            ask: SafePath::new("/welcome").unwrap_or_default(),
            session_s: 12 * 3600,
            client,
            library: LibraryVersion::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandomness),
        }
    }
}

impl fmt::Debug for AccountsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountsOptions")
            .field("policy", &self.policy)
            .field("ask", &self.ask)
            .field("session_s", &self.session_s)
            .finish_non_exhaustive()
    }
}

/// An app's accounts, as sign-ins find and make them, and its sessions. Clones share everything.
///
/// Give it to [`WebLogin`](clever_client::web::WebLogin) as its `Sessions`; pages get a
/// [`SignedIn`](crate::SignedIn) from `CurrentUser`.
pub struct Accounts<A, S = SqlSessions>(pub(crate) Arc<Inner<A, S>>);

pub(crate) struct Inner<A, S> {
    pub(crate) app: A,
    pub(crate) pool: AccountPool,
    pub(crate) sessions: S,
    pub(crate) keys: SealingKeys,
    pub(crate) options: AccountsOptions,
}

impl<A, S> Clone for Accounts<A, S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A, S> fmt::Debug for Accounts<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts")
            .field("pool", &self.0.pool)
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

impl<A> Accounts<A> {
    /// Joins an app with its account store; sessions are kept in the same database. `keys` seal what sessions hold.
    pub fn new(app: A, pool: AccountPool, keys: SealingKeys, options: AccountsOptions) -> Self {
        let sessions = SqlSessions::new(pool.clone());
        Self::with_sessions(app, pool, sessions, keys, options)
    }
}

impl<A, S> Accounts<A, S> {
    /// Like [`Accounts::new`], with sessions in another place.
    pub fn with_sessions(
        app: A,
        pool: AccountPool,
        sessions: S,
        keys: SealingKeys,
        options: AccountsOptions,
    ) -> Self {
        Self(Arc::new(Inner {
            app,
            pool,
            sessions,
            keys,
            options,
        }))
    }

    /// The app's own part.
    #[must_use]
    pub fn app(&self) -> &A {
        &self.0.app
    }

    /// The connections to the account store.
    #[must_use]
    pub fn pool(&self) -> &AccountPool {
        &self.0.pool
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.options.clock.now()
    }

    /// The instant so many seconds from `now`.
    pub(crate) fn after(now: Timestamp, seconds: i64) -> Timestamp {
        Timestamp::from_second(now.as_second().saturating_add(seconds)).unwrap_or(now)
    }

    /// Seals what a session holds, for this session alone.
    pub(crate) fn seal(
        &self,
        what: &str,
        key: &SessionKey,
        value: &impl Serialize,
    ) -> Result<String, WebError> {
        let text = serde_json::to_vec(value).map_err(|_| WebError::Content("what JSON can say"))?;
        let purpose = ["clever-web", what, key.as_str()];
        let random = &*self.0.options.random;
        Ok(self.0.keys.seal(&purpose, &text, random)?)
    }

    /// Opens what [`Accounts::seal`] made.
    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        what: &'static str,
        key: &SessionKey,
        sealed: &str,
    ) -> Result<T, WebError> {
        let purpose = ["clever-web", what, key.as_str()];
        let text = self.0.keys.open(&purpose, sealed)?;
        serde_json::from_slice(&text).map_err(|_| WebError::Content(what))
    }
}
