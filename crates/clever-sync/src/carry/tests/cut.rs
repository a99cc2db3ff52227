//! A database whose process is killed at a statement of the test's choice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use clever_sql::{Backend, Database, DatabaseError, Kind, RowRef, Type, Value};

use crate::store::StoreError;
use crate::store::sql::{Dialect, RosterDb, Staging};

/// Whether the statement at which it is killed is still done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

/// How many statements are left; shared by the databases of one process.
#[derive(Debug, Clone)]
pub(super) struct Knife {
    left: Arc<AtomicI64>,
    after: Arc<AtomicBool>,
}

impl Knife {
    pub(super) fn new() -> Self {
        Self {
            left: Arc::new(AtomicI64::new(i64::MAX)),
            after: Arc::default(),
        }
    }

    /// Kills at this statement from now, counted from 1.
    pub(super) fn arm(&self, at: i64, when: When) {
        self.after.store(when == When::After, Ordering::SeqCst);
        self.left.store(at, Ordering::SeqCst);
    }

    /// Lets everything be done again; says whether it was killed.
    pub(super) fn disarm(&self) -> bool {
        self.left.swap(i64::MAX, Ordering::SeqCst) <= 0
    }

    /// Whether a statement is done, and whether its answer arrives.
    fn next(&self) -> (bool, bool) {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        (
            left > 1 || left == 1 && self.after.load(Ordering::SeqCst),
            left > 1,
        )
    }
}

/// A database under the knife.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) db: Database,
    pub(super) knife: Knife,
}

/// Does a statement, unless the process is killed.
macro_rules! unless_killed {
    ($self:ident, $ask:expr) => {{
        let (is_done, arrives) = $self.knife.next();
        let answer = if is_done { Some($ask) } else { None };
        match answer {
            Some(answer) if arrives => answer,
            _ => Err(DatabaseError::Locked),
        }
    }};
}

impl Backend for Cut {
    fn kind(&self) -> Kind {
        self.db.kind()
    }

    fn place(&self) -> String {
        self.db.place()
    }

    fn schema(&self) -> Option<String> {
        self.db.schema()
    }

    async fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        unless_killed!(self, self.db.batch(sql).await)
    }

    fn send(&mut self, sql: &str) {
        // What the server does by itself when the process is gone.
        self.db.send(sql);
    }

    async fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, DatabaseError> {
        unless_killed!(self, self.db.execute(sql, params).await)
    }

    async fn each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        row: &mut (dyn FnMut(RowRef<'_>) -> Result<(), DatabaseError> + Send),
    ) -> Result<(), DatabaseError> {
        unless_killed!(self, self.db.each(sql, params, row).await)
    }

    async fn insert(
        &mut self,
        table: &str,
        columns: &[(&str, Type)],
        rows: &[Value<'_>],
        conflict: &str,
    ) -> Result<(), DatabaseError> {
        unless_killed!(self, self.db.insert(table, columns, rows, conflict).await)
    }
}

impl RosterDb for Cut {
    fn dialect(&self) -> Dialect {
        self.db.dialect()
    }

    async fn open_staging(&mut self, district: &str) -> Result<Staging, StoreError> {
        self.db.open_staging(district).await
    }

    async fn close_staging(&mut self, staging: Staging, keep: bool) -> Result<(), StoreError> {
        self.db.close_staging(staging, keep).await
    }

    fn drop_staging(&mut self, staging: Staging, keep: bool) {
        self.db.drop_staging(staging, keep);
    }
}
