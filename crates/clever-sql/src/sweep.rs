//! Gets the bytes of what was erased out of a database's files.

use crate::backend::{Backend, Kind};
use crate::error::DatabaseError;

/// Writes a database again without what was deleted. Says whether all of it is gone: not while another connection reads.
///
/// A SQLite file still has, in pages that nobody uses, what earlier writes replaced: it is copied without them, and its log is
/// emptied. In PostgreSQL, dead rows of `tables` are taken away; the server's own log and its backups are the operator's.
///
/// # Errors
///
/// [`DatabaseError`] if the database fails otherwise.
pub async fn sweep<B: Backend>(db: &mut B, tables: &[&str]) -> Result<bool, DatabaseError> {
    if db.kind() == Kind::Postgres {
        for table in tables {
            // Each by itself: `VACUUM` is in no transaction.
            if db.batch(&format!("VACUUM main.{table}")).await.is_err() {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if db.batch("VACUUM main").await.is_err() {
        return Ok(false);
    }
    // The first column says whether somebody was in the way; without a log there is nothing to empty.
    let sql = "PRAGMA main.wal_checkpoint(TRUNCATE)";
    Ok(match db.maybe(sql, &[]).await? {
        Some(mut row) => row.int(0)? == 0,
        None => true,
    })
}
