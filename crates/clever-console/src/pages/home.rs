//! The districts: first whoever needs somebody, then all of them.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Query, State};
use clever_model::{RecordKind, Timestamp};
use clever_sync::DistrictStatus;
use clever_sync::look::Night;
use clever_sync::words::{
    NeverSynced, Schools, Standing, Verdict, active, counted, grouped, next_step, noticed, pause,
    sentences,
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::acts::districts::stand;
use crate::acts::reviews;
use crate::door::Visitor;
use crate::html::{badge, capital, empty, strip, time};
use crate::site::{Shared, Site};
use crate::trouble::Trouble;

/// So many nights are shown.
const NIGHTS: i64 = 14;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// What the page may be asked.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    state: String,
}

/// The last days, oldest first.
fn days(now: Timestamp) -> Vec<String> {
    (0..NIGHTS)
        .rev()
        .filter_map(|back| Timestamp::from_second(now.as_second() - back * DAY).ok())
        .map(|at| at.strftime("%Y-%m-%d").to_string())
        .collect()
}

/// Shows the districts that the visitor may see.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let now = site.now();
    let only = visitor.person.district.clone();
    let from = Timestamp::from_second(now.as_second() - NIGHTS * DAY).unwrap_or(now);
    let (mut all, mut never, mut nights) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut cards = Vec::new();
    let needs_you = |one: &&Standing| !matches!(one.verdict, Verdict::Ok | Verdict::Paused);
    for mut store in site.stores.all().await? {
        let stand = stand(&mut store, only.as_deref(), now).await?;
        for one in stand.0.iter().filter(needs_you) {
            let schools = Schools::of_status(&mut store, &one.status).await?;
            let waiting = store.approval(&one.status.district_id).await?.is_some();
            cards.push(card(&site, one, &schools, waiting, now));
        }
        // A store has the nights of a district that moved, too.
        let is_here = |id: &str| stand.0.iter().any(|one| one.status.district_id == id);
        let of_store = store.nights(from).await?.into_iter();
        nights.extend(of_store.filter(|(id, _)| is_here(id)));
        store.back();
        all.extend(stand.0);
        never.extend(stand.1);
    }
    all.sort_by(|a, b| a.status.district_id.cmp(&b.status.district_id));
    // Whoever paused a district knows of it.
    let is_paused = |one: &&Standing| one.verdict == Verdict::Paused;
    let paused = all.iter().filter(is_paused).count() as u64;
    let reviews = if site.stores.has_accounts() {
        reviews::waiting(&site, &visitor, None).await?.count
    } else {
        0
    };
    let need = cards.len() as u64 + never.len() as u64 + u64::from(reviews > 0);
    let content = html! {
        @if all.is_empty() && never.is_empty() {
            (empty("No district has been synced into this store yet. Three commands begin:", [
                "cleverctl doctor", "cleverctl sync", "cleverctl status",
            ]))
        } @else {
            p.big #need {
                @if need == 0 { "Nobody needs you: every " @if paused > 0 { "other " } "district is in step." }
                @else { strong { (grouped(need)) @if need == 1 { " needs you" } @else { " need you" } } }
            }
            @if paused > 0 {
                p #paused { (counted(paused, "district is paused", "districts are paused")) ": no run begins. "
                    a href=(site.at("/?state=paused")) { "See who, and why" } }
            }
            ul.cards {
                @for card in &cards { li.card { (card) } }
                @for one in &never { li.card { (never_card(one, now)) } }
                @if reviews > 0 { li.card {
                    p { strong { (counted(reviews, "question waits", "questions wait")) } }
                    p { "Whose account is it? Both records side by side." }
                    p { a href=(site.at("/reviews")) { "Answer them" } }
                } }
            }
            h2 { "All districts" }
            (table(&site, &all, &nights, &asked.state, now))
        }
    };
    Ok(visitor.page(&site, "Districts", None, &content))
}

/// Why a district needs somebody, and where to go.
fn card(site: &Site, one: &Standing, schools: &Schools, waiting: bool, now: Timestamp) -> Markup {
    let status = &one.status;
    let place = site.at(&format!("/districts/{}", status.district_id));
    html! {
        p { (badge(one.verdict)) " " strong { (name(status)) } }
        @for sentence in one.sentences(now) { p { (sentence) } }
        @match one.verdict {
            Verdict::Held => {
                @for (at, held) in status.holds.iter().enumerate() {
                    @if status.holds.iter().take(at).all(|before| before.hold.cause != held.hold.cause) {
                        p { (schools.named(&capital(&held.hold.cause.to_string()))) "." }
                    }
                }
                ul { @for held in &status.holds {
                    li { @if let Some(id) = &held.hold.school { (schools.name(id)) ": " } "if approved, " (noticed(&held.hold)) }
                } }
                p.quiet { "It waits since " (time(status.holds.iter().map(|held| held.since).min(), now)) "." }
                p { a.decide href={ (place) "/hold" } {
                    @if waiting { "Approved: see what waits for the next run" } @else { "Look and decide" }
                } }
            },
            Verdict::Stale => {
                p { "Last success: " (time(status.last_done_at, now)) "." }
                p { a href=(place) { "See its runs" } }
            },
            Verdict::Empty => {
                p { "The district shares nobody with the app. Its administrator chooses in Clever which schools and people are shared." }
                p { a href=(place) { "See the district" } }
            },
            _ => {
                @if let Some(step) = &one.next_step { p.quiet { "Next: " (step) } }
                p { a href=(place) { "See its tries" } }
            },
        }
    }
}

fn never_card(one: &NeverSynced, now: Timestamp) -> Markup {
    html! {
        p { span.badge.failing { "never synced" } " "
            strong { (one.district_id.as_deref().unwrap_or("a district that is not known yet")) } }
        @for sentence in sentences(&one.attempts, now) { p { (sentence) } }
        @if let Some(step) = next_step(&one.attempts) { p.quiet { "Next: " (step) } }
    }
}

pub(super) fn name(status: &DistrictStatus) -> &str {
    status.name.as_deref().unwrap_or(&status.district_id)
}

fn table(
    site: &Site,
    all: &[Standing],
    nights: &BTreeMap<String, Vec<Night>>,
    state: &str,
    now: Timestamp,
) -> Markup {
    let days = days(now);
    let words = ["", "ok", "held", "failing", "stale", "empty", "paused"];
    let shown = all
        .iter()
        .filter(|one| state.is_empty() || one.verdict.word() == state);
    html! {
        form method="get" action=(site.at("/")) {
            label for="state" { "Show" }
            select #state name="state" {
                @for word in words {
                    option value=(word) selected[word == state] { @if word.is_empty() { "all" } @else { (word) } }
                }
            }
            button type="submit" { "Filter" }
        }
        div.scroll tabindex="0" role="region" aria-label="All districts" {
            table {
                thead { tr {
                    th scope="col" { "District" } th scope="col" { "State" } th scope="col" { "Last success" }
                    th scope="col" { "14 nights" } th.number scope="col" { "Held" } th.number scope="col" { "Findings" }
                    th.number scope="col" { "People" }
                } }
                tbody { @for one in shown {
                    @let status = &one.status;
                    @let odd: u64 = status.findings.iter().map(|finding| finding.count).sum();
                    @let held: u64 = status.holds.iter().map(|held| held.hold.count).sum();
                    tr {
                        td { a href=(site.at(&format!("/districts/{}", status.district_id))) { (name(status)) } }
                        td { (badge(one.verdict)) @if let Some(paused) = &status.paused { br; span.quiet { (pause(paused, now)) } } }
                        td { (time(status.last_done_at, now)) }
                        td { (strip(&days, nights.get(&status.district_id).map_or(&[], Vec::as_slice))) }
                        td.number { (grouped(held)) }
                        td.number { (grouped(odd)) }
                        td.number { (grouped(active(status, RecordKind::Users))) }
                    }
                } }
            }
        }
    }
}
