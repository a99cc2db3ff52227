//! "Do you have an account here already?"

use clever_auth::SafePath;
use clever_web::Asked;
use maud::{Markup, html};

use super::{page, token};
use crate::site::Wrong;

/// Asks somebody whom Clever has signed in, and whom no account is known for.
pub(crate) fn ask(asked: &Asked, offers: &[String], to: &SafePath, wrong: Option<Wrong>) -> Markup {
    let hidden = html! {
        (token(&asked.form))
        input type="hidden" name="return_to" value=(to.as_str());
    };
    let content = html! {
        p { "You are signed in to Clever as " strong { (asked.profile.name) } "." }
        @if let Some(wrong) = wrong {
            p.wrong id="wrong" role="alert" { (wrong.text()) }
        }
        section aria-labelledby="mine" {
            h2 id="mine" { "I have an account here" }
            @if !offers.is_empty() {
                p { "It may be " (offers.join(" or ")) "." }
            }
            form method="post" action="/welcome/mine" {
                (hidden)
                label for="email" { "Email address of that account" }
                input id="email" name="email" type="email" autocomplete="username" required
                    aria-describedby=[wrong.map(|_| "wrong")];
                label for="password" { "Its password" }
                input id="password" name="password" type="password"
                    autocomplete="current-password" required;
                button id="use" { "Use that account" }
            }
            p.hint { "Clever then asks once more who you are, and your work comes with you." }
        }
        section aria-labelledby="new" {
            h2 id="new" { "I am new here" }
            form method="post" action="/welcome/new" {
                (hidden)
                button.second id="create" { "Make a new account" }
            }
        }
        form method="post" action="/logout" {
            button.plain id="leave" { "That is not me: sign out" }
        }
    };
    page("Do you have an account here already?", None, &content)
}
