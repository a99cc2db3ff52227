//! Two databases with one set of statements: text and whole numbers only, `?1` for a value.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

#[cfg(feature = "postgres")]
use tokio_postgres::types::to_sql_checked;

use super::StoreError;

/// A value of a statement or of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Null,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Number(yes.into())
    }
}

impl Value {
    pub(crate) fn text(self) -> Result<String, StoreError> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(StoreError::Content { what: "a text" }),
        }
    }

    pub(crate) fn maybe_text(self) -> Result<Option<String>, StoreError> {
        match self {
            Self::Null => Ok(None),
            other => other.text().map(Some),
        }
    }

    pub(crate) fn number(self) -> Result<u64, StoreError> {
        match self {
            Self::Number(number) => {
                u64::try_from(number).map_err(|_| StoreError::Content { what: "a number" })
            }
            _ => Err(StoreError::Content { what: "a number" }),
        }
    }
}

/// A connection.
pub(crate) enum Db {
    Sqlite(Box<Connection>),
    #[cfg(feature = "postgres")]
    Postgres(Box<tokio_postgres::Client>),
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Db::Sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => "Db::Postgres",
        })
    }
}

fn sqlite(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            StoreError::Locked
        }
        Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Server(Box::new(error)),
    }
}

#[cfg(feature = "postgres")]
fn server(error: tokio_postgres::Error) -> StoreError {
    use tokio_postgres::error::SqlState;
    match error.code() {
        Some(code) if *code == SqlState::DISK_FULL => StoreError::Full,
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => StoreError::Locked,
        // The server's detail may quote a row.
        Some(code) => StoreError::Server(format!("PostgreSQL error {}", code.code()).into()),
        None => StoreError::Server(Box::new(error)),
    }
}

impl Db {
    /// Opens a file, and makes it where there is none; `:memory:` is a store for tests.
    pub(crate) fn sqlite(path: &str) -> Result<Self, StoreError> {
        // SQLite would let others read it; its log and the log's index take their rights from it.
        if path != ":memory:" && !path.starts_with("file:") {
            clever_files::make_private(path.as_ref())
                .map_err(|error| StoreError::Server(Box::new(error)))?;
        }
        let db = Connection::open(path).map_err(sqlite)?;
        db.busy_timeout(std::time::Duration::from_secs(30))
            .map_err(sqlite)?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON",
        )
        .map_err(sqlite)?;
        Ok(Self::Sqlite(Box::new(db)))
    }

    #[cfg(feature = "postgres")]
    pub(crate) async fn postgres(url: &str) -> Result<Self, StoreError> {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .map_err(server)?;
        // Ends with the client; what breaks it shows in the client's next call.
        drop(tokio::spawn(connection));
        client
            .batch_execute("SET client_min_messages = warning; SET lock_timeout = '60s'")
            .await
            .map_err(server)?;
        Ok(Self::Postgres(Box::new(client)))
    }

    /// Statements without values.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(db) => db.execute_batch(sql).map_err(sqlite),
            #[cfg(feature = "postgres")]
            Self::Postgres(db) => db.batch_execute(sql).await.map_err(server),
        }
    }

    /// Begins a transaction that nobody writes beside: the chain has one end.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(db) => db.execute_batch("BEGIN IMMEDIATE").map_err(sqlite),
            #[cfg(feature = "postgres")]
            Self::Postgres(db) => db
                .batch_execute("BEGIN; LOCK TABLE provision_ledger IN EXCLUSIVE MODE")
                .await
                .map_err(server),
        }
    }

    /// Ends a transaction: writes all of it, or none.
    pub(crate) async fn end<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match result {
            Ok(value) => {
                self.batch("COMMIT").await?;
                Ok(value)
            }
            Err(error) => {
                // The first error is the one to tell; an open transaction ends with the connection at the latest.
                drop(self.batch("ROLLBACK").await);
                Err(error)
            }
        }
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) async fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(db) => {
                let mut statement = db.prepare_cached(sql).map_err(sqlite)?;
                let changed = statement
                    .execute(params_from_iter(values.iter().map(native)))
                    .map_err(sqlite)?;
                Ok(changed as u64)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(db) => {
                let (statement, values) = wire(db, sql, values).await?;
                db.execute_raw(&statement, &values).await.map_err(server)
            }
        }
    }

    /// Runs a query.
    pub(crate) async fn rows(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        match self {
            Self::Sqlite(db) => {
                let mut statement = db.prepare_cached(sql).map_err(sqlite)?;
                let width = statement.column_count();
                let mut rows = statement
                    .query(params_from_iter(values.iter().map(native)))
                    .map_err(sqlite)?;
                let mut all = Vec::new();
                while let Some(row) = rows.next().map_err(sqlite)? {
                    let values = (0..width).map(|at| match row.get_ref(at).map_err(sqlite)? {
                        ValueRef::Text(text) => {
                            Ok(Value::Text(String::from_utf8_lossy(text).into_owned()))
                        }
                        ValueRef::Integer(number) => Ok(Value::Number(number)),
                        ValueRef::Null => Ok(Value::Null),
                        ValueRef::Real(_) | ValueRef::Blob(_) => Err(StoreError::Content {
                            what: "a text or a number",
                        }),
                    });
                    all.push(values.collect::<Result<_, _>>()?);
                }
                Ok(all)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(db) => {
                use tokio_postgres::types::Type;
                let (statement, values) = wire(db, sql, values).await?;
                let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = values
                    .iter()
                    .map(|value| value as &(dyn tokio_postgres::types::ToSql + Sync))
                    .collect();
                let rows = db.query(&statement, &values).await.map_err(server)?;
                let read = |row: &tokio_postgres::Row| {
                    let columns =
                        row.columns().iter().enumerate().map(|(at, column)| {
                            match *column.type_() {
                                Type::INT8 => {
                                    let number: Option<i64> = row.try_get(at).map_err(server)?;
                                    Ok(number.map_or(Value::Null, Value::Number))
                                }
                                Type::TEXT => {
                                    let text: Option<String> = row.try_get(at).map_err(server)?;
                                    Ok(text.map_or(Value::Null, Value::Text))
                                }
                                _ => Err(StoreError::Content {
                                    what: "a column of type TEXT or BIGINT",
                                }),
                            }
                        });
                    columns.collect::<Result<Vec<Value>, StoreError>>()
                };
                rows.iter().map(read).collect()
            }
        }
    }
}

fn native(value: &Value) -> rusqlite::types::ToSqlOutput<'_> {
    use rusqlite::types::{ToSqlOutput, Value as Owned};
    match value {
        Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        Value::Number(number) => ToSqlOutput::Owned(Owned::Integer(*number)),
        Value::Null => ToSqlOutput::Owned(Owned::Null),
    }
}

/// A value with the type that its statement says.
#[cfg(feature = "postgres")]
#[derive(Debug)]
pub(crate) enum Wire {
    Text(Option<String>),
    Number(Option<i64>),
}

#[cfg(feature = "postgres")]
impl tokio_postgres::types::ToSql for Wire {
    fn to_sql(
        &self,
        kind: &tokio_postgres::types::Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Text(text) => text.to_sql(kind, out),
            Self::Number(number) => number.to_sql(kind, out),
        }
    }

    fn accepts(kind: &tokio_postgres::types::Type) -> bool {
        use tokio_postgres::types::Type;
        matches!(*kind, Type::TEXT | Type::INT8)
    }

    to_sql_checked!();
}

#[cfg(feature = "postgres")]
async fn wire(
    db: &tokio_postgres::Client,
    sql: &str,
    values: &[Value],
) -> Result<(tokio_postgres::Statement, Vec<Wire>), StoreError> {
    use tokio_postgres::types::Type;
    let types: Vec<Type> = values
        .iter()
        .map(|value| {
            if matches!(value, Value::Number(_)) {
                Type::INT8
            } else {
                Type::TEXT
            }
        })
        .collect();
    let statement = db
        .prepare_typed(&sql.replace('?', "$"), &types)
        .await
        .map_err(server)?;
    let values = values.iter().map(|value| match value {
        Value::Text(text) => Wire::Text(Some(text.clone())),
        Value::Number(number) => Wire::Number(Some(*number)),
        Value::Null => Wire::Text(None),
    });
    Ok((statement, values.collect()))
}
