//! The login as a machine without I/O: callbacks in, decisions out.
//!
//! A code is redeemed only in the browser that began its login, which the sealed cookie proves. Clever's
//! portal and Library send people with a code and no `state`: that code is dropped and the login begun
//! anew, which costs one redirect that nobody sees and keeps strangers' codes out (login CSRF).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clever_model::{DistrictId, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use url::Url;

use crate::app::App;
use crate::callback::{self, Callback, ErrorCode};
use crate::codes::{Claim, CodeDigest, Codes, digest};
use crate::id_token::{IdTokenError, IdTokenVerifier, OpenId};
use crate::identity::{self, Disagreement, Entry, VerifiedLogin};
use crate::kinds::LoginToken;
use crate::message::{Answer, AnswerError, Request, read};
use crate::pending::{LIFE_S, Pending, Purpose, Tabs, challenge};
use crate::safe_path::SafePath;
use crate::seal::{NoRandomness, Randomness, SealingKeys, random_text};

/// Name of the cookie. The prefix makes browsers accept it from this host alone, over HTTPS.
pub const COOKIE: &str = "__Host-clever_login";

/// What to do with a callback that has no `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatePolicy {
    /// Drop its code and begin the login anew.
    #[default]
    Strict,
    /// Redeem it, as Clever's own sample code does. **Anyone can then sign a victim's browser in to the
    /// attacker's account** by making it open a link: for apps that can't be redirected, only.
    AllowLoginCsrf,
}

/// One app's logins. Clones share the memory of redeemed codes.
#[derive(Debug, Clone)]
pub struct LoginFlow(Arc<Settings>);

#[derive(Debug)]
struct Settings {
    app: App,
    keys: SealingKeys,
    policy: StatePolicy,
    pkce: AtomicBool,
    id_token: bool,
    codes: Codes,
}

/// A digest of the live session in which an account link was begun, made by the caller.
#[derive(Clone, Copy)]
pub struct SessionDigest(pub [u8; 32]);

impl SessionDigest {
    /// Makes the digest of a session's secret id.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(digest(id))
    }
}

/// Where to send the browser, and the cookie that it must bring back.
#[derive(Clone)]
pub struct Departure {
    /// Clever's sign-in page.
    pub authorize: Url,
    /// The cookie's value.
    pub cookie: String,
}

/// The result is a login.
#[derive(Debug)]
pub struct Login;

/// The result is a proof for linking this account, which the caller began as its holder.
#[derive(Debug)]
pub struct Link {
    /// The account that the link was begun for.
    pub account: String,
}

/// What a callback means.
#[derive(Debug)]
#[must_use = "a callback's meaning must be acted on"]
pub enum Arrival {
    /// A login of this browser: go on with [`Redeem`] and set the cookie to this value.
    Login(Redeem<Login>, String),
    /// An account link of this browser: go on with [`Redeem`] and set the cookie to this value.
    Link(Redeem<Link>, String),
    /// The browser repeats a callback of its own: give it the answer that the first delivery gets.
    Repeat(Repeat),
    /// A login that Clever began: begin it anew. The code was not redeemed.
    Restart(Departure),
    /// No login. Show why, with a button to start again.
    Rejected(Rejection),
}

/// A callback that the same browser delivers again: by reload, by its back button, or twice at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// Which delivery it repeats: the key of its [`Redeem`].
    pub delivery: DeliveryKey,
    /// Whether the login is finished; if not, it is under way, or has failed.
    pub finished: bool,
    /// Where the login leads.
    pub return_to: SafePath,
}

/// Names a callback's first delivery, for whoever remembers answers. `Debug` shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryKey([u8; 32]);

impl fmt::Debug for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliveryKey(…)")
    }
}

/// Why a callback is refused. No code was redeemed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Clever reports an error, such as a person who is not shared with this app.
    #[error("Clever refused the sign-in ({0})")]
    ByClever(ErrorCode),
    /// The query is not a callback's.
    #[error("the address is not that of a sign-in")]
    Malformed,
    /// This browser began no login with this `state`, or too long ago, or has blocked the cookie.
    #[error("the sign-in does not belong to this browser, or took too long")]
    NotBegunHere,
    /// Its login ended before, and not with this code.
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

/// Why a redeemed code gave no login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// Clever would not redeem the code.
    #[error("Clever would not redeem the code")]
    Redeem(#[source] AnswerError),
    /// `/me` can't be used.
    #[error("`/me` can't be used")]
    Me(#[source] AnswerError),
    /// `/userinfo` can't be used.
    #[error("`/userinfo` can't be used")]
    UserInfo(#[source] AnswerError),
    /// The id token does not stand.
    #[error("the id token does not stand")]
    IdToken(#[from] IdTokenError),
    /// An id token is required and there is none, or no keys to check it with.
    #[error("there is no id token, or no keys to check it with")]
    NoIdToken,
    /// Clever's answers contradict each other.
    #[error(transparent)]
    Disagreement(#[from] Disagreement),
}

impl LoginFlow {
    /// Prepares logins with the strict rule for `state`.
    #[must_use]
    pub fn new(app: App, keys: SealingKeys) -> Self {
        Self(Arc::new(Settings {
            app,
            keys,
            policy: StatePolicy::Strict,
            pkce: AtomicBool::new(false),
            id_token: false,
            codes: Codes::default(),
        }))
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = match Arc::try_unwrap(self.0) {
            Ok(settings) => settings,
            Err(shared) => Settings {
                app: shared.app.clone(),
                keys: shared.keys.clone(),
                policy: shared.policy,
                pkce: AtomicBool::new(shared.pkce.load(Ordering::Relaxed)),
                id_token: shared.id_token,
                codes: Codes::default(),
            },
        };
        change(&mut settings);
        Self(Arc::new(settings))
    }

    /// Chooses what to do with a callback that has no `state`. Call before cloning.
    #[must_use]
    pub fn with_state_policy(self, policy: StatePolicy) -> Self {
        self.with(|settings| settings.policy = policy)
    }

    /// Uses PKCE (RFC 7636) from the first login on. Call before cloning.
    #[must_use]
    pub fn with_pkce(self) -> Self {
        self.with(|settings| settings.pkce = AtomicBool::new(true))
    }

    /// Uses from now on, in all clones, what the service offers: PKCE where its discovery names `S256`. It never
    /// goes back on that: a document that names it no longer may be an attacker's.
    pub fn learn(&self, discovery: &crate::Discovery) {
        if discovery.pkce {
            self.0.pkce.store(true, Ordering::Relaxed);
        }
    }

    /// Refuses logins without an id token, for apps with OpenID Connect switched on. Call before cloning.
    #[must_use]
    pub fn with_id_token(self) -> Self {
        self.with(|settings| settings.id_token = true)
    }

    /// The app whose logins these are.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.0.app
    }

    /// Begins a login from our own button. `cookie` is what the browser sent under [`COOKIE`].
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn start(
        &self,
        cookie: Option<&str>,
        return_to: &SafePath,
        district: Option<&DistrictId>,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Departure, NoRandomness> {
        let tabs = Tabs::open(&self.0.keys, cookie, now);
        self.depart(
            tabs,
            Purpose::Login,
            Entry::App,
            return_to,
            district,
            now,
            random,
        )
    }

    /// Begins the proof that the holder of `account`, signed in as `session`, also is a Clever user.
    ///
    /// The caller has made sure that the holder signed in lately.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn start_link(
        &self,
        cookie: Option<&str>,
        account: &str,
        session: SessionDigest,
        return_to: &SafePath,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Departure, NoRandomness> {
        let tabs = Tabs::open(&self.0.keys, cookie, now);
        let purpose = Purpose::Link {
            account: account.to_owned(),
            session: session.0,
        };
        self.depart(tabs, purpose, Entry::App, return_to, None, now, random)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the one place where a login's facts meet"
    )]
    fn depart(
        &self,
        mut tabs: Tabs,
        purpose: Purpose,
        entry: Entry,
        return_to: &SafePath,
        district: Option<&DistrictId>,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Departure, NoRandomness> {
        let app = &self.0.app;
        let (state, nonce) = (random_text(random)?, random_text(random)?);
        let verifier = if self.0.pkce.load(Ordering::Relaxed) {
            Some(random_text(random)?)
        } else {
            None
        };
        let proof = verifier.as_deref().map(challenge);
        let authorize = app.authorize(&state, &nonce, proof.as_deref(), district);
        tabs.add(Pending {
            state,
            nonce,
            verifier,
            issuer: app.issuer().to_owned(),
            return_to: return_to.to_string(),
            purpose,
            entry,
            born: now.as_second(),
            used: None,
        });
        let cookie = tabs.seal(&self.0.keys, random)?;
        Ok(Departure { authorize, cookie })
    }

    /// Decides what a callback means. `query` is the address's, without `?`; `session` the live session.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn callback(
        &self,
        cookie: Option<&str>,
        query: &str,
        session: Option<SessionDigest>,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Arrival, NoRandomness> {
        let Ok(callback) = callback::parse(query) else {
            return Ok(Arrival::Rejected(Rejection::Malformed));
        };
        let tabs = Tabs::open(&self.0.keys, cookie, now);
        let Callback {
            code,
            state,
            issuer,
            error,
        } = callback;
        match (code, state, error) {
            (_, _, Some(error)) => Ok(Arrival::Rejected(Rejection::ByClever(error))),
            (None, ..) => Ok(Arrival::Rejected(Rejection::Malformed)),
            (Some(code), Some(state), _) => {
                self.matched(tabs, code, &state, issuer.as_deref(), session, now, random)
            }
            (Some(code), None, _) => self.stateless(tabs, code, now, random),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a row of the callback table")]
    fn matched(
        &self,
        mut tabs: Tabs,
        code: SecretString,
        state: &str,
        issuer: Option<&str>,
        session: Option<SessionDigest>,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Arrival, NoRandomness> {
        let reject = |reason| Ok(Arrival::Rejected(reason));
        let Some(pending) = tabs.find(state) else {
            return reject(Rejection::NotBegunHere);
        };
        if pending.issuer != self.0.app.issuer() || issuer.is_some_and(|i| i != pending.issuer) {
            return reject(Rejection::OtherIssuer);
        }
        if let Purpose::Link { session: begun, .. } = &pending.purpose
            && !session.is_some_and(|live| live.0.ct_eq(begun).into())
        {
            return reject(Rejection::OtherSession);
        }
        let code_digest = digest(code.expose_secret());
        let repeats = pending.used == Some(code_digest);
        if pending.used.is_some() && !repeats {
            return reject(Rejection::Used);
        }
        let return_to = SafePath::new(&pending.return_to).unwrap_or_default();
        // Reloads and double deliveries land here. The second of two may still bring the first's cookie,
        // so the memory counts: of this code, for this `state`, which this browser alone holds.
        match self.0.codes.claim(code_digest, Some(&pending.state), now) {
            Claim::Fresh if !repeats => {}
            claim @ (Claim::Taken | Claim::Done) => {
                return Ok(Arrival::Repeat(Repeat {
                    delivery: DeliveryKey(code_digest),
                    finished: claim == Claim::Done,
                    return_to,
                }));
            }
            _ => return reject(Rejection::Used),
        }
        pending.used = Some(code_digest);
        let pending = pending.clone();
        let cookie = tabs.seal(&self.0.keys, random)?;
        let facts = Facts {
            flow: self.clone(),
            code_digest,
            nonce: Some(pending.nonce),
            return_to,
            entry: pending.entry,
        };
        let verifier = pending.verifier.map(SecretString::from);
        Ok(match pending.purpose {
            Purpose::Login => Arrival::Login(
                Redeem {
                    facts,
                    code,
                    verifier,
                    purpose: Login,
                },
                cookie,
            ),
            Purpose::Link { account, .. } => Arrival::Link(
                Redeem {
                    facts,
                    code,
                    verifier,
                    purpose: Link { account },
                },
                cookie,
            ),
        })
    }

    fn stateless(
        &self,
        mut tabs: Tabs,
        code: SecretString,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Arrival, NoRandomness> {
        if self.0.policy == StatePolicy::AllowLoginCsrf {
            let code_digest = digest(code.expose_secret());
            if self.0.codes.claim(code_digest, None, now) != Claim::Fresh {
                return Ok(Arrival::Rejected(Rejection::Used));
            }
            let facts = Facts {
                flow: self.clone(),
                code_digest,
                nonce: None,
                return_to: SafePath::root(),
                entry: Entry::Unbound,
            };
            let redeem = Redeem {
                facts,
                code,
                verifier: None,
                purpose: Login,
            };
            return Ok(Arrival::Login(redeem, tabs.seal(&self.0.keys, random)?));
        }
        if !tabs.may_restart(now) {
            return Ok(Arrival::Rejected(Rejection::TooManyRestarts));
        }
        let root = SafePath::root();
        self.depart(
            tabs,
            Purpose::Login,
            Entry::Restarted,
            &root,
            None,
            now,
            random,
        )
        .map(Arrival::Restart)
    }
}

impl Departure {
    /// The `Set-Cookie` header's value.
    #[must_use]
    pub fn set_cookie(&self) -> String {
        set_cookie(&self.cookie)
    }
}

/// The `Set-Cookie` header's value for a cookie of [`Departure`] or [`Arrival`].
#[must_use]
pub fn set_cookie(value: &str) -> String {
    format!("{COOKIE}={value}; Path=/; Max-Age={LIFE_S}; Secure; HttpOnly; SameSite=Lax")
}

/// What a login carries from its callback to its end.
struct Facts {
    flow: LoginFlow,
    code_digest: CodeDigest,
    nonce: Option<String>,
    return_to: SafePath,
    entry: Entry,
}

/// A code to redeem, once. The request must not be repeated, whatever becomes of it.
pub struct Redeem<P> {
    facts: Facts,
    code: SecretString,
    verifier: Option<SecretString>,
    purpose: P,
}

/// A redeemed code: who the person is must still be asked.
pub struct Identify<P> {
    facts: Facts,
    token: SecretString,
    id_token: Option<SecretString>,
    purpose: P,
}

/// The end of a login.
#[derive(Debug)]
pub struct SignedIn<P> {
    /// Who signed in.
    pub login: VerifiedLogin,
    /// Opens the person's own data now; not to be stored.
    pub token: LoginToken,
    /// Where to go next.
    pub return_to: SafePath,
    /// What the login was for.
    pub purpose: P,
}

impl<P> Redeem<P> {
    /// Names this delivery, for remembering its answer: a [`Repeat`] asks by it.
    #[must_use]
    pub fn delivery(&self) -> DeliveryKey {
        DeliveryKey(self.facts.code_digest)
    }

    /// The request to send once.
    #[must_use]
    pub fn request(&self) -> Request {
        let verifier = self.verifier.as_ref().map(ExposeSecret::expose_secret);
        self.facts.flow.0.app.redeem(&self.code, verifier)
    }

    /// Reads Clever's answer.
    ///
    /// # Errors
    ///
    /// [`LoginError::Redeem`], [`LoginError::NoIdToken`].
    pub fn answered(self, answer: &Answer) -> Result<Identify<P>, LoginError> {
        #[derive(Deserialize)]
        struct Tokens {
            access_token: String,
            token_type: Option<String>,
            id_token: Option<String>,
        }
        let tokens: Tokens = read(answer).map_err(LoginError::Redeem)?;
        let bearer = tokens
            .token_type
            .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
        let token = crate::token::word(tokens.access_token)
            .ok()
            .filter(|_| bearer)
            .ok_or(LoginError::Redeem(AnswerError::Missing("access_token")))?;
        let id_token = tokens
            .id_token
            .filter(|text| !text.is_empty())
            .map(SecretString::from);
        if id_token.is_none() && self.facts.flow.0.id_token {
            return Err(LoginError::NoIdToken);
        }
        Ok(Identify {
            facts: self.facts,
            token,
            id_token,
            purpose: self.purpose,
        })
    }
}

impl<P> Identify<P> {
    /// Asks who the person is; always needed.
    #[must_use]
    pub fn me_request(&self) -> Request {
        self.facts.flow.0.app.me(self.token.expose_secret())
    }

    /// Asks for the person's claims; adds name, address and a second opinion.
    #[must_use]
    pub fn user_info_request(&self) -> Request {
        self.facts.flow.0.app.user_info(self.token.expose_secret())
    }

    /// Says whether Clever sent an id token, which needs the issuer's keys to be checked.
    #[must_use]
    pub fn has_id_token(&self) -> bool {
        self.id_token.is_some()
    }

    /// The flow that the login belongs to.
    #[must_use]
    pub fn flow(&self) -> &LoginFlow {
        &self.facts.flow
    }

    /// Checks the id token, if Clever sent one, with the keys in hand; [`IdTokenError::need`] says whether other
    /// keys may change the verdict. The login is ended by [`Identify::finish`], which checks it too.
    ///
    /// # Errors
    ///
    /// [`IdTokenError`].
    pub fn check(&self, verifier: &IdTokenVerifier, now: Timestamp) -> Result<(), IdTokenError> {
        match &self.id_token {
            Some(token) => verifier
                .verify(token.expose_secret(), self.facts.nonce.as_deref(), now)
                .map(drop),
            None => Ok(()),
        }
    }

    /// Ends the login if all that Clever said stands and agrees.
    ///
    /// An id token is checked when there is one, unless OpenID Connect is off for the app.
    ///
    /// # Errors
    ///
    /// [`LoginError`].
    pub fn finish(
        self,
        me: &Answer,
        user_info: Option<&Answer>,
        openid: OpenId<&IdTokenVerifier>,
        now: Timestamp,
    ) -> Result<SignedIn<P>, LoginError> {
        let mut who = identity::me(me).map_err(LoginError::Me)?;
        if let Some(answer) = user_info {
            who = who.agree(identity::user_info(answer).map_err(LoginError::UserInfo)?)?;
        }
        let checked = match (&self.id_token, openid) {
            (Some(token), OpenId::Checked(verifier)) => {
                let nonce = self.facts.nonce.as_deref();
                who = who.agree(verifier.verify(token.expose_secret(), nonce, now)?)?;
                true
            }
            _ if self.facts.flow.0.id_token => return Err(LoginError::NoIdToken),
            _ => false,
        };
        self.facts.flow.0.codes.done(self.facts.code_digest);
        Ok(SignedIn {
            token: LoginToken::new(self.token, who.authority()),
            login: VerifiedLogin::new(who, self.facts.entry, now).with_id_token(checked),
            return_to: self.facts.return_to,
            purpose: self.purpose,
        })
    }
}

impl fmt::Debug for SessionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionDigest(…)")
    }
}

impl fmt::Debug for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Departure(…)")
    }
}

impl<P> fmt::Debug for Redeem<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redeem(…)")
    }
}

impl<P> fmt::Debug for Identify<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identify(…)")
    }
}
