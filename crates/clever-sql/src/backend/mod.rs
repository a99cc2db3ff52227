//! What a store asks of a database.

use crate::error::DatabaseError;
use crate::row::{Row, RowRef};
use crate::value::{Type, Value};

pub(crate) mod any;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
pub(crate) mod sqlite;

/// Which database it is, for the few things that the two spell differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SQLite, in this process.
    Sqlite,
    /// PostgreSQL, over a connection.
    Postgres,
}

impl Kind {
    /// Spells `IN` the list that is parameter `at`: [`Value::Texts`] or [`Value::Ints`].
    #[must_use]
    pub fn among(self, at: usize) -> String {
        match self {
            Self::Sqlite => format!("IN (SELECT value FROM json_each(?{at}))"),
            Self::Postgres => format!("= ANY(?{at})"),
        }
    }

    pub(crate) const fn begin(self) -> &'static str {
        match self {
            // Waits here for another writer, and not in the middle, where waiting is a deadlock.
            Self::Sqlite => "BEGIN IMMEDIATE",
            // A writer that sleeps in the middle keeps its locks from whoever does its work meanwhile.
            Self::Postgres => "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '5min'",
        }
    }

    pub(crate) const fn look(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// To read and write; a file and the tables are made if there are none.
    Create,
    /// To read and write what is there.
    Existing,
    /// To look at what is there: a file that can only be read will do.
    Look,
}

/// A database connection. Statements name tables `main.TABLE`, and parameters `?1`.
pub trait Backend: Send {
    /// Which database it is.
    fn kind(&self) -> Kind;

    /// Where its tables are, in words; without a password.
    fn place(&self) -> String;

    /// The schema of the tables, between quotes; none in SQLite.
    fn schema(&self) -> Option<String> {
        None
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] of the first that fails; those after it are not run.
    fn batch(&mut self, sql: &str) -> impl Future<Output = Result<(), DatabaseError>> + Send;

    /// Has statements run without waiting for their end, and does not say whether they succeed: for `Drop`. They
    /// run before any that are asked for later.
    fn send(&mut self, sql: &str);

    /// Runs one statement and returns how many rows it touched.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if it fails.
    fn execute(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
    ) -> impl Future<Output = Result<u64, DatabaseError>> + Send;

    /// Reads an answer row by row, without copying. The first error of `row` ends it.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if the statement fails, or what `row` returned.
    fn each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        row: &mut (dyn FnMut(RowRef<'_>) -> Result<(), DatabaseError> + Send),
    ) -> impl Future<Output = Result<(), DatabaseError>> + Send;

    /// Reads all rows of an answer into memory; the statement bounds their number.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if the statement fails.
    fn query(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
    ) -> impl Future<Output = Result<Vec<Row>, DatabaseError>> + Send {
        async move {
            let mut rows = Vec::new();
            self.each(sql, params, &mut |row| {
                rows.push(row.to_owned()?);
                Ok(())
            })
            .await?;
            Ok(rows)
        }
    }

    /// Reads the first row of an answer, if there is one.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if the statement fails.
    fn maybe(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
    ) -> impl Future<Output = Result<Option<Row>, DatabaseError>> + Send {
        async move { Ok(self.query(sql, params).await?.into_iter().next()) }
    }

    /// Reads the only row of an answer.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if there is none.
    fn one(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
    ) -> impl Future<Output = Result<Row, DatabaseError>> + Send {
        async move {
            let row = self.maybe(sql, params).await?;
            row.ok_or(DatabaseError::OddRow { column: 0 })
        }
    }

    /// Inserts rows, whose values are given one after the other; `conflict` is the end of the statement, empty if no
    /// row can meet another with its key.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if a row is refused. Outside of a transaction, others may be written.
    fn insert(
        &mut self,
        table: &str,
        columns: &[(&str, Type)],
        rows: &[Value<'_>],
        conflict: &str,
    ) -> impl Future<Output = Result<(), DatabaseError>> + Send;

    /// Lets go of what was written and is held in memory, so that there is room for what is read.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if there is no room to write.
    fn relieve(&mut self) -> impl Future<Output = Result<(), DatabaseError>> + Send {
        async { Ok(()) }
    }
}

/// A connection with words of its own in statements, which leaves nothing behind: what staging areas are made with. In SQLite
/// such words are databases that are attached, and what is attached ends with the connection.
pub trait Session: Backend {
    /// Says what `WORD.` means in statements from now on: the tables of this schema.
    fn name(&mut self, word: &'static str, schema: &str);

    /// Says what is to be run when this is dropped and the connection lives on: what puts back what a store made for itself
    /// alone, as locks and temporary tables.
    fn leave_with(&mut self, sql: &str);
}
