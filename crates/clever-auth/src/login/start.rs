//! How a login begins: an app's settings for all of them, and where the browser is sent.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clever_model::{DistrictId, Timestamp, UserId};
use url::Url;

use super::codes::{Codes, digest};
use super::cookies::{BadSuffix, CookieNames, Cookies, SetCookie};
use super::pending::{LIFE_S, Pending, Purpose, challenge};
use super::safe_path::SafePath;
use crate::app::App;
use crate::discovery::Discovery;
use crate::identity::Entry;
use crate::seal::{NoRandomness, Randomness, SealingKeys, random_text};

/// Seconds between two restarts that happen by themselves.
pub(super) const RESTART_S: i64 = 60;

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
pub struct LoginFlow(pub(super) Arc<Settings>);

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) app: App,
    pub(super) keys: SealingKeys,
    pub(super) names: CookieNames,
    pub(super) policy: StatePolicy,
    pub(super) pkce: AtomicBool,
    pub(super) id_token: bool,
    pub(super) codes: Codes,
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
    pub fn learn(&self, discovery: &Discovery) {
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

    /// Begins a login from our own button, or again after [`Arrival::Restart`](super::Arrival::Restart). `cookies` are the browser's.
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

    /// Whether a login was begun again less than a minute ago. The cookie is not sealed: whoever forges it makes
    /// his own browser show a page with a button.
    pub(super) fn restarted_lately(&self, cookies: &Cookies<'_>, now: Timestamp) -> bool {
        let at = cookies
            .get(&self.0.names.restarted())
            .and_then(|at| at.parse::<i64>().ok());
        at.is_some_and(|at| now.as_second().abs_diff(at) < RESTART_S.unsigned_abs())
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
