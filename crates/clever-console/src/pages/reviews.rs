//! Whose account is it? Both records side by side, what speaks for it and against it, and the answer.

use std::collections::BTreeSet;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use clever_provision::store::{Answer, CandidateMaterial, Review};
use clever_sync::words::counted;
use maud::{Markup, html};
use serde::Deserialize;

use crate::acts::reviews;
use crate::door::Visitor;
use crate::html::{Sent, Why, asks_why, bars, empty, form, may_say_why, shown, time};
use crate::pages::district::to;
use crate::site::{Shared, Site};
use crate::trouble::Trouble;
use crate::who::Role;

/// A bit of weight, in millibits.
const BIT: i32 = 1000;

/// Where the list begins.
#[derive(Deserialize)]
pub(crate) struct Asked {
    after: Option<u64>,
}

/// Lists the open questions, oldest first.
pub(crate) async fn list(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let now = site.now();
    if !site.stores.has_accounts() {
        return Ok(visitor.page(&site, "Reviews", None, &super::accounts::none()));
    }
    let waiting = reviews::waiting(&site, &visitor, asked.after).await?;
    let content = html! {
        @if waiting.count == 0 {
            (empty("Nobody has to say whose account it is. Questions come from a sign-in or from:", [
                "cleverctl accounts sync", "cleverctl match", "cleverctl review",
            ]))
        } @else {
            p.big { (counted(waiting.count, "question waits", "questions wait")) @if waiting.count >= u64::from(reviews::MOST) { " or more" } "." }
            div.scroll tabindex="0" role="region" aria-label="Open questions" {
                table {
                    thead { tr { th scope="col" { "Question" } th scope="col" { "Person" } th scope="col" { "May be" } th scope="col" { "Good until" } } }
                    tbody { @for one in &waiting.reviews { tr {
                        td { a href=(site.at(&format!("/reviews/{}", one.id))) { "Question " (one.id) } }
                        td.id { (one.user) }
                        td { @for id in one.candidates.keys() { span.id { (id) } " " } }
                        td { time datetime=(one.expires) { (one.expires.strftime("%F")) } }
                    } } }
                }
            }
            @if let Some(next) = waiting.next { p { a #more href=(site.at(&format!("/reviews?after={next}"))) { "More questions" } } }
        }
        p.quiet { "As of " (time(Some(now), now)) "." }
    };
    Ok(visitor.page(&site, "Reviews", None, &content))
}

/// Shows one question, masked.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<u64>,
) -> Result<Markup, Trouble> {
    let review = reviews::open(&site, &visitor, id).await?;
    Ok(page(&site, &visitor, &review, false))
}

/// Shows one question with its records as they are.
pub(crate) async fn reveal(
    State(site): Shared,
    Path(id): Path<u64>,
    sent: Sent<Why>,
) -> Result<Markup, Trouble> {
    let review = reviews::reveal(&site, &sent.visitor, id, &sent.fields.reason).await?;
    Ok(page(&site, &sent.visitor, &review, true))
}

/// An answer.
#[derive(Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    account: String,
}

/// It is this account.
pub(crate) async fn approve(
    State(site): Shared,
    Path(id): Path<u64>,
    sent: Sent<Fields>,
) -> Result<Response, Trouble> {
    let Fields { account, reason } = &sent.fields;
    let answer = reviews::approve(&site, &sent.visitor, id, account, reason).await?;
    let account = match answer {
        Answer::Linked(linked) => linked.to_string(),
        Answer::Merged(_) => account.clone(),
    };
    Ok(to(&site, &format!("/accounts/{account}")))
}

/// It is none of them.
pub(crate) async fn decline(
    State(site): Shared,
    Path(id): Path<u64>,
    sent: Sent<Why>,
) -> Result<Response, Trouble> {
    reviews::decline(&site, &sent.visitor, id, &sent.fields.reason).await?;
    Ok(to(&site, "/reviews"))
}

fn page(site: &Site, visitor: &Visitor, review: &Review, open: bool) -> Markup {
    let material = review.material.as_ref();
    let place = format!("/reviews/{}", review.id);
    let may = visitor.person.role >= Role::Operator;
    let content = html! {
        p { a href=(site.at("/reviews")) { "All questions" } }
        p { "Is person " span.id { (review.user) } " the holder of one of these accounts?" }
        @if let Some(meanwhile) = &review.meanwhile {
            p.box.warn { "The person has account " span.id { (meanwhile) } " meanwhile. If you say that it is another one, both become one, and that can be taken back for 90 days." }
        }
        @if material.is_none() { p.box.warn { "The records of this question were erased." } }
        @if may && !open && material.is_some() {
            (asks_why(site, visitor, &format!("{place}/reveal"), "reveal", "Reveal both records"))
        }
        div.pair {
            @for (at, account) in review.candidates.keys().enumerate() {
                @let beside = material.and_then(|all| all.candidates.get(account));
                section.box aria-label={ "Account " (account) } {
                    h2 { "Account " span.id { (account) } }
                    @if let Some(beside) = beside {
                        @if beside.sibling_known { p.box.warn.sibling { strong { "A sibling or twin is known." } " The same family name and day of birth are no proof here." } }
                        @let person = material.map(|all| &all.person);
                        (side_by_side(person, beside, open))
                        (weights(beside))
                    }
                    @if may { (form(site, visitor, &format!("{place}/approve"), &html! {
                        input type="hidden" name="account" value=(account);
                        (may_say_why(&format!("why-{at}")))
                        button.main.approve type="submit" data-key=[(at == 0).then_some("a")] { "It is this one" @if at == 0 { " (a)" } }
                    })) }
                }
            }
        }
        @if may {
            (form(site, visitor, &format!("{place}/decline"), &html! {
                (may_say_why("why-decline"))
                button #decline type="submit" data-key="d" { "It is none of them (d)" }
                a.button href=(site.at("/reviews")) data-key="s" { "Decide later (s)" }
            }))
        }
    };
    visitor.page(site, &format!("Question {}", review.id), None, &content)
}

type Values = std::collections::BTreeMap<String, String>;

fn side_by_side(person: Option<&Values>, beside: &CandidateMaterial, open: bool) -> Markup {
    let none = Values::new();
    let person = person.unwrap_or(&none);
    let names: BTreeSet<&String> = person.keys().chain(beside.account.keys()).collect();
    let cell = |of: &Values, name: &String| {
        of.get(name)
            .map(|value| shown(value, open).into_owned())
            .unwrap_or_else(|| "·".to_owned())
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="Both records" {
            table {
                thead { tr { th scope="col" { "Field" } th scope="col" { "Person" } th scope="col" { "Account" } th scope="col" { "Same" } } }
                tbody { @for name in names {
                    @let (one, other) = (person.get(name), beside.account.get(name));
                    tr {
                        td { (name) } td { (cell(person, name)) } td { (cell(&beside.account, name)) }
                        td { @match (one, other) {
                            (Some(one), Some(other)) if one == other => span.ok { "yes" },
                            (Some(_), Some(_)) => span.failing { "no" },
                            _ => span.quiet { "not known" },
                        } }
                    }
                } }
            }
        }
    }
}

fn weights(beside: &CandidateMaterial) -> Markup {
    let largest = beside
        .fields
        .values()
        .map(|(_, weight)| weight.abs())
        .max()
        .unwrap_or(BIT);
    html! {
        @if !beside.evidence.is_empty() { p { "What speaks for it: " (beside.evidence.join(", ").replace('_', " ")) "." } }
        @if !beside.fields.is_empty() {
            div.scroll tabindex="0" role="region" aria-label="Weights" {
                table {
                    caption { "Weight of each field, in bits: each bit doubles the odds" }
                    thead { tr { th scope="col" { "Field" } th scope="col" { "Agreement" } th.number scope="col" { "Bits" } th scope="col" { "" span.quiet { "against · for" } } } }
                    tbody { @for (name, (agreement, weight)) in &beside.fields { tr {
                        td { (name) } td { (agreement) } td.number { (bits(*weight)) } td { (bars(*weight, largest)) }
                    } } }
                }
            }
        }
        @if let Some(all) = beside.millibits { p { "Together " strong { (bits(all)) " bits" } "." } }
    }
}

fn bits(millibits: i32) -> String {
    let tenths = millibits / (BIT / 10);
    let sign = if tenths < 0 { "−" } else { "+" };
    format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
}
