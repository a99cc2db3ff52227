//! One's own account: sessions, what opens it, what was merged into it.

use axum::extract::State;
use axum::response::Response;
use clever_model::Timestamp;
use clever_web::SignedIn;
use maud::{Markup, html};

use super::{page, plan, said, token};
use crate::site::{Me, Site, Wrong};

/// An instant as people read it.
fn time(at: Timestamp) -> Markup {
    let text = at.to_string();
    let shown = text.get(..16).unwrap_or(&text).replace('T', " ");
    html! { time datetime=(text) { (shown) " UTC" } }
}

/// The address and the password of an account from before.
fn proof(what: &str) -> Markup {
    html! {
        label for={ (what) "-email" } { "Email address of that account" }
        input id={ (what) "-email" } name="email" type="email" autocomplete="username" required;
        label for={ (what) "-password" } { "Its password" }
        input id={ (what) "-password" } name="password" type="password"
            autocomplete="current-password" required;
    }
}

/// A password that proves nothing.
pub(crate) fn wrong(wrong: Wrong) -> Response {
    said(wrong.text(), "/account", "Back to your account")
}

/// Shows the account.
pub(crate) async fn show(State(site): State<Site>, me: Me) -> Result<Markup, Response> {
    let me: SignedIn = me.0;
    let sessions = site.or_failed(site.accounts.open_sessions(&me).await)?;
    let connections = site.or_failed(site.accounts.connections(&me).await)?;
    let content = html! {
        p { "You are " strong { (me.profile.name) } "." }
        (plan(&me))
        form method="post" action="/account/not-me" {
            (token(&me.form))
            button.second id="not-me" { "This isn't me" }
        }
        section aria-labelledby="sessions" {
            h2 id="sessions" { "Where you are signed in" }
            ul.cards {
                @for session in &sessions {
                    li {
                        span { "Since " (time(session.began)) }
                        @if session.is_this { strong { "This browser" } } @else {
                            form method="post" action="/account/end" {
                                (token(&me.form))
                                input type="hidden" name="session" value=(session.key.as_str());
                                button.plain { "End this session" }
                            }
                        }
                    }
                }
            }
        }
        section aria-labelledby="ways" {
            h2 id="ways" { "What opens this account" }
            ul {
                @for link in &connections.links { li { "Clever, as " code { (link.id) } } }
                @for method in &connections.methods { li { (method.id) } }
            }
            form method="post" action="/account/disconnect" {
                (token(&me.form))
                button.second id="disconnect" { "Disconnect Clever" }
            }
        }
        @for merge in &connections.merges {
            section aria-labelledby={ "merge-" (merge.merge) } {
                h2 id={ "merge-" (merge.merge) } { "Another account was joined to this one" }
                p { "On " (time(merge.at)) ". If that was a mistake, part them again." }
                form method="post" action="/account/part" {
                    (token(&me.form))
                    input type="hidden" name="merge" value=(merge.merge);
                    (proof("part"))
                    button.second id="part" { "Part the accounts" }
                }
            }
        }
        section aria-labelledby="connect" {
            h2 id="connect" { "I have another account here" }
            form method="post" action="/account/join" {
                (token(&me.form))
                (proof("join"))
                button id="join" { "Join it with this one" }
            }
        }
    };
    Ok(page("Your account", Some(&me), &content))
}
