//! A dry run of a district: that it goes on, and then what a sync would do.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use clever_sync::SyncReport;
use clever_sync::words::{Holds, Schools};
use maud::{Markup, html};

use crate::acts::looks;
use crate::door::Visitor;
use crate::html::{Sent, capital, form, time};
use crate::looks::Seen;
use crate::pages::district::{Nothing, to};
use crate::pages::run::matrix;
use crate::site::{Shared, Site};
use crate::trouble::Trouble;
use crate::who::Role;

/// Begins one.
pub(crate) async fn begin(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Nothing>,
) -> Result<Response, Trouble> {
    looks::begin(&site, &sent.visitor, &district).await?;
    Ok(to(&site, &format!("/districts/{district}/look")))
}

/// Shows how far the last one is, or what it saw.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path(district): Path<String>,
) -> Result<Markup, Trouble> {
    let now = site.now();
    let place = format!("/districts/{district}");
    let look = looks::last(&site, &visitor, &district)?.ok_or(Trouble::Missing)?;
    let may = visitor.person.role >= Role::Operator && site.options.runner.is_some();
    let seen = match &look.ended {
        Some(Seen::Report(report)) => would(&site, report).await?,
        Some(Seen::Failed(says)) => {
            html! { p #failed role="alert" { "It came to no end: " (says) } }
        }
        None => html! {
            div.box.warn #live role="status" {
                p { strong { "It goes on." } " All of the district is read, as by a sync. This page loads itself again." }
            }
        },
    };
    let content = html! {
        p { a href=(site.at(&place)) { "To the district" } }
        p { "A dry run that began " (time(Some(look.began), now)) ". It changes nothing." }
        (seen)
        @if may && look.ended.is_some() {
            (form(&site, &visitor, &format!("{place}/look"), &html! {
                button #look type="submit" { "Look again" }
            }))
        }
    };
    let again = look.ended.is_none().then_some(3);
    Ok(visitor.page(&site, "What a sync would do", again, &content))
}

/// What a sync would do, and what it would hold.
async fn would(site: &Site, report: &SyncReport) -> Result<Markup, Trouble> {
    let mut store = site.stores.of(&report.district_id).await?;
    let schools = Schools::of_report(&mut store, report).await?;
    store.back();
    let held = Holds::new(&report.holds, &schools);
    Ok(html! {
        div #would {
            @if report.is_unchanged() && report.holds.is_empty() {
                p.big { "It would change nothing." }
            } @else {
                p.big { "It would do this:" }
            }
            @if let Some(why) = &report.why { p { "Learnt by " (report.path) ": " (why) } }
            (matrix(report))
            @if !report.holds.is_empty() {
                h2 { "What it would hold" }
                ul { @for (what, noticed) in held.lines() { li { (capital(&what)) ". If approved, " (noticed) "." } } }
            }
        }
    })
}
