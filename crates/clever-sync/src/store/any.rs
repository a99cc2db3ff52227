//! A store by its address, whichever database keeps it.

use std::path::Path;

#[cfg(feature = "postgres")]
use crate::store::postgres::Postgres;
use crate::store::sql::{Area, Backend, Dialect, Row, Sql, SqlStore, Type};
use crate::store::sqlite::{Sqlite, SqliteStore};
use crate::store::{State, StoreError};

/// A connection to one of the databases.
#[derive(Debug)]
pub enum AnyDb {
    /// SQLite.
    Sqlite(Sqlite),
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
}

/// A roster store by its address.
pub type AnyStore = SqlStore<AnyDb>;

impl SqlStore<AnyDb> {
    /// Opens the store at an address: `sqlite:PATH`, or with the feature `postgres` also `postgres://…`.
    ///
    /// `create` says whether it is made where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] names what is wrong; it never holds the address's password.
    pub async fn open_url(url: &str, create: bool) -> Result<Self, StoreError> {
        #[cfg(feature = "postgres")]
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let db = Postgres::open(url, create).await?;
            return Ok(Self::over(AnyDb::Postgres(db)));
        }
        let path = sqlite_path(url).ok_or(StoreError::Address)?;
        let store = if create {
            SqliteStore::open(path)?
        } else {
            SqliteStore::open_existing(path)?
        };
        Ok(Self::over(AnyDb::Sqlite(store.db)))
    }

    /// Opens the store at an address, if there is one, to look at it: nothing is written, and a file that can only be
    /// read does.
    ///
    /// # Errors
    ///
    /// As [`AnyStore::open_url`].
    pub async fn look_url(url: &str) -> Result<Self, StoreError> {
        match sqlite_path(url) {
            Some(path) => Ok(Self::over(AnyDb::Sqlite(SqliteStore::look(path)?.db))),
            None => Self::open_url(url, false).await,
        }
    }

    /// Sets how long a write waits for another process or connection that writes; ten seconds at first.
    ///
    /// SQLite has one writer at a time. In PostgreSQL districts are written side by side, and this changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store refuses.
    pub fn wait_for_others(&mut self, longest: std::time::Duration) -> Result<(), StoreError> {
        match &mut self.db {
            AnyDb::Sqlite(db) => Ok(db.connection.busy_timeout(longest)?),
            #[cfg(feature = "postgres")]
            AnyDb::Postgres(_) => Ok(()),
        }
    }

    /// Makes a store in memory, for a look at what a first sync would do.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when SQLite refuses.
    pub fn nowhere() -> Result<Self, StoreError> {
        Ok(Self::over(AnyDb::Sqlite(SqliteStore::in_memory()?.db)))
    }
}

/// The path of a SQLite address; none for another address, and for what SQLite takes for something else than a file's
/// path: a store that keeps nothing, or a file that nobody meant.
#[must_use]
pub fn sqlite_path(url: &str) -> Option<&Path> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let odd = path.is_empty()
        || path.starts_with([':'])
        || path.starts_with("file:")
        || path.contains('?');
    (!odd).then(|| Path::new(path))
}

/// Asks whichever connection it is.
macro_rules! either {
    ($self:ident, $db:ident => $ask:expr) => {
        match $self {
            Self::Sqlite($db) => $ask,
            #[cfg(feature = "postgres")]
            Self::Postgres($db) => $ask,
        }
    };
}

impl Backend for AnyDb {
    fn dialect(&self) -> Dialect {
        either!(self, db => db.dialect())
    }

    async fn open_staging(&mut self, district: &str) -> Result<Area, StoreError> {
        either!(self, db => db.open_staging(district).await)
    }

    async fn close_staging(&mut self) -> Result<(), StoreError> {
        either!(self, db => db.close_staging().await)
    }

    async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        either!(self, db => db.batch(sql).await)
    }

    async fn execute(&mut self, sql: &str, params: &[Sql<'_>]) -> Result<u64, StoreError> {
        either!(self, db => db.execute(sql, params).await)
    }

    async fn query(&mut self, sql: &str, params: &[Sql<'_>]) -> Result<Vec<Row>, StoreError> {
        either!(self, db => db.query(sql, params).await)
    }

    async fn states(&mut self, sql: &str, params: &[Sql<'_>]) -> Result<Vec<State>, StoreError> {
        either!(self, db => db.states(sql, params).await)
    }

    async fn relieve(&mut self) -> Result<(), StoreError> {
        either!(self, db => db.relieve().await)
    }

    async fn insert(
        &mut self,
        table: &str,
        columns: &[(&str, Type)],
        rows: &[Sql<'_>],
        conflict: &str,
    ) -> Result<(), StoreError> {
        either!(self, db => db.insert(table, columns, rows, conflict).await)
    }
}
