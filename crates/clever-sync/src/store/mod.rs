//! The SQLite store: opening it, and the questions and writes that a sync needs.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

pub(crate) mod queries;

/// The version of the tables that this crate reads and writes.
pub const SCHEMA_VERSION: u32 = 1;

/// Marks a SQLite file as a roster store: "Clvr".
const APPLICATION_ID: i32 = 0x436c_7672;

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(10);

/// Why the store can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no file, and none is to be made.
    #[error("there is no store at {}", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file can't be opened or made.
    #[error("could not open the store {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no SQLite database, or another program's.
    #[error("{} is not a roster store", .path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The tables are of another version.
    #[error("the store {} has version {found}; this program reads version {SCHEMA_VERSION}", .path.display())]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The version that it has.
        found: u32,
    },
    /// Another process holds the store.
    #[error("the store is locked by another process")]
    Locked,
    /// There is no room to write.
    #[error("the disk is full")]
    Full,
    /// Another run changed the district between this run's reading and writing.
    #[error("another run changed this district meanwhile")]
    Moved,
    /// SQLite refused something else.
    #[error("the store failed")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

/// A roster store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    pub(crate) connection: Connection,
}

impl SqliteStore {
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

    fn open_with(path: &Path, create: bool) -> Result<Self, StoreError> {
        let fresh = match File::open(path) {
            Ok(file) => !has_header(path, file)?,
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
                true
            }
            Err(source) => {
                return Err(StoreError::Unreadable {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let unreadable = |error: rusqlite::Error| match StoreError::from(error) {
            StoreError::Sqlite(error) => StoreError::Unreadable {
                path: path.to_owned(),
                source: io::Error::other(error),
            },
            known => known,
        };
        let connection = Connection::open_with_flags(path, flags).map_err(unreadable)?;
        connection.busy_timeout(BUSY)?;
        if fresh {
            prepare(&connection).map_err(unreadable)?;
        }
        check(&connection, path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = FILE; PRAGMA cache_size = -65536;",
        )?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection })
    }
}

/// Says whether the file has SQLite's header; an empty file has none, and is as good as no file.
fn has_header(path: &Path, mut file: File) -> Result<bool, StoreError> {
    let mut head = Vec::with_capacity(16);
    file.by_ref()
        .take(16)
        .read_to_end(&mut head)
        .map_err(|source| StoreError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
    match head.as_slice() {
        [] => Ok(false),
        b"SQLite format 3\0" => Ok(true),
        _ => Err(StoreError::NotAStore {
            path: path.to_owned(),
        }),
    }
}

/// Makes the tables.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;\n{}\nPRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;",
        include_str!("schema.sql")
    ))
}

/// Refuses another program's database and another version's tables.
fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let pragma =
        |name| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let broken = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::NotAStore {
            path: path.to_owned(),
        },
        _ => error.into(),
    };
    if pragma("application_id").map_err(broken)? != i64::from(APPLICATION_ID) {
        return Err(StoreError::NotAStore {
            path: path.to_owned(),
        });
    }
    let found = u32::try_from(pragma("user_version").map_err(broken)?).unwrap_or(0);
    if found != SCHEMA_VERSION {
        return Err(StoreError::OtherVersion {
            path: path.to_owned(),
            found,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::columns::{ROLE_COLUMNS, columns};

    #[test]
    fn every_column_is_in_its_table_and_every_key_starts_with_the_district() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = SqliteStore::open(&folder.path().join("a.db")).unwrap();
        for kind in clever_model::RecordKind::ALL {
            for (column, _) in columns(kind) {
                store
                    .connection
                    .prepare(&format!("SELECT {column} FROM {kind}"))
                    .unwrap();
            }
        }
        for (column, _) in ROLE_COLUMNS {
            store
                .connection
                .prepare(&format!("SELECT {column} FROM user_roles"))
                .unwrap();
        }
        let mut indices = store
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
