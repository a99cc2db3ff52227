//! From a sign-in with Clever to an account: all that this app needs for it. A test holds it below 120 lines.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use clever_provision::AccountProof;
use clever_provision::ledger::MergeId;
use clever_provision::store::OwnedTable;
use clever_web::{App, SessionKey, Visit};

use crate::forms::{Asking, Sent};
use crate::members::Members;
use crate::pages::{account, welcome};
use crate::site::Site;

type Answer = Result<Response, Response>;

/// What the app does with somebody who has come from Clever.
impl App for Members {
    async fn entered(&self, visit: &Visit<'_>) -> Result<(), axum::BoxError> {
        Ok(self.fill(visit).await?)
    }

    fn tables(&self) -> &[OwnedTable] {
        self.owned()
    }
}

pub(crate) fn routes() -> Router<Site> {
    Router::new()
        .route("/welcome", get(ask))
        .route("/welcome/new", post(new))
        .route("/welcome/mine", post(mine))
        .route("/account/join", post(join))
        .route("/account/part", post(part))
        .route("/account/disconnect", post(disconnect))
        .route("/account/end", post(end))
        .route("/account/not-me", post(not_me))
}

/// "Do you have an account here already?"
async fn ask(State(site): State<Site>, Asking { asked, to, .. }: Asking) -> Response {
    let offers = site.members.masked(&asked.offers).await;
    welcome::ask(&asked, &offers, &to, None).into_response()
}

/// "No, I am new."
async fn new(State(site): State<Site>, asking: Asking) -> Answer {
    let Asking { asked, form, .. } = asking.checked()?;
    let hello = form.hello();
    let made = site.accounts.says_new(&site.login, asked, &hello);
    Ok(made.await)
}

/// "Yes, and this is its password."
async fn mine(State(site): State<Site>, asking: Asking) -> Answer {
    let asking = asking.checked()?;
    let user = &asking.asked.user;
    match asking.form.proves(&site, user).await? {
        Ok(account) => Ok(site
            .proven(&asking.headers, user, &account, &asking.to)
            .await),
        Err(wrong) => {
            let offers = site.members.masked(&asking.asked.offers).await;
            let page = welcome::ask(&asking.asked, &offers, &asking.to, Some(wrong));
            Ok(page.into_response())
        }
    }
}

/// Merges another account of one's own with this one.
async fn join(State(site): State<Site>, Sent { me, form, headers }: Sent) -> Answer {
    match form.proves(&site, &me.user).await? {
        Ok(account) => Ok(site
            .proven(&headers, &me.user, &account, &form.account())
            .await),
        Err(wrong) => Ok(account::wrong(wrong)),
    }
}

/// Takes a merge back.
async fn part(State(site): State<Site>, Sent { me, form, .. }: Sent) -> Answer {
    let proof = match form.proves(&site, &me.user).await? {
        Ok(account) => AccountProof::after_reauthentication(account, site.now()),
        Err(wrong) => return Ok(account::wrong(wrong)),
    };
    let done = site.accounts.unmerge(&me, MergeId(form.merge), proof).await;
    Ok(site.done(done, "The accounts are two again. Sign in to go on."))
}

async fn disconnect(State(site): State<Site>, Sent { me, .. }: Sent) -> Response {
    let done = site.accounts.unlink(&me, &me.user).await;
    site.done(done, "Clever is disconnected from your account.")
}

async fn end(State(site): State<Site>, Sent { me, form, .. }: Sent) -> Answer {
    let session = SessionKey::from(form.session);
    let ended = site.accounts.end_session(&me, &session);
    site.or_failed(ended.await)?;
    Ok(Redirect::to("/account").into_response())
}

async fn not_me(State(site): State<Site>, Sent { me, .. }: Sent) -> Answer {
    site.or_failed(site.accounts.says_not_me(&me).await)?;
    site.or_failed(site.accounts.end_session(&me, &me.session).await)?;
    Ok(Redirect::to("/logout").into_response())
}
