//! What the errors of the lake are called, and what to do about them.

#[cfg(feature = "lake")]
use clever_lake::{AppendError, TableError};

use super::cause::Cause;
#[cfg(feature = "lake")]
use super::cause::failed;

/// Says what such an error means, if it is one.
#[cfg(feature = "lake")]
pub(super) fn of_lake(cause: &(dyn std::error::Error + 'static)) -> Option<Cause> {
    if let Some(error) = cause.downcast_ref::<AppendError>() {
        return match error {
            AppendError::Pruned { .. } => Some(failed(
                "lake_gap",
                "begin with what the store has left, with --from-what-is-left, or bring the changes from a backup of the store",
            )),
            AppendError::Ahead { .. } | AppendError::OtherStore { .. } => Some(failed(
                "lake_of_another_store",
                "name the store that the lake was appended from, or another folder; a store from an old backup needs a new lake",
            )),
            AppendError::Raced => Some(failed(
                "lake_busy",
                "run it again; one writer a lake is enough",
            )),
            AppendError::Table(error) => table(error),
            _ => None,
        };
    }
    cause.downcast_ref().and_then(table)
}

#[cfg(feature = "lake")]
fn table(error: &TableError) -> Option<Cause> {
    Some(match error {
        TableError::NotALake(_) => {
            failed("no_lake", "name a folder that is empty or not there yet")
        }
        TableError::Marked { .. } => failed(
            "lake_marked",
            "have the program that marked them write the table again (in Spark: REORG TABLE … APPLY (PURGE))",
        ),
        _ => return None,
    })
}

/// A program without the lake has no such error.
#[cfg(not(feature = "lake"))]
pub(super) fn of_lake(_: &(dyn std::error::Error + 'static)) -> Option<Cause> {
    None
}
