//! The stores of rosters: what a sync asks of a store, and the stores that come with the crate. Persistence alone.
//!
//! Decision: one writer a district by comparison, not by lock. A run notes the number of the last run when it begins, and
//! refuses to write if another run has finished since. No table is locked while pages are fetched; the lock on a staging
//! area only says which run may use it. So leases are not needed, and a lease that expires can't do harm.

use clever_model::DistrictId;
use clever_sql::{AddressError, DatabaseError};

mod alerts;
pub(crate) mod answers;
mod any;
mod asks;
pub mod attempts;
pub(crate) mod base;
mod batch;
mod batches;
pub(crate) mod changes;
pub(crate) mod forgotten;
pub(crate) mod judged;
mod known;
pub(crate) mod late;
pub(crate) mod moves;
mod narrow;
pub(crate) mod pauses;
mod postgres;
mod rows;
pub(crate) mod run;
mod schools;
pub(crate) mod spans;
pub(crate) mod spell;
pub(crate) mod sql;
pub(crate) mod sqlite;
mod stage;
pub(crate) mod staging;
pub(crate) mod tokens;

pub use any::AnyStore;
pub use asks::{
    Base, Commit, Kept, Known, LastSync, Left, Run, SchoolLimits, SchoolTally, Staging, Store,
    Which,
};
pub(crate) use asks::{Rows, each, enough};
pub use forgotten::KeptOut;
pub use moves::Away;
pub use pauses::Paused;
#[cfg(feature = "postgres")]
pub use postgres::connected::PostgresStore;
pub(crate) use rows::ABSENT;
pub use rows::{Edit, Hash, Op, Staged, State, Stored, Tally};
pub(crate) use sql::SqlStore;
pub use sqlite::SqliteStore;

/// Why the store can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another run changed the district between this run's reading and writing.
    #[error("another run changed this district meanwhile")]
    Moved,
    /// The district was forgotten: no run brings it back unasked.
    #[error("district {0} was forgotten, and is kept out")]
    Forgotten(DistrictId),
    /// The district is in another store by now, or on its way: nobody writes of it here.
    #[error("{0}")]
    Elsewhere(Box<Away>),
    /// The database failed, or can't be reached.
    #[error(transparent)]
    Database(DatabaseError),
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Conflict => Self::Moved,
            error => Self::Database(error),
        }
    }
}

impl From<AddressError> for StoreError {
    fn from(error: AddressError) -> Self {
        Self::Database(error.into())
    }
}

/// A row does not hold what its column, from 0, promises.
pub(crate) const fn odd_row(column: usize) -> StoreError {
    StoreError::Database(DatabaseError::OddRow { column })
}
