//! The staging area of the SQLite store: a file beside the store's own, of one district's run.
//!
//! It holds what a run that was killed had read, until the next one continues with it. That is personal data: only
//! the owner may read the file, and it is removed when a run ends. While a run is at it, no other can open it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clever_model::RecordKind;
use clever_sql::{DatabaseError, Sqlite};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use tracing::warn;

use crate::store::{StoreError, batch};

/// The tables. A staged row is narrow, and its record beside it; new records of a load are staged many in a row.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS staging.staged (
        kind INTEGER NOT NULL, id TEXT NOT NULL, op INTEGER NOT NULL, old_hash BLOB, hash BLOB NOT NULL,
        fields TEXT, event TEXT, lost INTEGER NOT NULL, refused BLOB, held INTEGER NOT NULL, body INTEGER,
        schools TEXT, meaning BLOB, PRIMARY KEY (kind, id)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS staging.staged_records (body INTEGER PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS staging.staged_batches (
        kind INTEGER NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL, size INTEGER NOT NULL,
        heads BLOB NOT NULL, records TEXT NOT NULL, PRIMARY KEY (kind, last)
    );
    CREATE TABLE IF NOT EXISTS staging.staged_walk (walk INTEGER PRIMARY KEY, note TEXT NOT NULL);";

/// What a file is opened with. A power cut may cost its last pages, never make it say something wrong: its log is
/// synced before it is copied into it.
const SETTINGS: &str = "
    PRAGMA staging.page_size = 16384;
    PRAGMA staging.locking_mode = EXCLUSIVE;
    PRAGMA staging.journal_mode = WAL;
    PRAGMA staging.synchronous = NORMAL;
    PRAGMA staging.wal_autocheckpoint = 2000;
    PRAGMA staging.cache_size = -16384;";

/// What of a staging area outlives the connection.
#[derive(Debug)]
pub(crate) enum Kept {
    /// A file beside the store's own.
    File(PathBuf),
    /// A schema, and the lock on it that this connection has.
    Lock(i64),
}

/// A staging area that is open.
#[derive(Debug)]
pub struct Staging {
    /// Where it is kept; else it ends with the connection.
    pub(crate) kept: Option<Kept>,
    /// Whether an earlier run's data in it could not be read: it was thrown away, and the area is new.
    pub(crate) broken: bool,
}

impl Staging {
    /// Opens a district's, as it was left.
    pub(crate) fn open_file(db: &mut Sqlite, district: &str) -> Result<Self, StoreError> {
        // An id is letters, digits, hyphens and low lines.
        let file = db
            .path()
            .map(|store| with(store, &format!("-staging-{district}")));
        let connection = db.connection();
        if let Some(file) = file
            && let Some(broken) = attach(connection, &file)?
        {
            let kept = Some(Kept::File(file));
            return Ok(Self { kept, broken });
        }
        // One of its own, which ends with the connection.
        connection
            .execute("ATTACH '' AS staging", [])
            .map_err(failed)?;
        connection.execute_batch(TABLES).map_err(failed)?;
        Ok(Self {
            kept: None,
            broken: false,
        })
    }

    /// Closes it: keeps the file for a later run, or removes it.
    pub(crate) fn close_file(self, db: &mut Sqlite, keep: bool) -> Result<(), StoreError> {
        let connection = db.connection();
        if keep {
            return detach(connection);
        }
        // Its log is not copied into a file that goes.
        let unlogged = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        connection.set_db_config(unlogged, true).map_err(failed)?;
        let detached = detach(connection);
        connection.set_db_config(unlogged, false).map_err(failed)?;
        detached?;
        match self.kept {
            Some(Kept::File(file)) => remove(&file),
            _ => Ok(()),
        }
    }
}

fn detach(connection: &Connection) -> Result<(), StoreError> {
    connection.flush_prepared_statement_cache();
    connection.execute("DETACH staging", []).map_err(failed)?;
    Ok(())
}

fn failed(error: rusqlite::Error) -> StoreError {
    DatabaseError::from(error).into()
}

/// A path with something after its name.
fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// Opens a file for this run alone; `None` where that can't be. One that can't be read is replaced; says whether it was.
fn attach(connection: &Connection, file: &Path) -> Result<Option<bool>, StoreError> {
    let mut anew = false;
    loop {
        if clever_files::make_private(file).is_err() {
            return Ok(None);
        }
        let name = file.to_string_lossy();
        // Whoever has it keeps it to the end of a run: there is nothing to wait for.
        let patience = connection.query_row("PRAGMA busy_timeout", [], |row| row.get(0));
        let patience = patience.map_err(failed)?;
        connection.busy_timeout(Duration::ZERO).map_err(failed)?;
        let opened = connection
            .execute("ATTACH ?1 AS staging", [name.as_ref()])
            .and_then(|_| connection.execute_batch(SETTINGS))
            .and_then(|()| connection.execute_batch(TABLES))
            .and_then(|()| sound(connection));
        let patience = Duration::from_millis(patience);
        connection.busy_timeout(patience).map_err(failed)?;
        let Err(error) = opened else {
            return Ok(Some(anew));
        };
        // Where it was not even attached, there is nothing to take back.
        drop(connection.execute("DETACH staging", []));
        let broken = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
        );
        if !broken || anew {
            return Ok(None);
        }
        warn!("what an earlier run had staged can't be read, and is thrown away");
        remove(file)?;
        anew = true;
    }
}

/// Looks at every page of the file that is attached: one that is broken would fail the run where it comes to it. Only
/// what a run left when it was killed has more than empty tables.
fn sound(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "PRAGMA staging.quick_check(1)";
    let said: String = connection.query_row(sql, [], |row| row.get(0))?;
    // Of a value that takes several pages it looks at none but the first.
    if said == "ok" && batches_are_sound(connection)? {
        return Ok(());
    }
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(corrupt, Some(said)))
}

/// Says whether each batch has what its sums say.
fn batches_are_sound(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT heads, records FROM staging.staged_batches";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (heads, records) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_bytes()?);
        let records = std::str::from_utf8(records).ok();
        let kind = RecordKind::Users;
        if records
            .and_then(|records| batch::unpack(kind, heads, Some(records), "", 0))
            .is_none()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn remove(file: &Path) -> Result<(), StoreError> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let path = with(file, end);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                let place = path.display().to_string();
                return Err(DatabaseError::Unreadable { place, source }.into());
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clever_sql::{Backend, Open};

    fn note(db: &mut Sqlite) -> Option<String> {
        let sql = "SELECT note FROM staging.staged_walk";
        db.connection().query_row(sql, [], |row| row.get(0)).ok()
    }

    fn open(path: &Path) -> Sqlite {
        Sqlite::open(path, Open::Create).unwrap()
    }

    #[test]
    fn what_was_staged_outlives_its_run_and_no_two_runs_share_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.db");
        let mut db = open(&path);
        let first = Staging::open_file(&mut db, "d").unwrap();
        db.run("INSERT INTO staging.staged_walk VALUES (1, 'here')")
            .unwrap();
        let mut other = open(&path);
        let second = Staging::open_file(&mut other, "d").unwrap();
        assert_eq!(note(&mut other), None, "another's");
        second.close_file(&mut other, false).unwrap();
        // As if it were killed: nothing is thrown away.
        drop((first, db));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let file = with(&path, "-staging-d");
            assert_eq!(
                fs::metadata(file).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        let second = Staging::open_file(&mut other, "d").unwrap();
        assert_eq!(note(&mut other).as_deref(), Some("here"));
        second.close_file(&mut other, true).unwrap();
        let third = Staging::open_file(&mut other, "e").unwrap();
        assert_eq!(note(&mut other), None, "another district's");
        third.close_file(&mut other, false).unwrap();
        let second = Staging::open_file(&mut other, "d").unwrap();
        assert_eq!(note(&mut other).as_deref(), Some("here"));
        second.close_file(&mut other, false).unwrap();
        drop(other);
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["a.db"]);
    }

    #[test]
    fn a_file_that_is_no_database_is_made_anew() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.db");
        fs::write(with(&path, "-staging-d"), vec![b'x'; 5000]).unwrap();
        let mut db = open(&path);
        let staging = Staging::open_file(&mut db, "d").unwrap();
        assert_eq!(note(&mut db), None);
        assert!(staging.broken && matches!(staging.kept, Some(Kept::File(_))));
        staging.close_file(&mut db, false).unwrap();
        assert_eq!(db.place(), path.display().to_string());
    }
}
