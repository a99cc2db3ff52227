//! Forgetting a person or a district: first what would go, then it, with its note.

use axum::extract::{Path, State};
use clever_sync::words::{counted, grouped};
use maud::{Markup, html};
use serde::Deserialize;

use crate::acts::forget::forget;
use crate::door::Visitor;
use crate::html::{Sent, form, why};
use crate::site::{Shared, Site};
use crate::trouble::Trouble;
use clever_web::Erased;

/// What is asked for.
#[derive(Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    step: String,
    #[serde(default)]
    keep_out: String,
}

/// Shows what would be erased of a person, or erases it.
pub(crate) async fn person(
    State(site): Shared,
    Path((district, kind, id)): Path<(String, String, String)>,
    sent: Sent<Fields>,
) -> Result<Markup, Trouble> {
    if kind != "users" {
        return Err(Trouble::Missing);
    }
    let place = format!("/districts/{district}/records/users/{id}");
    whole(&site, &sent, &district, Some(&id), &place).await
}

/// Shows what would be erased of a district, or erases it.
pub(crate) async fn district(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Fields>,
) -> Result<Markup, Trouble> {
    let place = format!("/districts/{district}");
    whole(&site, &sent, &district, None, &place).await
}

async fn whole(
    site: &Site,
    sent: &Sent<Fields>,
    district: &str,
    person: Option<&str>,
    place: &str,
) -> Result<Markup, Trouble> {
    let fields = &sent.fields;
    let why = (fields.step == "do").then_some(fields.reason.as_str());
    let kept_out = !fields.keep_out.is_empty();
    let erased = forget(site, &sent.visitor, district, person, kept_out, why).await?;
    let content = html! {
        @if why.is_some() { p role="status" #forgotten { strong { "It is forgotten." } " This can't be taken back." } }
        @else { p { "Nothing was erased yet. This would be, and it can't be taken back:" } }
        (what(&erased))
        @if why.is_none() { (asks(site, &sent.visitor, place, person.is_some(), kept_out)) }
        @else {
            p { "The note of it is on the page " a href=(site.at("/audit")) { "Audit" } "." }
            p { "Copies elsewhere are yours to erase: backups, and files that you exported. "
                code { "cleverctl forget --exports FOLDER" } " finds such files." }
        }
    };
    let title = match (why, person) {
        (Some(_), _) => "Forgotten",
        (None, Some(_)) => "Forget this person?",
        (None, None) => "Forget this district?",
    };
    Ok(sent.visitor.page(site, title, None, &content))
}

/// Asks whether somebody whom Clever still shares is to stay out.
pub(super) fn keep_out(checked: bool) -> Markup {
    html! { label { input type="checkbox" name="keep_out" value="yes" checked[checked]; " Clever still shares the person: never take them in again" } }
}

fn asks(site: &Site, visitor: &Visitor, place: &str, is_person: bool, kept_out: bool) -> Markup {
    form(
        site,
        visitor,
        &format!("{place}/forget"),
        &html! {
            @if is_person { (keep_out(kept_out)) }
            (why("why-forget"))
            button.grave #forget type="submit" name="step" value="do" { "Forget for good" }
            a href=(site.at(place)) { "Leave it" }
            span.quiet { "Name nobody in the reason: it stays in the audit." }
        },
    )
}

fn what(erased: &Erased) -> Markup {
    html! {
        @match &erased.roster {
            Some(roster) => {
                @let contacts = roster.places.len().saturating_sub(1) as u64;
                @if contacts > 0 { p { "With the person: " (counted(contacts, "contact", "contacts")) " who " @if contacts == 1 { "is" } @else { "are" } " known for that person alone." } }
                div.scroll tabindex="0" role="region" aria-label="What goes" {
                    table {
                        thead { tr { th scope="col" { "What" } th.number scope="col" { "Rows" } } }
                        tbody { @for (what, rows) in &roster.counts { tr { td { (what.replace('_', " ")) } td.number { (grouped(*rows)) } } } }
                    }
                }
                @if let Some(first) = roster.notes.first() { p { "Note " (grouped(*first)) " of it is signed." } }
                @if !roster.waits_for.is_empty() { p.box.warn { "The last change has the id until these readers have come to it: " (roster.waits_for.join(", ")) "." } }
                @if roster.run.is_some() && !roster.is_swept { p.box.warn { "Another program was reading: old bytes are in the database's file still. Run " code { "cleverctl forget --sweep" } "." } }
            },
            None => p { "The store of rosters has nothing of it." },
        }
        @if let Some(accounts) = &erased.accounts {
            p { "Accounts: " (counted(accounts.identities, "id", "ids")) " forgotten, " (counted(erased.sessions, "session", "sessions")) " ended." }
            @for account in &accounts.accounts { p { "Erase what your app has of account " span.id { (account) } "." } }
            @for account in &accounts.in_use { p { "Account " span.id { (account) } " is in use still, and keeps what your app told of it." } }
        }
    }
}
