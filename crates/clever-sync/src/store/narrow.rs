//! Rows of the staging area, one a record.

use crate::store::spell::schools as spelled;
use crate::store::sql::{RosterDb, Sql, Type};
use crate::store::{Staged, StoreError};

/// A staged row is narrow: it is read more often than its record, which lies beside it.
const STAGED: [(&str, Type); 13] = [
    ("kind", Type::Int),
    ("id", Type::Text),
    ("op", Type::Int),
    ("old_hash", Type::Blob),
    ("hash", Type::Blob),
    ("fields", Type::Text),
    ("event", Type::Text),
    ("lost", Type::Int),
    ("refused", Type::Blob),
    ("held", Type::Int),
    ("body", Type::Int),
    ("schools", Type::Text),
    ("meaning", Type::Blob),
];

const RECORDS: [(&str, Type); 2] = [("body", Type::Int), ("record", Type::Text)];

/// Writes rows, each by itself.
pub(crate) async fn put<B: RosterDb>(
    db: &mut B,
    bodies: &mut i64,
    rows: &[Staged],
    conflict: &str,
) -> Result<(), StoreError> {
    let mut narrow = Vec::with_capacity(rows.len() * STAGED.len());
    let mut records = Vec::with_capacity(rows.len() * RECORDS.len());
    for row in rows {
        let body = row.record.as_ref().map(|record| {
            *bodies += 1;
            records.extend([(*bodies).into(), record.into()]);
            *bodies
        });
        narrow.extend([
            (row.kind as i64).into(),
            Sql::from(&row.id),
            (row.op() as i64).into(),
            row.edit.old().into(),
            row.edit.hash().into(),
            row.edit.fields().into(),
            row.event.as_ref().into(),
            row.edit.lost().into(),
            row.refused.as_ref().into(),
            row.held.into(),
            body.into(),
            spelled(row.edit.schools()).into(),
            row.edit.meaning().into(),
        ]);
    }
    db.insert("staging.staged_records", &RECORDS, &records, "")
        .await?;
    Ok(db
        .insert("staging.staged", &STAGED, &narrow, conflict)
        .await?)
}
