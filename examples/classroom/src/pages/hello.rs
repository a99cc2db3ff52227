//! The first visit: what Clever gave, and what the app would like to know.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::{page, token};
use crate::forms::Sent;
use crate::site::{Me, Site};

/// Shows what is known already, and asks the rest; nothing is a condition.
pub(crate) async fn show(State(site): State<Site>, me: Me) -> Result<Markup, Response> {
    let me = me.0;
    let member = site.or_failed(site.members.member(&me.account).await)?;
    let profile = member.map(|member| member.profile).unwrap_or_default();
    let asks = |name: &str| profile.questions.iter().any(|one| one == name);
    let email = profile.fields.iter().find(|field| field.name == "email");
    let content = html! {
        p { "Welcome, " (me.profile.name) ". Clever has told us this, so you need not type it:" }
        dl {
            @for field in profile.fields.iter().filter(|field| field.name != "email") {
                dt { (field.name) } dd { (field.value) }
            }
        }
        form method="post" action="/hello" {
            (token(&me.form))
            @if email.is_some() || asks("email") {
                label for="email" { "Email address for news (you can leave it out)" }
                input id="email" name="email" type="email" autocomplete="email"
                    value=[email.map(|field| field.value.as_str())];
            }
            @if asks("name") {
                label for="name" { "How should students see your name?" }
                input id="name" name="name" autocomplete="name" value=(profile.name);
            }
            @if asks("school") {
                label for="school" { "Your school (you can leave it out)" }
                input id="school" name="school" autocomplete="organization" value=(profile.school);
            }
            @if asks("district") {
                label for="district" { "Your district (you can leave it out)" }
                input id="district" name="district" value=(profile.district);
            }
            button { "Go on" }
        }
    };
    Ok(page("Your new account", Some(&me), &content))
}

/// Keeps the answers.
pub(crate) async fn keep(
    State(site): State<Site>,
    Sent { me, form, .. }: Sent,
) -> Result<Response, Response> {
    let kept = site.members.greet(&me.account, |profile| {
        profile.name = form.name;
        profile.school = form.school;
        profile.district = form.district;
        profile.email = form.email;
    });
    site.or_failed(kept.await)?;
    Ok(Redirect::to("/").into_response())
}
