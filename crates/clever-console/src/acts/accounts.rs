//! The app's accounts: whose they are and why; two made one, with the plan first, and two again.

use std::collections::BTreeMap;

use clever_model::{DistrictId, UserId};
use clever_provision::ledger::{Actor, Draft, Event, MergeId, ProofClass, UnlinkReason};
use clever_provision::merge::{Ground, MergePlan, Side, Undo, plan};
use clever_provision::store::{AccountStore, Facts};
use clever_provision::{Account, AccountId, SharedBy};
use clever_web::SessionTimes;

use super::only;
use crate::door::Visitor;
use crate::site::{On, Site, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// So many accounts are on a page.
const PAGE: u32 = 50;
/// So many events of an account are on a page.
const EVENTS: u32 = 100;

/// An account with what is known about it.
pub(crate) struct Known {
    pub(crate) account: Account,
    /// What is known of its holder: personal data.
    pub(crate) facts: Vec<Facts>,
    /// Its last events, oldest first, each with its place in the ledger.
    pub(crate) history: Vec<(u64, Draft)>,
    /// Whether there are events before those.
    pub(crate) is_more: bool,
    /// Its open sessions in the app, newest first.
    pub(crate) sessions: Vec<SessionTimes>,
    /// The merges into it that are in force.
    pub(crate) merges: Vec<(MergeId, AccountId)>,
}

/// The district that governs an account.
pub(crate) fn governor(account: &Account) -> Option<&DistrictId> {
    account.custody.district()
}

fn mine(visitor: &Visitor, account: &Account) -> bool {
    let only = visitor.person.district.as_deref();
    only.is_none_or(|only| governor(account).map(DistrictId::as_str) == Some(only))
}

/// A page of accounts by their ids, and the id behind which the next one begins. Whoever may see one district has pages of its
/// accounts alone, each as long as the others'.
pub(crate) async fn page(
    site: &Site,
    visitor: &Visitor,
    after: Option<&str>,
) -> Result<(Vec<Account>, Option<String>), Trouble> {
    let only = only(visitor)?;
    let mut accounts = site.stores.accounts().await?;
    let after = after.map(AccountId::new);
    let page = match &only {
        Some(district) => accounts.accounts_of(district, after.as_ref(), PAGE).await?,
        None => accounts.accounts(after.as_ref(), PAGE).await?,
    };
    accounts.back();
    let next = page
        .last()
        .filter(|_| page.len() == PAGE as usize)
        .map(|last| last.id.to_string());
    Ok((page, next))
}

async fn found(
    accounts: &mut AccountStore,
    visitor: &Visitor,
    id: &str,
) -> Result<Account, Trouble> {
    let found = accounts.account(&AccountId::new(id)).await?;
    found
        .filter(|account| mine(visitor, account))
        .ok_or(Trouble::Missing)
}

/// One account; of its events those before a place in the ledger, if one is named.
pub(crate) async fn find(
    site: &Site,
    visitor: &Visitor,
    id: &str,
    before: Option<u64>,
) -> Result<Known, Trouble> {
    let mut accounts = site.stores.accounts().await?;
    let account = found(&mut accounts, visitor, id).await?;
    let facts = accounts.known(&account).await?;
    let history = accounts
        .history(Some(&account.id), None, before, EVENTS)
        .await?;
    let sessions = clever_web::sessions_of(&mut accounts, &account.id, site.now()).await?;
    let merges = accounts.merges_into(&account.id).await?.into_iter();
    let merges = merges.map(|(merge, record)| (merge, record.absorbed));
    accounts.back();
    Ok(Known {
        account,
        facts,
        is_more: history.len() == EVENTS as usize,
        history,
        sessions,
        merges: merges.collect(),
    })
}

/// One account for somebody who sees what is known of its holder.
pub(crate) async fn reveal(
    site: &Site,
    visitor: &Visitor,
    id: &str,
    why: &str,
) -> Result<Known, Trouble> {
    needs(visitor, Role::Operator)?;
    let why = reason(why)?;
    let known = find(site, visitor, id, None).await?;
    note(site, visitor, &known.account, "reveal", why).await?;
    Ok(known)
}

async fn note(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    deed: &str,
    why: &str,
) -> Result<(), Trouble> {
    let district = governor(account).map_or("", DistrictId::as_str);
    let mut store = site.stores.of(district).await?;
    let subject = format!("account {}", account.id);
    let on = On {
        district,
        subject: &subject,
        reason: why,
    };
    site.judge(&mut store, visitor, deed, on).await?;
    store.back();
    Ok(())
}

/// Plans a merge of two accounts of one district, and does it if there is a reason.
pub(crate) async fn merge(
    site: &Site,
    visitor: &Visitor,
    id: &str,
    other: &str,
    why: Option<&str>,
) -> Result<MergePlan, Trouble> {
    needs(visitor, Role::Operator)?;
    let why = why.map(reason).transpose()?;
    let mut accounts = site.stores.accounts().await?;
    let one = found(&mut accounts, visitor, id).await?;
    let other = found(&mut accounts, visitor, other.trim()).await?;
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
    let ground = Ground::Authority(&authority, &visitor.person.name);
    let planned = plan(
        &side(&one),
        &side(&other),
        ground,
        &BTreeMap::new(),
        conflicts,
        site.now(),
    );
    let planned = planned.map_err(|refused| Trouble::Refused(format!("{refused}.")))?;
    if let Some(why) = why {
        accounts.merge(&planned, tables, None, site.now()).await?;
        accounts.back();
        note(site, visitor, &one, "merge", why).await?;
    } else {
        accounts.back();
    }
    Ok(planned)
}

/// Takes a merge back.
pub(crate) async fn unmerge(
    site: &Site,
    visitor: &Visitor,
    id: &str,
    merge: u64,
    why: &str,
) -> Result<(), Trouble> {
    needs(visitor, Role::Operator)?;
    let why = reason(why)?;
    let merge = MergeId(merge);
    let mut accounts = site.stores.accounts().await?;
    let account = found(&mut accounts, visitor, id).await?;
    let merges = accounts.merges_into(&account.id).await?;
    if !merges.iter().any(|(of, _)| *of == merge) {
        return Err(Trouble::moved("That merge is not in force any more."));
    }
    let undo = Undo {
        actor: Actor::Staff(visitor.person.name.as_str().into()),
        proof: ProofClass::Staff,
        at: site.now(),
    };
    accounts.undo(merge, &undo, site.stores.tables()).await?;
    accounts.back();
    note(site, visitor, &account, "unmerge", why).await
}

/// Ends the sessions of an account in the app; says how many those were.
pub(crate) async fn end_sessions(
    site: &Site,
    visitor: &Visitor,
    id: &str,
    why: &str,
) -> Result<u64, Trouble> {
    needs(visitor, Role::Operator)?;
    let why = reason(why)?;
    let mut accounts = site.stores.accounts().await?;
    let account = found(&mut accounts, visitor, id).await?;
    let ended = clever_web::end_sessions_of(&mut accounts, &account.id).await?;
    accounts.back();
    note(site, visitor, &account, "end_sessions", why).await?;
    Ok(ended)
}

/// Takes a link back that somebody decided.
pub(crate) async fn unlink(
    site: &Site,
    visitor: &Visitor,
    id: &str,
    user: &str,
    why: &str,
) -> Result<(), Trouble> {
    needs(visitor, Role::Operator)?;
    let why = reason(why)?;
    let mut accounts = site.stores.accounts().await?;
    let account = found(&mut accounts, visitor, id).await?;
    let user = UserId::new(user).map_err(|_| Trouble::Missing)?;
    let link = account
        .links
        .iter()
        .find(|link| link.id == user && link.by_admin);
    let link = link.ok_or_else(|| Trouble::moved("That link is not there any more."))?;
    let draft = Draft {
        at: site.now(),
        actor: Actor::Staff(visitor.person.name.as_str().into()),
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
    note(site, visitor, &account, "unlink", why).await
}
