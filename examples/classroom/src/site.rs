//! What the app's pages share.

use std::sync::Arc;

use axum::extract::FromRef;
use axum::http::HeaderMap;
use axum::response::Response;
use clever_auth::SafePath;
use clever_client::web::{CurrentUser, WebLogin};
use clever_model::{Clock, SystemClock, Timestamp, UserId};
use clever_provision::AccountId;

use crate::members::Members;
use crate::roster::Roster;

/// The accounts, as sign-ins find and make them.
pub(crate) type Accounts = clever_web::Accounts<Members>;
/// Who is signed in, for a page.
pub(crate) type Me = CurrentUser<Accounts>;

/// The app. Clones share everything.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) login: WebLogin<Accounts>,
    pub(crate) accounts: Accounts,
    pub(crate) members: Members,
    pub(crate) roster: Roster,
    pub(crate) demo: Option<Arc<Demo>>,
}

/// What the sign-in page shows where the app brings its own Clever.
pub(crate) struct Demo {
    /// Ways in, by their names.
    pub(crate) ways: Vec<(&'static str, String)>,
    /// Accounts from before: whose, the address, the password.
    pub(crate) before: Vec<(String, String, String)>,
}

impl FromRef<Site> for WebLogin<Accounts> {
    fn from_ref(site: &Site) -> Self {
        site.login.clone()
    }
}

/// Why a password proves nothing.
#[derive(Clone, Copy)]
pub(crate) enum Wrong {
    /// No account has this address and password.
    Password,
    /// It was tried too often.
    TooOften,
}

impl Wrong {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Password => "No account here has this address and password. Try again.",
            Self::TooOften => {
                "That was tried too often. Wait a quarter of an hour, then try again."
            }
        }
    }
}

impl Site {
    /// Sends somebody who has proven an account on to Clever, which ends in the link.
    pub(crate) async fn proven(
        &self,
        headers: &HeaderMap,
        user: &UserId,
        account: &AccountId,
        to: &SafePath,
    ) -> Response {
        let sent = self
            .accounts
            .proven(&self.login, headers, user, account, to);
        sent.await
    }

    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}
