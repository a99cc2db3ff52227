//! One run: what it did, why it read what it read, and how to take it back.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use clever_sync::report::SyncReport;
use clever_sync::words::{Holds, Schools, grouped};
use maud::{Markup, html};
use serde::Deserialize;

use crate::acts::runs;
use crate::door::Visitor;
use crate::html::{Sent, form, time, why};
use crate::pages::district::to;
use crate::site::Shared;
use crate::trouble::Trouble;
use crate::who::Role;

/// Shows the run.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path((district, run)): Path<(String, u64)>,
) -> Result<Markup, Trouble> {
    let now = site.now();
    let report = runs::run(&site, &visitor, &district, run).await?;
    let mut store = site.stores.of(&district).await?;
    let schools = Schools::of_report(&mut store, &report).await?;
    store.back();
    let place = format!("/districts/{district}");
    let content = html! {
        p { a href=(site.at(&place)) { (report.district_name) } }
        dl {
            dt { "Ended" } dd { (time(Some(report.finished_at), now)) ", after "
                (grouped(u64::try_from(report.finished_at.as_second() - report.started_at.as_second()).unwrap_or(0))) " s" }
            dt { "Outcome" } dd { (report.outcome) @if report.whole { ", in step with Clever" } @else { ", not wholly in step" } }
            dt { "Learnt by" } dd { (report.path) @if let Some(why) = &report.why { ": " (why) } }
            @if let Some(events) = &report.events { dt { "Events" } dd { (grouped(events.read)) " read, " (grouped(events.used)) " used" } }
            @if let Some(hash) = &report.approved { dt { "Approved" } dd { "what was held as " code { (hash) } " was let through" } }
            @if let Some(undone) = &report.undo { dt { "Took back" } dd { "run " (undone.run) ", but for " (grouped(undone.left)) " records that were changed again later" } }
        }
        h2 { "What it did" }
        (matrix(&report))
        @if !report.holds.is_empty() {
            h2 { "What it held" }
            ul { @for (what, noticed) in Holds::new(&report.holds, &schools).lines() { li { (what) ". If approved, " (noticed) "." } } }
        }
        p { a href=(site.at(&format!("{place}/changes?run={run}"))) { "The changes of this run" } }
        @if visitor.person.role >= Role::Operator {
            h2 { "Take it back" }
            (form(&site, &visitor, &format!("{place}/runs/{run}/undo"), &html! {
                label for="only" { "Of one school alone, by its id (empty: all)" }
                input #only name="school" autocomplete="off";
                button #preview type="submit" name="step" value="look" { "Show what that would do" }
            }))
        }
        details {
            summary { "All that the run said, as JSON" }
            pre { (serde_json::to_string_pretty(&report).unwrap_or_default()) }
        }
    };
    Ok(visitor.page(&site, &format!("Run {run}"), None, &content))
}

/// What a run did, or would do, by kind.
pub(super) fn matrix(report: &SyncReport) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="What the run did" {
            table {
                thead { tr {
                    th scope="col" { "Kind" } th.number scope="col" { "In the roster" } th.number scope="col" { "Created" }
                    th.number scope="col" { "Updated" } th.number scope="col" { "Archived" } th.number scope="col" { "Restored" }
                    th.number scope="col" { "Held" }
                } }
                tbody { @for (kind, of) in &report.kinds { tr {
                    td { (kind) }
                    @for number in [of.total, of.created, of.updated, of.archived, of.restored, of.held] { td.number { (grouped(number)) } }
                } } }
            }
        }
        @for (kind, of) in &report.kinds {
            @if !of.certificate.doubts.is_empty() {
                p.quiet { (kind) ": " @for doubt in &of.certificate.doubts { (doubt) "; " } "nothing of it was archived." }
            }
        }
    }
}

/// What is to be taken back.
#[derive(Deserialize)]
pub(crate) struct Undoing {
    #[serde(default)]
    school: String,
    #[serde(default)]
    step: String,
    #[serde(default)]
    reason: String,
}

/// Shows what taking a run back would do, or does it.
pub(crate) async fn undo(
    State(site): Shared,
    Path((district, run)): Path<(String, u64)>,
    sent: Sent<Undoing>,
) -> Result<Response, Trouble> {
    let school = sent.fields.school.trim();
    let reason = (sent.fields.step == "do").then_some(sent.fields.reason.as_str());
    let report = runs::undo(&site, &sent.visitor, &district, run, school, reason).await?;
    if reason.is_some() {
        let run = report.run.unwrap_or(run);
        return Ok(to(&site, &format!("/districts/{district}/runs/{run}")));
    }
    let left = report.undo.map_or(0, |undo| undo.left);
    let content = html! {
        p { "Nothing was done yet. Taking run " (run) " back would do this:" }
        (matrix(&report))
        @if left > 0 { p { (grouped(left)) " records were changed again by later runs, and would be left as they are." } }
        p.quiet { "If Clever still says what the run had applied, the next sync holds it." }
        (form(&site, &sent.visitor, &format!("/districts/{district}/runs/{run}/undo"), &html! {
            input type="hidden" name="school" value=(school);
            (why("why-undo"))
            button.grave #undo type="submit" name="step" value="do" { "Take it back" }
            a href=(site.at(&format!("/districts/{district}/runs/{run}"))) { "Leave it" }
        }))
    };
    Ok(sent
        .visitor
        .page(&site, &format!("Take run {run} back?"), None, &content)
        .into_response())
}
