//! A store over a connection to a PostgreSQL server.

use std::borrow::Borrow;

use clever_sql::{Address, Open, Postgres};

use crate::store::StoreError;
use crate::store::postgres;
use crate::store::sql::{Dialect, RosterDb, SqlStore, TABLES};
use crate::store::staging::Staging;

/// A roster store in a PostgreSQL database.
pub type PostgresStore = SqlStore<Postgres>;

impl SqlStore<Postgres> {
    /// Connects to the database at a `postgres://` address, and makes the tables if there are none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] says what is wrong with the address, the server or the tables.
    pub async fn connect(address: &str) -> Result<Self, StoreError> {
        match Address::parse(address)? {
            Address::Postgres(address) => Self::made(Postgres::connect(&address).await?).await,
            _ => Err(clever_sql::AddressError::Scheme.into()),
        }
    }

    /// Takes a connection that the app made itself, as [`Postgres::over`] does, with the tables in this schema. They are made
    /// if there are none.
    ///
    /// While the store lives, the connection is its own, and in no transaction. When it is dropped, the connection is as it
    /// was: no setting, lock or temporary table stays.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] if the server refuses.
    pub async fn over(
        client: impl Borrow<tokio_postgres::Client> + Send + Sync + 'static,
        schema: &str,
    ) -> Result<Self, StoreError> {
        Self::made(Postgres::over(client, schema).await?).await
    }

    async fn made(mut db: Postgres) -> Result<Self, StoreError> {
        clever_sql::migrate(&mut db, &TABLES, Open::Create).await?;
        Ok(Self::on(db))
    }
}

impl RosterDb for Postgres {
    fn dialect(&self) -> Dialect {
        postgres::DIALECT
    }

    async fn open_staging(&mut self, district: &str) -> Result<Staging, StoreError> {
        postgres::open_staging(self, district).await
    }

    async fn close_staging(&mut self, staging: Staging, keep: bool) -> Result<(), StoreError> {
        postgres::close_staging(self, &staging, keep).await
    }

    fn drop_staging(&mut self, staging: Staging, keep: bool) {
        postgres::drop_staging(self, &staging, keep);
    }
}
