//! References that lead nowhere: a section that names an unknown teacher, a student at an unshared
//! school. They are kept as they are, counted and reported.

use clever_model::RecordKind;
use rusqlite::{Connection, params};

use crate::report::Finding;
use crate::store::StoreError;

/// A field that refers to another kind, with the SQL that lists its references as `ref`.
struct Reference {
    kind: RecordKind,
    field: &'static str,
    target: RecordKind,
    sql: &'static str,
}

const REFERENCES: &[Reference] = &[
    Reference {
        kind: RecordKind::Users,
        field: "school",
        target: RecordKind::Schools,
        sql: "SELECT school_id AS ref FROM user_roles WHERE district_id = ?1",
    },
    Reference {
        kind: RecordKind::Users,
        field: "student_relationships.student",
        target: RecordKind::Users,
        sql: "SELECT student_id AS ref FROM contacts WHERE district_id = ?1",
    },
    Reference {
        kind: RecordKind::Sections,
        field: "school",
        target: RecordKind::Schools,
        sql: "SELECT school_id AS ref FROM sections WHERE district_id = ?1 AND archived_at IS NULL",
    },
    Reference {
        kind: RecordKind::Sections,
        field: "course",
        target: RecordKind::Courses,
        sql: "SELECT course_id AS ref FROM sections WHERE district_id = ?1 AND archived_at IS NULL",
    },
    Reference {
        kind: RecordKind::Sections,
        field: "term_id",
        target: RecordKind::Terms,
        sql: "SELECT term_id AS ref FROM sections WHERE district_id = ?1 AND archived_at IS NULL",
    },
    Reference {
        kind: RecordKind::Sections,
        field: "students",
        target: RecordKind::Users,
        sql: "SELECT user_id AS ref FROM enrollments WHERE district_id = ?1 AND role = 'student'",
    },
    Reference {
        kind: RecordKind::Sections,
        field: "teachers",
        target: RecordKind::Users,
        sql: "SELECT user_id AS ref FROM enrollments WHERE district_id = ?1 AND role = 'teacher'",
    },
];

/// Looks for references that lead to no active record, and stores what it finds.
pub(crate) fn renew(connection: &Connection, district_id: &str) -> Result<(), StoreError> {
    connection.execute("DELETE FROM findings WHERE district_id = ?1", [district_id])?;
    for reference in REFERENCES {
        let dangling = format!(
            "SELECT ref FROM ({}) r WHERE ref IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM {} t WHERE t.district_id = ?1 AND t.id = r.ref AND t.archived_at IS NULL)",
            reference.sql, reference.target
        );
        let count: u64 = connection
            .prepare_cached(&format!("SELECT count(*) FROM ({dangling})"))?
            .query_row([district_id], |row| row.get(0))?;
        if count == 0 {
            continue;
        }
        let mut samples = connection.prepare_cached(&format!(
            "SELECT DISTINCT ref FROM ({dangling}) ORDER BY ref LIMIT 3"
        ))?;
        let samples: Vec<String> = samples
            .query_map([district_id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        connection.execute(
            "INSERT INTO findings (district_id, kind, field, target, count, samples) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                district_id,
                reference.kind.as_str(),
                reference.field,
                reference.target.as_str(),
                count,
                samples.join(" ")
            ],
        )?;
    }
    Ok(())
}

/// Reads the findings of a district.
pub(crate) fn read(connection: &Connection, district_id: &str) -> Result<Vec<Finding>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT kind, field, target, count, samples FROM findings WHERE district_id = ?1 ORDER BY kind, field",
    )?;
    let rows = statement.query_map([district_id], |row| {
        let kind = |at| -> rusqlite::Result<RecordKind> {
            let text: String = row.get(at)?;
            text.parse().map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    at,
                    rusqlite::types::Type::Text,
                    Box::new(error),
                )
            })
        };
        let samples: String = row.get(4)?;
        Ok(Finding {
            kind: kind(0)?,
            field: row.get(1)?,
            target: kind(2)?,
            count: row.get(3)?,
            samples: samples.split_whitespace().map(ToOwned::to_owned).collect(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
