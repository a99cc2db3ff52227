//! References that lead nowhere: a section that names an unknown teacher, a student at an unshared
//! school. They are kept as they are, counted and reported.

use clever_model::{RecordKind, is_id};

use crate::act::totals::Changed;
use crate::report::{Finding, RESOURCES_SCOPE, RunPath, SHARED, SHARES, SyncReport};
use crate::store::StoreError;
use crate::store::odd_row;
use crate::store::sql::{Backend, texts};

/// A field that refers to another kind, with the SQL that lists its references as `ref`. References to people are
/// many and missing people few: `{missing}` is where those are listed as `m.id`.
struct Reference {
    kind: RecordKind,
    field: &'static str,
    target: RecordKind,
    sql: &'static str,
}

/// Those who left, and those who never came; each once, though an archived user may be noted as unknown too.
const MISSING: &str = "(SELECT id FROM main.users WHERE district_id = ?1 AND archived_at IS NOT NULL
     UNION SELECT id FROM main._people
     WHERE district = (SELECT district FROM main._districts WHERE district_id = ?1) AND known = 0) m";

const REFERENCES: &[Reference] = &[
    Reference {
        kind: RecordKind::Users,
        field: "school",
        target: RecordKind::Schools,
        sql: "SELECT school_id AS ref FROM main.user_roles WHERE district_id = ?1",
    },
    Reference {
        kind: RecordKind::Users,
        field: "schools",
        target: RecordKind::Schools,
        sql: "SELECT school_id AS ref FROM main._user_schools WHERE district_id = ?1",
    },
    Reference {
        kind: RecordKind::Users,
        field: "student_relationships.student",
        target: RecordKind::Users,
        sql: "SELECT c.student_id AS ref FROM {missing} CROSS JOIN main._contacts c
              WHERE c.district_id = ?1 AND c.student_id = m.id",
    },
    Reference {
        kind: RecordKind::Sections,
        field: "school",
        target: RecordKind::Schools,
        sql: "SELECT school_id AS ref FROM main.sections WHERE district_id = ?1 AND archived_at IS NULL",
    },
    Reference {
        kind: RecordKind::Sections,
        field: "course",
        target: RecordKind::Courses,
        sql: "SELECT course_id AS ref FROM main.sections WHERE district_id = ?1 AND archived_at IS NULL",
    },
    Reference {
        kind: RecordKind::Sections,
        field: "term_id",
        target: RecordKind::Terms,
        sql: "SELECT term_id AS ref FROM main.sections WHERE district_id = ?1 AND archived_at IS NULL",
    },
    Reference {
        kind: RecordKind::Sections,
        field: "students",
        target: RecordKind::Users,
        sql: "SELECT p.id AS ref FROM {missing} CROSS JOIN main._people p CROSS JOIN main._enrollments e CROSS JOIN main.sections s
              WHERE p.district = (SELECT district FROM main._districts WHERE district_id = ?1) AND p.id = m.id
              AND e.district = p.district AND e.person = p.key
              AND e.role = 0 AND s.key = e.section AND s.archived_at IS NULL",
    },
    Reference {
        kind: RecordKind::Sections,
        field: "teachers",
        target: RecordKind::Users,
        sql: "SELECT p.id AS ref FROM {missing} CROSS JOIN main._people p CROSS JOIN main._enrollments e CROSS JOIN main.sections s
              WHERE p.district = (SELECT district FROM main._districts WHERE district_id = ?1) AND p.id = m.id
              AND e.district = p.district AND e.person = p.key
              AND e.role = 1 AND s.key = e.section AND s.archived_at IS NULL",
    },
];

/// Looks for references that lead to no active record, if a run may have changed that, and stores what it
/// finds.
pub(crate) async fn renew<B: Backend>(
    db: &mut B,
    district_id: &str,
    changed: &Changed,
) -> Result<(), StoreError> {
    for reference in REFERENCES {
        if !changed.referring.contains(&reference.kind)
            && !changed.moved.contains(&reference.target)
        {
            continue;
        }
        if nothing_missing(db, district_id, changed, reference).await? {
            continue;
        }
        db.execute(
            "DELETE FROM main.findings WHERE district_id = ?1 AND kind = ?2 AND field = ?3",
            &[
                district_id.into(),
                reference.kind.as_str().into(),
                reference.field.into(),
            ],
        )
        .await?;
        let dangling = format!(
            "SELECT ref FROM ({}) r WHERE ref IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM main.{} t WHERE t.district_id = ?1 AND t.id = r.ref AND t.archived_at IS NULL)",
            reference.sql.replace("{missing}", MISSING),
            reference.target
        );
        let count = db
            .one(
                &format!("SELECT count(*) FROM ({dangling}) d"),
                &[district_id.into()],
            )
            .await?
            .count(0)?;
        if count == 0 {
            continue;
        }
        let samples = db
            .query(
                &format!("SELECT DISTINCT ref FROM ({dangling}) d ORDER BY ref LIMIT 3"),
                &[district_id.into()],
            )
            .await?;
        let mut samples: Vec<String> = samples
            .into_iter()
            .map(|mut row| row.text(0))
            .collect::<Result<_, _>>()?;
        // A name may stand where an id belongs.
        samples.retain(|sample| is_id(sample));
        let params = [
            district_id.into(),
            reference.kind.as_str().into(),
            reference.field.into(),
            reference.target.as_str().into(),
            count.into(),
            samples.join(" ").into(),
        ];
        db.execute(
            "INSERT INTO main.findings (district_id, kind, field, target, count, samples)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &params,
        )
        .await?;
    }
    Ok(())
}

/// Says whether a reference to schools, courses or terms led nowhere from no record, and does so now: all that the
/// new records name are there, and none came or went. So not every record need be looked at.
async fn nothing_missing<B: Backend>(
    db: &mut B,
    district_id: &str,
    changed: &Changed,
    reference: &Reference,
) -> Result<bool, StoreError> {
    let target = reference.target;
    let Some(named) = changed.named.get(&(reference.kind, target)) else {
        return Ok(false);
    };
    if changed.moved.contains(&target) {
        return Ok(false);
    }
    let params = [
        district_id.into(),
        reference.kind.as_str().into(),
        reference.field.into(),
    ];
    let sql =
        "SELECT count(*) FROM main.findings WHERE district_id = ?1 AND kind = ?2 AND field = ?3";
    if db.one(sql, &params).await?.int(0)? > 0 {
        return Ok(false);
    }
    let sql = format!(
        "SELECT count(*) FROM main.{target} WHERE district_id = ?1 AND archived_at IS NULL AND id {}",
        db.kind().among(2)
    );
    let params = [district_id.into(), texts(named.iter().map(String::as_str))];
    Ok(db.one(&sql, &params).await?.count(0)? == named.len() as u64)
}

/// Notes that resources are stored that the app may not read any more, or that it may. Only a snapshot knows.
pub(crate) async fn closed<B: Backend>(
    db: &mut B,
    district_id: &str,
    report: &SyncReport,
) -> Result<(), StoreError> {
    if report.path != RunPath::Snapshot {
        return Ok(());
    }
    let kind = RecordKind::Resources;
    let params = [
        district_id.into(),
        kind.as_str().into(),
        RESOURCES_SCOPE.into(),
    ];
    let sql = "DELETE FROM main.findings WHERE district_id = ?1 AND kind = ?2 AND field = ?3";
    db.execute(sql, &params).await?;
    let of_kind = report.kinds.get(&kind);
    if !of_kind.is_some_and(|of_kind| of_kind.certificate.is_closed()) {
        return Ok(());
    }
    let sql = "INSERT INTO main.findings (district_id, kind, field, target, count, samples)
         SELECT ?1, ?2, ?3, ?2, count(*), '' FROM main.resources WHERE district_id = ?1 AND archived_at IS NULL
         HAVING count(*) > 0";
    db.execute(sql, &params).await?;
    Ok(())
}

/// Notes that the district shares nothing of the kinds without which there is no roster, or that it does: a walk over
/// nothing is whole, and still no more than a district that has not begun.
pub(crate) async fn shared<B: Backend>(
    db: &mut B,
    district_id: &str,
    report: &SyncReport,
) -> Result<(), StoreError> {
    let totals = SHARED.map(|kind| report.kinds.get(&kind).map(|of_kind| of_kind.total));
    let sql = if totals == [Some(0); 3] {
        "INSERT INTO main.findings (district_id, kind, field, target, count, samples)
         VALUES (?1, ?2, ?3, ?4, 0, '') ON CONFLICT DO NOTHING"
    } else if totals.iter().flatten().any(|total| *total > 0) {
        "DELETE FROM main.findings WHERE district_id = ?1 AND kind = ?2 AND field = ?3 AND target = ?4"
    } else {
        return Ok(());
    };
    let params = [
        district_id.into(),
        RecordKind::Districts.as_str().into(),
        SHARES.into(),
        RecordKind::Users.as_str().into(),
    ];
    db.execute(sql, &params).await?;
    Ok(())
}

/// Reads the findings of a district.
pub(crate) async fn read<B: Backend>(
    db: &mut B,
    district_id: &str,
) -> Result<Vec<Finding>, StoreError> {
    let rows = db
        .query(
            "SELECT kind, field, target, count, samples FROM main.findings WHERE district_id = ?1 ORDER BY kind, field",
            &[district_id.into()],
        )
        .await?;
    rows.into_iter()
        .map(|mut row| {
            let mut kind = |column| row.text(column)?.parse().map_err(|_| odd_row(column));
            let (kind, target) = (kind(0)?, kind(2)?);
            Ok(Finding {
                kind,
                field: row.text(1)?,
                target,
                count: row.count(3)?,
                samples: row
                    .text(4)?
                    .split_whitespace()
                    .map(ToOwned::to_owned)
                    .collect(),
            })
        })
        .collect()
}
