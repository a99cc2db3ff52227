//! The app that users sign in to, as Clever knows it: its credentials and redirect URIs, and the codes, tokens and
//! sessions that were handed out.
//!
//! Codes and tokens are counted, not drawn by lot: runs repeat, and nothing here guards real data.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clever_model::Timestamp;

use super::keys::{Change, Keys};
use crate::life::happenings::Happening;

/// How the app is set up at Clever.
#[derive(Debug, Clone, Default)]
pub(crate) struct AppOptions {
    /// The first is primary. Without any, every address on loopback will do.
    pub(crate) redirect_uris: Vec<String>,
    /// Whether support has switched OpenID Connect on for the app.
    pub(crate) openid: bool,
    /// Whether discovery offers PKCE.
    pub(crate) pkce: bool,
    /// Whether support vouches for the users' addresses.
    pub(crate) email_verified: bool,
    /// Whether the app may read rosters, or is for signing in alone.
    pub(crate) secure_sync: bool,
}

/// The app that users sign in to.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) secure_sync: bool,
    pub(crate) email_verified: bool,
    pub(super) redirect_uris: Vec<String>,
    pub(super) openid: bool,
    pub(super) pkce: bool,
    /// The address of this Clever, as the issuer of identities.
    pub(crate) issuer: String,
    pub(crate) keys: Keys,
    issuing: RwLock<Issuing>,
    issued: Mutex<Issued>,
}

/// How discovery and keys are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Issuing {
    #[default]
    Well,
    /// Late, as by the fault `slow`.
    Slowly,
    /// Not at all: 503.
    Down,
}

/// Somebody who signed in at Clever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) district: String,
    pub(crate) user: String,
    /// Shared by a teacher through the Library, not by the district.
    pub(crate) library: bool,
}

/// The cookie of a session at Clever.
const SESSION: &str = "clever_session";

/// What was handed out.
#[derive(Debug, Default)]
pub(super) struct Issued {
    pub(super) made: u64,
    pub(super) codes: BTreeMap<String, Code>,
    /// Whose a token is.
    tokens: BTreeMap<String, Person>,
    /// Who is signed in at Clever, by the session's cookie.
    sessions: BTreeMap<String, Person>,
}

#[derive(Debug)]
pub(super) struct Code {
    pub(super) person: Person,
    pub(super) redirect_uri: String,
    pub(super) nonce: Option<String>,
    /// The PKCE challenge that it was asked for with.
    pub(super) challenge: Option<String>,
    pub(super) made: Timestamp,
}

impl App {
    pub(crate) fn new(seed: u64, options: AppOptions, issuer: String) -> Self {
        Self {
            client_id: format!("{:020x}", u128::from(seed) + 0xc11e_0000_0001),
            client_secret: format!("{:040x}", u128::from(seed) + 0x5ec2_e700_0000_0001),
            secure_sync: options.secure_sync,
            email_verified: options.email_verified,
            redirect_uris: options.redirect_uris,
            openid: options.openid,
            pkce: options.pkce,
            issuer,
            keys: Keys::default(),
            issuing: RwLock::default(),
            issued: Mutex::default(),
        }
    }

    pub(super) fn issued(&self) -> MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets something happen to the issuer of identities; what concerns districts alone does nothing.
    pub(crate) fn befall(&self, happening: Happening) {
        let issuing = match happening {
            Happening::KeyRotate => return self.keys.change(Change::Rotate),
            Happening::KeyReplace => return self.keys.change(Change::Replace),
            Happening::KeyReuse => return self.keys.change(Change::Reuse),
            Happening::IssuerSlow => Issuing::Slowly,
            Happening::IssuerDown => Issuing::Down,
            Happening::IssuerUp => Issuing::Well,
            _ => return,
        };
        *self.issuing.write().unwrap_or_else(PoisonError::into_inner) = issuing;
    }

    /// How discovery and keys are served at the moment.
    pub(crate) fn issuing(&self) -> Issuing {
        *self.issuing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out a token of a person, as a code exchange would.
    pub(crate) fn token_of(&self, person: Person) -> String {
        let mut issued = self.issued();
        issued.made += 1;
        let token = format!("il{:038x}", issued.made);
        issued.tokens.insert(token.clone(), person);
        token
    }

    /// Whose token it is.
    pub(crate) fn person_of(&self, token: &str) -> Option<Person> {
        self.issued().tokens.get(token).cloned()
    }

    /// Who is signed in at Clever in the browser that sent these cookies.
    pub(super) fn session(&self, cookies: &str) -> Option<Person> {
        let id = cookies
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == SESSION)?
            .1;
        self.issued().sessions.get(id).cloned()
    }

    /// Signs a person in at Clever; returns the cookie to set.
    pub(super) fn begin_session(&self, person: &Person) -> String {
        let mut issued = self.issued();
        issued.made += 1;
        let id = format!("session{:016x}", issued.made);
        issued.sessions.insert(id.clone(), person.clone());
        format!("{SESSION}={id}; Path=/; HttpOnly; SameSite=Lax")
    }

    pub(super) fn registered(&self, uri: &str) -> bool {
        if !self.redirect_uris.is_empty() {
            return self.redirect_uris.iter().any(|one| one == uri);
        }
        url::Url::parse(uri)
            .is_ok_and(|uri| matches!(uri.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")))
    }

    /// Whether logins that begin at Clever lead somewhere.
    pub(crate) fn has_primary(&self) -> bool {
        !self.redirect_uris.is_empty()
    }

    /// Says whether a request's `Authorization` is the app's id and secret.
    pub(crate) fn is_client(&self, authorization: Option<&str>) -> bool {
        let expected = STANDARD.encode(format!("{}:{}", self.client_id, self.client_secret));
        authorization
            .and_then(|value| value.split_once(' '))
            .is_some_and(|(scheme, value)| {
                scheme.eq_ignore_ascii_case("basic") && value.trim() == expected
            })
    }
}
