//! Transactions that roll back unless they are committed.

use std::ops::{Deref, DerefMut};

use crate::backend::Backend;
use crate::error::DatabaseError;

/// What has a connection: a store, say, or the connection itself.
pub trait Connected {
    /// The connection.
    type Db: Backend;

    /// Lends the connection.
    fn db(&mut self) -> &mut Self::Db;
}

impl<B: Backend> Connected for B {
    type Db = Self;

    fn db(&mut self) -> &mut Self {
        self
    }
}

/// A transaction. It stands for what it was begun on, and rolls back when it is dropped: also when the future that
/// holds it is.
#[derive(Debug)]
#[must_use = "a transaction that is dropped does nothing"]
pub struct Transaction<'a, C: Connected> {
    over: &'a mut C,
    open: bool,
}

impl<'a, C: Connected> Transaction<'a, C> {
    /// Begins a transaction that writes. In SQLite, no other connection writes beside it.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Locked`] if another connection writes for too long.
    pub async fn write(over: &'a mut C) -> Result<Self, DatabaseError> {
        let begin = over.db().kind().begin();
        Self::with(over, begin).await
    }

    /// Begins a transaction that takes no lock before it needs one: for what nobody else writes.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if the database refuses.
    pub async fn begin(over: &'a mut C) -> Result<Self, DatabaseError> {
        Self::with(over, "BEGIN").await
    }

    /// Begins a transaction that only reads, and sees one moment.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if the database refuses.
    pub async fn read(over: &'a mut C) -> Result<Self, DatabaseError> {
        let begin = over.db().kind().look();
        Self::with(over, begin).await
    }

    async fn with(over: &'a mut C, begin: &str) -> Result<Self, DatabaseError> {
        // Open before the answer is there: it may be waited for no longer, and the transaction begin all the same.
        let mut transaction = Self { over, open: true };
        if let Err(error) = transaction.over.db().batch(begin).await {
            transaction.open = false;
            return Err(error);
        }
        Ok(transaction)
    }

    /// Writes what was done.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if it was not written; after [`DatabaseError::Lost`], it may have been.
    pub async fn commit(mut self) -> Result<(), DatabaseError> {
        self.over.db().batch("COMMIT").await?;
        self.open = false;
        Ok(())
    }

    /// Takes back what was done, and waits for it.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if the connection broke; the transaction is gone with it.
    pub async fn roll_back(mut self) -> Result<(), DatabaseError> {
        self.open = false;
        self.over.db().batch("ROLLBACK").await
    }
}

impl<C: Connected> Drop for Transaction<'_, C> {
    fn drop(&mut self) {
        if self.open {
            self.over.db().send("ROLLBACK");
        }
    }
}

impl<C: Connected> Deref for Transaction<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.over
    }
}

impl<C: Connected> DerefMut for Transaction<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        self.over
    }
}
