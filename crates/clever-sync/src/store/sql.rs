//! The store over a database: what a roster needs of one besides what `clever_sql` has.

use std::collections::BTreeMap;

pub(crate) use clever_sql::{Backend, Connected, Row, Transaction, Type, Value as Sql};
use clever_sql::{DatabaseError, Tables, Version};

pub(crate) use crate::store::staging::Staging;
use crate::store::{Hash, State, StoreError};

/// The tables of rosters.
pub(crate) const TABLES: Tables = Tables {
    store: "roster",
    versions: &[Version {
        sqlite: concat!(
            include_str!("schema/sqlite.sql"),
            include_str!("schema/views.sql")
        ),
        postgres: concat!(
            include_str!("schema/postgres.sql"),
            include_str!("schema/views.sql"),
            include_str!("schema/comments.sql")
        ),
    }],
};

/// An index that is made after a load into the empty table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Late {
    pub(crate) table: &'static str,
    pub(crate) index: &'static str,
    /// The statement that makes it.
    pub(crate) create: &'static str,
}

/// What databases spell differently.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Empties the staging area.
    pub(crate) empty: &'static str,
    /// Run before what was staged since it was last run is joined.
    pub(crate) staged: &'static str,
    /// Indices that are made after a load into the empty table.
    pub(crate) late: &'static [Late],
    /// Reserves `?1` keys of the table that goes at `{}`: one row with the first of as many that follow each other, or a
    /// row each.
    pub(crate) keys: &'static str,
    /// Run after many rows were written into tables without any, so that questions about them are planned well.
    pub(crate) analyze: &'static str,
}

/// A database that can hold rosters. Statements name the tables of the staging area `staging.TABLE`.
pub trait RosterDb: Backend {
    /// How this database spells what differs.
    fn dialect(&self) -> Dialect;

    /// Opens the staging area of a district, as it was left, with its tables. If another run has it, or none
    /// can be kept, it is one that ends with the connection.
    fn open_staging(
        &mut self,
        district: &str,
    ) -> impl Future<Output = Result<Staging, StoreError>> + Send;

    /// Closes a staging area: keeps it for a later run, or throws it away.
    fn close_staging(
        &mut self,
        staging: Staging,
        keep: bool,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// As [`RosterDb::close_staging`], without waiting for the end: for `Drop`.
    fn drop_staging(&mut self, staging: Staging, keep: bool);
}

/// A roster store in an SQL database.
#[derive(Debug)]
pub struct SqlStore<B> {
    pub(crate) db: B,
}

impl<B: RosterDb> Connected for SqlStore<B> {
    type Db = B;

    fn db(&mut self) -> &mut B {
        &mut self.db
    }
}

impl<B: RosterDb> SqlStore<B> {
    pub(crate) fn on(db: B) -> Self {
        Self { db }
    }
}

/// Reads a row of state: id, hash, archived, refused.
pub(crate) fn state(row: &mut Row) -> Result<State, DatabaseError> {
    Ok(State {
        id: row.text(0)?,
        hash: row.bytes(1)?,
        archived: row.int(2)? != 0,
        refused: row.maybe_bytes::<{ size_of::<Hash>() }>(3)?,
    })
}

/// Reads a map of two columns.
pub(crate) fn pairs(rows: Vec<Row>) -> Result<BTreeMap<String, i64>, StoreError> {
    let pair = |mut row: Row| Ok((row.text(0)?, row.int(1)?));
    rows.into_iter().map(pair).collect()
}

/// A list parameter of ids.
pub(crate) fn texts<'a>(ids: impl IntoIterator<Item = &'a str>) -> Sql<'a> {
    Sql::texts(ids)
}
