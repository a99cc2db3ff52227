//! Accounts, links, ledger and reviews in a database: SQLite, or PostgreSQL with the feature `postgres`.
//!
//! The reference for what an app's own store must do. Every change is an event of the ledger, written in one
//! transaction with the tables that it folds to; a decision is applied only if nothing that it saw has
//! changed since. The tables' names begin with `provision_`, so that they may stand in the app's own database
//! and its rows be moved in the same transaction.
//!
//! ```
//! use clever_auth::seal::{KeyId, SealingKeys};
//! use clever_model::{DistrictId, Role, UserId};
//! use clever_provision::store::{AccountStore, AccountsError, Applied, OwnedTable, Refusal};
//! use clever_provision::{AccountId, Person, Policy, Subject, decide};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The app's own tables, with the columns id, owner, origin, actor and written_at.
//! let tables = [OwnedTable::new("works").unique(&["title"])];
//! let keys = SealingKeys::new(KeyId(1), &[7; 32]);
//! let mut store = AccountStore::in_memory(keys).await?;
//!
//! let person = Person::new(UserId::new("u1")?, Some(DistrictId::new("d1")?), [Role::Student]);
//! let subject = Subject::roster(&person)?;
//! let policy = Policy { create_at_sync: true, ..Policy::default() };
//! let now = "2026-09-14T12:00:00Z".parse()?;
//! let applied = loop {
//!     let directory = store.directory(&subject, &[], Vec::new()).await?;
//!     let decided = decide(&subject, &[], &directory, &policy, now);
//!     match store.apply(&subject, &decided, &[], Some(&AccountId::new("a1")), None, now).await {
//!         // Somebody was faster: look again.
//!         Err(AccountsError::Refused(Refusal::Stale { .. })) => continue,
//!         other => break other?,
//!     }
//! };
//! assert_eq!(applied, Applied::Account(AccountId::new("a1")));
//! assert!(store.conflicts(&tables[..0], &AccountId::new("a1"), &AccountId::new("a2")).await?.is_empty());
//! assert_eq!(store.verify().await?, 2);
//! # Ok(())
//! # }
//! ```

mod append;
mod error;
mod events;
mod facts;
#[cfg(feature = "roster")]
mod forget;
mod keys;
mod known;
mod look;
mod merges;
mod position;
mod reviews;
mod transfer;
mod verify;

use std::collections::BTreeSet;
use std::fmt;

use clever_auth::seal::SealingKeys;
use clever_model::{Timestamp, UserId};
use clever_sql::{
    Address, Backend, Connected, Database, DatabaseError, Kind, Open, Row, Sqlite, Tables,
    Transaction, Value, Version,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{AccountsError, Damage, Refusal};
pub use events::Applied;
pub use facts::Facts;
#[cfg(feature = "roster")]
pub(crate) use forget::Names;
pub use known::Found;
#[cfg(feature = "roster")]
pub(crate) use known::{Holder, lives};
pub use merges::OwnedTable;
pub(crate) use position::Position;
pub use reviews::{Answer, CandidateMaterial, Material, Review};

pub(crate) use events::by_program;

use crate::directory::{Account, AccountId, Candidate, Directory, LoginMethod};
use crate::ledger::{Event, Hash, MergeId, MergeRecord, ReviewId, ReviewRecord, Standing, State};
use crate::proof::Proof;
use crate::subject::{SharedBy, Subject};

/// The tables.
const TABLES: Tables = Tables {
    store: "accounts",
    versions: &[Version::both(include_str!("schema.sql"))],
};

/// How long a write waits for another process over SQLite: a login is held up before it fails.
const BUSY: std::time::Duration = std::time::Duration::from_secs(30);

/// Accounts, links, ledger and reviews.
pub struct AccountStore {
    db: Database,
    keys: SealingKeys,
}

impl fmt::Debug for AccountStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountStore")
            .field("db", &self.db)
            .finish_non_exhaustive()
    }
}

impl Connected for AccountStore {
    type Db = Database;

    fn db(&mut self) -> &mut Database {
        &mut self.db
    }
}

fn json(value: &impl Serialize) -> Result<String, AccountsError> {
    serde_json::to_string(value).map_err(|_| AccountsError::content("what JSON can say"))
}

fn parsed<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, AccountsError> {
    serde_json::from_str(text).map_err(|_| AccountsError::content(what))
}

/// What an event may need of the tables.
#[derive(Debug, Default)]
struct Needs {
    accounts: BTreeSet<AccountId>,
    ids: BTreeSet<UserId>,
    merges: BTreeSet<MergeId>,
    reviews: BTreeSet<ReviewId>,
}

#[cfg(feature = "roster")]
impl Needs {
    fn of(account: &AccountId) -> Self {
        Self {
            accounts: [account.clone()].into(),
            ..Self::default()
        }
    }
}

impl AccountStore {
    /// Opens the store at an [`Address`], and makes the tables if there are none. `keys` wrap the districts' keys.
    ///
    /// In PostgreSQL, the tables are in the schema `clever` or the one that `?schema=NAME` at the address's end names. Tables
    /// of the app are found as the connection's `search_path` says.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Database`] says what is wrong with the address or the database.
    pub async fn open(address: &str, keys: SealingKeys) -> Result<Self, AccountsError> {
        let address = Address::parse(address).map_err(DatabaseError::from)?;
        Self::new(Database::open(&address, Open::Create).await?, keys).await
    }

    /// Makes a store in memory, which ends with it: for tests and for a try.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Database`] if SQLite refuses.
    pub async fn in_memory(keys: SealingKeys) -> Result<Self, AccountsError> {
        Self::new(Database::Sqlite(Sqlite::in_memory()?), keys).await
    }

    /// Takes a connection that the app made itself, as [`Postgres::over`](clever_sql::Postgres::over) does, with the tables in
    /// this schema. They are made if there are none.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Database`] if the server refuses.
    #[cfg(feature = "postgres")]
    pub async fn over(
        client: impl std::borrow::Borrow<tokio_postgres::Client> + Send + Sync + 'static,
        schema: &str,
        keys: SealingKeys,
    ) -> Result<Self, AccountsError> {
        let db = clever_sql::Postgres::over(client, schema).await?;
        Self::new(Database::Postgres(db), keys).await
    }

    async fn new(mut db: Database, keys: SealingKeys) -> Result<Self, AccountsError> {
        if let Some(file) = db.sqlite() {
            file.wait_for_others(BUSY)?;
            // What is erased is not left in free pages.
            file.batch(
                "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON",
            )
            .await?;
        }
        clever_sql::migrate(&mut db, &TABLES, Open::Create).await?;
        Ok(Self { db, keys })
    }

    /// Begins a transaction that nobody writes beside: the chain of the ledger has one end.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_, Self>, AccountsError> {
        let mut transaction = Transaction::write(self).await?;
        if transaction.db.kind() == Kind::Postgres {
            let lock = "LOCK TABLE main.provision_ledger IN EXCLUSIVE MODE";
            transaction.db.batch(lock).await?;
        }
        Ok(transaction)
    }

    /// The place of the last event: the version that a directory is read at.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn version(&mut self) -> Result<u64, AccountsError> {
        Ok(self.head().await?.0)
    }

    /// The hash of the last event.
    #[cfg(feature = "roster")]
    pub(crate) async fn head_hash(&mut self) -> Result<Hash, AccountsError> {
        Ok(self.head().await?.1)
    }

    /// An account and all that were merged into it.
    #[cfg(feature = "roster")]
    pub(crate) async fn group_of(
        &mut self,
        id: &AccountId,
    ) -> Result<BTreeSet<AccountId>, AccountsError> {
        Ok(self.load(&Needs::of(id)).await?.group(id))
    }

    /// The identities that opened an account once, or one that was merged into it.
    #[cfg(feature = "roster")]
    pub(crate) async fn aliases_of(
        &mut self,
        id: &AccountId,
    ) -> Result<BTreeSet<UserId>, AccountsError> {
        let state = self.load(&Needs::of(id)).await?;
        let group = state.group(id);
        let accounts = state.accounts().iter();
        let of_group = accounts.filter(|(id, _)| group.contains(*id));
        Ok(of_group
            .flat_map(|(_, standing)| standing.aliases.keys().cloned())
            .collect())
    }

    async fn head(&mut self) -> Result<(u64, Hash), AccountsError> {
        let sql = "SELECT seq, hash FROM main.provision_ledger ORDER BY seq DESC LIMIT 1";
        let rows = self.db.query(sql, &[]).await?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok((0, Hash::NONE));
        };
        let hash = Hash::try_from(row.text(1)?).map_err(|_| AccountsError::content("a hash"))?;
        Ok((row.count(0)?, hash))
    }

    async fn one(&mut self, sql: &str, key: Value<'_>) -> Result<Option<Row>, AccountsError> {
        Ok(self.db.maybe(sql, &[key]).await?)
    }

    /// The part of the state that events about these need: whole groups of merged accounts.
    async fn load(&mut self, needs: &Needs) -> Result<State, AccountsError> {
        let mut state = State::default();
        let mut open: Vec<AccountId> = needs.accounts.iter().cloned().collect();
        for id in &needs.merges {
            let sql = "SELECT record FROM main.provision_merges WHERE id = ?1";
            if let Some(mut row) = self.one(sql, id.0.into()).await? {
                let record: MergeRecord = parsed(&row.text(0)?, "a merge")?;
                open.extend([record.survivor.clone(), record.absorbed.clone()]);
                state.merges.insert(*id, record);
            }
        }
        for id in &needs.reviews {
            let sql = "SELECT record FROM main.provision_reviews WHERE id = ?1";
            if let Some(mut row) = self.one(sql, id.0.into()).await? {
                let record: ReviewRecord = parsed(&row.text(0)?, "a review")?;
                state.reviews.insert(*id, record);
            }
        }
        for id in &needs.ids {
            let sql = "SELECT account, alias FROM main.provision_links WHERE user_id = ?1";
            if let Some(mut row) = self.one(sql, id.as_str().into()).await? {
                let account = AccountId::new(row.text(0)?);
                if row.int(1)? == 0 {
                    state.by_id.insert(id.clone(), account.clone());
                }
                open.push(account);
            }
        }
        self.complete(&mut state, open).await?;
        Ok(state)
    }

    /// Reads accounts into a state, with those that the ledger says are next to them.
    async fn complete(
        &mut self,
        state: &mut State,
        mut open: Vec<AccountId>,
    ) -> Result<(), AccountsError> {
        while let Some(id) = open.pop() {
            if state.accounts.contains_key(&id) {
                continue;
            }
            let sql = "SELECT standing FROM main.provision_accounts WHERE id = ?1";
            let Some(mut row) = self.one(sql, id.as_str().into()).await? else {
                continue;
            };
            let standing: Standing = parsed(&row.text(0)?, "an account")?;
            open.extend(standing.neighbours().cloned());
            for user in standing.links.keys() {
                state.by_id.insert(user.clone(), id.clone());
            }
            state.accounts.insert(id, standing);
        }
        Ok(())
    }

    /// What a decision about `subject` may know, with the accounts that `proofs` are of, and candidates that the
    /// app found: those of which it was said, on the same evidence, that they are not the subject's are left out.
    ///
    /// Give it the proofs that the decision gets.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn directory(
        &mut self,
        subject: &Subject,
        proofs: &[Proof],
        candidates: Vec<Candidate>,
    ) -> Result<Directory, AccountsError> {
        // Read first: what changes after it makes the decision stale.
        let version = self.version().await?;
        let key = self.existing_key(subject.district()).await?;
        let mut kept = Vec::new();
        for candidate in candidates {
            let declined = match &key {
                Some(key) => {
                    self.declined(key.pair(subject.id(), &candidate.account))
                        .await?
                }
                None => None,
            };
            let evidence = key.as_ref().map(|key| key.evidence(&candidate.evidence));
            if declined.is_none() || declined != evidence {
                kept.push(candidate);
            }
        }
        let needs = Needs {
            accounts: kept
                .iter()
                .map(|one| &one.account)
                .chain(proofs.iter().map(Proof::account))
                .cloned()
                .collect(),
            ids: subject
                .legacy_ids
                .iter()
                .cloned()
                .chain([subject.id().clone()])
                .collect(),
            ..Needs::default()
        };
        let state = self.load(&needs).await?;
        let opened = |id: &UserId| state.opened_by(id).cloned();
        let mut directory = Directory {
            version,
            linked: opened(subject.id()).into_iter().collect(),
            by_legacy_id: subject.legacy_ids.iter().filter_map(opened).collect(),
            candidates: kept,
            ..Directory::default()
        };
        for id in state.accounts().keys() {
            if let Some(account) = self.filled(&state, id).await? {
                directory.accounts.insert(id.clone(), account);
            }
        }
        Ok(directory)
    }

    /// An account, with the links of all that were merged into it, and its ways in.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn account(&mut self, id: &AccountId) -> Result<Option<Account>, AccountsError> {
        let needs = Needs {
            accounts: [id.clone()].into(),
            ..Needs::default()
        };
        let state = self.load(&needs).await?;
        self.filled(&state, id).await
    }

    /// The account that an identity opens today.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn opened_by(&mut self, id: &UserId) -> Result<Option<AccountId>, AccountsError> {
        let needs = Needs {
            ids: [id.clone()].into(),
            ..Needs::default()
        };
        Ok(self.load(&needs).await?.opened_by(id).cloned())
    }

    /// Whether a session of an account that began `at` is good still.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn session_is_good(
        &mut self,
        id: &AccountId,
        at: Timestamp,
    ) -> Result<bool, AccountsError> {
        let needs = Needs {
            accounts: [id.clone()].into(),
            ..Needs::default()
        };
        let state = self.load(&needs).await?;
        Ok(state
            .accounts()
            .get(id)
            .is_some_and(|account| account.session_is_good(at)))
    }

    async fn filled(
        &mut self,
        state: &State,
        id: &AccountId,
    ) -> Result<Option<Account>, AccountsError> {
        let sql = "SELECT version, last_used FROM main.provision_accounts WHERE id = ?1";
        let Some(mut row) = self.one(sql, id.as_str().into()).await? else {
            return Ok(None);
        };
        let Some(mut account) = state.account(id, row.count(0)?) else {
            return Ok(None);
        };
        account.last_used = instant(row.maybe_text(1)?)?;
        Ok(Some(account))
    }

    /// Says which ways in an account has. What is quarantined stays so until it is released.
    ///
    /// # Errors
    ///
    /// [`Refusal::Impossible`] where there is no such account, or where the database fails.
    pub async fn set_methods(
        &mut self,
        id: &AccountId,
        methods: &[LoginMethod],
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        let event = events::ways_in(id, methods);
        self.record(&[by_program(event, now)]).await?;
        Ok(())
    }

    /// Says whether the roster has an identity today. Nothing happens where that is known, or where the identity
    /// opens no account.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn set_in_roster(
        &mut self,
        id: &UserId,
        is: bool,
        now: Timestamp,
    ) -> Result<(), AccountsError> {
        let mut store = self.begin().await?;
        store.write_in_roster(id, is, now).await?;
        store.commit().await?;
        Ok(())
    }

    /// The same in a transaction; says whether something changed.
    pub(crate) async fn write_in_roster(
        &mut self,
        id: &UserId,
        is: bool,
        now: Timestamp,
    ) -> Result<bool, AccountsError> {
        let needs = Needs {
            ids: [id.clone()].into(),
            ..Needs::default()
        };
        let state = self.load(&needs).await?;
        let known = state
            .by_id
            .get(id)
            .and_then(|home| state.accounts.get(home)?.links.get(id));
        let changes = known.is_some_and(|link| link.in_roster != is);
        if changes {
            let event = Event::InRoster { id: id.clone(), is };
            self.append(&[by_program(event, now)]).await?;
        }
        Ok(changes)
    }

    /// Who shares a person, as far as it ever changed.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn sharing(&mut self, id: &UserId) -> Result<Option<SharedBy>, AccountsError> {
        let sql = "SELECT shared_by FROM main.provision_sharing WHERE user_id = ?1";
        match self.one(sql, id.as_str().into()).await? {
            Some(mut row) => parsed(&row.text(0)?, "who shares a person").map(Some),
            None => Ok(None),
        }
    }
}

fn instant(text: Option<String>) -> Result<Option<Timestamp>, AccountsError> {
    text.map(|text| {
        text.parse()
            .map_err(|_| AccountsError::content("an instant"))
    })
    .transpose()
}
