//! The SQLite store: opening it, bringing it up to date, and how it spells its statements.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::ToSqlOutput;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};

use crate::store::sql::{Area, Backend, Dialect, Row, Sql, SqlStore, Type};
use crate::store::staging::Staging;
use crate::store::{SCHEMA_VERSION, State, StoreError};

/// Marks a SQLite file as a roster store: "Clvr".
const APPLICATION_ID: i32 = 0x436c_7672;

/// Bytes of a page of a new file. A record and its row in the feed are some kilobytes, of which too few would fit into
/// SQLite's usual 4,096.
const PAGE: u32 = 8192;

/// How long to wait for another process that writes.
pub(crate) const BUSY: Duration = Duration::from_secs(10);

/// The steps from an empty file to the present tables. A released step never changes.
const VERSIONS: [&str; SCHEMA_VERSION as usize] = [include_str!("schema/sqlite.sql")];

/// An index over a table that was filled before. It is sorted in as much memory as the cache may take: with all of the
/// cache beside it, that would be the most that a run takes.
macro_rules! late {
    ($sql:literal) => {
        concat!(
            "PRAGMA main.cache_size = -16384; ",
            $sql,
            "; PRAGMA main.cache_size = -65536;"
        )
    };
}

const DIALECT: Dialect = Dialect {
    among: "IN (SELECT value FROM json_each(?{}))",
    begin: "BEGIN IMMEDIATE",
    look: "BEGIN",
    empty: "DELETE FROM staging.staged; DELETE FROM staging.staged_records; DELETE FROM staging.staged_walk;",
    staged: "",
    late: &[
        (
            "_enrollments",
            "DROP INDEX _enrollments_by_person",
            late!("CREATE INDEX _enrollments_by_person ON _enrollments (district, person)"),
        ),
        (
            "_contacts",
            "DROP INDEX _contacts_by_student",
            late!("CREATE INDEX _contacts_by_student ON _contacts (district_id, student_id)"),
        ),
    ],
    keys: "SELECT coalesce(max(key), 0) + 1 FROM {} WHERE ?1 > 0",
    analyze: "",
};

/// A roster store in one SQLite file.
pub type SqliteStore = SqlStore<Sqlite>;

/// A connection to SQLite.
#[derive(Debug)]
pub struct Sqlite {
    pub(crate) connection: Connection,
    pub(crate) staging: Staging,
}

impl Sqlite {
    fn new(connection: Connection, path: Option<&Path>) -> Self {
        connection.set_prepared_statement_cache_capacity(96);
        Self {
            connection,
            staging: Staging::beside(path),
        }
    }
}

impl ToSql for Sql<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let list = |json: serde_json::Result<String>| {
            ToSqlOutput::Owned(Value::Text(json.unwrap_or_default()))
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

fn value(of: ValueRef<'_>) -> Sql<'static> {
    match of {
        ValueRef::Null => Sql::Null,
        ValueRef::Integer(value) => Sql::Int(value),
        // The store writes no floats; read as one, a value is odd and says so.
        ValueRef::Real(_) => Sql::Blob(Vec::new().into()),
        ValueRef::Text(text) => Sql::Text(match std::str::from_utf8(text) {
            Ok(text) => text.to_owned().into(),
            Err(_) => String::from_utf8_lossy(text).into_owned().into(),
        }),
        ValueRef::Blob(bytes) => Sql::Blob(bytes.to_vec().into()),
    }
}

impl Backend for Sqlite {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    async fn open_staging(&mut self, district: &str) -> Result<Area, StoreError> {
        self.staging.open(&self.connection, district)
    }

    async fn close_staging(&mut self) -> Result<(), StoreError> {
        self.staging.close(&self.connection)
    }

    async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    async fn execute(&mut self, sql: &str, params: &[Sql<'_>]) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.execute(params_from_iter(params))? as u64)
    }

    async fn query(&mut self, sql: &str, params: &[Sql<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let width = statement.column_count();
        let mut rows = statement.query(params_from_iter(params))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(width);
            for column in 0..width {
                values.push(value(row.get_ref(column)?));
            }
            all.push(Row(values));
        }
        Ok(all)
    }

    async fn states(&mut self, sql: &str, params: &[Sql<'_>]) -> Result<Vec<State>, StoreError> {
        let hash = |value: ValueRef<'_>, column| match value {
            ValueRef::Blob(bytes) => bytes.try_into().map_err(|_| StoreError::OddRow { column }),
            _ => Err(StoreError::OddRow { column }),
        };
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(params))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row
                .get_ref(0)?
                .as_str()
                .map_err(|_| StoreError::OddRow { column: 0 })?;
            let archived = row
                .get_ref(2)?
                .as_i64()
                .map_err(|_| StoreError::OddRow { column: 2 })?;
            all.push(State {
                id: id.to_owned(),
                hash: hash(row.get_ref(1)?, 1)?,
                archived: archived != 0,
                refused: match row.get_ref(3)? {
                    ValueRef::Null => None,
                    value => Some(hash(value, 3)?),
                },
            });
        }
        Ok(all)
    }

    async fn relieve(&mut self) -> Result<(), StoreError> {
        // A cache that is full of pages to write has no room for one to read: each would be read again for each use.
        self.connection.cache_flush()?;
        Ok(())
    }

    async fn insert(
        &mut self,
        table: &str,
        columns: &[(&str, Type)],
        rows: &[Sql<'_>],
        conflict: &str,
    ) -> Result<(), StoreError> {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!(
            "INSERT INTO {table} ({}) VALUES ({marks}) {conflict}",
            names.join(", ")
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        for row in rows.chunks(columns.len()) {
            statement.execute(params_from_iter(row))?;
        }
        Ok(())
    }
}

impl SqlStore<Sqlite> {
    /// Opens the store at `path`, and makes it if there is no file.
    ///
    /// # Errors
    ///
    /// [`StoreError`] names the file and what is wrong with it; a file that is no store is left as it is.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, true)
    }

    /// Opens the store at `path` if there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] if there is none; else as [`SqliteStore::open`].
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, false)
    }

    /// Opens the store at `path`, if there is one, to look at it. Where the file or its folder can't be written, it is
    /// opened without a lock or another file: a copy that nobody writes.
    ///
    /// # Errors
    ///
    /// As [`SqliteStore::open_existing`].
    pub fn look(path: &Path) -> Result<Self, StoreError> {
        let can_write = clever_files::is_writable(path)
            && clever_files::is_writable(clever_files::folder(path));
        if can_write || !path.exists() {
            let store = Self::open_with(path, false)?;
            store
                .db
                .connection
                .pragma_update(None, "query_only", true)?;
            return Ok(store);
        }
        let connection = read_only(path).map_err(|error| unreadable(error, path))?;
        let found = version(&connection, path)?;
        if found != SCHEMA_VERSION {
            return Err(StoreError::OtherVersion {
                path: path.to_owned(),
                found,
            });
        }
        connection.execute_batch("PRAGMA temp_store = FILE; PRAGMA cache_size = -65536;")?;
        Ok(Self::over(Sqlite::new(connection, None)))
    }

    fn open_with(path: &Path, create: bool) -> Result<Self, StoreError> {
        // SQLite takes it for a store without a file.
        if path.as_os_str() == ":memory:" {
            return Err(StoreError::Address);
        }
        // Never opened by hand: closing a file gives up every lock that this process has on it, also those of the
        // connections that are at it. Whether it is a database says SQLite.
        match fs::metadata(path) {
            Ok(_) if !can_write(path) => return Err(StoreError::ReadOnly),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !create {
                    return Err(StoreError::Missing {
                        path: path.to_owned(),
                    });
                }
                // SQLite's own message would not say what is missing.
                let folder = path
                    .parent()
                    .filter(|folder| !folder.as_os_str().is_empty());
                if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                    let source = io::Error::new(
                        io::ErrorKind::NotFound,
                        format!("there is no folder {}", folder.display()),
                    );
                    return Err(StoreError::Unreadable {
                        path: path.to_owned(),
                        source,
                    });
                }
            }
            Err(source) => {
                return Err(StoreError::Unreadable {
                    path: path.to_owned(),
                    source,
                });
            }
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let unreadable = |error| unreadable(error, path);
        // SQLite would let others read it; its log and the log's index take their rights from it.
        clever_files::make_private(path).map_err(|source| StoreError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let connection = Connection::open_with_flags(path, flags).map_err(unreadable)?;
        connection.busy_timeout(BUSY)?;
        if is_empty(&connection).map_err(|error| broken(error, path))? {
            connection
                .pragma_update(None, "page_size", PAGE)
                .map_err(unreadable)?;
            // Another process may be at it as well: look again once nobody else can write. A transaction that
            // is not committed, by an error or a kill, leaves the file as it was.
            let transaction = rusqlite::Transaction::new_unchecked(
                &connection,
                rusqlite::TransactionBehavior::Immediate,
            )
            .map_err(unreadable)?;
            if is_empty(&connection)? {
                connection
                    .execute_batch(&format!(
                        "{}\nPRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = 1;",
                        VERSIONS[0]
                    ))
                    .map_err(unreadable)?;
            }
            transaction.commit().map_err(unreadable)?;
        }
        migrate(&connection, path, &VERSIONS)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = FILE; PRAGMA cache_size = -65536;",
        )?;
        Ok(Self::over(Sqlite::new(connection, Some(path))))
    }

    /// Makes a store in memory, for a look at what a first sync would do.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when SQLite refuses.
    pub fn in_memory() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(&format!(
            "{}\nPRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = 1;",
            VERSIONS[0]
        ))?;
        migrate(&connection, Path::new(":memory:"), &VERSIONS)?;
        Ok(Self::over(Sqlite::new(connection, None)))
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
    let there = |end| crate::store::staging::with(path, end).exists();
    // A log has an index while somebody writes: then the locks hold. Without one it is a copy that nobody writes: its index
    // is made in memory, which SQLite does only for who is alone with a file. Without a log, there is nothing to make.
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
    connection.busy_timeout(BUSY)?;
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

/// What an error says of a file that can't be opened.
fn unreadable(error: rusqlite::Error, path: &Path) -> StoreError {
    match StoreError::from(error) {
        StoreError::Sqlite(error) => StoreError::Unreadable {
            path: path.to_owned(),
            source: io::Error::other(error),
        },
        known => known,
    }
}

/// Says whether the database has nothing in it: new, or its making was cut short.
fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT (SELECT count(*) FROM sqlite_master) = 0
            AND (SELECT application_id FROM pragma_application_id) = 0
            AND (SELECT user_version FROM pragma_user_version) = 0",
        [],
        |row| row.get(0),
    )
}

/// What an error says of a file that is no database, or a broken one.
fn broken(error: rusqlite::Error, path: &Path) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::NotAStore {
            path: path.to_owned(),
        },
        _ => error.into(),
    }
}

/// A number that a database keeps in its head.
fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

/// The version of a store's tables; refuses another program's database.
fn version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let broken = |error| broken(error, path);
    if pragma(connection, "application_id").map_err(broken)? != i64::from(APPLICATION_ID) {
        return Err(StoreError::NotAStore {
            path: path.to_owned(),
        });
    }
    let found = pragma(connection, "user_version").map_err(broken)?;
    Ok(u32::try_from(found).unwrap_or(0))
}

/// Refuses another program's database and a later version's tables; brings those of an earlier one up to date.
fn migrate(connection: &Connection, path: &Path, steps: &[&str]) -> Result<(), StoreError> {
    let found = version(connection, path)?;
    if found == 0 || found as usize > steps.len() {
        return Err(StoreError::OtherVersion {
            path: path.to_owned(),
            found,
        });
    }
    for (step, version) in steps.iter().zip(1_u32..).skip(found as usize) {
        // Another process may have done it meanwhile: look again once nobody else can write.
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = if pragma(connection, "user_version")? < i64::from(version) {
            connection.execute_batch(&format!("{step}\nPRAGMA user_version = {version};"))
        } else {
            Ok(())
        };
        connection.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        done?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use clever_model::RecordKind;

    use crate::columns::{ROLE_COLUMNS, columns};

    #[test]
    fn every_column_is_in_its_table_and_every_key_starts_with_the_district() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = SqliteStore::open(&folder.path().join("a.db")).unwrap();
        for kind in RecordKind::ALL {
            for (column, _) in columns(kind) {
                store
                    .db
                    .connection
                    .prepare(&format!("SELECT {column} FROM {kind}"))
                    .unwrap();
            }
        }
        for (column, _) in ROLE_COLUMNS {
            store
                .db
                .connection
                .prepare(&format!("SELECT {column} FROM user_roles"))
                .unwrap();
        }
        let mut indices = store
            .db
            .connection
            .prepare(
                "SELECT m.name, (SELECT name FROM pragma_index_info(i.name) WHERE seqno = 0)
                 FROM sqlite_master m, pragma_index_list(m.name) i WHERE m.type = 'table'",
            )
            .unwrap();
        let found: Vec<(String, String)> = indices
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(found.len() > 10);
        for (table, column) in found {
            assert!(
                column == "district" || column == "district_id",
                "{table}: {column}"
            );
        }
    }

    #[test]
    fn a_store_is_brought_through_each_step_that_it_lacks_and_keeps_its_rows() {
        let steps = [
            "CREATE TABLE t (a TEXT); CREATE TABLE u (b TEXT);",
            "ALTER TABLE t ADD COLUMN n INTEGER; UPDATE t SET n = length(a);",
            "INSERT INTO u SELECT a FROM t WHERE n > 1;",
        ];
        let path = Path::new("a.db");
        let made = |version: usize| {
            let connection = Connection::open_in_memory().unwrap();
            let step = steps[..version].concat();
            connection
                .execute_batch(&format!(
                    "{step} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};"
                ))
                .unwrap();
            connection
        };
        let rows = |connection: &Connection| -> Vec<(String, i64)> {
            let mut rows = connection.prepare("SELECT a, n FROM t").unwrap();
            let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
            rows.unwrap().map(Result::unwrap).collect()
        };
        let version = |connection: &Connection| -> u32 {
            connection
                .query_row("PRAGMA user_version", [], |row| row.get(0))
                .unwrap()
        };
        let old = made(1);
        old.execute("INSERT INTO t VALUES ('abc')", []).unwrap();
        // Twice: each step is taken once.
        for _ in 0..2 {
            migrate(&old, path, &steps).unwrap();
            assert_eq!(
                (version(&old), rows(&old)),
                (3, vec![("abc".to_owned(), 3)])
            );
            let moved: i64 = old
                .query_row("SELECT count(*) FROM u", [], |row| row.get(0))
                .unwrap();
            assert_eq!(moved, 1);
        }
        // A step that fails leaves the store as the one before it left it.
        let broken = made(1);
        broken.execute("INSERT INTO t VALUES ('abc')", []).unwrap();
        let with_a_fault = [
            steps[0],
            steps[1],
            "UPDATE t SET n = 0; SELECT * FROM nowhere;",
        ];
        assert!(migrate(&broken, path, &with_a_fault).is_err());
        assert_eq!(
            (version(&broken), rows(&broken)),
            (2, vec![("abc".to_owned(), 3)])
        );
        let newer = made(3);
        assert!(matches!(
            migrate(&newer, path, &steps[..2]),
            Err(StoreError::OtherVersion { found: 3, .. })
        ));
    }

    #[tokio::test]
    async fn a_full_disk_leaves_the_store_as_it_was() {
        use crate::report::{RunPath, SyncReport};
        use crate::store::{Base, Commit, Op, Staged, Store};
        let folder = tempfile::TempDir::new().unwrap();
        let mut store = SqliteStore::open(&folder.path().join("a.db")).unwrap();
        let district = clever_model::DistrictId::new("d").unwrap();
        let now = "2026-09-14T12:00:00Z".parse().unwrap();
        store.begin(&district).await.unwrap();
        let rows = (0..2000).map(|number| Staged {
            record: Some("{\"name\":{\"last\":\"N\"}}".to_owned()),
            ..Staged::sample(RecordKind::Users, format!("u{number:05}"), Op::Create)
        });
        store.stage(rows.collect()).await.unwrap();
        let commit = Commit {
            district: &district,
            base: &Base::default(),
            now,
            cursor: Some("e"),
            whole_snapshot: true,
            policy: &crate::policy::SyncPolicy::default(),
        };
        let mut report = SyncReport::new(&district, now, RunPath::Snapshot, &RecordKind::ROSTER);
        let room = |pages: i64| format!("PRAGMA main.max_page_count = {pages}");
        store.db.batch(&room(90)).await.unwrap();
        let full = store.commit(&commit, &mut report, &()).await;
        assert!(matches!(full, Err(StoreError::Full)), "{full:?}");
        assert_eq!(store.base(&district).await.unwrap(), Base::default());
        assert_eq!(store.districts().await.unwrap(), Vec::<String>::new());
        store.db.batch(&room(1_000_000)).await.unwrap();
        store.commit(&commit, &mut report, &()).await.unwrap();
        assert_eq!(report.run, Some(1));
        assert_eq!(store.status().await.unwrap()[0].changes, 2000);
    }

    #[test]
    fn what_is_no_store_is_refused_and_left_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.db");
        assert!(matches!(
            SqliteStore::open_existing(&path),
            Err(StoreError::Missing { .. })
        ));
        fs::write(&path, "a letter that is long enough").unwrap();
        assert!(matches!(
            SqliteStore::open(&path),
            Err(StoreError::NotAStore { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), b"a letter that is long enough");
        fs::remove_file(&path).unwrap();
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE t (x)")
            .unwrap();
        assert!(
            matches!(SqliteStore::open(&path), Err(StoreError::NotAStore { .. })),
            "another program's"
        );
        let path = folder.path().join("b.db");
        drop(SqliteStore::open(&path).unwrap());
        drop(SqliteStore::open_existing(&path).unwrap());
        Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", 7)
            .unwrap();
        assert!(matches!(
            SqliteStore::open(&path),
            Err(StoreError::OtherVersion { found: 7, .. })
        ));
        let nowhere = folder.path().join("no/such/folder.db");
        assert!(matches!(
            SqliteStore::open(&nowhere),
            Err(StoreError::Unreadable { .. })
        ));
    }
}
