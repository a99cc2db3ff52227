//! Indices that are made after a load into an empty table: sorted in at once, they cost a fraction of what they cost row by row.
//!
//! In SQLite the transaction of the load drops them and makes them again. In PostgreSQL it would keep readers out of the table
//! to its end. So they are dropped before, in a transaction of their own, if nobody is at the table, and made at the end of the
//! load, which no reader notices. A load that is killed in between leaves none: whichever run commits next makes them.

use clever_sql::{DatabaseError, Kind};
use tracing::warn;
use xxhash_rust::xxh3::xxh3_64;

use crate::store::StoreError;
use crate::store::sql::{Late, RosterDb, Transaction};

/// From so many rows on, an index over an empty table is made after them.
pub(crate) const BULK: u64 = 1000;

async fn is_empty<B: RosterDb>(db: &mut B, table: &str) -> Result<bool, DatabaseError> {
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM main.{table} LIMIT 1) x");
    Ok(db.one(&sql, &[]).await?.int(0)? == 0)
}

/// Says whether an index stays as it is without harm: others are at the table, or it is not this role's.
const fn is_passing(error: &DatabaseError) -> bool {
    matches!(
        error,
        DatabaseError::Locked | DatabaseError::Conflict | DatabaseError::Forbidden { .. }
    )
}

/// Drops the indices of empty tables in PostgreSQL, outside of the load's transaction.
pub(crate) async fn before_load<B: RosterDb>(db: &mut B) -> Result<(), StoreError> {
    if db.kind() == Kind::Sqlite {
        return Ok(());
    }
    for late in db.dialect().late {
        if !is_empty(db, late.table).await? {
            continue;
        }
        let mut alone = Transaction::begin(db).await?;
        match drop_alone(&mut *alone, late).await {
            Ok(true) => alone.commit().await?,
            Ok(false) => alone.roll_back().await?,
            Err(error) if is_passing(&error) => alone.roll_back().await?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Drops an index, if the table is still empty once nobody else is at it.
async fn drop_alone<B: RosterDb>(db: &mut B, late: &Late) -> Result<bool, DatabaseError> {
    let Late { table, index, .. } = late;
    let lock = format!("LOCK TABLE main.{table} IN ACCESS EXCLUSIVE MODE NOWAIT");
    db.batch(&lock).await?;
    if !is_empty(db, table).await? {
        return Ok(false);
    }
    db.batch(&format!("DROP INDEX IF EXISTS main.{index}"))
        .await?;
    Ok(true)
}

/// Finds the indices that the transaction of a load of so many rows makes at its end.
pub(crate) async fn begin<B: RosterDb>(
    db: &mut B,
    rows: u64,
) -> Result<Vec<&'static Late>, StoreError> {
    let mut missing = Vec::new();
    for late in db.dialect().late {
        let Late { table, index, .. } = late;
        let is_missing = match db.kind() {
            Kind::Sqlite => rows >= BULK && is_empty(db, table).await?,
            Kind::Postgres => {
                let sql = format!("SELECT to_regclass('main.{index}') IS NULL");
                db.one(&sql, &[]).await?.int(0)? != 0
            }
        };
        if is_missing {
            missing.push(late);
        }
    }
    if missing.is_empty() {
        return Ok(missing);
    }
    match db.kind() {
        Kind::Sqlite => {
            for late in &missing {
                db.batch(&format!("DROP INDEX main.{}", late.index)).await?;
            }
        }
        Kind::Postgres => {
            // Of two loads at once one makes them; the other would wait for it, and it for the other.
            let store = db.schema().unwrap_or_default();
            let key = xxh3_64(format!("clever-sync late {store}").as_bytes());
            let key = i64::from_le_bytes(key.to_le_bytes());
            let sql = "SELECT pg_try_advisory_xact_lock(?1)";
            if db.one(sql, &[key.into()]).await?.int(0)? == 0 {
                missing.clear();
            }
        }
    }
    Ok(missing)
}

/// Makes indices, at the end of the load.
pub(crate) async fn end<B: RosterDb>(db: &mut B, late: &[&Late]) -> Result<(), StoreError> {
    for late in late {
        let Late { index, create, .. } = late;
        if db.kind() == Kind::Sqlite {
            db.batch(create).await?;
            continue;
        }
        // Who writes there at this moment is not waited for long: a later run finds the index missing.
        let patient = format!("SAVEPOINT late; SET LOCAL lock_timeout = '2s'; {create}");
        match db.batch(&patient).await {
            Ok(()) => {
                let done = "SET LOCAL lock_timeout = '60s'; RELEASE SAVEPOINT late";
                db.batch(done).await?;
            }
            Err(error) if is_passing(&error) => {
                db.batch("ROLLBACK TO SAVEPOINT late").await?;
                warn!(index, "an index is not made yet: {error}");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
