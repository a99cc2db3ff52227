//! Forgets a person or a district wherever the stores have something of it. `cleverctl forget` and the console do it by this
//! function alone.

use clever_model::{Clock, DistrictId, IdError, UserId};
use clever_provision::ledger::Actor;
use clever_provision::roster::{FollowError, ForgottenAccounts};
use clever_provision::store::{AccountStore, AccountsError};
use clever_sync::erase::{ForgetError, ForgetRequest, Forgotten, NotesKey, forget};
use clever_sync::look::Deed;
use clever_sync::{AnyStore, StoreError, SyncPolicy};

/// What was forgotten, or would be.
#[derive(Debug, Default)]
pub struct Erased {
    /// In the store of rosters; none if it has nothing of it.
    pub roster: Option<Forgotten>,
    /// In the database of accounts; none if there is none, or nothing was done yet.
    pub accounts: Option<ForgottenAccounts>,
    /// Sessions and what else sign-ins left.
    pub sessions: u64,
    /// Whether the bytes are gone from the database of accounts.
    pub accounts_swept: Option<bool>,
}

/// Why nothing was forgotten, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The roster's store forgot nothing.
    #[error(transparent)]
    Roster(#[from] ForgetError),
    /// The accounts forgot nothing.
    #[error("the accounts could not be used")]
    Accounts(#[from] AccountsError),
    /// The accounts forgot nothing of who was asked for.
    #[error("the accounts forgot nothing")]
    Follow(#[from] FollowError),
    /// Sessions could not be ended.
    #[error("the sessions could not be ended")]
    Sessions(#[from] crate::error::WebError),
    /// The audit could not be written.
    #[error("the audit could not be written")]
    Audit(#[from] StoreError),
    /// An id is none.
    #[error("an id can't be used")]
    Id(#[from] IdError),
}

/// Forgets, the accounts first: who they are is known by what the roster says. With a request that is a dry run it says
/// what would go from the roster. `deed` is what the audit says of it; its subject has no id.
///
/// # Errors
///
/// [`EraseError`]; if the accounts were forgotten and the roster was not, the same request does the rest.
pub async fn erase(
    store: &mut AnyStore,
    accounts: Option<&mut AccountStore>,
    request: &ForgetRequest,
    policy: &SyncPolicy,
    key: &NotesKey,
    clock: &dyn Clock,
    deed: &Deed<'_>,
) -> Result<Erased, EraseError> {
    let mut looking = request.clone();
    looking.dry_run = true;
    let roster = match forget(store, &looking, policy, key, clock).await {
        Ok(looked) => Some(looked),
        // The accounts may have more to forget than the roster.
        Err(ForgetError::Unknown { .. } | ForgetError::UnknownDistrict { .. })
            if accounts.is_some() =>
        {
            None
        }
        Err(error) => return Err(error.into()),
    };
    let mut erased = Erased {
        roster,
        ..Erased::default()
    };
    if request.dry_run {
        return Ok(erased);
    }
    if let Some(accounts) = accounts {
        of_accounts(accounts, request, &mut erased, clock).await?;
    }
    if erased.roster.is_some() {
        erased.roster = Some(forget(store, request, policy, key, clock).await?);
    }
    store.judge(deed).await?;
    Ok(erased)
}

async fn of_accounts(
    accounts: &mut AccountStore,
    request: &ForgetRequest,
    erased: &mut Erased,
    clock: &dyn Clock,
) -> Result<(), EraseError> {
    let now = clock.now();
    let (forgotten, ids) = match &request.person {
        Some(person) => {
            let known = erased.roster.as_ref();
            let known = known.map_or_else(Vec::new, |looked| looked.people.clone());
            let missed = Some(person.clone()).filter(|id| !known.contains(id));
            let people = known.into_iter().chain(missed).map(UserId::new);
            let people: Vec<UserId> = people.collect::<Result<_, _>>()?;
            (accounts.forget_people(&people, now).await?, people)
        }
        None => {
            let district = DistrictId::new(request.district_id.as_str())?;
            let ids = accounts.people_of(&district).await?;
            let actor = Actor::Staff(request.actor.as_str().into());
            let forgotten = accounts.forget_district(&district, actor, now).await?;
            (forgotten, ids.into_iter().collect())
        }
    };
    erased.sessions = crate::forget::forget(accounts, &ids, &forgotten.accounts).await?;
    erased.accounts = Some(forgotten);
    erased.accounts_swept = Some(accounts.sweep().await?);
    Ok(())
}
