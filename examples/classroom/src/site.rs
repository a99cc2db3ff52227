//! What the app's pages share.

use std::sync::Arc;

use axum::extract::FromRef;
use axum::http::HeaderMap;
use axum::response::Response;
use clever_auth::SafePath;
use clever_client::web::{Reason, WebLogin};
use clever_model::{Clock, SystemClock, Timestamp, UserId};
use clever_provision::AccountId;
use clever_web::WebError;

use crate::accounts::Accounts;
use crate::forms::Fields;
use crate::members::Members;
use crate::pages;
use crate::roster::Roster;

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
    /// The account whose address and password a form brings, counted against guessing.
    pub(crate) async fn proves(
        &self,
        form: &Fields,
        user: &UserId,
    ) -> Result<Result<AccountId, Wrong>, Response> {
        let keys = [form.email.as_str(), user.as_str()];
        let may = self.accounts.may_try(&keys).await;
        if !may.map_err(|error| self.login.failed(&error))? {
            return Ok(Err(Wrong::TooOften));
        }
        let found = self.members.check(&form.email, &form.password).await;
        let Some(account) = found.map_err(|error| self.login.failed(&error))? else {
            return Ok(Err(Wrong::Password));
        };
        let forgotten = self.accounts.forget_tries(&keys).await;
        forgotten.map_err(|error| self.login.failed(&error))?;
        Ok(Ok(account))
    }

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

    /// The page after a change of one's own account that ends its sessions.
    pub(crate) fn done(&self, done: Result<Result<(), Reason>, WebError>, text: &str) -> Response {
        match done {
            Ok(Ok(())) => pages::said(text, "/", "Go to the front page"),
            Ok(Err(reason)) => self.login.refused(reason),
            Err(error) => self.login.failed(&error),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}
