//! Whether the console and its stores answer, and what to paste into an issue.

use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use maud::{Markup, html};

use crate::acts::districts::stand_all;
use crate::door::Visitor;
use crate::html::badge;
use crate::pages::home::name;
use crate::site::Shared;
use crate::trouble::Trouble;

/// Shows what answers, how fast, and what the models do not know.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
) -> Result<Markup, Trouble> {
    let begun = Instant::now();
    let (all, never) = stand_all(&site, visitor.person.district.as_deref()).await?;
    let took = begun.elapsed().as_millis();
    let accounts = if site.stores.has_accounts() {
        let mut accounts = site.stores.accounts().await?;
        let version = accounts.version().await?;
        accounts.back();
        Some(version)
    } else {
        None
    };
    let content = html! {
        dl {
            dt { "Version" } dd { (env!("CARGO_PKG_VERSION")) }
            dt { "Rosters" } dd { "answer, in " (took) " ms" }
            dt { "Accounts" } dd { @match accounts { Some(version) => { "answer; the ledger has " (version) " entries" }, None => "not served here" } }
            dt { "Syncs from pages" } dd { @if site.options.runner.is_some() { "yes" } @else { "no: start the console with options of a sync after --" } }
            dt { "Never synced" } dd { (never.len()) }
        }
        h2 { "Districts" }
        ul { @for one in &all { li { (badge(one.verdict)) " " (name(&one.status)) } } }
        h2 { "Drift: what Clever sent last and the models do not know" }
        @for one in all.iter().filter(|one| !one.status.drift.is_empty()) {
            h3 { (name(&one.status)) }
            pre { (serde_json::to_string_pretty(&one.status.drift).unwrap_or_default()) }
        }
        @if all.iter().all(|one| one.status.drift.is_empty()) { p { "Nothing." } }
    };
    Ok(visitor.page(&site, "Health", None, &content))
}
