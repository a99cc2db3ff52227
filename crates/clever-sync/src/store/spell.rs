//! How a staged row is spelled in the staging area.

use clever_model::RecordKind;
use clever_sql::{DatabaseError, RowRef};

use crate::store::{Edit, Op};

/// What a check held, and not an undo before it.
pub(crate) const CHECKED: i64 = 2;

/// Schools as they are staged: a JSON list, nothing for none.
pub(crate) fn schools(all: &[String]) -> Option<String> {
    (!all.is_empty()).then(|| serde_json::to_string(all).unwrap_or_default())
}

/// Reads schools as they are staged.
pub(crate) fn listed(schools: Option<&str>) -> Vec<String> {
    let listed = schools.and_then(|all| serde_json::from_str(all).ok());
    listed.unwrap_or_default()
}

/// Reads a kind by its number.
pub(crate) fn kind_of(number: i64, column: usize) -> Result<RecordKind, DatabaseError> {
    RecordKind::ALL
        .into_iter()
        .find(|kind| *kind as i64 == number)
        .ok_or(DatabaseError::OddRow { column })
}

/// Reads an operation by its number.
pub(crate) fn op_of(number: i64, column: usize) -> Result<Op, DatabaseError> {
    Op::of(number).ok_or(DatabaseError::OddRow { column })
}

/// Reads what a staged row does: its operation in column 2, its hashes in 3, 4 and 12, its fields in 5, the places that it
/// takes away in 8, its schools in 11.
pub(crate) fn edit(row: RowRef<'_>) -> Result<Edit, DatabaseError> {
    let hash = row.bytes(4)?;
    let old = || row.bytes(3);
    let fields = || Ok::<_, DatabaseError>(row.text(5)?.to_owned());
    Ok(match op_of(row.int(2)?, 2)? {
        Op::Create => Edit::Create { hash },
        Op::Archive => Edit::Archive { hash },
        Op::Forget => return Err(DatabaseError::OddRow { column: 2 }),
        Op::Touch => Edit::Touch { old: old()?, hash },
        Op::Restore => Edit::Restore {
            old: old()?,
            hash,
            meaning: row.maybe_bytes(12)?,
            fields: fields()?,
        },
        Op::Update => Edit::Update {
            old: old()?,
            hash,
            meaning: row.maybe_bytes(12)?,
            fields: fields()?,
            lost: row.count(8)?,
            schools: listed(row.maybe_text(11)?),
        },
    })
}
