//! What a plan does to each school, and how the part of some schools is held back.

use std::collections::BTreeMap;

use clever_model::RecordKind;

use crate::store::sql::{Backend, Sql, SqlStore, pairs, texts};
use crate::store::stage::CHECKED;
use crate::store::{Op, SchoolTally, StoreError};

/// The table, its column that names the record and the one that names its school.
fn place(kind: RecordKind) -> Option<(&'static str, &'static str, &'static str)> {
    match kind {
        // Only active users have rows here.
        RecordKind::Users => Some(("user_roles", "user_id", "")),
        RecordKind::Sections => Some(("sections", "id", "AND t.archived_at IS NULL")),
        _ => None,
    }
}

/// Counts what is staged for schools that lose or change more than so many records. Sizes are counted of those
/// alone, so a night on which every school changes a little looks at no whole table.
pub(crate) async fn touched<B: Backend>(
    store: &mut SqlStore<B>,
    kind: RecordKind,
    archived: u64,
    updated: u64,
) -> Result<Vec<SchoolTally>, StoreError> {
    let Some((table, id, active)) = place(kind) else {
        return Ok(Vec::new());
    };
    let district: Sql<'_> = store.district_id().into();
    let sql = format!(
        "SELECT t.school_id, s.op, count(DISTINCT s.id) FROM staged s CROSS JOIN {table} t
         WHERE t.district_id = ?1 AND t.{id} = s.id
         AND s.kind = ?2 AND s.held = 0 AND s.op IN (?3, ?4) AND t.school_id IS NOT NULL
         GROUP BY t.school_id, s.op HAVING count(DISTINCT s.id) > CASE s.op WHEN ?3 THEN CAST(?5 AS BIGINT) ELSE CAST(?6 AS BIGINT) END"
    );
    let params = [
        district.clone(),
        (kind as i64).into(),
        (Op::Archive as i64).into(),
        (Op::Update as i64).into(),
        archived.into(),
        updated.into(),
    ];
    let mut found: BTreeMap<String, SchoolTally> = BTreeMap::new();
    for mut row in store.db.query(&sql, &params).await? {
        let school = row.text(0)?;
        let (op, count) = (row.int(1)?, row.count(2)?);
        let tally = found.entry(school.clone()).or_insert(SchoolTally {
            school,
            active: 0,
            archived: 0,
            updated: 0,
        });
        if op == Op::Archive as i64 {
            tally.archived = count;
        } else {
            tally.updated = count;
        }
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT t.school_id, count(DISTINCT t.{id}) FROM {table} t
         WHERE t.district_id = ?1 AND t.school_id {} {active} GROUP BY t.school_id",
        store.among(2)
    );
    let params = [district, texts(found.keys().map(String::as_str))];
    for (school, count) in pairs(store.db.query(&sql, &params).await?)? {
        if let Some(tally) = found.get_mut(&school) {
            tally.active = u64::try_from(count).unwrap_or_default();
        }
    }
    Ok(found.into_values().collect())
}

/// Holds back what is of these schools.
pub(crate) async fn hold<B: Backend>(
    store: &mut SqlStore<B>,
    kind: RecordKind,
    op: Op,
    schools: &[&str],
) -> Result<u64, StoreError> {
    let these = store.among(4);
    let here = match kind {
        RecordKind::Users => format!(
            "id IN (SELECT user_id FROM user_roles WHERE district_id = ?3 AND school_id {these})"
        ),
        RecordKind::Sections => {
            format!("id IN (SELECT id FROM sections WHERE district_id = ?3 AND school_id {these})")
        }
        // The district is named so that every statement has the same parameters.
        _ => format!("id {these} AND ?3 <> ''"),
    };
    let sql = format!(
        "UPDATE staged SET held = {CHECKED} WHERE kind = ?1 AND op = ?2 AND held = 0 AND {here}"
    );
    let params = [
        (kind as i64).into(),
        (op as i64).into(),
        store.district_id().into(),
        texts(schools.iter().copied()),
    ];
    let held = store.db.execute(&sql, &params).await?;
    if kind != RecordKind::Users || op != Op::Archive {
        return Ok(held);
    }
    // Contacts stay with their students. They follow those who are held, not those who are at the school now: a
    // student who moves must not take a held contact along.
    let sql = format!(
        "UPDATE staged SET held = {CHECKED} WHERE kind = ?1 AND op = ?2 AND held = 0 AND id IN (
            SELECT c.contact_id FROM staged s
            JOIN contacts c ON c.district_id = ?3 AND c.student_id = s.id
            WHERE s.kind = ?1 AND s.op = ?2 AND s.held <> 0)"
    );
    Ok(held + store.db.execute(&sql, &params[..3]).await?)
}
