//! Judges what is staged: archiving without proof is dropped, what is suspicious is held, the rest goes on.
//!
//! Only the suspicious part is held: one school's rows where the trouble is one school's, a kind's archiving
//! or updates where it is wider. Shares are of the sizes when the hold began: what is applied beside it must
//! not let it through.
//!
//! Decision: a hold is judged by the sizes of the first run that held it. What is applied beside a hold would dilute its
//! share: after as many new records as missing ones, the second run would archive what the first one held.

use std::collections::BTreeSet;

use clever_model::RecordKind;

use crate::check::evidence;
use crate::check::guard::{self, KindCounts, Suspicion};
use crate::check::policy::SyncPolicy;
use crate::check::ties;
use crate::report::{Cause, Hold, Part, RunPath, Size, SyncReport, Unit};
use crate::store::{LastSync, Op, Run, StoreError, Tally, Which};

/// If a whole kind is suspicious, up to this many schools are still listed one by one.
const MAX_SCHOOLS: usize = 20;

/// What was found suspicious, and is held.
struct Found {
    kind: RecordKind,
    counts: KindCounts,
    school: Option<String>,
    suspicion: Suspicion,
}

/// Judges what is staged, and holds what is suspicious.
pub(crate) async fn check<R: Run>(
    run: &mut R,
    report: &mut SyncReport,
    paused: bool,
    policy: &SyncPolicy,
) -> Result<(), StoreError> {
    drop_unproven(run, report).await?;
    let tally = run.tally().await?;
    let LastSync {
        holds: standing,
        sizes,
    } = run.last_sync().await?;
    let mut found = Vec::new();
    for (kind, of_kind) in &report.kinds {
        // Nothing to judge, so nothing to count.
        if !tally.keys().any(|(of, ..)| of == kind) {
            continue;
        }
        let seen = match report.path {
            RunPath::Snapshot => Some(of_kind.seen),
            // A feed of events is silent on what did not change.
            _ => None,
        };
        let counts = count(run, *kind, seen, &tally, sizes.get(kind), policy).await?;
        report.holds.extend(undone(*kind, counts.active, &tally));
        let standing: Vec<&Hold> = standing.iter().filter(|hold| hold.kind == *kind).collect();
        let held = hold(run, *kind, &counts, &standing, paused, policy).await?;
        if !held.is_empty() {
            let enrolled = run.enrolled(u64::MAX).await?;
            let size = Size {
                active: counts.active,
                enrolled: sizes
                    .get(kind)
                    .map_or(enrolled, |size| size.enrolled.min(enrolled)),
                created: counts.created,
            };
            report.sizes.insert(*kind, size);
        }
        found.extend(held);
    }
    hold_schools(run, &mut found).await?;
    // Only what is held can name what is gone; in most runs nothing is.
    if !found.is_empty() || !report.holds.is_empty() {
        report.holds.extend(ties::hold(run).await?);
    }
    report.holds.sort_by_key(|hold| hold.kind);
    if found.is_empty() {
        return Ok(());
    }
    let kinds = found.iter().map(|found| found.kind).collect();
    let evidence = evidence::gather(run, paused, &kinds).await?;
    for found in found {
        let Suspicion {
            part,
            unit,
            count,
            of,
            limit_percent,
        } = found.suspicion;
        let mut cause = guard::cause(
            found.kind,
            &found.counts,
            found.school.as_deref(),
            &found.suspicion,
            &evidence,
        );
        // What told the cause may have been applied beside the hold: new ids are new once.
        let before = standing
            .iter()
            .filter(|hold| !matches!(hold.cause, Cause::StillNamed(_)))
            .find(|hold| (hold.kind, hold.part, &hold.school) == (found.kind, part, &found.school));
        if let (Cause::Unexplained, Some(before)) = (&cause, before) {
            cause = before.cause.clone();
        }
        report.holds.push(Hold {
            kind: found.kind,
            part,
            school: found.school,
            unit,
            count,
            of,
            limit_percent,
            cause,
        });
    }
    report.holds.sort_by_key(|hold| hold.kind);
    Ok(())
}

/// Takes back the archivings of kinds whose lists prove nothing.
async fn drop_unproven<R: Run>(run: &mut R, report: &mut SyncReport) -> Result<(), StoreError> {
    if report.is_proven() {
        return Ok(());
    }
    let tally = run.tally().await?;
    for (kind, of_kind) in &mut report.kinds {
        if of_kind.certificate.proves_absence() {
            continue;
        }
        of_kind.kept = [false, true]
            .iter()
            .filter_map(|held| tally.get(&(*kind, Op::Archive, *held)))
            .map(|(count, _)| count)
            .sum();
        run.unstage_archived(*kind).await?;
    }
    Ok(())
}

/// What the plan does to a kind. What an undo put aside is held already, and suspicious of nothing.
async fn count<R: Run>(
    run: &mut R,
    kind: RecordKind,
    seen: Option<u64>,
    tally: &Tally,
    size: Option<&Size>,
    policy: &SyncPolicy,
) -> Result<KindCounts, StoreError> {
    let of = |op| tally.get(&(kind, op, false)).copied().unwrap_or_default();
    let mut active = run.active(kind).await?;
    if let Some(size) = size {
        active = active.min(size.active);
    }
    let mut counts = KindCounts {
        seen: seen.unwrap_or(active.max(1)),
        active,
        created: of(Op::Create).0 + size.map_or(0, |size| size.created),
        updated: of(Op::Update).0,
        archived: of(Op::Archive).0,
        ..KindCounts::default()
    };
    if kind == RecordKind::Sections {
        counts.unenrolled = of(Op::Update).1;
        if counts.unenrolled > 0 {
            let enough = crate::store::enough(counts.unenrolled, policy.max_unenrolled_percent);
            counts.enrolled = run.enrolled(enough).await?;
            if let Some(size) = size {
                counts.enrolled = counts.enrolled.min(size.enrolled);
            }
        }
    }
    Ok(counts)
}

/// The hold of what an undo took back and Clever still tells.
fn undone(kind: RecordKind, active: u64, tally: &Tally) -> Option<Hold> {
    let count: u64 = Op::ALL
        .iter()
        .filter_map(|op| tally.get(&(kind, *op, true)))
        .map(|(count, _)| count)
        .sum();
    (count > 0).then_some(Hold {
        kind,
        part: Part::Reapply,
        school: None,
        unit: Unit::Records,
        count,
        of: active,
        limit_percent: 0,
        cause: Cause::Undone,
    })
}

/// Holds what is suspicious of one kind: by schools where these few explain it, else a whole part.
async fn hold<R: Run>(
    run: &mut R,
    kind: RecordKind,
    counts: &KindCounts,
    standing: &[&Hold],
    paused: bool,
    policy: &SyncPolicy,
) -> Result<Vec<Found>, StoreError> {
    let wide = guard::judge(counts, paused, policy);
    let narrow = if counts.seen > 0 && !paused {
        suspicious_schools(run, kind, counts, standing, policy).await?
    } else {
        Vec::new()
    };
    let schools = run.active(RecordKind::Schools).await?;
    let mut found = Vec::new();
    for (part, op) in [(Part::Archive, Op::Archive), (Part::Update, Op::Update)] {
        let wide = wide.iter().find(|wide| wide.part == part).copied();
        let narrow: Vec<_> = narrow
            .iter()
            .filter(|(_, found)| found.part == part)
            .collect();
        // What was held as a whole stays so: new people beside it may hide all of its schools but one.
        let stands = standing
            .iter()
            .any(|hold| hold.part == part && hold.school.is_none());
        let few = !stands && narrow.len() <= MAX_SCHOOLS && narrow.len() as u64 * 2 <= schools;
        let mut rest = counts.clone();
        if !narrow.is_empty() && (wide.is_none() || few) {
            let these: Vec<&str> = narrow.iter().map(|(school, _)| school.as_str()).collect();
            let held = run.hold(kind, op, Which::Schools(&these)).await?;
            match op {
                Op::Archive => rest.archived = rest.archived.saturating_sub(held),
                _ => rest.updated = rest.updated.saturating_sub(held),
            }
            found.extend(narrow.into_iter().map(|(school, suspicion)| Found {
                kind,
                counts: counts.clone(),
                school: Some(school.clone()),
                suspicion: *suspicion,
            }));
        }
        let rest = guard::judge(&rest, paused, policy);
        let still = rest.iter().any(|rest| rest.part == part);
        if let Some(suspicion) = wide.filter(|_| still) {
            // Wider than these schools: one hold says it all.
            run.hold(kind, op, Which::All).await?;
            found.retain(|found| found.suspicion.part != part);
            found.push(Found {
                kind,
                counts: counts.clone(),
                school: None,
                suspicion,
            });
        }
    }
    Ok(found)
}

/// The schools of which a suspicious part is staged; one of which something is held has the size of then.
async fn suspicious_schools<R: Run>(
    run: &mut R,
    kind: RecordKind,
    counts: &KindCounts,
    standing: &[&Hold],
    policy: &SyncPolicy,
) -> Result<Vec<(String, Suspicion)>, StoreError> {
    let of_schools = matches!(kind, RecordKind::Users | RecordKind::Sections);
    let limits = guard::school_limits(policy);
    if !of_schools || (counts.archived <= limits.archived && counts.updated <= limits.updated) {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for mut school in run.touched_schools(kind, &limits).await? {
        let then = standing
            .iter()
            .filter(|hold| hold.school.as_ref() == Some(&school.school))
            .map(|hold| hold.of);
        school.active = then.fold(school.active, u64::min);
        let found = guard::judge_school(&school, policy);
        all.extend(
            found
                .into_iter()
                .map(|found| (school.school.clone(), found)),
        );
    }
    Ok(all)
}

/// Holds the archiving of schools whose people or sections are held: a school goes with what is in it.
async fn hold_schools<R: Run>(run: &mut R, found: &mut Vec<Found>) -> Result<(), StoreError> {
    let inside: Vec<&Found> = found
        .iter()
        .filter(|found| matches!(found.kind, RecordKind::Users | RecordKind::Sections))
        .filter(|found| found.suspicion.part == Part::Archive)
        .collect();
    let all = inside.iter().any(|found| found.school.is_none());
    let inside: BTreeSet<&String> = inside
        .iter()
        .filter_map(|found| found.school.as_ref())
        .collect();
    if !all && inside.is_empty() {
        return Ok(());
    }
    let gone: Vec<String> = evidence::gone(run, RecordKind::Schools)
        .await?
        .into_iter()
        .filter(|school| all || inside.contains(school))
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    let these: Vec<&str> = gone.iter().map(String::as_str).collect();
    let kind = RecordKind::Schools;
    run.hold(kind, Op::Archive, Which::Records(&these)).await?;
    let active = run.active(kind).await?;
    for school in gone {
        found.push(Found {
            kind,
            counts: KindCounts {
                seen: 1,
                active,
                archived: 1,
                ..KindCounts::default()
            },
            school: Some(school),
            suspicion: Suspicion {
                part: Part::Archive,
                unit: Unit::Records,
                count: 1,
                of: active,
                limit_percent: 0,
            },
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clever_model::{DistrictId, Timestamp};

    use super::*;
    use crate::learn::diff::{gone, hash_of};
    use clever_sql::{Backend, Kind, RowRef, Sqlite};

    use crate::DatabaseError;
    use crate::store::sql::{Dialect, RosterDb, Sql, SqlStore, Type};
    use crate::store::sqlite::SqliteStore;
    use crate::store::staging::Staging;
    use crate::store::{Base, Commit, Edit, Known, Staged, Staging as _, Store};

    /// A database that counts the statements that write.
    struct Counting {
        db: Sqlite,
        writes: u64,
    }

    impl Backend for Counting {
        fn kind(&self) -> Kind {
            self.db.kind()
        }
        fn place(&self) -> String {
            self.db.place()
        }
        fn send(&mut self, sql: &str) {
            self.db.send(sql);
        }
        async fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
            self.db.batch(sql).await
        }
        async fn execute(&mut self, sql: &str, params: &[Sql<'_>]) -> Result<u64, DatabaseError> {
            self.writes += 1;
            self.db.execute(sql, params).await
        }
        async fn each(
            &mut self,
            sql: &str,
            params: &[Sql<'_>],
            row: &mut (dyn FnMut(RowRef<'_>) -> Result<(), DatabaseError> + Send),
        ) -> Result<(), DatabaseError> {
            self.db.each(sql, params, row).await
        }
        async fn insert(
            &mut self,
            table: &str,
            columns: &[(&str, Type)],
            rows: &[Sql<'_>],
            conflict: &str,
        ) -> Result<(), DatabaseError> {
            self.db.insert(table, columns, rows, conflict).await
        }
    }

    impl RosterDb for Counting {
        fn dialect(&self) -> Dialect {
            self.db.dialect()
        }
        async fn open_staging(&mut self, district: &str) -> Result<Staging, StoreError> {
            self.db.open_staging(district).await
        }
        async fn close_staging(&mut self, staging: Staging, keep: bool) -> Result<(), StoreError> {
            self.db.close_staging(staging, keep).await
        }
        fn drop_staging(&mut self, staging: Staging, keep: bool) {
            self.db.drop_staging(staging, keep);
        }
    }

    fn row(kind: RecordKind, id: String, record: String) -> Staged {
        Staged {
            edit: Edit::Create {
                hash: hash_of(&record),
            },
            record: Some(record),
            ..Staged::sample(kind, id, Op::Create)
        }
    }

    /// 60 schools of four students, of whom three are gone; every other school is gone itself.
    #[tokio::test]
    async fn many_schools_over_their_limits_are_held_in_one_go() {
        let db = SqliteStore::in_memory().unwrap().db;
        let mut store = SqlStore::on(Counting { db, writes: 0 });
        let district = DistrictId::new("d").unwrap();
        let now: Timestamp = "2026-09-14T12:00:00Z".parse().unwrap();
        let report = || SyncReport::new(&district, now, RunPath::Snapshot, &RecordKind::ROSTER);
        let policy = SyncPolicy {
            max_archived_percent: 100,
            ..SyncPolicy::default()
        };
        let mut run = store.begin(&district).await.unwrap();
        run.clear().await.unwrap();
        let mut rows = Vec::new();
        for school in 0..60 {
            rows.push(row(
                RecordKind::Schools,
                format!("s{school:02}"),
                "{}".to_owned(),
            ));
            for student in 0..4 {
                let record = format!(r#"{{"roles":{{"student":{{"school":"s{school:02}"}}}}}}"#);
                rows.push(row(
                    RecordKind::Users,
                    format!("u{school:02}{student}"),
                    record,
                ));
            }
        }
        run.stage(rows).await.unwrap();
        let commit = Commit {
            base: &Base::default(),
            now,
            cursor: None,
            whole_snapshot: true,
            sticky: &policy.sticky,
        };
        run.commit(&commit, &mut report(), &()).await.unwrap();
        let mut run = store.begin(&district).await.unwrap();
        run.clear().await.unwrap();
        let mut rows = Vec::new();
        for state in run.states(RecordKind::Users, "", 1000).await.unwrap() {
            if !state.id.ends_with('3') {
                rows.push(gone(RecordKind::Users, &state, None));
            }
        }
        for state in run.states(RecordKind::Schools, "", 1000).await.unwrap() {
            if state.id.ends_with(['0', '2', '4', '6', '8']) {
                rows.push(gone(RecordKind::Schools, &state, None));
            }
        }
        run.stage(rows).await.unwrap();
        let mut report = report();
        for of_kind in report.kinds.values_mut() {
            of_kind.seen = 60;
        }
        let before = run.db.writes;
        check(&mut run, &mut report, false, &policy).await.unwrap();
        let writes = run.db.writes - before;
        let of = |kind| report.holds.iter().filter(|hold| hold.kind == kind).count();
        assert_eq!((of(RecordKind::Users), of(RecordKind::Schools)), (60, 30));
        let tally = run.tally().await.unwrap();
        let held = |kind| tally.get(&(kind, Op::Archive, true)).unwrap().0;
        assert_eq!(
            (held(RecordKind::Users), held(RecordKind::Schools)),
            (180, 30)
        );
        assert!(writes <= 4, "{writes} statements");
    }
}
