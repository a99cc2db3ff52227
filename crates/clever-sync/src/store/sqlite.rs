//! The SQLite store: opening it, its staging areas, and how it spells its statements.

use std::path::Path;

use clever_sql::{DatabaseError, Open, Sqlite};

use crate::store::StoreError;
use crate::store::sql::{Dialect, Late, RosterDb, SqlStore, TABLES};
use crate::store::staging::Staging;

/// How a connection is set.
const SETTINGS: &str =
    "PRAGMA synchronous = FULL; PRAGMA temp_store = FILE; PRAGMA cache_size = -65536;";

/// Bytes of a page of a new file. A record and its row in the feed are some kilobytes, of which too few would fit into
/// SQLite's usual 4,096.
const PAGE: &str = "PRAGMA page_size = 8192";

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

pub(crate) const DIALECT: Dialect = Dialect {
    empty: "DELETE FROM staging.staged; DELETE FROM staging.staged_records; DELETE FROM staging.staged_batches; DELETE FROM staging.staged_walk;",
    staged: "",
    late: &[
        Late {
            table: "_enrollments",
            index: "_enrollments_by_person",
            create: late!("CREATE INDEX _enrollments_by_person ON _enrollments (district, person)"),
        },
        Late {
            table: "_contacts",
            index: "_contacts_by_student",
            create: late!(
                "CREATE INDEX _contacts_by_student ON _contacts (district_id, student_id)"
            ),
        },
    ],
    keys: "SELECT coalesce(max(key), 0) + 1 FROM main.{} WHERE ?1 > 0",
    analyze: "",
};

/// A roster store in one SQLite file.
pub type SqliteStore = SqlStore<Sqlite>;

/// Opens a file and brings its tables up to date. Another program's is left as it is.
pub(crate) fn open(path: &Path, how: Open) -> Result<Sqlite, DatabaseError> {
    let mut db = Sqlite::open(path, how)?;
    if db.is_foreign()? {
        return Err(DatabaseError::Foreign {
            place: path.display().to_string(),
        });
    }
    if how == Open::Look {
        db.migrate(&TABLES, how)?;
    } else {
        // Of a file that has pages, it changes nothing.
        db.run(PAGE)?;
        // Also a file whose making was cut short.
        db.migrate(&TABLES, Open::Create)?;
        db.run("PRAGMA journal_mode = WAL")?;
    }
    db.run(SETTINGS)?;
    Ok(db)
}

/// Makes a database in memory, with its tables.
pub(crate) fn in_memory() -> Result<Sqlite, DatabaseError> {
    let mut db = Sqlite::in_memory()?;
    db.migrate(&TABLES, Open::Create)?;
    Ok(db)
}

impl SqlStore<Sqlite> {
    /// Opens the store at `path`, and makes it if there is no file.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] names the file and what is wrong with it; a file that is no store is left as it is.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::on(open(path, Open::Create)?))
    }

    /// Makes a store in memory, for a look at what a first sync would do.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when SQLite refuses.
    pub fn in_memory() -> Result<Self, StoreError> {
        Ok(Self::on(in_memory()?))
    }
}

impl RosterDb for Sqlite {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    async fn open_staging(&mut self, district: &str) -> Result<Staging, StoreError> {
        Staging::open_file(self, district)
    }

    async fn close_staging(&mut self, staging: Staging, keep: bool) -> Result<(), StoreError> {
        staging.close_file(self, keep)
    }

    fn drop_staging(&mut self, staging: Staging, keep: bool) {
        // A failure here is not reported: the next run throws the staging area away.
        drop(staging.close_file(self, keep));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use clever_model::RecordKind;

    use crate::learn::columns::{ROLE_COLUMNS, columns};

    #[test]
    fn every_column_is_in_its_table_and_every_key_starts_with_the_district() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut store = SqliteStore::open(&folder.path().join("a.db")).unwrap();
        for kind in RecordKind::ALL {
            for (column, _) in columns(kind) {
                store
                    .db
                    .connection()
                    .prepare(&format!("SELECT {column} FROM {kind}"))
                    .unwrap();
            }
        }
        for (column, _) in ROLE_COLUMNS {
            store
                .db
                .connection()
                .prepare(&format!("SELECT {column} FROM user_roles"))
                .unwrap();
        }
        // Tokens and answers of the console's API are of no district, and its first page asks for the last nights of all.
        let mut indices = store
            .db
            .connection()
            .prepare(
                "SELECT m.name, (SELECT name FROM pragma_index_info(i.name) WHERE seqno = 0)
                 FROM sqlite_master m, pragma_index_list(m.name) i
                 WHERE m.type = 'table' AND m.name NOT IN ('_clever_versions', '_tokens', '_answers')
                 AND i.name <> 'runs_by_day'",
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

    #[tokio::test]
    async fn a_full_disk_leaves_the_store_as_it_was() {
        use crate::report::{RunPath, SyncReport};
        use crate::store::{Base, Commit, Known, Op, Run, Staged, Staging, Store};
        let folder = tempfile::TempDir::new().unwrap();
        let mut store = SqliteStore::open(&folder.path().join("a.db")).unwrap();
        let district = clever_model::DistrictId::new("d").unwrap();
        let now = "2026-09-14T12:00:00Z".parse().unwrap();
        let rows = (0..2000).map(|number| Staged {
            record: Some("{\"name\":{\"last\":\"N\"}}".to_owned()),
            ..Staged::sample(RecordKind::Users, format!("u{number:05}"), Op::Create)
        });
        let rows: Vec<Staged> = rows.collect();
        let commit = Commit {
            base: &Base::default(),
            now,
            cursor: Some("e"),
            whole_snapshot: true,
            sticky: &BTreeMap::new(),
        };
        let mut report = SyncReport::new(&district, now, RunPath::Snapshot, &RecordKind::ROSTER);
        let room = |pages: i64| format!("PRAGMA main.max_page_count = {pages}");
        store.db.run(&room(90)).unwrap();
        let mut run = store.begin(&district).await.unwrap();
        run.clear().await.unwrap();
        run.stage(rows.clone()).await.unwrap();
        let full = run.commit(&commit, &mut report, &()).await;
        assert!(
            matches!(full, Err(StoreError::Database(DatabaseError::Full))),
            "{full:?}"
        );
        let run = store.begin(&district).await.unwrap();
        assert_eq!(*run.base(), Base::default());
        run.discard().await.unwrap();
        assert_eq!(store.districts().await.unwrap(), Vec::<String>::new());
        store.db.run(&room(1_000_000)).unwrap();
        let mut run = store.begin(&district).await.unwrap();
        run.clear().await.unwrap();
        run.stage(rows).await.unwrap();
        run.commit(&commit, &mut report, &()).await.unwrap();
        assert_eq!(report.run, Some(1));
        assert_eq!(store.status().await.unwrap()[0].changes, 2000);
    }

    #[test]
    fn what_is_no_store_is_refused_and_left_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.db");
        assert!(matches!(
            open(&path, Open::Existing),
            Err(DatabaseError::Missing { .. })
        ));
        fs::write(&path, "a letter that is long enough").unwrap();
        assert!(matches!(
            open(&path, Open::Create),
            Err(DatabaseError::Broken { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), b"a letter that is long enough");
        for sql in [
            "CREATE TABLE t (x)",
            "PRAGMA user_version = 7",
            "PRAGMA application_id = 7",
        ] {
            fs::remove_file(&path).unwrap();
            rusqlite::Connection::open(&path)
                .unwrap()
                .execute_batch(sql)
                .unwrap();
            let before = fs::read(&path).unwrap();
            for how in [Open::Create, Open::Existing, Open::Look] {
                let refused = open(&path, how);
                assert!(
                    matches!(refused, Err(DatabaseError::Foreign { .. })),
                    "another program's: {sql}"
                );
            }
            assert_eq!(fs::read(&path).unwrap(), before, "{sql}");
        }
        let path = folder.path().join("b.db");
        // Somebody made an empty file; it becomes a store.
        fs::write(&path, "").unwrap();
        drop(open(&path, Open::Existing).unwrap());
        drop(open(&path, Open::Look).unwrap());
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute("UPDATE _clever_versions SET version = 7", [])
            .unwrap();
        for how in [Open::Create, Open::Existing, Open::Look] {
            assert!(matches!(
                open(&path, how),
                Err(DatabaseError::Version { found: 7, .. })
            ));
        }
        let nowhere = folder.path().join("no/such/folder.db");
        assert!(matches!(
            open(&nowhere, Open::Create),
            Err(DatabaseError::Unreadable { .. })
        ));
    }
}
