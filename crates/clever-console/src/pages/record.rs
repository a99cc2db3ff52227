//! One record: what it says, since when and why; of a person also the sections and the app's account.

use axum::Extension;
use axum::extract::{Path, State};
use clever_model::{RecordKind, Timestamp};
use clever_sync::details::FieldOrigin;
use maud::{Markup, html};

use super::forget::keep_out;
use crate::acts::records::{self, Found, fields, is_open};
use crate::door::Visitor;
use crate::html::{Sent, Why, asks_why, form, shown, time};
use crate::site::{Shared, Site};
use crate::trouble::Trouble;
use crate::who::Role;

/// The most steps of a history that are shown, the newest.
const STEPS: usize = 100;

/// Shows the record, masked.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path((district, kind, id)): Path<(String, String, String)>,
) -> Result<Markup, Trouble> {
    let found = records::find(&site, &visitor, &district, &kind, &id).await?;
    Ok(page(&site, &visitor, &district, &found, false))
}

/// Shows the record with its values. The answer is to the form: no address has them.
pub(crate) async fn reveal(
    State(site): Shared,
    Path((district, kind, id)): Path<(String, String, String)>,
    sent: Sent<Why>,
) -> Result<Markup, Trouble> {
    let why = &sent.fields.reason;
    let found = records::reveal(&site, &sent.visitor, &district, &kind, &id, why).await?;
    Ok(page(&site, &sent.visitor, &district, &found, true))
}

fn page(site: &Site, visitor: &Visitor, district: &str, found: &Found, open: bool) -> Markup {
    let now = site.now();
    let place = format!("/districts/{district}");
    let here = format!("{place}/records/{}/{}", found.kind, found.id);
    let is_person = found.kind == RecordKind::Users;
    let is_masked = is_person || found.kind == RecordKind::Sections;
    let content = html! {
        p { a href=(site.at(&place)) { "To the district" } }
        @if let Some(at) = found.explained.archived_at {
            p.box.warn role="status" { "It left the roster " (time(Some(at), now)) ". Nothing of it is deleted." }
        }
        @if is_masked && !open && visitor.person.role >= Role::Operator {
            (asks_why(site, visitor, &format!("{here}/reveal"), "reveal", "Reveal"))
        }
        (values(site, &place, found, open, now))
        @if is_person {
            h2 { "Sections" }
            @if found.places.is_empty() { p { "In no section." } }
            ul { @for at in &found.places { li {
                a href=(site.at(&format!("{place}/records/sections/{}", at.section))) { (at.name.as_deref().map_or(at.section.as_str().into(), |name| shown(name, open))) } ", as " (at.role)
            } } }
            h2 { "The app's account" }
            @match &found.account {
                Some(account) => p { "Opens account " a href=(site.at(&format!("/accounts/{account}"))) { (account) } "." },
                None => p { "Opens no account that this console knows." },
            }
        }
        @if is_person && visitor.person.role >= Role::Admin && site.options.notes_key.is_some() {
            h2 { "Forget this person" }
            (form(site, visitor, &format!("{here}/forget"), &html! {
                (keep_out(false))
                button #forget type="submit" name="step" value="look" { "Show what would be erased" }
            }))
        }
        h2 { "How it came to this" }
        p { "First seen " (time(Some(found.explained.first_seen_at), now)) "." }
        ol reversed {
            @for (op, origin) in found.explained.history.iter().rev().take(STEPS) { li {
                (time(Some(origin.at), now)) ": " (op) " by "
                a href=(site.at(&format!("{place}/runs/{}", origin.run))) { "run " (origin.run) } " (" (by(origin)) "), "
                a href=(site.at(&format!("{place}/changes/{}", origin.seq))) { "change " (origin.seq) }
            } }
        }
    };
    visitor.page(
        site,
        &format!("{} {}", one(found.kind), found.id),
        None,
        &content,
    )
}

fn one(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Users => "Person",
        RecordKind::Schools => "School",
        RecordKind::Sections => "Section",
        RecordKind::Courses => "Course",
        RecordKind::Terms => "Term",
        RecordKind::Districts => "District",
        _ => "Record",
    }
}

fn by(origin: &FieldOrigin) -> String {
    match (&origin.event, origin.path) {
        (Some(event), _) => format!("event {event}"),
        (None, Some(path)) => path.to_string(),
        (None, None) => "not known".to_owned(),
    }
}

fn values(site: &Site, place: &str, found: &Found, open: bool, now: Timestamp) -> Markup {
    let origin = |path: &str| {
        let mut path = path;
        loop {
            if let Some(origin) = found.explained.fields.get(path) {
                return Some(origin);
            }
            path = path.rsplit_once('.')?.0;
        }
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="What it says" {
            table #values {
                thead { tr { th scope="col" { "Field" } th scope="col" { "Value" } th scope="col" { "Since" } } }
                tbody { @for (path, value) in fields(&found.value) { tr {
                    td { (path) }
                    td { (shown(&value, open || is_open(found.kind, &path))) }
                    td { @if let Some(origin) = origin(&path) {
                        (time(Some(origin.at), now)) ", "
                        a href=(site.at(&format!("{place}/runs/{}", origin.run))) { "run " (origin.run) }
                    } }
                } } }
            }
        }
    }
}
