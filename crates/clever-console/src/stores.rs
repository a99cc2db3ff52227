//! The stores that the pages read and write, with connections that are used again.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use clever_auth::seal::SealingKeys;
use clever_provision::store::{AccountStore, AccountsError, OwnedTable};
use clever_sql::{Address, Open};
use clever_sync::{AnyStore, StoreError};
use clever_web::WebError;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::trouble::Trouble;

/// The most connections to each store. Whoever comes then waits.
const MOST: usize = 8;

/// The app's accounts: where they are, and what opens their seals.
struct Accounts {
    address: String,
    keys: SealingKeys,
    tables: Vec<OwnedTable>,
    pool: Pool<AccountStore>,
}

/// The stores of one console.
pub struct Stores {
    address: Address,
    roster: Pool<AnyStore>,
    accounts: Option<Accounts>,
}

impl Stores {
    /// The store of rosters at an address.
    #[must_use]
    pub fn new(roster: Address) -> Self {
        Self {
            address: roster,
            roster: Pool::new(),
            accounts: None,
        }
    }

    /// Adds the app's accounts. `tables` are those whose rows belong to accounts: a merge moves them.
    #[must_use]
    pub fn with_accounts(
        mut self,
        address: &str,
        keys: SealingKeys,
        tables: Vec<OwnedTable>,
    ) -> Self {
        self.accounts = Some(Accounts {
            address: address.to_owned(),
            keys,
            tables,
            pool: Pool::new(),
        });
        self
    }

    /// Lends a connection to the rosters.
    pub(crate) async fn roster(&self) -> Result<Lent<'_, AnyStore>, Trouble> {
        let (permit, there) = self.roster.take().await;
        let store = match there {
            Some(store) => store,
            None => AnyStore::open(&self.address, Open::Existing).await?,
        };
        Ok(Lent::new(&self.roster, store, permit))
    }

    /// A connection to the rosters beside the others, for whoever reads for long.
    pub(crate) async fn roster_to_read(&self) -> Result<AnyStore, Trouble> {
        Ok(AnyStore::open(&self.address, Open::Look).await?)
    }

    /// Says whether there are accounts.
    pub(crate) fn has_accounts(&self) -> bool {
        self.accounts.is_some()
    }

    /// Lends a connection to the accounts.
    pub(crate) async fn accounts(&self) -> Result<Lent<'_, AccountStore>, Trouble> {
        let Some(accounts) = &self.accounts else {
            return Err(Trouble::NoAccounts);
        };
        let (permit, there) = accounts.pool.take().await;
        let store = match there {
            Some(store) => store,
            None => AccountStore::open(&accounts.address, accounts.keys.clone()).await?,
        };
        Ok(Lent::new(&accounts.pool, store, permit))
    }

    /// The app's tables whose rows belong to accounts.
    pub(crate) fn tables(&self) -> &[OwnedTable] {
        self.accounts
            .as_ref()
            .map_or(&[], |accounts| &accounts.tables)
    }
}

/// Connections that nobody uses now.
struct Pool<S> {
    idle: Mutex<Vec<S>>,
    slots: Semaphore,
}

impl<S> Pool<S> {
    fn new() -> Self {
        Self {
            idle: Mutex::new(Vec::new()),
            slots: Semaphore::new(MOST),
        }
    }

    async fn take(&self) -> (Option<SemaphorePermit<'_>>, Option<S>) {
        // The semaphore is never closed.
        let permit = self.slots.acquire().await.ok();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        (permit, idle.pop())
    }
}

/// A connection on loan. One that failed is not given back: the next visitor gets a new one.
pub(crate) struct Lent<'a, S> {
    pool: &'a Pool<S>,
    store: S,
    _permit: Option<SemaphorePermit<'a>>,
}

impl<'a, S> Lent<'a, S> {
    fn new(pool: &'a Pool<S>, store: S, permit: Option<SemaphorePermit<'a>>) -> Self {
        Self {
            pool,
            store,
            _permit: permit,
        }
    }

    /// Gives the connection back, for others.
    pub(crate) fn back(self) {
        let mut idle = self
            .pool
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        idle.push(self.store);
    }
}

impl<S> Deref for Lent<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.store
    }
}

impl<S> DerefMut for Lent<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.store
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<WebError> for Trouble {
    fn from(error: WebError) -> Self {
        Self::Store(error.to_string())
    }
}

impl From<AccountsError> for Trouble {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Refused(refusal) => Self::Refused(refusal.to_string()),
            error => Self::Store(error.to_string()),
        }
    }
}
