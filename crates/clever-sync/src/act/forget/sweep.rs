//! Gets the bytes of what was erased out of a database's files.

use clever_model::RecordKind;
use clever_sql::Kind;

use crate::store::StoreError;
use crate::store::sql::{RosterDb, SqlStore};

/// The tables beside those of records that a forgetting changes.
const TABLES: [&str; 10] = [
    "user_roles",
    "_user_schools",
    "_contacts",
    "_changes",
    "runs",
    "attempts",
    "findings",
    "_state",
    "_people",
    "_enrollments",
];

/// Has what is deleted from now on be overwritten.
pub(super) async fn prepare<B: RosterDb>(store: &mut SqlStore<B>) -> Result<(), StoreError> {
    if store.db.kind() == Kind::Sqlite {
        store.db.batch("PRAGMA main.secure_delete = ON").await?;
    }
    Ok(())
}

/// Writes the tables again without what was deleted. Says whether all of it is gone: not while another connection reads.
pub(super) async fn sweep<B: RosterDb>(store: &mut SqlStore<B>) -> Result<bool, StoreError> {
    let records = RecordKind::ALL.map(RecordKind::as_str);
    let tables: Vec<&str> = records.into_iter().chain(TABLES).collect();
    Ok(clever_sql::sweep(&mut store.db, &tables).await?)
}
