//! Accounts for people of the roster who were said to be nobody from before.

use clever_model::{DistrictId, RecordKind, UserId};
use clever_sync::{Change, ChangeFilter, ChangeLog};

use super::run::{Deciding, is_served, read};
use super::{BATCH, FollowError};
use crate::store::{AccountStore, AccountsError};
use crate::subject::Subject;

/// Decides again about whoever was asked about, is none of the accounts that were named, and has none yet: the answer
/// came after the change that named the person, and nothing else may ever change.
pub(super) async fn decide_again<L: ChangeLog>(
    log: &mut L,
    accounts: &mut AccountStore,
    district: &DistrictId,
    mut deciding: Deciding<'_>,
) -> Result<(), FollowError> {
    for id in accounts.turned_down(district).await? {
        // That somebody is remembered does not prove that the roster has the person today.
        let last = last(log, district, &id).await?;
        let Some(person) = last.and_then(|change| read(&change, district, None)) else {
            continue;
        };
        let Ok(subject) = Subject::roster(&person) else {
            continue;
        };
        if !is_served(&person, deciding.policy) {
            continue;
        }
        let mut store = accounts.begin().await?;
        deciding.one(&mut store, person, subject).await?;
        store.commit().await.map_err(AccountsError::from)?;
    }
    Ok(())
}

/// The last change of a person.
async fn last<L: ChangeLog>(
    log: &mut L,
    district: &DistrictId,
    id: &UserId,
) -> Result<Option<Change>, FollowError> {
    let mut last: Option<Change> = None;
    loop {
        let filter = ChangeFilter {
            kind: Some(RecordKind::Users),
            id: Some(id.as_str().to_owned()),
            after: last.as_ref().map_or(0, |change| change.seq),
            limit: BATCH,
            ..ChangeFilter::default()
        };
        let page = log.changes(district.as_str(), &filter).await?;
        match page.into_iter().next_back() {
            Some(change) => last = Some(change),
            None => return Ok(last),
        }
    }
}
