//! Who did what, when and why.

use axum::Extension;
use axum::extract::{Query, State};
use clever_sync::look::Judged;
use maud::{Markup, html};
use serde::Deserialize;

use crate::acts::audit;
use crate::door::Visitor;
use crate::html::{empty, time};
use crate::site::{Shared, Site};
use crate::trouble::Trouble;

/// So many deeds are on a page.
const PAGE: u32 = 50;

/// Where the list begins, and of which district it is.
#[derive(Deserialize)]
pub(crate) struct Asked {
    before: Option<i64>,
    #[serde(default)]
    district: String,
}

/// Lists the deeds, newest first, and what was forgotten.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let now = site.now();
    let asked_of = Some(asked.district.clone()).filter(|id| !id.is_empty());
    let only = visitor.person.district.clone().or(asked_of);
    let (deeds, more) = audit::deeds(&site, only.as_deref(), asked.before, PAGE).await?;
    let mut notes = Vec::new();
    for mut store in site.stores.all().await? {
        notes.extend(store.forgotten(only.as_deref()).await?);
        store.back();
    }
    let content = html! {
        @if deeds.is_empty() {
            (empty("Nobody has judged anything here yet. What is judged comes from:", [
                "cleverctl console", "cleverctl status", "cleverctl review",
            ]))
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Deeds" {
                table {
                    thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "Did" } th scope="col" { "To" } th scope="col" { "Why" } } }
                    tbody { @for deed in &deeds { tr {
                        td { (time(Some(deed.at), now)) }
                        td { (deed.actor) @if !deed.role.is_empty() { span.quiet { " (" (deed.role) ")" } } }
                        td { (deed.deed.replace('_', " ")) }
                        td { (subject(&site, deed)) }
                        td { (deed.reason) }
                    } } }
                }
            }
            @if let Some(more) = more {
                p { a href=(site.at(&format!("/audit?district={}&before={more}", asked.district))) { "Older deeds" } }
            }
        }
        h2 { "What was forgotten" }
        @if notes.is_empty() {
            (empty("Nobody was forgotten. Three commands forget, and show it:", [
                "cleverctl forget person ID", "cleverctl forget notes", "cleverctl prune --dry-run",
            ]))
        } @else {
            ul { @for note in &notes { li { (time(Some(note.at), now)) ": " (format!("{:?}", note.what).to_lowercase()) ", by " (note.actor) ", digest " code { (note.digest) } } } }
        }
    };
    Ok(visitor.page(&site, "Audit", None, &content))
}

/// What a deed was done to, with a link to it.
fn subject(site: &Site, deed: &Judged) -> Markup {
    let place = format!("/districts/{}", deed.district_id);
    let link = match deed.subject.split_once(' ') {
        Some(("run", run)) => Some(format!("{place}/runs/{run}")),
        Some(("account", id)) => Some(format!("/accounts/{id}")),
        Some((kind, id)) if crate::html::kind_of(kind).is_some() => {
            Some(format!("{place}/records/{kind}/{id}"))
        }
        _ => None,
    };
    html! {
        @match link {
            Some(link) => a.id href=(site.at(&link)) { (deed.subject) },
            None => span.id { (deed.subject) },
        }
        @if !deed.district_id.is_empty() { br; a.id href=(site.at(&place)) { (deed.district_id) } }
    }
}
