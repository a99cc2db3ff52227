//! The app's accounts: whose they are and why; two made one, with the plan first, and two again.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use clever_model::{DistrictId, UserId};
use clever_provision::ledger::{Actor, Draft, Event, MergeId, ProofClass, UnlinkReason};
use clever_provision::merge::{Ground, MergePlan, Side, Undo, plan};
use clever_provision::store::AccountStore;
use clever_provision::{Account, AccountId, AccountState, Custody, SharedBy};
use clever_sync::words::grouped;
use maud::{Markup, html};
use serde::Deserialize;

use crate::door::Visitor;
use crate::html::{Sent, empty, form, shown, time, why};
use crate::pages::district::to;
use crate::site::{On, Shared, Site, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// So many accounts are on a page.
const PAGE: u32 = 50;

/// Where the list begins.
#[derive(Deserialize)]
pub(crate) struct Asked {
    after: Option<String>,
}

/// The district that governs an account.
fn governor(account: &Account) -> Option<&DistrictId> {
    match &account.custody {
        Custody::Managed { by } | Custody::Unclaimed { by } => Some(by),
        Custody::ClassMade { .. } | Custody::Personal => None,
    }
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

fn mine(visitor: &Visitor, account: &Account) -> bool {
    let only = visitor.person.district.as_deref();
    only.is_none_or(|only| governor(account).map(DistrictId::as_str) == Some(only))
}

/// Lists the accounts by id.
pub(crate) async fn list(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    if !site.stores.has_accounts() {
        let content = empty(
            "This console was started without accounts. Three commands help:",
            [
                "cleverctl accounts import",
                "cleverctl accounts sync",
                "cleverctl console --accounts URL",
            ],
        );
        return Ok(visitor.page(&site, "Accounts", None, &content));
    }
    let now = site.now();
    let mut accounts = site.stores.accounts().await?;
    let after = asked.after.as_deref().map(AccountId::new);
    let page = accounts.accounts(after.as_ref(), PAGE).await?;
    accounts.back();
    let next = page
        .last()
        .filter(|_| page.len() == PAGE as usize)
        .map(|last| last.id.to_string());
    let content = html! {
        @if page.is_empty() {
            (empty("There are no accounts here. Three commands make some:", [
                "cleverctl accounts import", "cleverctl accounts sync", "cleverctl accounts list",
            ]))
        } @else {
            div.scroll tabindex="0" role="region" aria-label="Accounts" {
                table {
                    thead { tr { th scope="col" { "Account" } th scope="col" { "State" } th scope="col" { "Governed by" } th scope="col" { "Opened by" } th scope="col" { "Last used" } } }
                    tbody { @for account in page.iter().filter(|one| mine(&visitor, one)) { tr {
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

async fn find(
    accounts: &mut AccountStore,
    visitor: &Visitor,
    id: &str,
) -> Result<Account, Trouble> {
    let found = accounts.account(&AccountId::new(id)).await?;
    found
        .filter(|account| mine(visitor, account))
        .ok_or(Trouble::Missing)
}

/// Shows one account, masked.
pub(crate) async fn show(
    State(site): Shared,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Markup, Trouble> {
    page(&site, &visitor, &id, false).await
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
    needs(&sent.visitor, Role::Operator)?;
    let why = reason(&sent.fields.reason)?;
    let mut accounts = site.stores.accounts().await?;
    let account = find(&mut accounts, &sent.visitor, &id).await?;
    accounts.back();
    note(&site, &sent.visitor, &account, "reveal", why).await?;
    page(&site, &sent.visitor, &id, true).await
}

async fn note(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    deed: &str,
    why: &str,
) -> Result<(), Trouble> {
    let mut store = site.stores.roster().await?;
    let subject = format!("account {}", account.id);
    let on = On {
        district: governor(account).map_or("", DistrictId::as_str),
        subject: &subject,
        reason: why,
    };
    site.judge(&mut store, visitor, deed, on).await?;
    store.back();
    Ok(())
}

/// Plans a merge of two accounts of one district, and does it if that is asked for.
pub(crate) async fn merge(
    State(site): Shared,
    Path(id): Path<String>,
    sent: Sent<Fields>,
) -> Result<Response, Trouble> {
    needs(&sent.visitor, Role::Operator)?;
    let does = sent.fields.step == "do";
    let why = if does {
        reason(&sent.fields.reason)?
    } else {
        ""
    };
    let mut accounts = site.stores.accounts().await?;
    let one = find(&mut accounts, &sent.visitor, &id).await?;
    let other = find(&mut accounts, &sent.visitor, sent.fields.other.trim()).await?;
    let district = governor(&one).cloned().ok_or_else(|| {
        Trouble::Refused(
            "No district governs this account: only its holder can merge it.".to_owned(),
        )
    })?;
    let tables = site.stores.tables();
    let conflicts = accounts.conflicts(tables, &one.id, &other.id).await?;
    let side = |account| Side {
        account,
        fields: BTreeMap::new(),
        rows: BTreeMap::new(),
    };
    let authority = SharedBy::District(district);
    let ground = Ground::Authority(&authority, &sent.visitor.person.name);
    let planned = plan(
        &side(&one),
        &side(&other),
        ground,
        &BTreeMap::new(),
        conflicts,
        site.now(),
    );
    let planned = planned.map_err(|refused| Trouble::Refused(format!("{refused}.")))?;
    if does {
        accounts.merge(&planned, tables, None, site.now()).await?;
        accounts.back();
        note(&site, &sent.visitor, &one, "merge", why).await?;
        return Ok(to(&site, &format!("/accounts/{}", planned.survivor)));
    }
    accounts.back();
    let content = html! {
        p { "Nothing was done yet." }
        (plan_shown(&planned))
        (form(&site, &sent.visitor, &format!("/accounts/{id}/merge"), &html! {
            input type="hidden" name="other" value=(other.id);
            (why_of("why-merge"))
            button.grave #merge type="submit" name="step" value="do" { "Make them one" }
            a href=(site.at(&format!("/accounts/{id}"))) { "Leave them" }
        }))
    };
    Ok(sent
        .visitor
        .page(&site, "Make two accounts one?", None, &content)
        .into_response())
}

fn why_of(id: &str) -> Markup {
    why(id)
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

/// Takes a merge back.
pub(crate) async fn unmerge(
    State(site): Shared,
    Path(id): Path<String>,
    sent: Sent<Fields>,
) -> Result<Response, Trouble> {
    needs(&sent.visitor, Role::Operator)?;
    let why = reason(&sent.fields.reason)?;
    let merge = sent
        .fields
        .merge
        .parse()
        .map(MergeId)
        .map_err(|_| Trouble::Missing)?;
    let mut accounts = site.stores.accounts().await?;
    let account = find(&mut accounts, &sent.visitor, &id).await?;
    let merges = accounts.merges_into(&account.id).await?;
    if !merges.iter().any(|(of, _)| *of == merge) {
        return Err(Trouble::Moved(
            "That merge is not in force any more.".to_owned(),
        ));
    }
    let undo = Undo {
        actor: Actor::Staff(sent.visitor.person.name.as_str().into()),
        proof: ProofClass::Staff,
        at: site.now(),
    };
    accounts.undo(merge, &undo, site.stores.tables()).await?;
    accounts.back();
    note(&site, &sent.visitor, &account, "unmerge", why).await?;
    Ok(to(&site, &format!("/accounts/{id}")))
}

/// Takes a link back that somebody decided.
pub(crate) async fn unlink(
    State(site): Shared,
    Path(id): Path<String>,
    sent: Sent<Fields>,
) -> Result<Response, Trouble> {
    needs(&sent.visitor, Role::Operator)?;
    let why = reason(&sent.fields.reason)?;
    let mut accounts = site.stores.accounts().await?;
    let account = find(&mut accounts, &sent.visitor, &id).await?;
    let user = UserId::new(sent.fields.user.as_str()).map_err(|_| Trouble::Missing)?;
    let link = account
        .links
        .iter()
        .find(|link| link.id == user && link.by_admin);
    let link = link.ok_or_else(|| Trouble::Moved("That link is not there any more.".to_owned()))?;
    let draft = Draft {
        at: site.now(),
        actor: Actor::Staff(sent.visitor.person.name.as_str().into()),
        authority: link.district.clone().map(SharedBy::District),
        proof: ProofClass::Staff,
        explanation: None,
        event: Event::Unlinked {
            account: account.id.clone(),
            id: user,
            reason: UnlinkReason::Decided,
        },
    };
    accounts.record(&[draft]).await?;
    accounts.back();
    note(&site, &sent.visitor, &account, "unlink", why).await?;
    Ok(to(&site, &format!("/accounts/{id}")))
}

async fn page(site: &Site, visitor: &Visitor, id: &str, open: bool) -> Result<Markup, Trouble> {
    let now = site.now();
    let mut accounts = site.stores.accounts().await?;
    let account = find(&mut accounts, visitor, id).await?;
    let known = accounts.known(&account).await?;
    let history = accounts.history(Some(&account.id), None).await?;
    let merges = accounts.merges_into(&account.id).await?;
    accounts.back();
    let place = format!("/accounts/{}", account.id);
    let may = visitor.person.role >= Role::Operator;
    let content = html! {
        p { a href=(site.at("/accounts")) { "All accounts" } }
        dl {
            dt { "State" } dd { (state(&account)) }
            dt { "Governed by" } dd { (governed(&account)) }
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
        @for facts in &known { dl { @for (name, value) in facts.fields() { dt { (name) } dd { (shown(&value, open)) } } } }
        @if may && !open && !known.is_empty() {
            (form(site, visitor, &format!("{place}/reveal"), &html! { (why("why-reveal")) button #reveal type="submit" { "Reveal" } }))
        }
        @if !merges.is_empty() { h2 { "Merged into it" } }
        @for (merge, record) in &merges { (merged(site, visitor, &place, *merge, &record.absorbed, may)) }
        @if may && matches!(account.state, AccountState::Active | AccountState::Archived) && governor(&account).is_some() {
            h2 { "Make it one with another" }
            (form(site, visitor, &format!("{place}/merge"), &html! {
                label for="other" { "The other account" }
                input #other name="other" required autocomplete="off";
                button #plan type="submit" name="step" value="plan" { "Show what that would do" }
            }))
        }
        h2 { "How it came to this" }
        ol { @for (entry, draft) in &history { li { (time(Some(draft.at), now)) ": " (draft.event) ", " (draft.actor) span.quiet { " (entry " (entry) ")" } } } }
    };
    Ok(visitor.page(site, &format!("Account {}", account.id), None, &content))
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
