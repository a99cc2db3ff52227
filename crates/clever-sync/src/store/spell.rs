//! How a staged row is spelled in the staging area.

use clever_model::RecordKind;

use crate::store::{Op, StoreError, odd_row};

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
