//! The stores that the pages read and write, with connections that are used again.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use clever_auth::seal::SealingKeys;
use clever_provision::store::{AccountStore, AccountsError, OwnedTable};
use clever_sql::{Address, Open};
use clever_sync::{AnyStore, StoreError};
use clever_web::WebError;
use futures_util::future::BoxFuture;
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

/// Which of several stores each district is in.
pub trait Directory: Send + Sync {
    /// The address of every store. The first has what is of no district: tokens of the API, deeds that are about no district.
    fn all(&self) -> Vec<Address>;

    /// The address of the store that a district is in now: one of those.
    ///
    /// # Errors
    ///
    /// A sentence for whoever asked.
    fn of<'a>(&'a self, district_id: &'a str) -> BoxFuture<'a, Result<Address, String>>;
}

/// A store of rosters.
struct Rosters {
    address: Address,
    pool: Pool<AnyStore>,
}

impl Rosters {
    fn at(address: Address) -> Self {
        Self {
            address,
            pool: Pool::new(),
        }
    }

    /// Lends a connection.
    async fn lend(&self) -> Result<Lent<'_, AnyStore>, Trouble> {
        let (permit, there) = self.pool.take().await;
        let store = match there {
            Some(store) => store,
            None => AnyStore::open(&self.address, Open::Existing).await?,
        };
        Ok(Lent::new(&self.pool, store, permit))
    }
}

/// The stores of one console.
pub struct Stores {
    first: Rosters,
    others: Vec<Rosters>,
    directory: Option<Arc<dyn Directory>>,
    accounts: Option<Accounts>,
}

impl Stores {
    /// The store of rosters at an address.
    #[must_use]
    pub fn new(roster: Address) -> Self {
        Self {
            first: Rosters::at(roster),
            others: Vec::new(),
            directory: None,
            accounts: None,
        }
    }

    /// Adds the other stores of a directory: each district is looked for where the directory says. The store that [`Stores::new`] was
    /// given is the directory's first.
    #[must_use]
    pub fn with_directory(mut self, directory: Arc<dyn Directory>) -> Self {
        let others = directory.all().into_iter().skip(1);
        self.others = others.map(Rosters::at).collect();
        self.directory = Some(directory);
        self
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

    /// Says whether there are several stores of rosters.
    pub(crate) fn are_many(&self) -> bool {
        !self.others.is_empty()
    }

    /// Lends a connection to the store of what is of no district.
    pub(crate) async fn first(&self) -> Result<Lent<'_, AnyStore>, Trouble> {
        self.first.lend().await
    }

    /// Lends a connection to each store of rosters.
    pub(crate) async fn all(&self) -> Result<Vec<Lent<'_, AnyStore>>, Trouble> {
        let mut lent = vec![self.first.lend().await?];
        for one in &self.others {
            lent.push(one.lend().await?);
        }
        Ok(lent)
    }

    /// Lends a connection to the store of a district.
    pub(crate) async fn of(&self, district: &str) -> Result<Lent<'_, AnyStore>, Trouble> {
        self.rosters(district).await?.lend().await
    }

    /// A connection to the store of a district beside the others, for whoever reads for long.
    pub(crate) async fn to_read(&self, district: &str) -> Result<AnyStore, Trouble> {
        let address = &self.rosters(district).await?.address;
        Ok(AnyStore::open(address, Open::Look).await?)
    }

    /// The store of a district; that of what is of none, for none.
    async fn rosters(&self, district: &str) -> Result<&Rosters, Trouble> {
        let Some(directory) = self.directory.as_ref().filter(|_| !district.is_empty()) else {
            return Ok(&self.first);
        };
        let address = directory.of(district).await.map_err(Trouble::Store)?;
        let shown = address.to_string();
        let mut all = std::iter::once(&self.first).chain(&self.others);
        let known = all.find(|one| one.address.to_string() == shown);
        known.ok_or_else(|| Trouble::Store("the directory of stores has changed".to_owned()))
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
