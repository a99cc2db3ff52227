//! Forgetting, which can't be taken back: an admin's deed.

use clever_model::SystemClock;
use clever_provision::roster::FollowError;
use clever_sync::erase::{ForgetError, ForgetRequest};
use clever_sync::look::Deed;
use clever_web::{EraseError, Erased, erase};

use crate::door::Visitor;
use crate::site::{On, Site, may_see, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// Forgets a person, or a whole district; without a reason it only says what would go.
pub(crate) async fn forget(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    person: Option<&str>,
    keep_out: bool,
    why: Option<&str>,
) -> Result<Erased, Trouble> {
    needs(visitor, Role::Admin)?;
    may_see(visitor, district)?;
    let why = why.map(reason).transpose()?;
    let key = site.options.notes_key.as_ref().ok_or(Trouble::NoNotes)?;
    let request = ForgetRequest {
        district_id: district.to_owned(),
        person: person.map(str::to_owned),
        keep_out,
        at_once: false,
        actor: visitor.person.name.clone(),
        dry_run: why.is_none(),
    };
    let on = On {
        district,
        // Who it was is what is forgotten.
        subject: if person.is_some() {
            "a person"
        } else {
            "the district"
        },
        reason: why.unwrap_or_default(),
    };
    let deed: Deed<'_> = site.deed(visitor, "forget", &on);
    let mut store = site.stores.of(district).await?;
    let mut accounts = match site.stores.has_accounts() {
        true => Some(site.stores.accounts().await?),
        false => None,
    };
    let policy = site.options.policies.of(district);
    let erased = erase(
        &mut store,
        accounts.as_deref_mut(),
        &request,
        policy,
        key,
        &SystemClock,
        &deed,
    )
    .await?;
    store.back();
    if let Some(accounts) = accounts {
        accounts.back();
    }
    Ok(erased)
}

impl From<EraseError> for Trouble {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Roster(
                ForgetError::Unknown { .. } | ForgetError::UnknownDistrict { .. },
            ) => Self::Missing,
            EraseError::Roster(ForgetError::Active { .. }) => Self::Refused(
                "The person is in the roster today, and the next sync would bring everything back. Ask the district to take the \
                 person out, or say that the person is never to be taken in again."
                    .to_owned(),
            ),
            EraseError::Roster(ForgetError::Store(error)) => error.into(),
            EraseError::Roster(error) => Self::Refused(format!("{error}.")),
            EraseError::Accounts(error) => error.into(),
            EraseError::Follow(FollowError::Accounts(error)) => error.into(),
            EraseError::Follow(error) => Self::Store(error.to_string()),
            EraseError::Audit(error) => error.into(),
            EraseError::Id(_) => Self::Missing,
            EraseError::Sessions(error) => error.into(),
        }
    }
}
