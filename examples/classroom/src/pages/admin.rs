//! For the people who look after the app in a district: who could not get in, and why.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clever_model::Role;
use clever_web::{SignedIn, Why};
use maud::html;

use super::page;
use crate::site::{Me, Site};

/// Where the console lies.
pub(crate) const CONSOLE: &str = "/console";

/// Whether somebody may see the admin's pages: of their own district only.
pub(crate) fn may(me: &SignedIn) -> bool {
    me.profile.is_of_district() && me.profile.roles.contains(&Role::DistrictAdmin)
}

/// What happened, and what helps.
fn words(why: &Why) -> (&'static str, &'static str) {
    let Why::Refused(word) = why else {
        return (
            "Was in this account and said: this isn't me",
            "Ask which account is theirs. The person before may not have signed out.",
        );
    };
    match word.as_str() {
        "not_for_role" => (
            "A parent or guardian",
            "Classroom is for schools' staff and students.",
        ),
        "not_for_library" => ("Shared by a teacher only", "Connect the district."),
        "teacher_first" => (
            "Of a class that is not known yet",
            "Their teacher signs in once.",
        ),
        "closed" => (
            "The account is closed",
            "Open it again if that was a mistake.",
        ),
        "undecided" => ("Waits for a decision", "Look at it with cleverctl review."),
        "unclear" => (
            "The records contradict each other",
            "Look at the person's record at Clever.",
        ),
        "of_somebody_else" => (
            "Tried to join somebody else's account",
            "Ask whose account it is.",
        ),
        _ => (
            "Has no role that is shared",
            "Share the person with Classroom at Clever.",
        ),
    }
}

/// Shows the list.
pub(crate) async fn show(State(site): State<Site>, me: Me) -> Result<Response, Response> {
    let me = me.0;
    let Some(district) = me.profile.district.as_ref().filter(|_| may(&me)) else {
        let content = html! { p { "This page is for the administrators of a district." } };
        let page = page("Not for you", Some(&me), &content);
        return Ok((StatusCode::FORBIDDEN, page).into_response());
    };
    let refused = site.or_failed(site.accounts.refused(district).await)?;
    let mut rows = Vec::new();
    for one in &refused {
        let name = site.or_failed(site.roster.name(district, &one.user).await)?;
        rows.push((
            one,
            name.unwrap_or_else(|| one.user.to_string()),
            words(&one.why),
        ));
    }
    let content = html! {
        p { a.button #console href=(CONSOLE) { "Syncs, holds and accounts of your district" } }
        @if rows.is_empty() { p { "Everybody who came could get in." } } @else {
            div.scroll tabindex="0" {
                table {
                    thead { tr {
                        th scope="col" { "Who" } th scope="col" { "Why" }
                        th scope="col" { "What helps" } th scope="col" { "Times" }
                    } }
                    tbody { @for (one, name, (why, helps)) in &rows {
                        tr { td { (name) } td { (why) } td { (helps) } td { (one.times) } }
                    } }
                }
            }
        }
    };
    let page = page("Who could not get in", Some(&me), &content);
    Ok(page.into_response())
}
