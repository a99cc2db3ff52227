//! What all pages of one console share.

use std::sync::Arc;

use axum::http::HeaderMap;
use clever_auth::seal::NoRandomness;
use clever_model::{Clock, SystemClock, Timestamp};
use clever_sync::erase::NotesKey;
use clever_sync::look::Deed;
use clever_sync::{AnyStore, SyncPolicies, SyncReport};
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::door::{Links, OpenId, Sessions, SignIns, Visitor};
use crate::looks::Looks;
use crate::stores::Stores;
use crate::trouble::Trouble;
use crate::who::{Gate, Role};

/// How a console is served.
pub struct Options {
    /// The path under which it lies, as in `/console`; empty for the root.
    pub base: String,
    /// Where browsers find it: scheme, host and port, as in `https://ops.example.com`. Requests that name another host, and
    /// forms from another origin, are refused; no proxy header is believed.
    pub origin: String,
    /// What a sync and an undo go by.
    pub policies: SyncPolicies,
    /// Starts syncs, if the console may.
    pub runner: Option<Arc<dyn Runner>>,
    /// Sends tests of alerts, if the console may.
    pub alerts: Option<Arc<dyn Alerts>>,
    /// Who comes in, if an app signs people in itself; else one-time links do, and the issuer below.
    pub gate: Option<Arc<dyn Gate>>,
    /// Where people sign in, if an issuer of OpenID Connect knows them.
    pub openid: Option<OpenId>,
    /// The key that signs the notes of what is forgotten; nobody can forget without one.
    pub notes_key: Option<NotesKey>,
}

impl Options {
    /// A console that browsers find at `origin`, under the path `base`: people come in by links, and nobody syncs or forgets.
    #[must_use]
    pub fn at(origin: &str, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            origin: origin.to_owned(),
            policies: SyncPolicies::default(),
            runner: None,
            alerts: None,
            gate: None,
            openid: None,
            notes_key: None,
        }
    }
}

/// Whether a sync was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It runs.
    Now,
    /// One runs already.
    Already,
}

/// Starts syncs for a console, and looks what one would do.
pub trait Runner: Send + Sync {
    /// Starts a sync of a district, and does not wait for its end: the store says how it goes.
    ///
    /// # Errors
    ///
    /// A sentence for whoever asked.
    fn start<'a>(&'a self, district_id: &'a str) -> BoxFuture<'a, Result<Started, String>>;

    /// Makes a dry run of a district, to its end: says what a sync would do now, and changes nothing.
    ///
    /// # Errors
    ///
    /// A sentence for whoever asked.
    fn look<'a>(&'a self, district_id: &'a str) -> BoxFuture<'a, Result<SyncReport, String>>;
}

/// Whom alerts go to, for a console.
pub trait Alerts: Send + Sync {
    /// In a word each, without addresses.
    fn places(&self) -> Vec<&'static str>;

    /// Sends an alert that nothing happened to all of them; says how many took it.
    ///
    /// # Errors
    ///
    /// A sentence for whoever asked.
    fn test(&self) -> BoxFuture<'_, Result<usize, String>>;
}

/// One console. It is shared by all requests.
pub(crate) struct Site {
    pub(crate) options: Options,
    pub(crate) stores: Stores,
    pub(crate) sessions: Sessions,
    pub(crate) links: Links,
    pub(crate) sign_ins: SignIns,
    pub(crate) looks: Looks,
    /// Whose turn it is to export.
    pub(crate) exports: Semaphore,
}

/// How the handlers get it.
pub(crate) type Shared = axum::extract::State<Arc<Site>>;

impl Site {
    pub(crate) fn new(stores: Stores, options: Options) -> Result<Self, NoRandomness> {
        Ok(Self {
            sessions: Sessions::new()?,
            links: Links::default(),
            sign_ins: SignIns::default(),
            looks: Looks::default(),
            exports: Semaphore::new(1),
            options,
            stores,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// A link to a path of this console.
    pub(crate) fn at(&self, path: &str) -> String {
        let base = &self.options.base;
        match (base.is_empty(), path) {
            (false, "/") => base.clone(),
            _ => format!("{base}{path}"),
        }
    }

    /// Who sends these headers.
    pub(crate) async fn visitor(&self, headers: &HeaderMap) -> Option<Visitor> {
        match &self.options.gate {
            Some(gate) => {
                let person = gate.who(headers).await?;
                Some(self.sessions.of_gate(person))
            }
            None => self.sessions.of(headers, self.now()),
        }
    }

    /// Writes into the audit that somebody did something.
    pub(crate) async fn judge(
        &self,
        store: &mut AnyStore,
        visitor: &Visitor,
        deed: &str,
        on: On<'_>,
    ) -> Result<(), Trouble> {
        let deed = self.deed(visitor, deed, &on);
        store.judge(&deed).await?;
        Ok(())
    }

    pub(crate) fn deed<'a>(&self, visitor: &'a Visitor, deed: &'a str, on: &On<'a>) -> Deed<'a> {
        Deed {
            district_id: on.district,
            at: self.now(),
            actor: &visitor.person.name,
            role: visitor.person.role.as_str(),
            deed,
            subject: on.subject,
            reason: on.reason,
            key: visitor.key.as_deref(),
        }
    }
}

/// What a deed is done to, and why.
pub(crate) struct On<'a> {
    pub(crate) district: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) reason: &'a str,
}

impl<'a> On<'a> {
    /// A district as a whole.
    pub(crate) fn of(district: &'a str, reason: &'a str) -> Self {
        Self {
            district,
            subject: "district",
            reason,
        }
    }
}

/// Refuses whoever has a lesser role.
pub(crate) fn needs(visitor: &Visitor, role: Role) -> Result<(), Trouble> {
    if visitor.person.role < role {
        return Err(Trouble::Role(role));
    }
    Ok(())
}

/// Refuses a district that is not the visitor's to see, as if it were not there.
pub(crate) fn may_see(visitor: &Visitor, district: &str) -> Result<(), Trouble> {
    let only = visitor.person.district.as_deref();
    if only.is_some_and(|only| only != district) {
        return Err(Trouble::Missing);
    }
    Ok(())
}

/// A reason that somebody gave; a deed without one is not done.
pub(crate) fn reason(text: &str) -> Result<&str, Trouble> {
    let text = text.trim();
    if text.chars().count() < 3 {
        return Err(Trouble::Wrong("Say why, in a few words.".to_owned()));
    }
    Ok(text)
}
