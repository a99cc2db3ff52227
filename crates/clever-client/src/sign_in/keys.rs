//! The issuer's keys, shared by all logins of an app: read when they are needed, by one at a time, and kept when a
//! reading fails.
//!
//! A login needs the keys at one moment only, when it has an id token to check. So only those wait for a reading
//! who hold a token that can't be checked with the keys in hand; all others use those. A failing issuer
//! costs one request every few seconds, however many people sign in, and never switches the check off.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clever_auth::login::{Identify, LoginError, LoginFlow};
use clever_auth::{IdTokenVerifier, KeyNeed};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use super::ask;
use super::error::SignInError;
use crate::send::wire::Wire;

/// Longest wait of a login that begins, from the reading's begin: only PKCE is learned by it.
const BEGINNERS_WAIT: Duration = Duration::from_secs(1);
/// Most readings that one token waits for: one that is under way, one for its own sake, and those that others
/// end in between.
const MOST_READINGS: u32 = 4;

/// A verifier of id tokens whose keys are kept fresh. Clones share the keys.
#[derive(Clone)]
pub struct IssuerKeys(Arc<Mutex<State>>);

struct State {
    verifier: IdTokenVerifier,
    /// Counts the readings that brought keys.
    version: u64,
    reading: Option<Reading>,
    /// Why the last reading brought no keys.
    failed: Option<Arc<SignInError>>,
}

/// A reading that is under way, or was.
#[derive(Clone)]
struct Reading {
    begun: Instant,
    /// Becomes true at its end.
    ended: watch::Receiver<bool>,
}

impl Reading {
    fn is_over(&self) -> bool {
        // A reading whose task is gone is over as well.
        *self.ended.borrow() || self.ended.has_changed().is_err()
    }

    async fn end(mut self) {
        drop(self.ended.wait_for(|ended| *ended).await);
    }
}

/// What became of the wish for other keys.
enum Newer {
    Keys,
    None(Option<Arc<SignInError>>),
}

impl IssuerKeys {
    /// Takes a verifier, with keys or without.
    #[must_use]
    pub fn new(verifier: IdTokenVerifier) -> Self {
        Self(Arc::new(Mutex::new(State {
            verifier,
            version: 0,
            reading: None,
            failed: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the keys where there are none yet or they are old, and waits a moment for the first ones: what the
    /// service offers is used from the first login on.
    pub(super) async fn prepare(&self, wire: &Arc<Wire>, flow: &LoginFlow) {
        let reading = self.begin(KeyNeed::Age, wire, flow);
        if let Some(reading) = reading.filter(|_| !self.state().verifier.has_keys()) {
            let latest = reading.begun + BEGINNERS_WAIT;
            // Without PKCE in the worst case.
            drop(timeout_at(latest, reading.end()).await);
        }
    }

    /// Has the keys read where there are none yet or they are old; waits for nothing.
    pub(super) fn freshen(&self, wire: &Arc<Wire>, flow: &LoginFlow) {
        drop(self.begin(KeyNeed::Age, wire, flow));
    }

    /// Checks a login's id token, with other keys if those in hand can't check it; gives the verifier with which
    /// the token stood.
    pub(super) async fn check<P>(
        &self,
        wire: &Arc<Wire>,
        identify: &Identify<P>,
    ) -> Result<IdTokenVerifier, SignInError> {
        let (mut verifier, mut version) = self.snapshot();
        let mut readings = 0;
        loop {
            let Err(error) = identify.check(&verifier, wire.options.clock.now()) else {
                return Ok(verifier);
            };
            let wrong = || SignInError::Login(LoginError::IdToken(error));
            let need = error.need().filter(|_| readings < MOST_READINGS);
            let Some(need) = need else {
                return Err(wrong());
            };
            match self.newer(version, need, wire, identify.flow()).await {
                Newer::Keys => debug!(?need, "an id token is checked again with other keys"),
                // The keys that came for this token's sake do not fit it: it is not the issuer's.
                Newer::None(_) if readings > 0 => return Err(wrong()),
                Newer::None(why) => return Err(SignInError::NoKeys(why)),
            }
            readings += 1;
            (verifier, version) = self.snapshot();
        }
    }

    fn snapshot(&self) -> (IdTokenVerifier, u64) {
        let state = self.state();
        (state.verifier.clone(), state.version)
    }

    /// Waits for keys that are newer than those of `version`: others have them read, or it is done here.
    async fn newer(
        &self,
        version: u64,
        need: KeyNeed,
        wire: &Arc<Wire>,
        flow: &LoginFlow,
    ) -> Newer {
        if self.state().version > version {
            return Newer::Keys;
        }
        if let Some(reading) = self.begin(need, wire, flow) {
            reading.end().await;
        }
        let state = self.state();
        if state.version > version {
            Newer::Keys
        } else {
            Newer::None(state.failed.clone())
        }
    }

    /// The reading that is under way, or a new one if that is due for `need`.
    fn begin(&self, need: KeyNeed, wire: &Arc<Wire>, flow: &LoginFlow) -> Option<Reading> {
        let (over, ended) = watch::channel(false);
        let reading = Reading {
            begun: Instant::now(),
            ended,
        };
        {
            let mut state = self.state();
            if let Some(busy) = state.reading.as_ref().filter(|one| !one.is_over()) {
                return Some(busy.clone());
            }
            if !state.verifier.begin_reading(need, wire.options.clock.now()) {
                return None;
            }
            state.reading = Some(reading.clone());
        }
        let (keys, wire, flow) = (self.clone(), Arc::clone(wire), flow.clone());
        // Whoever waits may go away: the reading goes on, for the others.
        tokio::spawn(async move {
            keys.read(&wire, &flow).await;
            over.send_replace(true);
        });
        Some(reading)
    }

    async fn read(&self, wire: &Arc<Wire>, flow: &LoginFlow) {
        let read = ask::keys(wire, flow.app()).await;
        let mut state = self.state();
        let taken = read.and_then(|(discovery, keys)| {
            flow.learn(&discovery);
            let now = wire.options.clock.now();
            Ok(state.verifier.take_keys(&keys, now)?)
        });
        match taken {
            Ok(()) => {
                state.version += 1;
                state.failed = None;
            }
            Err(error) => {
                let kept = state.verifier.has_keys();
                warn!(
                    error = &error as &dyn std::error::Error,
                    kept, "the issuer's keys could not be read"
                );
                state.failed = Some(Arc::new(error));
            }
        }
    }
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IssuerKeys")
            .field(&self.state().verifier)
            .finish()
    }
}
