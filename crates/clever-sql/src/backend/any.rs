//! A database by its address, whichever it is.

use crate::address::Address;
use crate::backend::sqlite::Sqlite;
use crate::backend::{Backend, Kind, Open, Session};
use crate::error::DatabaseError;
use crate::row::{Row, RowRef};
use crate::value::{Type, Value};

#[cfg(feature = "postgres")]
use crate::backend::postgres::Postgres;

/// A connection to one of the databases.
#[derive(Debug)]
pub enum Database {
    /// A file of SQLite's, or one in memory.
    Sqlite(Sqlite),
    /// A connection to a PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgres(Postgres),
}

impl Database {
    /// Opens the database at an address.
    ///
    /// # Errors
    ///
    /// As [`Sqlite::open`] and [`Postgres::connect`](crate::Postgres::connect).
    pub async fn open(address: &Address, how: Open) -> Result<Self, DatabaseError> {
        match address {
            Address::Sqlite(path) => Ok(Self::Sqlite(Sqlite::open(path, how)?)),
            #[cfg(feature = "postgres")]
            Address::Postgres(address) => Ok(Self::Postgres(Postgres::connect(address).await?)),
        }
    }

    /// The connection, if it is SQLite's.
    pub fn sqlite(&mut self) -> Option<&mut Sqlite> {
        match self {
            Self::Sqlite(db) => Some(db),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => None,
        }
    }
}

#[cfg_attr(
    not(feature = "postgres"),
    expect(unused_variables, reason = "SQLite attaches databases instead")
)]
impl Session for Database {
    fn name(&mut self, word: &'static str, schema: &str) {
        match self {
            Self::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Self::Postgres(db) => db.name(word, schema),
        }
    }

    fn leave_with(&mut self, sql: &str) {
        match self {
            Self::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Self::Postgres(db) => db.leave_with(sql),
        }
    }
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

impl Backend for Database {
    fn kind(&self) -> Kind {
        either!(self, db => db.kind())
    }

    fn place(&self) -> String {
        either!(self, db => db.place())
    }

    fn schema(&self) -> Option<String> {
        either!(self, db => db.schema())
    }

    async fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        either!(self, db => db.batch(sql).await)
    }

    fn send(&mut self, sql: &str) {
        either!(self, db => db.send(sql));
    }

    async fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, DatabaseError> {
        either!(self, db => db.execute(sql, params).await)
    }

    async fn each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        row: &mut (dyn FnMut(RowRef<'_>) -> Result<(), DatabaseError> + Send),
    ) -> Result<(), DatabaseError> {
        either!(self, db => db.each(sql, params, row).await)
    }

    async fn query(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Vec<Row>, DatabaseError> {
        either!(self, db => db.query(sql, params).await)
    }

    async fn insert(
        &mut self,
        table: &str,
        columns: &[(&str, Type)],
        rows: &[Value<'_>],
        conflict: &str,
    ) -> Result<(), DatabaseError> {
        either!(self, db => db.insert(table, columns, rows, conflict).await)
    }

    async fn relieve(&mut self) -> Result<(), DatabaseError> {
        either!(self, db => db.relieve().await)
    }
}
