//! Versions of a store's tables: making them, bringing them up to date, and refusing those of a later program.

use crate::backend::{Backend, Kind, Open};
use crate::error::DatabaseError;
use crate::transaction::Transaction;

/// One step: the statements that lead from a version to the next.
///
/// They run in one transaction, and name tables without `main.`: new ones are made where the store's tables belong. A
/// step that was released never changes.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
}

impl Version {
    /// A step that both databases spell alike.
    #[must_use]
    pub const fn both(sql: &'static str) -> Self {
        Self {
            sqlite: sql,
            postgres: sql,
        }
    }
}

/// The tables of one store.
#[derive(Debug, Clone, Copy)]
pub struct Tables {
    /// The store's name. Stores of different names may share a file or a schema, if their tables' names differ.
    pub store: &'static str,
    /// The steps from nothing to the present tables: the first leads to version 1.
    pub versions: &'static [Version],
}

impl Tables {
    /// The version that the steps lead to.
    #[must_use]
    pub const fn latest(&self) -> u32 {
        // No store has 2^32 steps.
        self.versions.len() as u32
    }
}

/// The table of versions, one row a store. Its name is ours in any database.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS _clever_versions (
    store TEXT PRIMARY KEY, version BIGINT NOT NULL
)";

/// The key of the lock under which PostgreSQL's tables are made: "Clvr".
const LOCK: i64 = 0x436c_7672;

/// Brings a store's tables up to date, and makes them if they may be made; to look at them, they must be as this program has
/// them.
///
/// Several processes may call it at the same time: one does it.
///
/// # Errors
///
/// [`DatabaseError::Missing`], [`DatabaseError::Version`] for tables of a later program, [`DatabaseError::Taken`] if
/// somebody else's table has the name of one of the store's. Then nothing was changed.
pub async fn migrate<B: Backend>(
    db: &mut B,
    tables: &Tables,
    how: Open,
) -> Result<(), DatabaseError> {
    let found = version(db, tables).await?;
    let latest = tables.latest();
    if found == Some(latest) {
        return Ok(());
    }
    match found {
        None if how != Open::Create => return Err(DatabaseError::Missing { place: db.place() }),
        Some(found) if found > latest || how == Open::Look => {
            return Err(other_version(db, found, latest));
        }
        _ => {}
    }
    let mut transaction = Transaction::write(db).await?;
    let kind = transaction.kind();
    if let Some(schema) = transaction.schema() {
        let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
        transaction.batch(&lock).await?;
        // With `IF NOT EXISTS`, PostgreSQL would ask for the right to make it even if it is there.
        let there = "SELECT to_regnamespace(?1) IS NOT NULL";
        if transaction.one(there, &[(&schema).into()]).await?.int(0)? == 0 {
            transaction
                .batch(&format!("CREATE SCHEMA {schema}"))
                .await?;
        }
        // Until the transaction ends, and for new tables alone.
        let path = format!("SET LOCAL search_path TO {schema}");
        transaction.batch(&path).await?;
    }
    transaction.batch(VERSIONS).await?;
    // Another process may have taken the steps meanwhile.
    let found = version(&mut *transaction, tables).await?;
    if let Some(found) = found.filter(|found| *found > latest) {
        return Err(other_version(&*transaction, found, latest));
    }
    for step in tables.versions.iter().skip(found.unwrap_or(0) as usize) {
        let sql = match kind {
            Kind::Sqlite => step.sqlite,
            Kind::Postgres => step.postgres,
        };
        transaction.batch(sql).await?;
    }
    let set = "INSERT INTO main._clever_versions (store, version) VALUES (?1, ?2)
               ON CONFLICT (store) DO UPDATE SET version = excluded.version";
    transaction
        .execute(set, &[tables.store.into(), latest.into()])
        .await?;
    transaction.commit().await
}

fn other_version<B: Backend>(db: &B, found: u32, expected: u32) -> DatabaseError {
    DatabaseError::Version {
        place: db.place(),
        found,
        expected,
    }
}

/// Reads the version of a store's tables; `None` if there are none.
///
/// # Errors
///
/// [`DatabaseError`] if it can't be read.
pub async fn version<B: Backend>(
    db: &mut B,
    tables: &Tables,
) -> Result<Option<u32>, DatabaseError> {
    let there = match db.kind() {
        Kind::Sqlite => {
            "SELECT count(*) FROM main.sqlite_master WHERE type = 'table' AND name = '_clever_versions'"
        }
        Kind::Postgres => "SELECT to_regclass('main._clever_versions') IS NOT NULL",
    };
    if db.one(there, &[]).await?.int(0)? == 0 {
        return Ok(None);
    }
    let sql = "SELECT version FROM main._clever_versions WHERE store = ?1";
    match db.maybe(sql, &[tables.store.into()]).await? {
        Some(mut row) => Ok(Some(u32::try_from(row.int(0)?).unwrap_or(u32::MAX))),
        None => Ok(None),
    }
}
