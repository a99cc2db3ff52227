//! Runs, and the way back from one.

use clever_model::SystemClock;
use clever_sync::report::SyncReport;
use clever_sync::{Only, UndoError, UndoRequest, undo as take_back};

use crate::door::Visitor;
use crate::site::{On, Site, may_see, needs, reason};
use crate::trouble::Trouble;
use crate::who::Role;

/// The report of a run.
pub(crate) async fn run(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    run: u64,
) -> Result<SyncReport, Trouble> {
    may_see(visitor, district)?;
    let mut store = site.stores.of(district).await?;
    let report = store.run(district, run).await?.ok_or(Trouble::Missing)?;
    store.back();
    Ok(report)
}

/// Takes a run back, of one school if one is named; without a reason it only says what that would do.
pub(crate) async fn undo(
    site: &Site,
    visitor: &Visitor,
    district: &str,
    run: u64,
    school: &str,
    why: Option<&str>,
) -> Result<SyncReport, Trouble> {
    needs(visitor, Role::Operator)?;
    may_see(visitor, district)?;
    let why = why.map(reason).transpose()?;
    let school = school.trim();
    let request = UndoRequest {
        district_id: district.to_owned(),
        run,
        only: (!school.is_empty()).then(|| Only::School(school.to_owned())),
        dry_run: why.is_none(),
    };
    let mut store = site.stores.of(district).await?;
    if store.run(district, run).await?.is_none() {
        return Err(Trouble::Missing);
    }
    let policy = site.options.policies.of(district);
    let undone = take_back(&mut *store, &request, policy, &SystemClock, &()).await;
    let report = undone.map_err(|error| match error {
        UndoError::Store(error) => error.into(),
        other => Trouble::Refused(other.to_string()),
    })?;
    if let Some(why) = why {
        let subject = format!("run {run}");
        let on = On {
            district,
            subject: &subject,
            reason: why,
        };
        site.judge(&mut store, visitor, "undo", on).await?;
    }
    store.back();
    Ok(report)
}
