//! SQLite: opening a file, and running statements.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};

use crate::backend::{Backend, Kind};
use crate::error::DatabaseError;
use crate::row::{Lent, RowRef, odd};
use crate::value::{Type, Value};

/// How long to wait for another process that writes, unless a store says otherwise.
const BUSY: Duration = Duration::from_secs(10);

/// Statements that are kept prepared.
const PREPARED: usize = 96;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// To read and write; it is made if there is none.
    Create,
    /// To read and write.
    Existing,
    /// To read.
    ReadOnly,
}

/// A connection to SQLite.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    path: Option<PathBuf>,
}

impl Sqlite {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Missing`] or [`DatabaseError::Unreadable`]. Whether it is a database shows when it is read.
    pub fn open(path: &Path, how: Open) -> Result<Self, DatabaseError> {
        let place = || path.display().to_string();
        let unreadable = |source| DatabaseError::Unreadable {
            place: place(),
            source,
        };
        // Never opened by hand: closing a file gives up every lock that this process has on it, also those of the
        // connections that are at it. Whether it is a database says SQLite.
        match fs::metadata(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if how != Open::Create {
                    return Err(DatabaseError::Missing { place: place() });
                }
                // SQLite's own message would not say what is missing.
                let folder = path.parent().filter(|one| !one.as_os_str().is_empty());
                if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                    let what = format!("there is no folder {}", folder.display());
                    return Err(unreadable(io::Error::new(io::ErrorKind::NotFound, what)));
                }
            }
            Err(source) => return Err(unreadable(source)),
        }
        let access = match how {
            Open::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Open::Existing => OpenFlags::SQLITE_OPEN_READ_WRITE,
            Open::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        let connection =
            Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(
                |error| match failed(error) {
                    DatabaseError::Driver(source) => unreadable(io::Error::other(source)),
                    known => known,
                },
            )?;
        Self::new(connection, Some(path.to_owned()))
    }

    /// Makes a database in memory.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if SQLite refuses.
    pub fn in_memory() -> Result<Self, DatabaseError> {
        Self::new(Connection::open_in_memory().map_err(failed)?, None)
    }

    fn new(connection: Connection, path: Option<PathBuf>) -> Result<Self, DatabaseError> {
        connection.set_prepared_statement_cache_capacity(PREPARED);
        connection.busy_timeout(BUSY).map_err(failed)?;
        Ok(Self { connection, path })
    }

    /// The file; none for a database in memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Sets how long a write waits for another process that writes; ten seconds at first.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] if SQLite refuses.
    pub fn wait_for_others(&mut self, longest: Duration) -> Result<(), DatabaseError> {
        self.connection.busy_timeout(longest).map_err(failed)
    }

    /// The connection itself, for what only SQLite has: hooks, attached files.
    pub const fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn told(&self, error: rusqlite::Error) -> DatabaseError {
        match failed(error) {
            DatabaseError::Broken { .. } => DatabaseError::Broken {
                place: self.place(),
            },
            DatabaseError::Taken { message, .. } => DatabaseError::Taken {
                place: self.place(),
                message,
            },
            other => other,
        }
    }
}

/// What an error says.
fn failed(error: rusqlite::Error) -> DatabaseError {
    // A log's index for which there is no room is told as an error of reading and writing.
    let no_index = error
        .sqlite_error()
        .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
    match error.sqlite_error_code() {
        _ if no_index => DatabaseError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DatabaseError::Locked,
        Some(ErrorCode::DiskFull) => DatabaseError::Full,
        Some(ErrorCode::ReadOnly) => DatabaseError::ReadOnly,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => DatabaseError::Broken {
            place: String::new(),
        },
        // SQLite has no code for this.
        _ => match error.to_string() {
            message if message.contains(" already exists") => DatabaseError::Taken {
                place: String::new(),
                message: message.split(" in ").next().unwrap_or_default().to_owned(),
            },
            _ => DatabaseError::Driver(Box::new(error)),
        },
    }
}

/// Reads a column.
pub(crate) fn read<'a>(
    row: &'a rusqlite::Row<'a>,
    column: usize,
) -> Result<Value<'a>, DatabaseError> {
    match row.get_ref(column).map_err(|_| odd(column))? {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(value) => Ok(Value::Int(value)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.into())),
            Err(_) => Err(odd(column)),
        },
        ValueRef::Blob(bytes) => Ok(Value::Blob(bytes.into())),
        // No store writes floats.
        ValueRef::Real(_) => Err(odd(column)),
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let list = |json: serde_json::Result<String>| {
            ToSqlOutput::Owned(Owned::Text(json.unwrap_or_default()))
        };
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Int(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Self::Texts(all) => list(serde_json::to_string(all)),
            Self::Ints(all) => list(serde_json::to_string(all)),
        })
    }
}

impl Backend for Sqlite {
    fn kind(&self) -> Kind {
        Kind::Sqlite
    }

    fn place(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "memory".to_owned(),
        }
    }

    async fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        let done = self.connection.execute_batch(sql);
        done.map_err(|error| self.told(error))
    }

    fn send(&mut self, sql: &str) {
        // Nobody is told: a ROLLBACK, say, of what SQLite itself has rolled back.
        drop(self.connection.execute_batch(sql));
    }

    async fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64, DatabaseError> {
        let run = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.execute(params_from_iter(params))
        };
        Ok(run().map_err(|error| self.told(error))? as u64)
    }

    async fn each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        row: &mut (dyn FnMut(RowRef<'_>) -> Result<(), DatabaseError> + Send),
    ) -> Result<(), DatabaseError> {
        let told = |error| self.told(error);
        let mut statement = self.connection.prepare_cached(sql).map_err(told)?;
        let mut rows = statement.query(params_from_iter(params)).map_err(told)?;
        while let Some(one) = rows.next().map_err(told)? {
            row(RowRef(Lent::Sqlite(one)))?;
        }
        Ok(())
    }

    async fn insert(
        &mut self,
        table: &str,
        columns: &[(&str, Type)],
        rows: &[Value<'_>],
        conflict: &str,
    ) -> Result<(), DatabaseError> {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!(
            "INSERT INTO {table} ({}) VALUES ({marks}) {conflict}",
            names.join(", ")
        );
        let run = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            for row in rows.chunks(columns.len()) {
                statement.execute(params_from_iter(row))?;
            }
            Ok(())
        };
        run().map_err(|error| self.told(error))
    }

    async fn relieve(&mut self) -> Result<(), DatabaseError> {
        // A cache that is full of pages to write has no room for one to read: each would be read again for each use.
        let done = self.connection.cache_flush();
        done.map_err(|error| self.told(error))
    }
}
