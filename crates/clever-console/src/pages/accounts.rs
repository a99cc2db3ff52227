//! The app's accounts: whose they are and why; two made one, with the plan first, and two again.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use clever_provision::ledger::MergeId;
use clever_provision::merge::MergePlan;
use clever_provision::{Account, AccountId, AccountState, Custody};
use clever_sync::words::grouped;
use maud::{Markup, html};
use serde::Deserialize;

use crate::acts::accounts::{self, Known};
use crate::door::Visitor;
use crate::html::{Sent, asks_why, empty, form, shown, time, why};
use crate::pages::district::to;
use crate::site::{Shared, Site, needs};
use crate::trouble::Trouble;
use crate::who::Role;

/// Where the list begins.
#[derive(Deserialize)]
pub(crate) struct Asked {
    after: Option<String>,
}

fn governed(account: &Account) -> String {
    match &account.custody {
        Custody::Unclaimed { by } => format!("district {by}, never entered"),
        Custody::Managed { by } => format!("district {by}"),
        Custody::ClassMade { by } => format!("teacher {by}"),
        Custody::Personal => "its holder".to_owned(),
    }
}

fn state(account: &Account) -> String {
    match &account.state {
        AccountState::Active => "active".to_owned(),
        AccountState::Archived => "archived: its person left the roster".to_owned(),
        AccountState::Suspended => "closed by an admin".to_owned(),
        AccountState::Merged { into } => format!("merged into {into}"),
    }
}

/// What is shown if there are no accounts.
pub(super) fn none() -> Markup {
    empty(
        "This console was started without accounts. Three commands help:",
        [
            "cleverctl accounts import",
            "cleverctl accounts sync",
            "cleverctl console --accounts URL",
        ],
    )
}

/// Lists the accounts by id.
pub(crate) async fn list(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    if !site.stores.has_accounts() {
        return Ok(visitor.page(&site, "Accounts", None, &none()));
    }
    let now = site.now();
    let (page, next) = accounts::page(&site, &visitor, asked.after.as_deref()).await?;
    let content = html! {
        @if page.is_empty() && next.is_none() {
            (empty("There are no accounts here. Three commands make some:", [
                "cleverctl accounts import", "cleverctl accounts sync", "cleverctl accounts list",
            ]))
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Accounts" {
                table {
                    thead { tr { th scope="col" { "Account" } th scope="col" { "State" } th scope="col" { "Governed by" } th scope="col" { "Opened by" } th scope="col" { "Last used" } } }
                    tbody { @for account in &page { tr {
                        td.id { a href=(site.at(&format!("/accounts/{}", account.id))) { (account.id) } }
                        td { (state(account)) } td { (governed(account)) }
                        td.id { @for link in &account.links { (link.id) " " } }
                        td { (time(account.last_used, now)) }
                    } } }
                }
            }
            @if let Some(next) = next {
                p { a href=(site.at(&format!("/accounts?{}", form_urlencoded::Serializer::new(String::new()).append_pair("after", &next).finish()))) { "More accounts" } }
            }
        }
    };
    Ok(visitor.page(&site, "Accounts", None, &content))
}

/// Where the history of an account begins.
#[derive(Deserialize)]
pub(crate) struct Before {
    before: Option<u64>,
}

/// Shows one account, masked.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(asked): Query<Before>,
) -> Result<Markup, Trouble> {
    let known = accounts::find(&site, &visitor, &id, asked.before).await?;
    Ok(page(&site, &visitor, &known, false))
}

/// A form of the page.
#[derive(Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    other: String,
    #[serde(default)]
    step: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    merge: String,
}

/// Shows one account with what is known of its holder.
pub(crate) async fn reveal(
    State(site): Shared,
    Path(id): Path<String>,
    sent: Sent<Fields>,
) -> Result<Markup, Trouble> {
    let known = accounts::reveal(&site, &sent.visitor, &id, &sent.fields.reason).await?;
    Ok(page(&site, &sent.visitor, &known, true))
}

/// Plans a merge of two accounts of one district, and does it if that is asked for.
pub(crate) async fn merge(
    State(site): Shared,
    Path(id): Path<String>,
    sent: Sent<Fields>,
) -> Result<Response, Trouble> {
    let fields = &sent.fields;
    let reason = (fields.step == "do").then_some(fields.reason.as_str());
    let other = fields.other.trim();
    let planned = accounts::merge(&site, &sent.visitor, &id, other, reason).await?;
    if reason.is_some() {
        return Ok(to(&site, &format!("/accounts/{}", planned.survivor)));
    }
    let content = html! {
        p { "Nothing was done yet." }
        (plan_shown(&planned))
        (form(&site, &sent.visitor, &format!("/accounts/{id}/merge"), &html! {
            input type="hidden" name="other" value=(other);
            (why("why-merge"))
            button.grave #merge type="submit" name="step" value="do" { "Make them one" }
            a href=(site.at(&format!("/accounts/{id}"))) { "Leave them" }
        }))
    };
    Ok(sent
        .visitor
        .page(&site, "Make two accounts one?", None, &content)
        .into_response())
}

/// Takes a merge back.
pub(crate) async fn unmerge(
    State(site): Shared,
    Path(id): Path<String>,
    sent: Sent<Fields>,
) -> Result<Response, Trouble> {
    needs(&sent.visitor, Role::Operator)?;
    let merge = sent.fields.merge.parse().map_err(|_| Trouble::Missing)?;
    accounts::unmerge(&site, &sent.visitor, &id, merge, &sent.fields.reason).await?;
    Ok(to(&site, &format!("/accounts/{id}")))
}

/// Ends the account's sessions in the app.
pub(crate) async fn end(
    State(site): Shared,
    Path(id): Path<String>,
    sent: Sent<Fields>,
) -> Result<Response, Trouble> {
    accounts::end_sessions(&site, &sent.visitor, &id, &sent.fields.reason).await?;
    Ok(to(&site, &format!("/accounts/{id}")))
}

/// Takes a link back that somebody decided.
pub(crate) async fn unlink(
    State(site): Shared,
    Path(id): Path<String>,
    sent: Sent<Fields>,
) -> Result<Response, Trouble> {
    let Fields { user, reason, .. } = &sent.fields;
    accounts::unlink(&site, &sent.visitor, &id, user, reason).await?;
    Ok(to(&site, &format!("/accounts/{id}")))
}

fn plan_shown(planned: &MergePlan) -> Markup {
    html! {
        dl {
            dt { "Stays" } dd.id { (planned.survivor) }
            dt { "Is entered no longer" } dd.id { (planned.absorbed) }
            dt { "Rows that can't stand side by side" } dd { (grouped(planned.conflicts.len() as u64)) }
            dt { "Ids that end" } dd { @if planned.retires.is_empty() { "none" } @for id in &planned.retires { span.id { (id) } " " } }
            dt { "Ways in that nobody proved" } dd { (grouped(planned.quarantines.values().map(|all| all.len() as u64).sum())) ", closed until their holder proves them" }
        }
        p.quiet { "It can be taken back for 90 days: each row goes home to the account that wrote it." }
    }
}

fn page(site: &Site, visitor: &Visitor, all: &Known, open: bool) -> Markup {
    let now = site.now();
    let account = &all.account;
    let place = format!("/accounts/{}", account.id);
    let may = visitor.person.role >= Role::Operator;
    let content = html! {
        p { a href=(site.at("/accounts")) { "All accounts" } }
        dl {
            dt { "State" } dd { (state(account)) }
            dt { "Governed by" } dd { (governed(account)) }
            dt { "Last used" } dd { (time(account.last_used, now)) }
            dt { "Other ways in" } dd { (grouped(account.methods.len() as u64)) }
        }
        h2 { "Opened by" }
        @if account.links.is_empty() { p { "Nobody from Clever." } }
        ul { @for link in &account.links { li {
            @match &link.district {
                Some(district) => a.id href=(site.at(&format!("/districts/{district}/records/users/{}", link.id))) { (link.id) },
                None => span.id { (link.id) },
            }
            @if !link.in_roster { ", gone from the roster" }
            @if link.by_admin && may {
                " — somebody decided it. "
                (form(site, visitor, &format!("{place}/unlink"), &html! {
                    input type="hidden" name="user" value=(link.id);
                    (why(&format!("why-{}", link.id)))
                    button.unlink type="submit" { "Take this link back" }
                }))
            }
        } } }
        h2 { "What is known" }
        @for facts in &all.facts { dl { @for (name, value) in facts.fields() { dt { (name) } dd { (shown(&value, open)) } } } }
        @if may && !open && !all.facts.is_empty() {
            (asks_why(site, visitor, &format!("{place}/reveal"), "reveal", "Reveal"))
        }
        h2 { "Sessions in the app" }
        @if all.sessions.is_empty() { p { "None that lie beside the accounts." } }
        @else {
            ul #sessions { @for one in &all.sessions { li { "Began " (time(Some(one.began), now)) ", good until " time datetime=(one.expires) { (one.expires.strftime("%F %H:%M UTC")) } } } }
            @if may { (asks_why(site, visitor, &format!("{place}/end"), "end", "End all of them")) }
        }
        @if !all.merges.is_empty() { h2 { "Merged into it" } }
        @for (merge, absorbed) in &all.merges { (merged(site, visitor, &place, *merge, absorbed, may)) }
        @if may && matches!(account.state, AccountState::Active | AccountState::Archived) && accounts::governor(account).is_some() {
            h2 { "Make it one with another" }
            (form(site, visitor, &format!("{place}/merge"), &html! {
                label for="other" { "The other account" }
                input #other name="other" required autocomplete="off";
                button #plan type="submit" name="step" value="plan" { "Show what that would do" }
            }))
        }
        h2 { "How it came to this" }
        @if let Some((first, _)) = all.history.first().filter(|_| all.is_more) {
            p { a #older href=(site.at(&format!("{place}?before={first}"))) { "What happened before" } }
        }
        ol { @for (entry, draft) in &all.history { li { (time(Some(draft.at), now)) ": " (draft.event) ", " (draft.actor) span.quiet { " (entry " (entry) ")" } } } }
    };
    visitor.page(site, &format!("Account {}", account.id), None, &content)
}

fn merged(
    site: &Site,
    visitor: &Visitor,
    place: &str,
    merge: MergeId,
    absorbed: &AccountId,
    may: bool,
) -> Markup {
    html! {
        div.box {
            p { "Account " span.id { (absorbed) } " (merge " (merge) ")" }
            @if may { (form(site, visitor, &format!("{place}/unmerge"), &html! {
                input type="hidden" name="merge" value=(merge);
                (why(&format!("why-merge-{merge}")))
                button.unmerge type="submit" { "Make them two again" }
            })) }
        }
    }
}
