//! Applies a plan from its file.

use std::path::Path;

use clever_model::{Clock, DistrictId, RecordKind};

use crate::act::plan::file::{Plan, Reader};
use crate::act::settle::count;
use crate::check::policy::SyncPolicy;
use crate::error::{PlanError, SyncError};
use crate::progress::Progress;
use crate::report::{Outcome, RunPath, SyncReport};
use crate::store::{Base, Commit, Known, Run, Store};

/// Rows staged at once.
const CHUNK: usize = 1000;

/// Applies a plan from its file, if the store is where it was when the plan was made.
///
/// What the plan holds is applied only if it was approved.
///
/// # Errors
///
/// [`SyncError::Plan`] for a file that can't be used or a store that moved; the store is as it was.
pub async fn apply_plan<S: Store>(
    path: &Path,
    store: &mut S,
    policy: &SyncPolicy,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<SyncReport, SyncError> {
    // Once for its hash, once for its rows: nothing is staged from a file that was changed.
    let plan = Plan::read(path)?;
    let district = DistrictId::new(plan.district_id.as_str()).map_err(SyncError::District)?;
    let started_at = clock.now();
    let mut run = store.begin(&district).await?;
    let base = Base {
        run: plan.base_run,
        cursor: plan.base_cursor.clone(),
        snapshot_at: plan.base_snapshot_at,
    };
    if *run.base() != base {
        let now = run.base().run;
        run.leave().await;
        let made_from = plan.base_run;
        return Err(PlanError::Stale { made_from, now }.into());
    }
    let kinds: &[RecordKind] = if plan.resources {
        &RecordKind::ALL
    } else {
        &RecordKind::ROSTER
    };
    let mut report = SyncReport::new(&district, started_at, RunPath::Plan, kinds);
    if let Err(error) = stage(path, &plan, &mut run, &mut report).await {
        // The first failure is the one to report; no later run continues with what was staged.
        drop(run.discard().await);
        return Err(error);
    }
    report.finished_at = clock.now();
    let commit = Commit {
        base: &base,
        now: report.finished_at,
        cursor: plan.cursor.as_deref(),
        whole_snapshot: plan.whole && plan.snapshot,
        sticky: &policy.sticky,
    };
    run.commit(&commit, &mut report, progress).await?;
    Ok(report)
}

/// Stages the rows of a plan, and puts them into numbers.
async fn stage<R: Run>(
    path: &Path,
    plan: &Plan,
    run: &mut R,
    report: &mut SyncReport,
) -> Result<(), SyncError> {
    run.clear().await?;
    let mut reader = Reader::open(path)?;
    let mut batch = Vec::new();
    while let Some(mut row) = reader.row()? {
        row.held &= !plan.approved;
        batch.push(row);
        if batch.len() >= CHUNK {
            run.stage(std::mem::take(&mut batch)).await?;
        }
    }
    run.stage(batch).await?;
    report.district_name.clone_from(&plan.district_name);
    report.plan_hash.clone_from(&plan.hash);
    count(run, report).await?;
    if report.kinds.values().any(|kind| kind.held > 0) {
        report.outcome = Outcome::Held;
    }
    report.whole = report.outcome == Outcome::Done && plan.proven;
    Ok(())
}
