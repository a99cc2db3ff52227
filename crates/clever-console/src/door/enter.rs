//! The page at the door: a link's key becomes a session, once, and by a button. A program that only follows links, to look
//! at them, uses none up.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::door::links::Closed;
use crate::html::{self as parts, Sent};
use crate::site::{Shared, Site};
use crate::trouble::Trouble;

/// What the link brings.
#[derive(Deserialize, Default)]
pub(crate) struct Key {
    #[serde(default)]
    key: String,
}

/// Shows the button, or how to get a link.
pub(crate) async fn show(State(site): Shared, Query(key): Query<Key>) -> Markup {
    let content = if key.key.is_empty() {
        html! {
            @if let Some(openid) = &site.options.openid {
                p { a.button #openid href=(site.at("/enter/openid")) { "Sign in at " (openid.host()) } }
            }
            p { "This console is entered by a link that is good once." }
            p { "Whoever runs it gets one from " code { "cleverctl console" } ", which prints it when it starts." }
        }
    } else {
        html! {
            p { "This link is good once. It signs you in for the rest of the day." }
            form method="post" action=(site.at("/enter")) {
                input type="hidden" name="key" value=(key.key);
                button.main #enter type="submit" { "Come in" }
            }
        }
    };
    parts::page(&site, None, "Come in", &content)
}

/// Uses the link up and begins the session.
pub(crate) async fn enter(State(site): Shared, Form(key): Form<Key>) -> Result<Response, Trouble> {
    let person = match site.links.open(&key.key, site.now()) {
        Ok(person) => person,
        Err(Closed::TooOften) => return Err(Trouble::TooOften),
        Err(Closed::Wrong) => {
            return Err(Trouble::Wrong(
                "This link was used already, or is older than ten minutes. Get a new one from whoever runs the console."
                    .to_owned(),
            ));
        }
    };
    let begun = site
        .sessions
        .begin(person, site.now(), &attributes(&site, "Strict"));
    let cookie = begun.map_err(|error| Trouble::Store(error.to_string()))?;
    Ok(go(&site, "/", &cookie))
}

/// A form without fields.
#[derive(Deserialize)]
pub(crate) struct Nothing {}

/// Ends the session.
pub(crate) async fn leave(State(site): Shared, headers: HeaderMap, _: Sent<Nothing>) -> Response {
    let cookie = site.sessions.end(&headers, &attributes(&site, "Strict"));
    go(&site, "/enter", &cookie)
}

fn go(site: &Site, to: &str, cookie: &str) -> Response {
    let headers = [(LOCATION, site.at(to)), (SET_COOKIE, cookie.to_owned())];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// How browsers keep the cookie.
pub(super) fn attributes(site: &Site, same_site: &str) -> String {
    let path = match site.options.base.as_str() {
        "" => "/",
        base => base,
    };
    let secure = if site.options.origin.starts_with("https://") {
        "; Secure"
    } else {
        ""
    };
    format!("Path={path}; HttpOnly; SameSite={same_site}{secure}")
}
