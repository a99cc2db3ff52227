//! The login as a machine without I/O: callbacks in, decisions out.
//!
//! A code is redeemed only in the browser that began its login, which the sealed cookie proves. Clever's
//! portal and Library send people with a code and no `state`: that code is dropped and the login begins
//! again, which costs one hop that nobody notices and keeps strangers' codes out (login CSRF).

mod arrival;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clever_model::{DistrictId, Timestamp, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::app::App;
use crate::codes::{CodeDigest, Codes, digest};
use crate::cookies::{BadSuffix, CookieNames, Cookies, SetCookie};
use crate::id_token::{IdTokenError, IdTokenVerifier, OpenId};
use crate::identity::{self, Disagreement, Entry, VerifiedLogin};
use crate::kinds::LoginToken;
use crate::message::{Answer, AnswerError, Request, read};
use crate::pending::{LIFE_S, Pending, Purpose, challenge};
use crate::safe_path::SafePath;
use crate::seal::{NoRandomness, Randomness, SealingKeys, random_text};
pub use arrival::{Arrival, DeliveryKey, Rejection, Repeat};

/// Seconds between two restarts that happen by themselves.
const RESTART_S: i64 = 60;

/// What to do with a callback that has no `state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatePolicy {
    /// Drop its code and begin the login again.
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
    names: CookieNames,
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
    /// The cookie of this login.
    pub cookie: SetCookie,
    /// The removal of older logins' cookies, which would be too many.
    pub crowded_out: Vec<SetCookie>,
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

/// What an account link is begun with.
#[derive(Debug)]
pub struct LinkRequest<'a> {
    /// The account whose holder asks, of at most a few hundred bytes.
    pub account: &'a str,
    /// The live session of the holder: the link ends in it, or not at all.
    pub session: SessionDigest,
    /// Who the holder is at Clever, if that is known: the link ends with this person, or not at all.
    ///
    /// With `None`, whoever is signed in at Clever in this browser comes back, perhaps without a click. Show
    /// the person who that is before anything is linked.
    pub user: Option<&'a UserId>,
    /// Where to go after the link.
    pub return_to: &'a SafePath,
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
    /// An account link came back with another person than the one who began it.
    #[error("somebody else came back from Clever than the person who began the link")]
    OtherPerson,
}

impl LoginFlow {
    /// Prepares logins with the strict rule for `state`.
    #[must_use]
    pub fn new(app: App, keys: SealingKeys) -> Self {
        Self(Arc::new(Settings {
            names: CookieNames::of(app.redirect().as_str()),
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
                names: shared.names.clone(),
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

    /// Tells the cookies from those of another app on the same host. Call before cloning.
    ///
    /// # Errors
    ///
    /// [`BadSuffix`].
    pub fn with_cookie_suffix(self, suffix: &str) -> Result<Self, BadSuffix> {
        let names = self.0.names.clone().with_suffix(suffix)?;
        Ok(self.with(|settings| settings.names = names))
    }

    /// What the cookies are called.
    #[must_use]
    pub fn cookie_names(&self) -> &CookieNames {
        &self.0.names
    }

    /// The app whose logins these are.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.0.app
    }

    /// Begins a login from our own button, or again after [`Arrival::Restart`]. `cookies` are the browser's.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn start(
        &self,
        cookies: &Cookies<'_>,
        return_to: &SafePath,
        district: Option<&DistrictId>,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Departure, NoRandomness> {
        let entry = if self.restarted_lately(cookies, now) {
            Entry::Restarted
        } else {
            Entry::App
        };
        self.depart(
            cookies,
            (Purpose::Login, entry, return_to),
            district,
            now,
            random,
        )
    }

    /// Begins the proof that the holder of an account, signed in to the app, also is a Clever user.
    ///
    /// The caller has made sure that the holder signed in lately and that the session is live.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn start_link(
        &self,
        cookies: &Cookies<'_>,
        link: &LinkRequest<'_>,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Departure, NoRandomness> {
        let purpose = Purpose::Link {
            account: link.account.to_owned(),
            session: link.session.0,
            user: link.user.cloned(),
        };
        let what = (purpose, Entry::App, link.return_to);
        let mut departure = self.depart(cookies, what, None, now, random)?;
        // Asks Clever to show who is signed in there; a service that doesn't know the word ignores it.
        departure
            .authorize
            .query_pairs_mut()
            .append_pair("confirmed", "false");
        Ok(departure)
    }

    fn depart(
        &self,
        cookies: &Cookies<'_>,
        (purpose, entry, return_to): (Purpose, Entry, &SafePath),
        district: Option<&DistrictId>,
        now: Timestamp,
        random: &dyn Randomness,
    ) -> Result<Departure, NoRandomness> {
        let Settings { app, names, .. } = &*self.0;
        let (state, nonce) = (random_text(random)?, random_text(random)?);
        let verifier = if self.0.pkce.load(Ordering::Relaxed) {
            Some(random_text(random)?)
        } else {
            None
        };
        let proof = verifier.as_deref().map(challenge);
        let authorize = app.authorize(&state, &nonce, proof.as_deref(), district);
        let pending = Pending {
            nonce,
            verifier,
            return_to: return_to.to_string(),
            purpose,
            entry,
            used: None,
        };
        let sealed = pending.seal((app, &self.0.keys), &state, now.as_second(), random)?;
        let cookie = names.set(names.login(&state), sealed, Some(LIFE_S));
        let size = cookie.name.len() + cookie.value.len();
        Ok(Departure {
            authorize,
            crowded_out: names.crowded_out(cookies, size, now),
            cookie,
        })
    }
}

impl Departure {
    /// The cookies to set when the browser is sent on.
    pub fn set_cookies(&self) -> impl Iterator<Item = &SetCookie> {
        std::iter::once(&self.cookie).chain(&self.crowded_out)
    }

    /// What a browser that had no cookies brings back, for a caller that is the browser itself.
    #[must_use]
    pub fn cookies(&self) -> Cookies<'_> {
        let SetCookie { name, value, .. } = &self.cookie;
        [(name.as_str(), value.as_str())].into_iter().collect()
    }
}

/// What a login carries from its callback to its end.
struct Facts {
    flow: LoginFlow,
    code_digest: CodeDigest,
    nonce: Option<String>,
    return_to: SafePath,
    entry: Entry,
    /// Who must come back.
    expected: Option<UserId>,
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
        if self.facts.expected.is_some_and(|user| user != who.id) {
            return Err(LoginError::OtherPerson);
        }
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
