//! What a callback means: the end of a login that this browser began, its repetition, or none.

use clever_model::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::codes::{Claim, CodeDigest, digest};
use super::cookies::{Cookies, SetCookie};
use super::identify::{DeliveryKey, Facts, Link, Login, Redeem};
use super::pending::{Pending, Purpose};
use super::query::{self, ErrorCode};
use super::safe_path::SafePath;
use super::start::{LoginFlow, RESTART_S, SessionDigest, Settings, StatePolicy};
use crate::identity::Entry;
use crate::seal::{NoRandomness, Randomness};

/// How long a browser keeps the cookie of a login that has ended, in seconds.
const ENDED_S: i64 = 60;

/// What a callback means.
#[derive(Debug)]
#[must_use = "a callback's meaning must be acted on"]
pub enum Arrival {
    /// A login of this browser: continue with [`Redeem`], and set the cookies with the answer.
    Login(Redeem<Login>, Vec<SetCookie>),
    /// An account link of this browser: continue with [`Redeem`], and set the cookies with the answer.
    Link(Redeem<Link>, Vec<SetCookie>),
    /// The browser repeats a callback of its own.
    Repeat(Repeat),
    /// A login that Clever began: begin it again with [`LoginFlow::start`], after setting this cookie, which
    /// keeps restarts from going round. The code was not redeemed.
    Restart(SetCookie),
    /// No login. Show why, with a button to start again.
    Rejected(Rejection),
}

/// A callback that the same browser delivers again: by reload, by its back button, or twice at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// Which delivery it repeats: the key of its [`Redeem`]. `None` where the login ended with another code,
    /// as after a double click at Clever.
    pub delivery: Option<DeliveryKey>,
    /// Whether this browser has had the first delivery's answer. If so, it has had the session's cookie too:
    /// one that is gone since is not given back.
    pub answered: bool,
    /// Where the login leads.
    pub return_to: SafePath,
}

/// Why a callback is refused. No code was redeemed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Clever reports an error, such as a person who is not shared with this app.
    #[error("Clever refused the sign-in ({0})")]
    ByClever(ErrorCode),
    /// Clever reports an error for an account link that was begun in this session.
    #[error("Clever refused the account link ({0})")]
    LinkByClever(ErrorCode),
    /// The query is not a callback's.
    #[error("the address is not that of a sign-in")]
    Malformed,
    /// This browser began no login with this `state`, or too long ago, or has blocked the cookie.
    #[error("the sign-in does not belong to this browser, or took too long")]
    NotBegunHere,
    /// Its code was redeemed for another login.
    #[error("the sign-in has been used")]
    Used,
    /// The answer is another issuer's.
    #[error("the sign-in came from another service")]
    OtherIssuer,
    /// An account link ended in another session than it was begun in.
    #[error("the account link was begun in another session")]
    OtherSession,
    /// Two restarts within a minute: something keeps the login from working.
    #[error("the sign-in started again too often")]
    TooManyRestarts,
}

impl LoginFlow {
    /// Decides what a callback means. `text` is the address's query, without `?`; `session` the live session.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn callback(
        &self,
        cookies: &Cookies<'_>,
        text: &str,
        session: Option<SessionDigest>,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Arrival, NoRandomness> {
        let reject = |reason| Ok(Arrival::Rejected(reason));
        let Ok(callback) = query::parse(text) else {
            return reject(Rejection::Malformed);
        };
        let begun = callback
            .state
            .and_then(|state| self.begun(cookies, state, now));
        match (callback.code, callback.error) {
            (_, Some(error)) => reject(match begun {
                Some(begun) if begun.is_link_of(session) => Rejection::LinkByClever(error),
                _ => Rejection::ByClever(error),
            }),
            (None, None) => reject(Rejection::Malformed),
            (Some(code), None) if callback.stateless => Ok(self.stateless(cookies, code, now)),
            (Some(code), None) => match begun {
                None => reject(Rejection::NotBegunHere),
                Some(begun) => {
                    let issuer = callback.issuer.as_deref();
                    if issuer.is_some_and(|issuer| issuer != self.0.app.issuer()) {
                        return reject(Rejection::OtherIssuer);
                    }
                    self.matched(cookies, code, begun, session, now, random)
                }
            },
        }
    }

    /// The login with this `state`, if this browser began it.
    fn begun(&self, cookies: &Cookies<'_>, state: String, now: Timestamp) -> Option<Begun> {
        let Settings {
            app, keys, names, ..
        } = &*self.0;
        let value = cookies.get(&names.login(&state))?;
        let (pending, born) = Pending::open((app, keys), &state, value, now)?;
        Some(Begun {
            state,
            pending,
            born,
        })
    }

    fn matched(
        &self,
        cookies: &Cookies<'_>,
        code: SecretString,
        begun: Begun,
        session: Option<SessionDigest>,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Arrival, NoRandomness> {
        let reject = |reason| Ok(Arrival::Rejected(reason));
        let code_digest = digest(code.expose_secret());
        let return_to = SafePath::new(&begun.pending.return_to).unwrap_or_default();
        if let Some(used) = begun.pending.used {
            return Ok(Arrival::Repeat(Repeat {
                delivery: (used == code_digest).then_some(DeliveryKey(code_digest)),
                answered: true,
                return_to,
            }));
        }
        if matches!(begun.pending.purpose, Purpose::Link { .. }) && !begun.is_link_of(session) {
            return reject(Rejection::OtherSession);
        }
        // Two deliveries at once land here: the second still brings the first's cookie, so the memory
        // counts: of this code, for this `state`, which this browser alone holds.
        match self.0.codes.claim(code_digest, Some(&begun.state), now) {
            Claim::Fresh => {}
            Claim::Taken | Claim::Done => {
                return Ok(Arrival::Repeat(Repeat {
                    delivery: Some(DeliveryKey(code_digest)),
                    answered: false,
                    return_to,
                }));
            }
            Claim::Elsewhere => return reject(Rejection::Used),
        }
        let set = self.ended(cookies, &begun, code_digest, random)?;
        let Pending {
            nonce,
            verifier,
            purpose,
            entry,
            ..
        } = begun.pending;
        let facts = Facts {
            flow: self.clone(),
            code_digest,
            nonce: Some(nonce),
            return_to,
            entry,
            expected: None,
        };
        let verifier = verifier.map(SecretString::from);
        Ok(match purpose {
            Purpose::Login => Arrival::Login(
                Redeem {
                    facts,
                    code,
                    verifier,
                    purpose: Login,
                },
                set,
            ),
            Purpose::Link { account, user, .. } => Arrival::Link(
                Redeem {
                    facts: Facts {
                        expected: user,
                        ..facts
                    },
                    code,
                    verifier,
                    purpose: Link { account },
                },
                set,
            ),
        })
    }

    /// The cookies that note the end of a login. It came back with its `state`, so restarts do not go round.
    fn ended(
        &self,
        cookies: &Cookies<'_>,
        begun: &Begun,
        code: CodeDigest,
        random: &dyn Randomness,
    ) -> Result<Vec<SetCookie>, NoRandomness> {
        let Settings {
            app, keys, names, ..
        } = &*self.0;
        let ended = Pending {
            used: Some(code),
            // Only the way on is still needed.
            nonce: String::new(),
            verifier: None,
            ..begun.pending.clone()
        };
        let sealed = ended.seal((app, keys), &begun.state, begun.born, random)?;
        let mut set = vec![names.set(names.login(&begun.state), sealed, Some(ENDED_S))];
        let restarted = names.restarted();
        if cookies.has(&restarted) {
            set.push(names.remove(&restarted));
        }
        Ok(set)
    }

    /// A code that came without a `state`.
    fn stateless(&self, cookies: &Cookies<'_>, code: SecretString, now: Timestamp) -> Arrival {
        if self.0.policy == StatePolicy::AllowLoginCsrf {
            let code_digest = digest(code.expose_secret());
            if self.0.codes.claim(code_digest, None, now) != Claim::Fresh {
                return Arrival::Rejected(Rejection::Used);
            }
            let facts = Facts {
                flow: self.clone(),
                code_digest,
                nonce: None,
                return_to: SafePath::root(),
                entry: Entry::Unbound,
                expected: None,
            };
            let redeem = Redeem {
                facts,
                code,
                verifier: None,
                purpose: Login,
            };
            return Arrival::Login(redeem, Vec::new());
        }
        if self.restarted_lately(cookies, now) {
            return Arrival::Rejected(Rejection::TooManyRestarts);
        }
        let names = &self.0.names;
        let at = now.as_second().to_string();
        Arrival::Restart(names.set(names.restarted(), at, Some(RESTART_S)))
    }
}

/// A login that came back to the browser that began it.
struct Begun {
    state: String,
    pending: Pending,
    born: i64,
}

impl Begun {
    /// Whether it is an account link that was begun in this session.
    fn is_link_of(&self, session: Option<SessionDigest>) -> bool {
        match &self.pending.purpose {
            Purpose::Login => false,
            Purpose::Link { session: begun, .. } => {
                session.is_some_and(|live| live.0.ct_eq(begun).into())
            }
        }
    }
}
