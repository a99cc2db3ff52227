//! What is held: why, of which schools, what it would do; and the decision, with the way back.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use clever_model::Timestamp;
use clever_sync::look::{Approval, Judged};
use clever_sync::report::{HeldSample, Unit};
use clever_sync::words::{Holds, grouped, noticed, percent, since};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use crate::acts::holds::{self, Held};
use crate::acts::records::is_open;
use crate::door::Visitor;
use crate::html::{Sent, Why, asks_why, capital, form, names, shown, time, why};
use crate::pages::district::to;
use crate::pages::home::name;
use crate::site::{Shared, Site, needs};
use crate::trouble::Trouble;
use crate::who::Role;

/// Shows what is held, with masked samples.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path(district): Path<String>,
) -> Result<Markup, Trouble> {
    let (held, deeds) = holds::look(&site, &visitor, &district).await?;
    Ok(match held {
        Some(held) => page(&site, &visitor, &district, &held, &deeds, false),
        None => {
            let content = html! {
                p { "Nothing of this district is held." }
                p { a href=(site.at(&format!("/districts/{district}"))) { "To the district" } }
                (said(&site, &district, &deeds, site.now()))
            };
            visitor.page(&site, "Nothing is held", None, &content)
        }
    })
}

/// Shows the samples with their names. The answer is to the form: no address has them.
pub(crate) async fn reveal(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Why>,
) -> Result<Markup, Trouble> {
    let why = &sent.fields.reason;
    let (held, deeds) = holds::reveal(&site, &sent.visitor, &district, why).await?;
    Ok(page(&site, &sent.visitor, &district, &held, &deeds, true))
}

/// What approves.
#[derive(Deserialize)]
pub(crate) struct Approving {
    #[serde(default)]
    hash: String,
    #[serde(default)]
    count: String,
    #[serde(default)]
    reason: String,
}

/// Approves for the next run, and starts it if the console may.
pub(crate) async fn approve(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Approving>,
) -> Result<Response, Trouble> {
    let Approving {
        hash,
        count,
        reason,
    } = &sent.fields;
    needs(&sent.visitor, Role::Operator)?;
    let is_digit = |c: &char| !matches!(c, ',' | ' ' | '\u{a0}');
    let digits: String = count.chars().filter(is_digit).collect();
    let count = digits.parse().map_err(|_| {
        Trouble::Wrong("Type how many are held, as a number. Nothing was approved.".to_owned())
    })?;
    holds::approve(&site, &sent.visitor, &district, hash, count, reason).await?;
    Ok(to(&site, &format!("/districts/{district}/hold")))
}

/// Notes that somebody looked and leaves it held.
pub(crate) async fn leave(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Why>,
) -> Result<Response, Trouble> {
    holds::leave(&site, &sent.visitor, &district, &sent.fields.reason).await?;
    Ok(to(&site, &format!("/districts/{district}/hold")))
}

/// Takes an approval back that no run has honoured yet.
pub(crate) async fn withdraw(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Why>,
) -> Result<Response, Trouble> {
    holds::withdraw(&site, &sent.visitor, &district, &sent.fields.reason).await?;
    Ok(to(&site, &format!("/districts/{district}/hold")))
}

fn page(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    held: &Held,
    deeds: &[Judged],
    open: bool,
) -> Markup {
    let status = &held.standing.status;
    let now = site.now();
    let holds: Vec<_> = status.holds.iter().map(|one| &one.hold).collect();
    let texts = Holds::new(holds.iter().copied(), &held.schools);
    let place = format!("/districts/{district}/hold");
    let first = status.holds.iter().map(|one| one.since).min();
    let content = html! {
        p { a href=(site.at(&format!("/districts/{district}"))) { (name(status)) } }
        p.big #cause {
            @for (at, hold) in holds.iter().enumerate() {
                @if holds.iter().take(at).all(|before| before.cause != hold.cause) {
                    (held.schools.named(&capital(&hold.cause.to_string()))) ". "
                }
            }
            "Nothing of it was written; the rest of the run was."
        }
        p.quiet { "It waits since " (time(first, now)) "." }
        @if let Some(approval) = &held.approval { (approved(site, visitor, &place, approval, now)) }
        h2 { "What it would do" }
        (table(held))
        ul { @for hold in &holds { li { "If approved, " (noticed(hold)) "." } } }
        h2 { "Some of the records" }
        (samples(site, district, held, open))
        @if !open && visitor.person.role >= Role::Operator && !held.samples.is_empty() {
            (asks_why(site, visitor, &format!("{place}/reveal"), "reveal", "Reveal names"))
        }
        h2 { "Ask the district" }
        (letter(&texts, name(status), first, now))
        @if visitor.person.role >= Role::Operator && held.approval.is_none() {
            h2 { "Decide" }
            (decide(site, visitor, &place, held))
        }
        (said(site, district, deeds, now))
    };
    visitor.page(site, &format!("Held in {}", name(status)), None, &content)
}

fn approved(
    site: &Site,
    visitor: &Visitor,
    place: &str,
    approval: &Approval,
    now: Timestamp,
) -> Markup {
    html! {
        div.box.done #approved role="status" {
            p { strong { "Approved by " (approval.by.actor) } ", " (time(Some(approval.by.at), now)) ": " (approval.by.reason) }
            p { "The next run applies exactly this. If Clever says something else by then, it stays held." }
            @if visitor.person.role >= Role::Operator {
                (asks_why(site, visitor, &format!("{place}/withdraw"), "withdraw", "Take the approval back"))
            }
        }
    }
}

fn table(held: &Held) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="What is held" {
            table {
                thead { tr {
                    th scope="col" { "What" } th scope="col" { "School" } th.number scope="col" { "Now" }
                    th.number scope="col" { "Held" } th.number scope="col" { "Left afterwards" } th scope="col" { "Share" }
                } }
                tbody { @for one in &held.standing.status.holds {
                    @let hold = &one.hold;
                    @let takes = hold.part == clever_sync::report::Part::Archive || hold.unit == Unit::Places;
                    tr {
                        td { (hold.part) " " @if hold.unit == Unit::Places { "places in " } (hold.kind) }
                        td { @match &hold.school { Some(id) => (held.schools.name(id)), None => "all of the district" } }
                        td.number { (grouped(hold.of)) }
                        td.number { (grouped(hold.count)) }
                        td.number { @if takes { (grouped(hold.of.saturating_sub(hold.count))) } @else { (grouped(hold.of)) } }
                        td { (percent(hold.count, hold.of)) @if hold.limit_percent > 0 { " (limit " (hold.limit_percent) " %)" } }
                    }
                } }
            }
        }
    }
}

fn samples(site: &Site, district: &str, held: &Held, open: bool) -> Markup {
    let mut of: BTreeMap<&str, Vec<&(HeldSample, Option<Value>)>> = BTreeMap::new();
    for sample in &held.samples {
        of.entry(sample.0.kind.as_str()).or_default().push(sample);
    }
    html! {
        @if of.is_empty() { p { "The run kept no samples." } }
        @for (kind, all) in of {
            details open[kind == "users" || held.samples.len() <= 20] {
                summary { (grouped(all.len() as u64)) " of the " (kind) }
                div.scroll tabindex="0" role="region" aria-label={ "Samples of " (kind) } {
                    table {
                        thead { tr { th scope="col" { "Record" } th scope="col" { "Name" } th scope="col" { "Would be" } th scope="col" { "Fields" } } }
                        tbody { @for (sample, record) in all {
                            @let called = record.as_ref().map(names).unwrap_or_default();
                            tr {
                                td.id { a href=(site.at(&format!("/districts/{district}/records/{}/{}", sample.kind, sample.id))) { (sample.id) } }
                                // A section often has its teacher's name in its own.
                                td { (shown(&called, open || is_open(sample.kind, "name"))) }
                                td { (sample.op) "d" }
                                td { (sample.fields.join(", ")) }
                            }
                        } }
                    }
                }
            }
        }
    }
}

/// The text to the district, and a link that opens it in a program for mail.
fn letter(texts: &Holds<'_>, name: &str, first: Option<Timestamp>, now: Timestamp) -> Markup {
    let day = first
        .map(|at| at.strftime("%F").to_string())
        .unwrap_or_default();
    let lines = texts.letter(name, &format!("{day} ({})", since(first, now)));
    let subject = lines
        .first()
        .and_then(|line| line.strip_prefix("Subject: "))
        .unwrap_or_default();
    let body = lines.iter().skip(2).cloned().collect::<Vec<_>>().join("\n");
    let encoded: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("subject", subject)
        .append_pair("body", &body)
        .finish()
        .replace('+', "%20");
    html! {
        label for="letter" { "Ready to be sent; nothing in it is of a person." }
        textarea #letter readonly rows="14" { (body) }
        p { a href={ "mailto:?" (encoded) } { "Open it as a mail" } }
    }
}

fn decide(site: &Site, visitor: &Visitor, place: &str, held: &Held) -> Markup {
    html! {
        div.pair {
            div.box {
                p { strong { "Approve" } ": the next run applies what is shown here, and nothing else." }
                (form(site, visitor, &format!("{place}/approve"), &html! {
                    input type="hidden" name="hash" value=(held.hash);
                    label for="count" { "Type how many are held: " strong { (grouped(held.count)) } }
                    input #count name="count" inputmode="numeric" required autocomplete="off" size="9";
                    (why("why-approve"))
                    button.main #approve type="submit" { "Approve" }
                }))
                p.quiet { "It can be taken back: before the next run here, after it from the page of that run. Hash " code { (held.hash) } "." }
            }
            div.box {
                p { strong { "Leave held" } ": everybody keeps the access that they have now." }
                (asks_why(site, visitor, &format!("{place}/leave"), "leave", "Leave held"))
            }
        }
    }
}

/// What people did here lately.
fn said(site: &Site, district: &str, deeds: &[Judged], now: Timestamp) -> Markup {
    html! {
        @if !deeds.is_empty() {
            h2 { "What was done lately" }
            ul #deeds { @for deed in deeds {
                li { (time(Some(deed.at), now)) ": " (deed.actor) " — " (deed.deed.replace('_', " "))
                    @if !deed.reason.is_empty() { ": " (deed.reason) }
                    @if let Some(run) = deed.subject.strip_prefix("run ") {
                        " (" a href=(site.at(&format!("/districts/{district}/runs/{run}"))) { (deed.subject) } ")"
                    }
                }
            } }
        }
    }
}
