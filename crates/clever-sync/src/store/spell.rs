//! How a staged row is spelled in the staging area.

use clever_model::RecordKind;

use crate::store::sql::Row;
use crate::store::{Edit, Op, StoreError, odd_row};

/// What a check held, and not an undo before it.
pub(crate) const CHECKED: i64 = 2;

/// Schools as they are staged: a JSON list, nothing for none.
pub(crate) fn schools(all: &[String]) -> Option<String> {
    (!all.is_empty()).then(|| serde_json::to_string(all).unwrap_or_default())
}

/// Reads schools as they are staged.
pub(crate) fn listed(schools: Option<String>) -> Vec<String> {
    let listed = schools.and_then(|all| serde_json::from_str(&all).ok());
    listed.unwrap_or_default()
}

/// Reads a kind by its number.
pub(crate) fn kind_of(number: i64, column: usize) -> Result<RecordKind, StoreError> {
    RecordKind::ALL
        .into_iter()
        .find(|kind| *kind as i64 == number)
        .ok_or_else(|| odd_row(column))
}

/// Reads an operation by its number.
pub(crate) fn op_of(number: i64, column: usize) -> Result<Op, StoreError> {
    Op::of(number).ok_or_else(|| odd_row(column))
}

/// Reads what a staged row does: its operation in column 2, its hashes in 3, 4 and 12, its fields in 5, the places that it
/// takes away in 8, its schools in 11.
pub(crate) fn edit(row: &mut Row) -> Result<Edit, StoreError> {
    let hash = row.bytes(4)?;
    let old = |row: &mut Row| row.maybe_bytes(3)?.ok_or_else(|| odd_row(3));
    let fields = |row: &mut Row| row.maybe_text(5)?.ok_or_else(|| odd_row(5));
    Ok(match op_of(row.int(2)?, 2)? {
        Op::Create => Edit::Create { hash },
        Op::Archive => Edit::Archive { hash },
        Op::Forget => return Err(odd_row(2)),
        Op::Touch => Edit::Touch {
            old: old(row)?,
            hash,
        },
        Op::Restore => Edit::Restore {
            old: old(row)?,
            hash,
            meaning: row.maybe_bytes(12)?,
            fields: fields(row)?,
        },
        Op::Update => Edit::Update {
            old: old(row)?,
            hash,
            meaning: row.maybe_bytes(12)?,
            fields: fields(row)?,
            lost: row.count(8)?,
            schools: listed(row.maybe_text(11)?),
        },
    })
}
