//! Connections to the account store, so that pages of different people don't wait for each other.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use clever_auth::seal::SealingKeys;
use clever_provision::store::{AccountStore, AccountsError};
use clever_sql::{Connected, Open, migrate};
use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleResult};

use crate::error::WebError;
use crate::tables::TABLES;

/// How long a page waits for a free connection, or for a new one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens connections.
struct Opening {
    address: String,
    keys: SealingKeys,
}

impl Manager for Opening {
    type Type = AccountStore;
    type Error = AccountsError;

    async fn create(&self) -> Result<AccountStore, AccountsError> {
        AccountStore::open(&self.address, self.keys.clone()).await
    }

    async fn recycle(&self, store: &mut AccountStore, _: &Metrics) -> RecycleResult<AccountsError> {
        // A connection that broke is replaced before a page meets it.
        store.version().await?;
        Ok(())
    }
}

/// The account store, shared: each page takes a connection of its own. Clones share the connections.
#[derive(Clone)]
pub struct AccountPool(Pool<Opening>);

/// A connection to the account store, lent until it is dropped.
pub struct PooledStore(Object<Opening>);

impl AccountPool {
    /// Opens the store at an [`Address`](clever_sql::Address) with at most `size` connections, and makes the tables
    /// of accounts and sessions if there are none. `keys` wrap the districts' keys.
    ///
    /// # Errors
    ///
    /// [`WebError`] says what is wrong with the address or the database.
    pub async fn open(address: &str, keys: SealingKeys, size: usize) -> Result<Self, WebError> {
        let opening = Opening {
            address: address.to_owned(),
            keys,
        };
        let mut first = opening.create().await?;
        migrate(first.db(), &TABLES, Open::Create).await?;
        let pool = Pool::builder(opening)
            .max_size(size.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE));
        // It fails only for time-outs without a runtime.
        let pool = pool.build().map_err(|_| WebError::Busy)?;
        Ok(Self(pool))
    }

    /// Lends a connection.
    ///
    /// # Errors
    ///
    /// [`WebError::Busy`] if none is free for half a minute, or what the database says.
    pub async fn get(&self) -> Result<PooledStore, WebError> {
        match self.0.get().await {
            Ok(store) => Ok(PooledStore(store)),
            Err(PoolError::Backend(error)) => Err(error.into()),
            Err(_) => Err(WebError::Busy),
        }
    }
}

impl Deref for PooledStore {
    type Target = AccountStore;

    fn deref(&self) -> &AccountStore {
        &self.0
    }
}

impl DerefMut for PooledStore {
    fn deref_mut(&mut self) -> &mut AccountStore {
        &mut self.0
    }
}

impl fmt::Debug for AccountPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.0.status();
        f.debug_struct("AccountPool")
            .field("connections", &status.size)
            .field("free", &status.available)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PooledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PooledStore")
    }
}
