//! Ends a run in one transaction that the caller holds: applies what is let through, and keeps the run with its
//! cursor, findings and totals.

use std::collections::BTreeMap;

use clever_model::RecordKind;
use serde_json::Value;

use crate::act::findings;
use crate::act::totals::Totals;
use crate::act::write::Writer;
use crate::progress::Progress;
use crate::report::{Enrollments, SyncReport};
use crate::store::base::base;
use crate::store::sql::{RosterDb, Sql, SqlStore, pairs};
use crate::store::{Commit, StoreError};

/// So many records in tables that were empty make what a database knows of them wrong.
const MANY: u64 = 1000;

/// Applies what is staged and not held, and keeps the run.
pub(crate) async fn run<B: RosterDb>(
    store: &mut SqlStore<B>,
    commit: &Commit<'_>,
    report: &mut SyncReport,
    progress: &dyn Progress,
) -> Result<(), StoreError> {
    let id = commit.district.as_str();
    store
        .db
        .execute(
            "INSERT INTO main._districts (district_id) VALUES (?1) ON CONFLICT (district_id) DO NOTHING",
            &[id.into()],
        )
        .await?;
    // The update locks the district's row, so of two runs the second waits here and then sees the first.
    store
        .db
        .execute(
            "UPDATE main._districts SET district_id = district_id WHERE district_id = ?1",
            &[id.into()],
        )
        .await?;
    let (now, number) = base(store, commit.district).await?;
    if now != *commit.base {
        return Err(StoreError::Moved);
    }
    store.district = Some((commit.district.clone(), number));
    let run = now.run + 1;
    let changed = Writer::new(store, commit, run).apply(progress).await?;
    if changed.filled > MANY {
        store.db.batch(store.db.dialect().analyze).await?;
    }
    if changed.records > 0 {
        findings::renew(store, id, &changed).await?;
    }
    findings::closed(store, id, report).await?;
    let cursor: Sql<'_> = commit.cursor.into();
    let snapshot: Sql<'_> = match (commit.whole_snapshot, now.snapshot_at) {
        (true, _) => commit.now.to_string().into(),
        (false, then) => then.map(|then| then.to_string()).into(),
    };
    store
        .db
        .execute(
            "UPDATE main._districts SET event_cursor = ?2, snapshot_at = ?3 WHERE district_id = ?1",
            &[id.into(), cursor, snapshot],
        )
        .await?;
    report.run = Some(run);
    let known = now.run == 0
        || (counted(store, id).await? == Some(now.run)
            && last_totals(store, now.run, report).await?);
    if known {
        move_totals(&changed.totals, report);
    } else {
        totals(store, report).await?;
    }
    findings::shared(store, id, report).await?;
    report.findings = findings::read(store, id).await?;
    // A section's place for somebody who is not here is a finding, and nobody's place.
    let places = &mut report.enrollments;
    for (count, field) in [
        (&mut places.students, "students"),
        (&mut places.teachers, "teachers"),
    ] {
        let all = report.findings.iter();
        let of_nobody =
            all.filter(|found| (found.kind, &*found.field) == (RecordKind::Sections, field));
        *count = count.saturating_sub(of_nobody.map(|found| found.count).sum());
    }
    store
        .db
        .execute(
            "UPDATE main._districts SET counted = ?2 WHERE district_id = ?1",
            &[id.into(), run.into()],
        )
        .await?;
    report.finished_at = commit.now;
    let params = [
        id.into(),
        run.into(),
        report.started_at.to_string().into(),
        commit.now.to_string().into(),
        report.outcome.as_str().into(),
        report.path.as_str().into(),
        serde_json::to_string(&report).unwrap_or_default().into(),
    ];
    store
        .db
        .execute(
            "INSERT INTO main.runs (district_id, run, started_at, finished_at, outcome, path, report)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &params,
        )
        .await?;
    Ok(())
}

/// The run whose totals are right; none after somebody else changed rows.
async fn counted<B: RosterDb>(
    store: &mut SqlStore<B>,
    id: &str,
) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT coalesce(counted, 0) FROM main._districts WHERE district_id = ?1";
    Ok(Some(store.one(sql, &[id.into()]).await?.count(0)?).filter(|run| *run > 0))
}

/// Adds what this run changed to the totals of the last one.
fn move_totals(by: &Totals, report: &mut SyncReport) {
    let moved = |count: u64, by: i64| count.saturating_add_signed(by);
    for (kind, of_kind) in &mut report.kinds {
        of_kind.total = moved(
            of_kind.total,
            by.kinds.get(kind).copied().unwrap_or_default(),
        );
    }
    let places = &mut report.enrollments;
    places.students = moved(places.students, by.students);
    places.teachers = moved(places.teachers, by.teachers);
    for (role, by) in &by.roles {
        let count = report.roles.entry(role.clone()).or_default();
        *count = moved(*count, *by);
    }
    report.roles.retain(|_, count| *count > 0);
}

/// Takes the totals of the last run; whether that run told them.
async fn last_totals<B: RosterDb>(
    store: &mut SqlStore<B>,
    run: u64,
    report: &mut SyncReport,
) -> Result<bool, StoreError> {
    let params = [report.district_id.as_str().into(), run.into()];
    let sql = "SELECT report FROM main.runs WHERE district_id = ?1 AND run = ?2";
    let Some(mut row) = store.maybe(sql, &params).await? else {
        return Ok(false);
    };
    let last: Value = serde_json::from_str(&row.text(0)?).unwrap_or_default();
    let total = |kind: &RecordKind| last["kinds"][kind.as_str()]["total"].as_u64();
    // With those of nobody, which the report leaves out.
    let places = |role: &str| {
        let found = last["findings"].as_array()?.iter();
        let of_nobody = found
            .filter(|found| found["kind"] == "sections" && found["field"] == role)
            .map(|found| found["count"].as_u64());
        Some(last["enrollments"][role].as_u64()? + of_nobody.sum::<Option<u64>>()?)
    };
    let totals: Option<Vec<u64>> = report.kinds.keys().map(total).collect();
    let roles: Option<BTreeMap<String, u64>> = last["roles"].as_object().and_then(|roles| {
        roles
            .iter()
            .map(|(role, count)| Some((role.clone(), count.as_u64()?)))
            .collect()
    });
    let (Some(totals), Some(students), Some(teachers), Some(roles)) =
        (totals, places("students"), places("teachers"), roles)
    else {
        return Ok(false);
    };
    for (of_kind, total) in report.kinds.values_mut().zip(totals) {
        of_kind.total = total;
    }
    report.enrollments = Enrollments { students, teachers };
    report.roles = roles;
    Ok(true)
}

/// Counts what is active in the store.
async fn totals<B: RosterDb>(
    store: &mut SqlStore<B>,
    report: &mut SyncReport,
) -> Result<(), StoreError> {
    for (kind, of_kind) in &mut report.kinds {
        of_kind.total = store.count_active(*kind).await?;
    }
    let number = store.number();
    let all = store
        .db
        .query(
            "SELECT CASE role WHEN 0 THEN 's' ELSE 't' END, count(*) FROM main._enrollments WHERE district = ?1 GROUP BY role",
            &[number.into()],
        )
        .await?;
    // Archived sections are few beside the active ones, and keep their places.
    let archived = store
        .db
        .query(
            "SELECT CASE e.role WHEN 0 THEN 's' ELSE 't' END, count(*) FROM main.sections s CROSS JOIN main._enrollments e
             WHERE s.district_id = ?2 AND s.archived_at IS NOT NULL AND e.district = ?1 AND e.section = s.key
             GROUP BY e.role",
            &[number.into(), report.district_id.as_str().into()],
        )
        .await?;
    let (all, archived) = (pairs(all)?, pairs(archived)?);
    let of = |role: &str| {
        let count = |of: &BTreeMap<String, i64>| of.get(role).copied().unwrap_or_default();
        u64::try_from(count(&all) - count(&archived)).unwrap_or_default()
    };
    report.enrollments = Enrollments {
        students: of("s"),
        teachers: of("t"),
    };
    let roles = store
        .db
        .query(
            "SELECT role, count(*) FROM main.user_roles WHERE district_id = ?1 GROUP BY role",
            &[report.district_id.as_str().into()],
        )
        .await?;
    report.roles = pairs(roles)?
        .into_iter()
        .map(|(role, count)| (role, u64::try_from(count).unwrap_or_default()))
        .collect();
    Ok(())
}
