//! SQLite: opening a file, and running statements.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rusqlite::StatementStatus;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};

use crate::address::AddressError;
use crate::backend::{Backend, Kind, Open};
use crate::error::DatabaseError;
use crate::migrate::{Tables, migrate};
use crate::row::{Lent, RowRef};
use crate::value::{Type, Value};

/// A statement that reads so many rows without an index is said in the log.
const WHOLE: i32 = 200;

/// How long to wait for another process that writes, unless a store says otherwise.
const BUSY: Duration = Duration::from_secs(10);

/// Statements that are kept prepared.
const PREPARED: usize = 96;

/// Rows that one statement inserts, if none can meet another: what each statement costs is shared, and its cursors stay where
/// the last row went. The first that is refused ends it.
const TOGETHER: usize = 32;

/// A connection to SQLite.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
    path: Option<PathBuf>,
}

impl Sqlite {
    /// Opens a file. One that is made is its owner's alone.
    ///
    /// To look at it, a file that can't be written, or whose folder can't be, is opened without a lock or another file: a copy that
    /// nobody writes.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Missing`], [`DatabaseError::Unreadable`] or [`DatabaseError::ReadOnly`]. Whether it is a database shows when it
    /// is read.
    pub fn open(path: &Path, how: Open) -> Result<Self, DatabaseError> {
        // SQLite takes it for a database without a file.
        if path.as_os_str() == ":memory:" {
            return Err(AddressError::Path.into());
        }
        // Never opened by hand: closing a file gives up every lock that this process has on it, also those of the
        // connections that are at it. Whether it is a database says SQLite.
        match fs::metadata(path) {
            Ok(_) if !can_write(path) && how == Open::Look => {
                let connection = read_only(path).map_err(|error| unopened(error, path))?;
                return Self::new(connection, Some(path.to_owned()));
            }
            Ok(_) if !can_write(path) => return Err(DatabaseError::ReadOnly),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if how != Open::Create {
                    let place = path.display().to_string();
                    return Err(DatabaseError::Missing { place });
                }
                // SQLite's own message would not say what is missing.
                let folder = path.parent().filter(|one| !one.as_os_str().is_empty());
                if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                    let what = format!("there is no folder {}", folder.display());
                    return Err(unreadable(
                        io::Error::new(io::ErrorKind::NotFound, what),
                        path,
                    ));
                }
                // SQLite would let others read it; its log and the log's index take their rights from it.
                clever_files::make_private(path).map_err(|source| unreadable(source, path))?;
            }
            Err(source) => return Err(unreadable(source, path)),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| unopened(error, path))?;
        let db = Self::new(connection, Some(path.to_owned()))?;
        if how == Open::Look {
            let only = db.connection.pragma_update(None, "query_only", true);
            only.map_err(failed)?;
        }
        Ok(db)
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

    /// Says whether the file is another program's database: neither empty, as a new one, nor with tables of a store.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Broken`] for a file that is no database.
    pub fn is_foreign(&self) -> Result<bool, DatabaseError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM main.sqlite_master)
                OR (SELECT application_id FROM pragma_application_id) <> 0
                OR (SELECT user_version FROM pragma_user_version) <> 0,
            EXISTS (SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = '_clever_versions')";
        let both = self
            .connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (used, ours): (bool, bool) = both.map_err(|error| self.told(error))?;
        Ok(used && !ours)
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] of the first that fails.
    pub fn run(&mut self, sql: &str) -> Result<(), DatabaseError> {
        let done = self.connection.execute_batch(sql);
        done.map_err(|error| self.told(error))
    }

    /// Does what [`migrate`](crate::migrate) does, without a future.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn migrate(&mut self, tables: &Tables, how: Open) -> Result<(), DatabaseError> {
        let mut nothing = Context::from_waker(Waker::noop());
        match pin!(migrate(self, tables, how)).poll(&mut nothing) {
            Poll::Ready(done) => done,
            // SQLite's statements are done when they return.
            Poll::Pending => Err(DatabaseError::Locked),
        }
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

/// Says whether a file can be written, and others made beside it, which SQLite needs to write.
fn can_write(path: &Path) -> bool {
    clever_files::is_writable(path) && clever_files::is_writable(clever_files::folder(path))
}

/// How a file is opened that is locked by nobody, since it can't be: a lock on it would be one to write.
const ALONE: &str = if cfg!(unix) {
    "mode=ro&vfs=unix-none"
} else {
    "mode=ro"
};

/// Opens a file that can only be read. A log that lies beside it is read too; what SQLite would make beside it can't be made.
fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let there = |end| {
        let mut name = OsString::from(path);
        name.push(end);
        Path::new(&name).exists()
    };
    // A log has an index while somebody writes: then the locks hold. Without one it is a copy that nobody writes: its index
    // is made in memory, which SQLite does only for a connection that is alone with a file. Without a log, there is nothing to make.
    let how = match (there("-wal"), there("-shm")) {
        (true, true) => "mode=ro",
        (true, false) => ALONE,
        (false, _) => "mode=ro&immutable=1",
    };
    let uri = format!("file:{}?{how}", escaped(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags)?;
    if how == ALONE {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    }
    Ok(connection)
}

/// A path within a URI of SQLite's.
fn escaped(path: &Path) -> String {
    let mut uri = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            // Writing to a String can't fail.
            byte => drop(write!(uri, "%{byte:02x}")),
        }
    }
    uri
}

fn unreadable(source: io::Error, path: &Path) -> DatabaseError {
    DatabaseError::Unreadable {
        place: path.display().to_string(),
        source,
    }
}

/// What an error says of a file that can't be opened.
fn unopened(error: rusqlite::Error, path: &Path) -> DatabaseError {
    match failed(error) {
        DatabaseError::Driver(source) => unreadable(io::Error::other(source), path),
        known => known,
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        failed(error)
    }
}

/// What an error says.
fn failed(error: rusqlite::Error) -> DatabaseError {
    // SQLite reports a log's index for which there is no room as an error of reading and writing.
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
        self.run(sql)
    }

    fn send(&mut self, sql: &str) {
        // A failure is not reported: a ROLLBACK, say, of what SQLite itself has rolled back.
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
        statement.reset_status(StatementStatus::FullscanStep);
        let mut rows = statement.query(params_from_iter(params)).map_err(told)?;
        while let Some(one) = rows.next().map_err(told)? {
            row(RowRef(Lent::Sqlite(one)))?;
        }
        drop(rows);
        let rows = statement.get_status(StatementStatus::FullscanStep);
        if rows > WHOLE {
            tracing::debug!(rows, sql, "no index helped: a table was read as a whole");
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
        let names = names.join(", ");
        let marks = format!("({})", vec!["?"; columns.len()].join(", "));
        let run = |rows: &[Value<'_>], together: usize| {
            let marks = vec![marks.as_str(); together].join(", ");
            let or = if together > 1 { " OR FAIL" } else { "" };
            let sql = format!("INSERT{or} INTO {table} ({names}) VALUES {marks} {conflict}");
            let mut statement = self.connection.prepare_cached(&sql)?;
            for rows in rows.chunks(columns.len() * together) {
                statement.execute(params_from_iter(rows))?;
            }
            Ok(())
        };
        // A row that may meet another is written by itself: so nothing need be kept to take the statement back.
        let many = match conflict {
            "" => rows.len() - rows.len() % (columns.len() * TOGETHER),
            _ => 0,
        };
        let (many, rest) = rows.split_at(many);
        let done = [(many, TOGETHER), (rest, 1)]
            .into_iter()
            .filter(|(rows, _)| !rows.is_empty())
            .try_for_each(|(rows, together)| run(rows, together));
        done.map_err(|error| self.told(error))
    }

    async fn relieve(&mut self) -> Result<(), DatabaseError> {
        // A cache that is full of pages to write has no room for one to read: each would be read again for each use.
        let done = self.connection.cache_flush();
        done.map_err(|error| self.told(error))
    }
}
