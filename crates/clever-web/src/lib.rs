//! From a sign-in with Clever to the app's account: ask, prove, merge or create; and the sessions for it.
//!
//! [`Accounts`] is what an app gives to [`WebLogin`](clever_client::web::WebLogin): it reads the person's record,
//! finds or makes the account by [`clever_provision::decide`], and keeps the session. The app says what it does
//! with somebody who has entered ([`App`]), and serves one page where a person is asked
//! ([`Accounts::asked`]). `examples/classroom` is a whole application on it.
//!
//! Every sign-in ends in one of four ways:
//!
//! | | The browser |
//! |---|---|
//! | *in* | goes where the person wanted to go, with a session |
//! | *ask this person* | goes to the app's page for it, with a session that has no account yet |
//! | *refused* | shows a page with a reason that a child and a teacher can read |
//! | *failed* | shows a page with status 503; the log has the error and its sources, and nothing of the person |
//!
//! What waits for an answer lies sealed in the store, is bound to the browser's session and lives ten minutes.
//! Whoever answers "I have an account" proves it to the app, and goes through Clever once more: the link ends in
//! the same session and with the same Clever user, or not at all.
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    feature = "document-features",
    doc = "\n# Features\n",
    doc = document_features::document_features!()
)]
#![forbid(unsafe_code)]

mod accounts;
mod app;
mod arrive;
mod ask;
mod connections;
#[cfg(feature = "roster")]
mod erase;
mod error;
mod forget;
mod library;
mod others;
mod pool;
mod refusals;
mod session;
mod settle;
mod sql;
mod tables;
#[cfg(feature = "tower-sessions")]
mod tower;
mod tries;

pub use accounts::{Accounts, AccountsOptions};
pub use app::{App, Came, Visit};
pub use ask::Asked;
pub use connections::{Connections, MergedAccount, OpenSession};
#[cfg(feature = "roster")]
pub use erase::{EraseError, Erased, erase};
pub use error::WebError;
pub use forget::forget;
pub use library::LibraryClass;
pub use others::{SessionTimes, end_sessions_of, sessions_of};
pub use pool::{AccountPool, PooledStore};
pub use refusals::{Refused, Why};
pub use session::{FormToken, Profile, SessionKey, SessionStore, SignedIn, StoredSession};
pub use sql::SqlSessions;
#[cfg(feature = "tower-sessions")]
pub use tower::TowerSessions;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
