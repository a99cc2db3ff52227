//! One district: how it stands, what runs now, its sizes, its runs, and who reads its changes.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use clever_model::Timestamp;
use clever_sync::look::{Consumer, RunLine, Size};
use clever_sync::report::attempt::Attempt;
use clever_sync::words::{Standing, grouped, pause, sentences};
use maud::{Markup, html};
use serde::Deserialize;

use crate::acts::districts::{self, stand};
use crate::acts::pauses;
use crate::door::Visitor;
use crate::html::{Sent, Why, asks_why, badge, capital, columns, empty, form, line, time};
use crate::pages::home::name;
use crate::site::{Shared, Site, may_see};
use crate::trouble::Trouble;
use crate::who::Role;

/// So many runs are on a page.
const RUNS: u32 = 25;

/// Where the list of runs begins.
#[derive(Deserialize)]
pub(crate) struct Asked {
    before: Option<u64>,
}

/// Shows the district.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path(district): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    may_see(&visitor, &district)?;
    let now = site.now();
    let mut store = site.stores.of(&district).await?;
    let (all, never) = stand(&mut store, Some(&district), now).await?;
    let Some(one) = all.first() else {
        store.back();
        let never = never.first().ok_or(Trouble::Missing)?;
        let content = html! {
            @for sentence in sentences(&never.attempts, now) { p { (sentence) } }
            (empty("No sync of this district has ended yet. Three commands help:", [
                "cleverctl doctor", "cleverctl sync", "cleverctl status",
            ]))
        };
        return Ok(visitor.page(&site, "Never synced", None, &content));
    };
    let runs = store.runs(&district, asked.before, RUNS).await?;
    let sizes = store.sizes(&district, super::back(now)).await?;
    let readers = store.consumers(&district).await?;
    store.back();
    let open = one.attempts.open.as_ref();
    let place = format!("/districts/{district}");
    let content = html! {
        (top(one, now))
        @if let Some(open) = open { (live(open, now)) }
        @if !one.status.holds.is_empty() {
            p { a.button.decide href=(site.at(&format!("{place}/hold"))) { "What is held: look and decide" } }
        }
        p.tabs {
            a href=(site.at(&format!("{place}/changes"))) { "Changes" }
            @if site.looks.last(&district).is_some() { " " a href=(site.at(&format!("{place}/look"))) { "The last dry run" } }
        }
        (deeds(&site, &visitor, one, &place))
        h2 { "Sizes" }
        (pictures(&sizes))
        h2 { "Runs" }
        (runs_table(&site, &district, &runs, now))
        @if let Some(last) = runs.last().filter(|_| runs.len() == RUNS as usize) {
            p { a href=(site.at(&format!("{place}?before={}", last.run))) { "Older runs" } }
        }
        h2 { "Readers of the changes" }
        (consumers(&readers, one.status.changes, now))
        @if !one.status.findings.is_empty() {
            h2 { "Findings" }
            p.quiet { "Odd, and kept as it is." }
            ul { @for finding in &one.status.findings { li { (finding) } } }
        }
        @if visitor.person.role >= Role::Admin { (super::export::asks(&site, &visitor, &place)) }
        @if visitor.person.role >= Role::Admin && site.options.notes_key.is_some() {
            h2 { "Forget this district" }
            (form(&site, &visitor, &format!("{place}/forget"), &html! {
                button #forget type="submit" name="step" value="look" { "Show what would be erased" }
            }))
        }
    };
    let again = open.map(|_| 3);
    Ok(visitor.page(&site, name(&one.status), again, &content))
}

/// What may be done with the district now.
fn deeds(site: &Site, visitor: &Visitor, one: &Standing, place: &str) -> Markup {
    let may = visitor.person.role >= Role::Operator;
    let paused = one.status.paused.as_ref();
    html! {
        @if let Some(paused) = paused {
            div.box.warn #paused role="status" {
                p { strong { (capital(&pause(paused, site.now()))) } }
                p { "No run begins until somebody lets it go on. What was read and written until then stays as it is." }
                @if may { (asks_why(site, visitor, &format!("{place}/resume"), "resume", "Let it go on")) }
            }
        }
        @if site.options.runner.is_some() && may {
            @if paused.is_none() {
                (form(site, visitor, &format!("{place}/sync"), &html! {
                    button #sync type="submit" { "Sync now" }
                }))
            }
            (form(site, visitor, &format!("{place}/look"), &html! {
                button #look type="submit" { "Show what a sync would do" }
                span.quiet { "It changes nothing." }
            }))
        }
        @if may && paused.is_none() {
            details {
                summary { "Pause this district" }
                p.quiet { "No run begins until somebody lets it go on: while the district changes its system, say. What runs now ends first." }
                (asks_why(site, visitor, &format!("{place}/pause"), "pause", "Pause"))
            }
        }
    }
}

fn top(one: &Standing, now: Timestamp) -> Markup {
    let status = &one.status;
    html! {
        p { (badge(one.verdict)) }
        @for sentence in sentences(&one.attempts, now) { p { (sentence) } }
        dl {
            dt { "Last success" } dd { (time(status.last_done_at, now)) }
            dt { "Last run" } dd { (status.last_run) ", " (time(Some(status.last_run_at), now)) ", by " (status.path) ", " (status.outcome) }
            dt { "State at Clever" } dd { (status.state.as_deref().unwrap_or("not known")) }
            dt { "Clever read the district" } dd {
                @match &status.last_sync {
                    Some(text) => @match text.parse() { Ok(at) => (time(Some(at), now)), Err(_) => (text) },
                    None => "not known",
                }
            }
            dt { "Id" } dd.id { (status.district_id) }
        }
    }
}

/// How far a run is that goes on now.
fn live(open: &Attempt, now: Timestamp) -> Markup {
    let reached = &open.reached;
    html! {
        div.box.warn #live role="status" {
            p { strong { "A sync runs." } " It began " (time(Some(open.started_at), now)) "; last sign of life "
                (time(Some(open.seen_at), now)) "." }
            p { "Stage: " (reached.stage)
                @if let Some(kind) = reached.kind { ", reading " (kind) }
                "; " (grouped(reached.pages)) " pages, " (grouped(reached.records)) " records." }
            p.quiet { "This page loads itself again." }
        }
    }
}

fn pictures(sizes: &[Size]) -> Markup {
    let of = |value: &dyn Fn(&Size) -> u64| -> Vec<(String, u64)> {
        sizes
            .iter()
            .map(|size| (size.day.clone(), value(size)))
            .collect()
    };
    let role = |size: &Size, role: &str| size.roles.get(role).copied().unwrap_or_default();
    html! {
        div.pair {
            (line("Students over 90 days", &of(&|size| role(size, "student"))))
            (line("Teachers over 90 days", &of(&|size| role(size, "teacher"))))
            (columns("Records changed by the last run of a day", &of(&|size| size.changed)))
        }
    }
}

fn runs_table(site: &Site, district: &str, runs: &[RunLine], now: Timestamp) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Runs" {
            table {
                thead { tr {
                    th scope="col" { "Run" } th scope="col" { "Ended" } th scope="col" { "By" } th scope="col" { "Outcome" }
                    th.number scope="col" { "Changed" } th.number scope="col" { "Held" }
                } }
                tbody { @for run in runs { tr {
                    td { a href=(site.at(&format!("/districts/{district}/runs/{}", run.run))) { "Run " (run.run) } }
                    td { (time(Some(run.finished_at), now)) }
                    td { (run.path) }
                    td { (run.outcome) @if !run.whole { ", not whole" } }
                    td.number { (grouped(run.changed)) }
                    td.number { (grouped(run.held)) }
                } } }
            }
        }
    }
}

fn consumers(readers: &[Consumer], last: u64, now: Timestamp) -> Markup {
    html! {
        @if readers.is_empty() {
            (empty("No program reads the changes of this district yet. Three commands show how:", [
                "cleverctl changes --after 0", "cleverctl changes --consumer NAME", "cleverctl schema",
            ]))
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Readers" {
                table {
                    thead { tr {
                        th scope="col" { "Reader" } th.number scope="col" { "Came to" } th.number scope="col" { "Behind by" }
                        th scope="col" { "Last heard of" }
                    } }
                    tbody { @for reader in readers { tr {
                        td { (reader.name) } td.number { (grouped(reader.seq)) }
                        td.number { (grouped(last.saturating_sub(reader.seq))) } td { (time(Some(reader.at), now)) }
                    } } }
                }
            }
        }
    }
}

/// A form without fields.
#[derive(Deserialize)]
pub(crate) struct Nothing {}

/// Starts a sync.
pub(crate) async fn sync(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Nothing>,
) -> Result<Response, Trouble> {
    districts::sync(&site, &sent.visitor, &district).await?;
    Ok(to(&site, &format!("/districts/{district}")))
}

/// Keeps runs from beginning.
pub(crate) async fn pause_it(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Why>,
) -> Result<Response, Trouble> {
    pauses::pause(&site, &sent.visitor, &district, &sent.fields.reason).await?;
    Ok(to(&site, &format!("/districts/{district}")))
}

/// Lets it go on.
pub(crate) async fn resume(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Why>,
) -> Result<Response, Trouble> {
    pauses::resume(&site, &sent.visitor, &district, &sent.fields.reason).await?;
    Ok(to(&site, &format!("/districts/{district}")))
}

/// Sends the browser on after a deed.
pub(super) fn to(site: &Site, path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, site.at(path))]).into_response()
}
