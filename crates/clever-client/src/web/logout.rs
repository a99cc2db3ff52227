//! The end of a session: `/logout`.
//!
//! It leads to a page of its own. A page that asks for a signed-in user would send the browser to Clever,
//! whose session goes on, and back in.

use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tracing::error;

use super::place::LOGOUT;
use super::{Notice, Sessions, WebLogin, cause, cookies, reply};

/// Asks whether to sign out, or says that nobody is signed in.
pub(super) async fn ask<S: Sessions>(
    State(login): State<WebLogin<S>>,
    OriginalUri(seen): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let stripped = login.0.place.stripped(&seen, LOGOUT);
    let notice = match login.is_open(&cookies(&headers)).await {
        Ok(true) => Notice::SignOut,
        Ok(false) => Notice::SignedOut,
        Err(_) => Notice::Ours,
    };
    login.say(notice, None, stripped, &[])
}

/// Ends the session, and every sign-in that the browser has begun.
pub(super) async fn end<S: Sessions>(
    State(login): State<WebLogin<S>>,
    OriginalUri(seen): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let this = &login.0;
    if headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site")
    {
        // Another site's form: the person has not said it here.
        return ask(State(login), OriginalUri(seen), headers).await;
    }
    let cookies = cookies(&headers);
    let names = this.flow.cookie_names();
    // Of two cookies one may be planted; both of their sessions end.
    for session in cookies.all(&this.session) {
        if let Err(error) = this.sessions.end(session).await {
            // The browser forgets the session's secret all the same.
            error!(error = %cause::chain(&*error), "a session could not be ended");
        }
    }
    let mut gone = names.remove_logins(&cookies);
    if cookies.has(&this.session) {
        gone.push(names.remove(&this.session));
    }
    let to = match &this.after_sign_out {
        Some(path) => path.to_string(),
        None => this.place.logout(),
    };
    reply::redirect(&to, &gone)
}
