//! A store as somebody else sees it: by SQL of its own, through a connection of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use clever_model::RecordKind;
use clever_sync::{AnyStore, Open};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::server::{Key, Meaning, meaning};

/// Where a store is.
pub(crate) enum Kept {
    Sqlite {
        path: PathBuf,
        connection: Connection,
    },
    Postgres {
        url: String,
        client: tokio_postgres::Client,
    },
}

/// One row, as text.
pub(crate) type Line = Vec<Option<String>>;

/// A record in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) active: bool,
    pub(crate) json: Rc<str>,
    pub(crate) says: Meaning,
}

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) run: i64,
    pub(crate) key: Key,
    pub(crate) op: String,
    pub(crate) fields: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// A district in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) records: BTreeMap<Key, Held>,
    pub(crate) cursor: Option<String>,
    pub(crate) runs: i64,
    pub(crate) seq: i64,
}

/// Everything that a district's rows say besides the records: names of tables with their rows.
const DERIVED: [(&str, &str); 8] = [
    (
        "user_roles",
        "SELECT * FROM user_roles WHERE district_id = '{}' ORDER BY 2, 3",
    ),
    (
        "user_schools",
        "SELECT * FROM user_schools WHERE district_id = '{}' ORDER BY 2, 3, 4",
    ),
    (
        "contacts",
        "SELECT * FROM contacts WHERE district_id = '{}' ORDER BY 2, 3",
    ),
    (
        "_contacts",
        "SELECT * FROM _contacts WHERE district_id = '{}' ORDER BY 2, 3",
    ),
    (
        "enrollments",
        "SELECT section_id, user_id, role, is_primary FROM enrollments WHERE district_id = '{}' ORDER BY 1, 2, 3",
    ),
    (
        "findings",
        "SELECT * FROM findings WHERE district_id = '{}' ORDER BY 2, 3",
    ),
    (
        "users",
        "SELECT id, first_name, last_name, email, created, last_modified FROM users
         WHERE district_id = '{}' AND archived_at IS NULL ORDER BY 1",
    ),
    (
        "sections",
        "SELECT id, name, school_id, course_id, term_id, teacher_id, subject, grade FROM sections
         WHERE district_id = '{}' AND archived_at IS NULL ORDER BY 1",
    ),
];

impl Kept {
    /// A store in a file, which is made.
    pub(crate) fn sqlite(path: PathBuf) -> Self {
        drop(clever_sync::SqliteStore::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        Self::Sqlite { path, connection }
    }

    /// A store in a database, which is made.
    pub(crate) async fn postgres(url: &str) -> Self {
        drop(
            AnyStore::open(&url.parse().unwrap(), Open::Create)
                .await
                .unwrap(),
        );
        Self::Postgres {
            url: url.to_owned(),
            client: crate::stores::client(url).await,
        }
    }

    /// Opens it, as a process of its own would.
    pub(crate) async fn open(&self) -> AnyStore {
        let url = match self {
            Self::Sqlite { path, .. } => format!("sqlite:{}", path.display()),
            Self::Postgres { url, .. } => url.clone(),
        };
        AnyStore::open(&url.parse().unwrap(), Open::Existing)
            .await
            .unwrap()
    }

    /// Asks it.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Line> {
        match self {
            Self::Sqlite { connection, .. } => {
                let mut statement = connection.prepare_cached(sql).unwrap();
                let width = statement.column_count();
                let rows = statement.query_map([], |row| {
                    (0..width)
                        .map(|at| {
                            Ok(match row.get_ref(at)? {
                                ValueRef::Null => None,
                                ValueRef::Text(text) => {
                                    Some(String::from_utf8_lossy(text).into_owned())
                                }
                                ValueRef::Integer(number) => Some(number.to_string()),
                                other => Some(format!("{other:?}")),
                            })
                        })
                        .collect()
                });
                rows.unwrap().map(Result::unwrap).collect()
            }
            Self::Postgres { client, .. } => {
                let answer = client.simple_query(sql).await.unwrap();
                let rows = answer.iter().filter_map(|message| match message {
                    tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                });
                rows.map(|row| {
                    let width = row.columns().len();
                    (0..width)
                        .map(|at| row.get(at).map(ToOwned::to_owned))
                        .collect()
                })
                .collect()
            }
        }
    }

    /// Changes it by hand.
    pub(crate) async fn edit(&self, sql: &str) {
        match self {
            Self::Sqlite { connection, .. } => connection.execute_batch(sql).unwrap(),
            Self::Postgres { client, .. } => client.batch_execute(sql).await.unwrap(),
        }
    }

    async fn number(&self, sql: &str) -> i64 {
        let rows = self.rows(sql).await;
        let first = rows.into_iter().next().and_then(|row| row[0].clone());
        first.map_or(0, |number| number.parse().unwrap())
    }

    /// The number of runs and the end of the feed.
    pub(crate) async fn version(&self, district: &str) -> (i64, i64) {
        let of = |what: &str, table: &str| {
            format!("SELECT max({what}) FROM {table} WHERE district_id = '{district}'")
        };
        (
            self.number(&of("run", "runs")).await,
            self.number(&of("seq", "changes")).await,
        )
    }

    /// A district as it is.
    pub(crate) async fn look(&self, district: &str) -> Look {
        let mut records = BTreeMap::new();
        for kind in RecordKind::ROSTER {
            let sql = format!(
                "SELECT id, record, archived_at FROM {kind} WHERE district_id = '{district}'"
            );
            for row in self.rows(&sql).await {
                let json = row[1].clone().unwrap();
                // A row that somebody made by hand is of no record.
                if row[0].as_deref() == Some("by-hand") && row[2].is_some() {
                    continue;
                }
                let held = Held {
                    active: row[2].is_none(),
                    says: meaning(&json),
                    json: json.into(),
                };
                records.insert((kind, row[0].clone().unwrap()), held);
            }
        }
        let sql = format!("SELECT event_cursor FROM _districts WHERE district_id = '{district}'");
        let cursor = self.rows(&sql).await.into_iter().next();
        let (runs, seq) = self.version(district).await;
        Look {
            records,
            cursor: cursor.and_then(|row| row[0].clone()),
            runs,
            seq,
        }
    }

    /// The feed after an entry.
    pub(crate) async fn feed(&self, district: &str, after: i64) -> Vec<Entry> {
        let sql = format!(
            "SELECT seq, run, kind, id, op, fields, before, after FROM changes
             WHERE district_id = '{district}' AND seq > {after} ORDER BY seq"
        );
        let rows = self.rows(&sql).await.into_iter();
        rows.map(|row| {
            let text = |at: usize| row[at].clone().unwrap_or_default();
            Entry {
                seq: text(0).parse().unwrap(),
                run: text(1).parse().unwrap(),
                key: (text(2).parse().unwrap(), text(3)),
                op: text(4),
                fields: text(5),
                before: row[6].clone(),
                after: row[7].clone(),
            }
        })
        .collect()
    }

    /// What follows from the records, table by table.
    pub(crate) async fn derived(&self, district: &str) -> BTreeMap<&'static str, Vec<Line>> {
        let mut all = BTreeMap::new();
        for (table, sql) in DERIVED {
            let mut rows = self.rows(&sql.replace("{}", district)).await;
            // The databases sort texts differently.
            rows.sort();
            all.insert(table, rows);
        }
        all
    }

    /// Every row of a district in every table but `runs`: what an idle run may not write.
    pub(crate) async fn all(&self, district: &str) -> BTreeMap<String, Vec<Line>> {
        let mut all = BTreeMap::new();
        let kinds = RecordKind::ALL.map(RecordKind::as_str);
        let tables = [
            "user_roles",
            "_user_schools",
            "_contacts",
            "changes",
            "findings",
            "consumers",
        ];
        for table in kinds.into_iter().chain(tables) {
            let sql = format!("SELECT * FROM {table} WHERE district_id = '{district}'");
            let mut rows = self.rows(&sql).await;
            rows.sort();
            all.insert(table.to_owned(), rows);
        }
        for table in ["_state", "_people", "_enrollments"] {
            let sql = format!(
                "SELECT * FROM {table} WHERE district = (SELECT district FROM _districts WHERE district_id = '{district}')"
            );
            let mut rows = self.rows(&sql).await;
            rows.sort();
            all.insert(table.to_owned(), rows);
        }
        all
    }
}
