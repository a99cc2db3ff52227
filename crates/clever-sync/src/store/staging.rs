//! The staging area of the SQLite store: a file beside the store's own, of one district's run.
//!
//! It holds what a run that was killed had read, until the next one goes on with it. That is personal data: only
//! the owner may read the file, and it is removed when a run ends. While a run is at it, no other can open it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clever_sql::{DatabaseError, Sqlite};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use tracing::warn;

use crate::store::StoreError;

/// The tables. A staged row is narrow, and its record beside it.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS staging.staged (
        kind INTEGER NOT NULL, id TEXT NOT NULL, op INTEGER NOT NULL, old_hash BLOB, hash BLOB NOT NULL,
        fields TEXT, event TEXT, lost INTEGER NOT NULL, refused BLOB, held INTEGER NOT NULL, body INTEGER,
        schools TEXT, meaning BLOB, PRIMARY KEY (kind, id)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS staging.staged_records (body INTEGER PRIMARY KEY, record TEXT NOT NULL);
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

/// What a staging area was found to be when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// As it was left, or new.
    Whole,
    /// What was left can't be read: it was thrown away, and the area is new.
    Broken,
}

/// What of a staging area outlives the connection.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    /// A file beside the store's own.
    File(PathBuf),
    /// A schema, and the lock on it that this connection has.
    #[cfg(feature = "postgres")]
    Lock(i64),
}

/// The staging area that is open: of which district, and where it is kept. Else it ends with the connection.
#[derive(Debug, Default)]
pub struct Staging {
    pub(crate) open: Option<(String, Option<Kept>)>,
}

impl Staging {
    /// Says whether a district's is open.
    pub(crate) fn is_of(&self, district: &str) -> bool {
        self.open.as_ref().is_some_and(|(of, _)| of == district)
    }

    /// Opens a district's, as it was left.
    pub(crate) fn open_file(
        &mut self,
        db: &mut Sqlite,
        district: &str,
    ) -> Result<Area, StoreError> {
        if self.is_of(district) {
            return Ok(Area::Whole);
        }
        // An id is letters, digits, hyphens and low lines.
        let file = db
            .path()
            .map(|store| with(store, &format!("-staging-{district}")));
        let connection = db.connection();
        self.leave(connection)?;
        let kept = match &file {
            Some(file) => attach(connection, file)?,
            None => None,
        };
        if kept.is_none() {
            // One of its own, which ends with the connection.
            connection
                .execute("ATTACH '' AS staging", [])
                .map_err(failed)?;
            connection.execute_batch(TABLES).map_err(failed)?;
        }
        let file = file.filter(|_| kept.is_some()).map(Kept::File);
        self.open = Some((district.to_owned(), file));
        Ok(kept.unwrap_or(Area::Whole))
    }

    /// Throws away what is open.
    pub(crate) fn close_file(&mut self, db: &mut Sqlite) -> Result<(), StoreError> {
        let connection = db.connection();
        let kept = self.open.as_ref().and_then(|(_, kept)| kept.clone());
        // Its log is not copied into a file that goes.
        let unlogged = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        connection.set_db_config(unlogged, true).map_err(failed)?;
        let left = self.leave(connection);
        connection.set_db_config(unlogged, false).map_err(failed)?;
        left?;
        if let Some(Kept::File(file)) = kept {
            remove(&file)?;
        }
        Ok(())
    }

    fn leave(&mut self, connection: &Connection) -> Result<(), StoreError> {
        if self.open.take().is_some() {
            connection.flush_prepared_statement_cache();
            connection.execute("DETACH staging", []).map_err(failed)?;
        }
        Ok(())
    }
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

/// Opens a file for this run alone; `None` where that can't be. One that can't be read is made anew.
fn attach(connection: &Connection, file: &Path) -> Result<Option<Area>, StoreError> {
    let mut area = Area::Whole;
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
            .and_then(|()| sound(connection))
            .and_then(|()| widen(connection));
        let patience = Duration::from_millis(patience);
        connection.busy_timeout(patience).map_err(failed)?;
        let Err(error) = opened else {
            return Ok(Some(area));
        };
        // Where it was not even attached, there is nothing to take back.
        drop(connection.execute("DETACH staging", []));
        let broken = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)
        );
        if !broken || area == Area::Broken {
            return Ok(None);
        }
        warn!("what an earlier run had staged can't be read, and is thrown away");
        remove(file)?;
        area = Area::Broken;
    }
}

/// Adds the columns that a file of an earlier version lacks; what is in it is not gone on with.
fn widen(connection: &Connection) -> rusqlite::Result<()> {
    for (column, of) in [("schools", "TEXT"), ("meaning", "BLOB")] {
        let sql = "SELECT count(*) FROM pragma_table_info('staged', 'staging') WHERE name = ?1";
        if connection.query_row(sql, [column], |row| row.get::<_, i64>(0))? == 0 {
            connection.execute_batch(&format!(
                "ALTER TABLE staging.staged ADD COLUMN {column} {of}"
            ))?;
        }
    }
    Ok(())
}

/// Looks at every page of the file that is attached: one that is broken would fail the run where it comes to it. Only
/// what a run left when it was killed has more than empty tables.
fn sound(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "PRAGMA staging.quick_check(1)";
    let said: String = connection.query_row(sql, [], |row| row.get(0))?;
    if said == "ok" {
        return Ok(());
    }
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(corrupt, Some(said)))
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
        let (mut db, mut first) = (open(&path), Staging::default());
        first.open_file(&mut db, "d").unwrap();
        db.run("INSERT INTO staging.staged_walk VALUES (1, 'here')")
            .unwrap();
        let (mut other, mut second) = (open(&path), Staging::default());
        second.open_file(&mut other, "d").unwrap();
        assert_eq!(note(&mut other), None, "another's");
        second.close_file(&mut other).unwrap();
        // As if it were killed: nothing is thrown away.
        drop(db);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let file = with(&path, "-staging-d");
            assert_eq!(
                fs::metadata(file).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        second.open_file(&mut other, "d").unwrap();
        assert_eq!(note(&mut other).as_deref(), Some("here"));
        second.open_file(&mut other, "e").unwrap();
        assert_eq!(note(&mut other), None, "another district's");
        second.close_file(&mut other).unwrap();
        second.open_file(&mut other, "d").unwrap();
        assert_eq!(note(&mut other).as_deref(), Some("here"));
        second.close_file(&mut other).unwrap();
        drop(other);
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["a.db"]);
    }

    #[test]
    fn a_file_of_an_earlier_version_takes_rows_of_this_one() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.db");
        let earlier = Connection::open(with(&path, "-staging-d")).unwrap();
        let tables = TABLES
            .replace("staging.", "")
            .replace("schools TEXT, meaning BLOB, ", "");
        earlier.execute_batch(&tables).unwrap();
        drop(earlier);
        let (mut db, mut staging) = (open(&path), Staging::default());
        assert_eq!(staging.open_file(&mut db, "d").unwrap(), Area::Whole);
        let sql = "INSERT INTO staging.staged (kind, id, op, hash, lost, held, schools, meaning) VALUES (4, 'u', 1, x'00', 0, 0, '[]', x'00')";
        db.run(sql).unwrap();
        staging.close_file(&mut db).unwrap();
    }

    #[test]
    fn a_file_that_is_no_database_is_made_anew() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.db");
        fs::write(with(&path, "-staging-d"), vec![b'x'; 5000]).unwrap();
        let (mut db, mut staging) = (open(&path), Staging::default());
        staging.open_file(&mut db, "d").unwrap();
        assert_eq!(note(&mut db), None);
        assert!(matches!(staging.open, Some((_, Some(Kept::File(_))))));
        staging.close_file(&mut db).unwrap();
        assert_eq!(db.place(), path.display().to_string());
    }
}
