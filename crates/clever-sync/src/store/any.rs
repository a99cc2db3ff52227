//! A store by its address, whichever database keeps it.

use clever_sql::{Address, Backend, Database, Kind, Open, Sqlite};

use crate::store::StoreError;
use crate::store::sql::{Dialect, RosterDb, SqlStore};
use crate::store::staging::Staging;
use crate::store::{postgres, sqlite};

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
        match self.db.sqlite() {
            Some(db) => Ok(db.wait_for_others(longest)?),
            None => Ok(()),
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

/// Which database it is says `clever_sql`, whatever the features of this crate are.
impl RosterDb for Database {
    fn dialect(&self) -> Dialect {
        match self.kind() {
            Kind::Sqlite => sqlite::DIALECT,
            Kind::Postgres => postgres::DIALECT,
        }
    }

    async fn open_staging(&mut self, district: &str) -> Result<Staging, StoreError> {
        match self.sqlite() {
            Some(db) => db.open_staging(district).await,
            None => postgres::open_staging(self, district).await,
        }
    }

    async fn close_staging(&mut self, staging: Staging, keep: bool) -> Result<(), StoreError> {
        match self.sqlite() {
            Some(db) => db.close_staging(staging, keep).await,
            None => postgres::close_staging(self, &staging, keep).await,
        }
    }

    fn drop_staging(&mut self, staging: Staging, keep: bool) {
        match self.sqlite() {
            Some(db) => db.drop_staging(staging, keep),
            None => postgres::drop_staging(self, &staging, keep),
        }
    }
}
