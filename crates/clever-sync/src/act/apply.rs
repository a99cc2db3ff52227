//! Ends a run in one transaction that the caller holds: applies what is let through, and keeps the run with its
//! cursor, findings and totals.

use std::collections::BTreeMap;

use crate::act::findings;
use crate::act::totals::Totals;
use crate::act::write::Writer;
use crate::progress::Progress;
use crate::report::{Enrollments, RunPath, SyncReport};
use crate::store::base::{base, last_report};
use crate::store::judged;
use crate::store::late;
use crate::store::moves;
use crate::store::run::SqlRun;
use crate::store::spans::Spans;
use crate::store::spell::CHECKED;
use crate::store::sql::{Backend, RosterDb, Sql, Transaction, pairs};
use crate::store::{Commit, Kept, Left, Run, Staging as _, StoreError};
use clever_model::{DistrictId, RecordKind};
use clever_sql::Kind;

/// So many records in tables that were empty make what a database knows of them wrong.
const MANY: u64 = 1000;

impl<B: RosterDb> Run for SqlRun<'_, B> {
    async fn left(&mut self) -> Result<Left, StoreError> {
        if self.area.as_ref().is_some_and(|area| area.broken) {
            return Ok(Left::Broken);
        }
        Ok(self.note().await?.map_or(Left::Nothing, Left::Walk))
    }

    async fn clear(&mut self) -> Result<(), StoreError> {
        self.bodies = 0;
        self.tallied = None;
        self.spans = None;
        self.noted = None;
        self.db.batch(self.db.dialect().empty).await?;
        self.batched = false;
        self.noted = Some(false);
        self.spans = Some(Spans::default());
        Ok(())
    }

    async fn keep(&mut self, note: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO staging.staged_walk (walk, note) VALUES (1, ?1)
             ON CONFLICT (walk) DO UPDATE SET note = excluded.note";
        self.db.execute(sql, &[note.into()]).await?;
        self.noted = Some(!note.is_empty());
        Ok(())
    }

    async fn resume(&mut self, kept: &BTreeMap<RecordKind, Kept>) -> Result<(), StoreError> {
        let sql = "SELECT coalesce(max(body), 0) FROM staging.staged_records";
        self.bodies = self.db.one(sql, &[]).await?.int(0)?;
        let sql = "DELETE FROM staging.staged WHERE kind = ?1";
        for kind in RecordKind::ALL {
            let number: Sql<'_> = (kind as i64).into();
            match kept.get(&kind) {
                Some(Kept::All) => {}
                Some(Kept::Ends { upto, from: None }) => {
                    self.keep_ends(kind, upto, None).await?;
                    let sql = format!("{sql} AND id > ?2");
                    self.db.execute(&sql, &[number, upto.into()]).await?;
                }
                Some(Kept::Ends {
                    upto,
                    from: Some(from),
                }) => {
                    self.keep_ends(kind, upto, Some(from)).await?;
                    let sql = format!("{sql} AND id > ?2 AND id < ?3");
                    let params = [number, upto.into(), from.into()];
                    self.db.execute(&sql, &params).await?;
                }
                None => {
                    self.drop_batches(kind).await?;
                    self.db.execute(sql, &[number]).await?;
                }
            }
        }
        let sql = format!("UPDATE staging.staged SET held = 0 WHERE held = {CHECKED}");
        self.db.execute(&sql, &[]).await?;
        self.unplanned = true;
        self.tallied = None;
        self.spans = Some(Spans::of(kept));
        Ok(())
    }

    async fn commit(
        mut self,
        commit: &Commit<'_>,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> Result<(), StoreError> {
        let written = write(&mut self, commit, report, progress).await;
        match &written {
            // The run is kept; its staging area fits no other run, and the next one throws it away at the latest.
            Ok(()) => drop(self.end(false).await),
            Err(_) => self.give_up().await,
        }
        written
    }

    async fn discard(mut self) -> Result<(), StoreError> {
        self.end(false).await
    }

    async fn leave(mut self) {
        self.give_up().await;
    }
}

/// Applies what is let through in one transaction.
async fn write<B: RosterDb>(
    run: &mut SqlRun<'_, B>,
    commit: &Commit<'_>,
    report: &mut SyncReport,
    progress: &dyn Progress,
) -> Result<(), StoreError> {
    let tally = run.tally().await?;
    let free = tally.iter().filter(|((.., held), _)| !held);
    if free.map(|(_, (count, _))| count).sum::<u64>() >= late::BULK {
        late::before_load(run.db).await?;
    }
    let mut writing = Transaction::write(run).await?;
    apply(&mut writing, commit, report, progress).await?;
    Ok(writing.commit().await?)
}

/// Applies what is staged and not held, and keeps the run; within a transaction that the caller holds.
async fn apply<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    commit: &Commit<'_>,
    report: &mut SyncReport,
    progress: &dyn Progress,
) -> Result<(), StoreError> {
    let district = store.district.clone();
    let id = district.as_str();
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
    moves::stays(store.db, id).await?;
    let (now, number) = base(store.db, &district).await?;
    if now != *commit.base {
        return Err(StoreError::Moved);
    }
    store.number = number;
    let run = now.run + 1;
    let changed = Writer::new(store, id, commit, run).apply(progress).await?;
    if changed.filled > MANY {
        store.db.batch(store.db.dialect().analyze).await?;
    }
    if changed.records > 0 {
        findings::renew(store.db, id, &changed).await?;
    }
    findings::closed(store.db, id, report).await?;
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
        || (counted(store.db, id).await? == Some(now.run)
            && last_totals(store.db, &district, report).await?);
    if known {
        move_totals(&changed.totals, report);
    } else {
        totals(store, report).await?;
    }
    findings::shared(store.db, id, report).await?;
    report.findings = findings::read(store.db, id).await?;
    // A section's place for somebody who is not here is a finding, and no place is written.
    let of_nobody = |role: &str| report.places_of_nobody(role);
    let (students, teachers) = (of_nobody("students"), of_nobody("teachers"));
    let places = &mut report.enrollments;
    places.students = places.students.saturating_sub(students);
    places.teachers = places.teachers.saturating_sub(teachers);
    store
        .db
        .execute(
            "UPDATE main._districts SET counted = ?2 WHERE district_id = ?1",
            &[id.into(), run.into()],
        )
        .await?;
    report.finished_at = commit.now;
    if matches!(report.path, RunPath::Snapshot | RunPath::Events) {
        judged::spend(store.db, report, run, commit.now).await?;
    }
    if changed.records > 0 {
        notify(store.db, id, run).await?;
    }
    keep(store.db, run, report).await
}

/// Wakes whoever listens in PostgreSQL, when the transaction commits: the feed has grown.
async fn notify<B: Backend>(db: &mut B, district: &str, run: u64) -> Result<(), StoreError> {
    if db.kind() != Kind::Postgres {
        return Ok(());
    }
    let told = serde_json::json!({ "district_id": district, "run": run }).to_string();
    // Its own answer is of no type that a row could hold.
    let sql = "SELECT pg_notify('clever_changes', ?1)::text";
    db.execute(sql, &[told.into()]).await?;
    Ok(())
}

/// Keeps the run: its report, and beside it in columns what is asked of many runs.
pub(crate) async fn keep<B: Backend>(
    db: &mut B,
    run: u64,
    report: &SyncReport,
) -> Result<(), StoreError> {
    let newest = report.events.as_ref().and_then(|of| of.last.as_deref());
    let held = Some(report.plan_hash.as_str()).filter(|_| !report.holds.is_empty());
    let params = [
        report.district_id.as_str().into(),
        run.into(),
        report.started_at.to_string().into(),
        report.finished_at.to_string().into(),
        report.outcome.as_str().into(),
        report.path.as_str().into(),
        report.whole.into(),
        newest.into(),
        held.into(),
        serde_json::to_string(report).unwrap_or_default().into(),
    ];
    db.execute(
        "INSERT INTO main.runs (district_id, run, started_at, finished_at, outcome, path, whole, newest_event, held_hash, report)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        &params,
    )
    .await?;
    Ok(())
}

/// The run whose totals are right; none after somebody else changed rows.
async fn counted<B: Backend>(db: &mut B, id: &str) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT coalesce(counted, 0) FROM main._districts WHERE district_id = ?1";
    Ok(Some(db.one(sql, &[id.into()]).await?.count(0)?).filter(|run| *run > 0))
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

/// Takes the totals of the last run; says whether that run told them.
async fn last_totals<B: Backend>(
    db: &mut B,
    district: &DistrictId,
    report: &mut SyncReport,
) -> Result<bool, StoreError> {
    let Some(last) = last_report(db, district, &[]).await? else {
        return Ok(false);
    };
    let totals = report.kinds.keys().map(|kind| last.kinds.get(kind));
    let Some(totals) = totals
        .map(|of_kind| of_kind.map(|of_kind| of_kind.total))
        .collect::<Option<Vec<u64>>>()
    else {
        return Ok(false);
    };
    for (of_kind, total) in report.kinds.values_mut().zip(totals) {
        of_kind.total = total;
    }
    // With those of nobody, which the report leaves out.
    let of_nobody = |role: &str| last.places_of_nobody(role);
    report.enrollments = Enrollments {
        students: last.enrollments.students + of_nobody("students"),
        teachers: last.enrollments.teachers + of_nobody("teachers"),
    };
    report.roles = last.roles;
    Ok(true)
}

/// Counts what is active in the store.
async fn totals<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
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
