//! A store by its address, whichever database keeps it.

use clever_sql::{Address, Database, Open, Sqlite};

use crate::store::StoreError;
use crate::store::sql::{Dialect, RosterDb, SqlStore};
use crate::store::sqlite;
use crate::store::staging::Staging;

/// A roster store by its address.
pub type AnyStore = SqlStore<Database>;

impl SqlStore<Database> {
    /// Opens the store at an address.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] says what is wrong; it never holds the address's password.
    pub async fn open(address: &Address, how: Open) -> Result<Self, StoreError> {
        match address {
            Address::Sqlite(path) => Ok(Self::on(Database::Sqlite(sqlite::open(path, how)?))),
            address => {
                let mut db = Database::open(address, how).await?;
                clever_sql::migrate(&mut db, &super::sql::TABLES, how).await?;
                Ok(Self::on(db))
            }
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
            Database::Sqlite(db) => Ok(db.wait_for_others(longest)?),
            #[cfg(feature = "postgres")]
            Database::Postgres(_) => Ok(()),
        }
    }

    /// Makes a store in memory, for a look at what a first sync would do.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when SQLite refuses.
    pub fn nowhere() -> Result<Self, StoreError> {
        let db: Sqlite = sqlite::in_memory()?;
        Ok(Self::on(Database::Sqlite(db)))
    }
}

/// Asks whichever connection it is.
macro_rules! either {
    ($self:ident, $db:ident => $ask:expr) => {
        match $self {
            Database::Sqlite($db) => $ask,
            #[cfg(feature = "postgres")]
            Database::Postgres($db) => $ask,
        }
    };
}

impl RosterDb for Database {
    fn dialect(&self) -> Dialect {
        either!(self, db => db.dialect())
    }

    async fn open_staging(&mut self, district: &str) -> Result<Staging, StoreError> {
        either!(self, db => db.open_staging(district).await)
    }

    async fn close_staging(&mut self, staging: Staging, keep: bool) -> Result<(), StoreError> {
        either!(self, db => db.close_staging(staging, keep).await)
    }

    fn drop_staging(&mut self, staging: Staging, keep: bool) {
        either!(self, db => db.drop_staging(staging, keep));
    }
}
