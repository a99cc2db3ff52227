//! The PostgreSQL store: connecting, making its tables, and how it spells its statements.
//!
//! Rows that can't meet others of their key are sent by binary COPY, the rest as arrays, many rows a
//! statement.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, pin_mut};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut as WireBytes;
use tokio_postgres::types::{IsNull, ToSql, Type as WireType, to_sql_checked};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, Statement};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::sql::{Area, Backend, Dialect, Row, Sql, SqlStore, Type};
use crate::store::{SCHEMA_VERSION, StoreError};

/// The steps from an empty database to the present tables, each with the version that it leads to. A released
/// step never changes.
const VERSIONS: [(u32, &str); 1] = [(1, include_str!("schema/postgres.sql"))];

/// The key of the lock under which tables are made: "Clvr".
const LOCK: i64 = 0x436c_7672;

/// How each connection is set. A plan kept from when a table was empty would read all of it for each chunk. Chunks are
/// too small for helpers, which take longer to start than a chunk takes, and for compiled plans.
const SESSION: &str = "SET client_min_messages = warning; SET lock_timeout = '60s';
    SET plan_cache_mode = force_custom_plan; SET max_parallel_workers_per_gather = 0; SET jit = off;";

const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(?1)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(?1)";

const DROP_TEMPORARY: &str =
    "DROP TABLE IF EXISTS pg_temp.staged, pg_temp.staged_records, pg_temp.staged_walk";

/// How long to wait for a second connection, which a pooler may not have.
const SECOND: Duration = Duration::from_secs(5);

/// Bytes sent at once in a COPY.
const COPY_BYTES: usize = 1 << 18;

/// Rows sent at once as arrays.
const ARRAY_ROWS: usize = 1000;

const DIALECT: Dialect = Dialect {
    among: "= ANY(?{})",
    begin: "BEGIN",
    look: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    empty: "TRUNCATE staged, staged_records, staged_walk",
    // Indices of tables that all districts share can't be dropped while others read them.
    late: &[],
    // The sequence is looked up once.
    keys: "WITH sequence AS MATERIALIZED (SELECT pg_get_serial_sequence('{}', 'key')::regclass AS name)
        SELECT nextval(name) FROM sequence, generate_series(1::bigint, ?1::bigint)",
    staged: "ANALYZE staged (kind, id, op, held)",
    // A first load would otherwise be joined as if its tables were empty: minutes instead of seconds. The columns are
    // those by which rows are looked for; the rest, records above all, costs several times as much to look at and is left
    // to the server. Another district's run that holds one of the tables is not waited for.
    analyze: "ANALYZE (SKIP_LOCKED) schools (district_id, id, archived_at), terms (district_id, id, archived_at),
        courses (district_id, id, archived_at), users (district_id, id, archived_at),
        sections (district_id, id, archived_at, school_id), user_roles (district_id, user_id, role, school_id),
        _user_schools (district_id, user_id, school_id), _contacts (district_id, contact_id, student_id), _state (district, kind, id, archived),
        _people (district, id, known), _enrollments (district, section, role, person)",
};

/// The tables of the staging area; `{}` is what kind of tables they are. A staged row is narrow, and its record
/// beside it.
const STAGING: &str = "
    CREATE {} TABLE IF NOT EXISTS staged (
        kind BIGINT NOT NULL, id TEXT COLLATE \"C\" NOT NULL, op BIGINT NOT NULL, old_hash BYTEA,
        hash BYTEA NOT NULL, fields TEXT, event TEXT, lost BIGINT NOT NULL, refused BYTEA,
        held BIGINT NOT NULL, body BIGINT, schools TEXT, meaning BYTEA, PRIMARY KEY (kind, id)
    );
    CREATE {} TABLE IF NOT EXISTS staged_records (body BIGINT PRIMARY KEY, record TEXT NOT NULL);
    CREATE {} TABLE IF NOT EXISTS staged_walk (walk BIGINT PRIMARY KEY, note TEXT NOT NULL);";

/// A roster store in a PostgreSQL database.
pub type PostgresStore = SqlStore<Postgres>;

/// A connection to PostgreSQL.
pub struct Postgres {
    client: Client,
    prepared: HashMap<String, Statement>,
    /// Where tables are looked for, without the staging area.
    search_path: String,
    /// The district whose staging area is open, and the lock on it, where it outlives the connection.
    staging: Option<(String, Option<i64>)>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl SqlStore<Postgres> {
    /// Connects to the database at `url`, and makes the tables where there are none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Server`] when the server can't be reached or refuses, [`StoreError::OtherVersion`] for
    /// tables of another version.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Ok(Self::over(Postgres::open(url, true).await?))
    }
}

/// What went wrong, without the statement's values.
fn failed(error: tokio_postgres::Error) -> StoreError {
    match error.code() {
        Some(code) if *code == SqlState::DISK_FULL => StoreError::Full,
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => StoreError::Locked,
        Some(code)
            if *code == SqlState::T_R_SERIALIZATION_FAILURE
                || *code == SqlState::T_R_DEADLOCK_DETECTED =>
        {
            StoreError::Moved
        }
        Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::ReadOnly,
        // Another client's statements are on this connection, or ours are on another one.
        Some(code)
            if *code == SqlState::DUPLICATE_PSTATEMENT
                || *code == SqlState::INVALID_SQL_STATEMENT_NAME =>
        {
            StoreError::Pooled
        }
        // The server's detail may quote a row.
        Some(code) => StoreError::Server(
            format!(
                "PostgreSQL error {}: {}",
                code.code(),
                error.as_db_error().map_or("", |error| error.message())
            )
            .into(),
        ),
        None => StoreError::Server(Box::new(error)),
    }
}

async fn connect(url: &str) -> Result<Client, StoreError> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(failed)?;
    // Ends with the client; what breaks it shows in the client's next call.
    drop(tokio::spawn(connection));
    Ok(client)
}

/// The one text that a question answers; it leaves nothing on the connection.
async fn ask(client: &Client, sql: &str) -> Result<String, StoreError> {
    let answer = client.simple_query(sql).await.map_err(failed)?;
    let text = answer.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
        _ => None,
    });
    Ok(text.unwrap_or_default())
}

/// Says whether a pooler gives each transaction or statement another connection to the server. Then that of a client which
/// does nothing is given to a second one, or is not the same afterwards, or has statements that we did not prepare. A pooler
/// in session mode keeps it for its client, as a server does.
async fn is_shared(client: &Client, url: &str) -> Result<bool, StoreError> {
    const WHOSE: &str = "SELECT pg_backend_pid()";
    let first = ask(client, WHOSE).await?;
    if ask(client, "SELECT count(*) FROM pg_prepared_statements").await? != "0" {
        return Ok(true);
    }
    let second = tokio::time::timeout(SECOND, async {
        let other = connect(url).await?;
        let second = ask(&other, WHOSE).await?;
        let again = ask(client, WHOSE).await?;
        Ok::<_, StoreError>(first == second || first != again)
    });
    // Where the server has no second connection for this role, there is no more to learn.
    Ok(matches!(second.await, Ok(Ok(true))))
}

impl Postgres {
    pub(crate) async fn open(url: &str, create: bool) -> Result<Self, StoreError> {
        let client = connect(url).await?;
        // Before anything is set on a connection that may be another's.
        if is_shared(&client, url).await? {
            return Err(StoreError::Pooled);
        }
        let mut db = Self {
            client,
            prepared: HashMap::new(),
            search_path: String::new(),
            staging: None,
        };
        db.batch(SESSION).await?;
        let path = db.query("SHOW search_path", &[]).await?.into_iter().next();
        db.search_path = path.map_or_else(|| Ok(String::new()), |mut row| row.text(0))?;
        let found = db.version().await?;
        if found.is_none() && !create {
            return Err(StoreError::Missing {
                path: "the PostgreSQL database".into(),
            });
        }
        if found.is_none_or(|found| found < SCHEMA_VERSION) {
            db.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"))
                .await?;
            let made = db.migrate().await;
            db.batch(if made.is_ok() { "COMMIT" } else { "ROLLBACK" })
                .await?;
            made?;
        }
        match db.version().await? {
            Some(SCHEMA_VERSION) => Ok(db),
            found => Err(StoreError::OtherVersion {
                path: "the PostgreSQL database".into(),
                found: found.unwrap_or(0),
            }),
        }
    }

    /// Takes the steps that are missing. Another process may have taken them meanwhile.
    async fn migrate(&mut self) -> Result<(), StoreError> {
        let found = self.version().await?.unwrap_or(0);
        for (_, step) in VERSIONS.iter().filter(|(version, _)| *version > found) {
            self.batch(step).await?;
        }
        Ok(())
    }

    async fn version(&mut self) -> Result<Option<u32>, StoreError> {
        let there = self
            .query("SELECT to_regclass('_schema') IS NOT NULL", &[])
            .await?;
        if there
            .into_iter()
            .next()
            .map_or(Ok(0), |mut row| row.int(0))?
            == 0
        {
            return Ok(None);
        }
        let rows = self.query("SELECT max(version) FROM _schema", &[]).await?;
        let version = rows
            .into_iter()
            .next()
            .map_or(Ok(0), |mut row| row.count(0))?;
        Ok(Some(u32::try_from(version).unwrap_or(u32::MAX)))
    }

    /// Makes the staging area of a district whose lock this connection has: tables without a log, which a crash of
    /// the server empties, in a schema of their own.
    async fn keep_staging(&mut self, lock: i64) -> Result<(), StoreError> {
        let schema = schema(lock);
        // Tables that an earlier version left lack columns; what is in them is not gone on with.
        self.batch(&format!(
            "CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path TO {schema}, {};{}
             ALTER TABLE {schema}.staged ADD COLUMN IF NOT EXISTS schools TEXT;
             ALTER TABLE {schema}.staged ADD COLUMN IF NOT EXISTS meaning BYTEA;",
            self.search_path,
            // In that schema or nowhere: personal data is not to lie in one that others read.
            STAGING
                .replace("{}", "UNLOGGED")
                .replace("EXISTS staged", &format!("EXISTS {schema}.staged"))
        ))
        .await
    }

    async fn look_elsewhere(&mut self) -> Result<(), StoreError> {
        self.batch(&format!("SET search_path TO {}", self.search_path))
            .await
    }

    /// Asks for or gives back the lock of a staging area; says whether it was there to have.
    async fn lock(&mut self, question: &str, lock: i64) -> Result<bool, StoreError> {
        let rows = self.query(question, &[lock.into()]).await?;
        let first = rows.into_iter().next();
        Ok(first.map_or(Ok(0), |mut row| row.int(0))? != 0)
    }

    async fn statement(&mut self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(known) = self.prepared.get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(&numbered(sql)).await.map_err(failed)?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    async fn copy(
        &mut self,
        table: &str,
        columns: &[(&str, Type)],
        rows: &[Sql<'_>],
    ) -> Result<(), StoreError> {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let sql = format!("COPY {table} ({}) FROM STDIN BINARY", names.join(", "));
        let sink = self.client.copy_in(&sql).await.map_err(failed)?;
        pin_mut!(sink);
        let mut buffer = BytesMut::with_capacity(COPY_BYTES + 4096);
        buffer.put_slice(b"PGCOPY\n\xff\r\n\0");
        buffer.put_i32(0);
        buffer.put_i32(0);
        for row in rows.chunks(columns.len()) {
            encode(row, &mut buffer);
            if buffer.len() >= COPY_BYTES {
                let full: Bytes = buffer.split().freeze();
                sink.send(full).await.map_err(failed)?;
            }
        }
        buffer.put_i16(-1);
        sink.send(buffer.freeze()).await.map_err(failed)?;
        sink.finish().await.map_err(failed)?;
        Ok(())
    }
}

/// The schema of the staging area with this lock.
fn schema(lock: i64) -> String {
    format!("_staging_{lock:016x}")
}

/// Writes a row as binary COPY has it.
fn encode(row: &[Sql<'_>], out: &mut BytesMut) {
    let length = |bytes: &[u8]| i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    out.put_i16(i16::try_from(row.len()).unwrap_or(i16::MAX));
    for value in row {
        match value {
            Sql::Int(value) => {
                out.put_i32(8);
                out.put_i64(*value);
            }
            Sql::Text(text) => {
                out.put_i32(length(text.as_bytes()));
                out.put_slice(text.as_bytes());
            }
            Sql::Blob(bytes) => {
                out.put_i32(length(bytes));
                out.put_slice(bytes);
            }
            // A row holds no list.
            Sql::Null | Sql::Texts(_) | Sql::Ints(_) => out.put_i32(-1),
        }
    }
}

/// Turns `?1` into `$1`. No statement has a question mark elsewhere.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

impl ToSql for Sql<'_> {
    fn to_sql(
        &self,
        ty: &WireType,
        out: &mut WireBytes,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Text(text) => text.as_ref().to_sql(ty, out),
            Self::Blob(bytes) => bytes.as_ref().to_sql(ty, out),
            Self::Texts(all) => all.to_sql(ty, out),
            Self::Ints(all) => all.to_sql(ty, out),
        }
    }

    fn accepts(_: &WireType) -> bool {
        true
    }

    to_sql_checked!();
}

fn read(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    let mut values = Vec::with_capacity(row.len());
    for (at, column) in row.columns().iter().enumerate() {
        let value = match *column.type_() {
            WireType::INT8 => row.try_get::<_, Option<i64>>(at).map(Sql::from),
            WireType::INT4 => row
                .try_get::<_, Option<i32>>(at)
                .map(|value| value.map(i64::from).into()),
            WireType::BOOL => row.try_get::<_, Option<bool>>(at).map(Sql::from),
            WireType::BYTEA => row
                .try_get::<_, Option<Vec<u8>>>(at)
                .map(|value| value.map_or(Sql::Null, |bytes| Sql::Blob(bytes.into()))),
            _ => row.try_get::<_, Option<String>>(at).map(Sql::from),
        };
        values.push(value.map_err(failed)?);
    }
    Ok(Row(values))
}

fn params<'a>(values: &'a [Sql<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}

/// A column of rows, as an array.
fn array<'a>(
    rows: &'a [Sql<'a>],
    width: usize,
    column: usize,
    of: Type,
) -> Box<dyn ToSql + Sync + 'a> {
    let values = rows.iter().skip(column).step_by(width);
    match of {
        Type::Text => Box::new(
            values
                .map(|value| match value {
                    Sql::Text(text) => Some(text.as_ref()),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
        Type::Int => Box::new(
            values
                .map(|value| match value {
                    Sql::Int(value) => Some(*value),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
        Type::Blob => Box::new(
            values
                .map(|value| match value {
                    Sql::Blob(bytes) => Some(bytes.as_ref()),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
    }
}

impl Backend for Postgres {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    async fn open_staging(&mut self, district: &str) -> Result<Area, StoreError> {
        if self.staging.as_ref().is_some_and(|(of, _)| of == district) {
            return Ok(Area::Whole);
        }
        if let Some((_, Some(lock))) = self.staging.take() {
            self.look_elsewhere().await?;
            self.lock(UNLOCK, lock).await?;
        }
        self.prepared.clear();
        // Tables of an earlier area of this connection would be found first.
        self.batch(DROP_TEMPORARY).await?;
        let key = xxh3_64(format!("clever-sync staging {district}").as_bytes());
        let lock = i64::from_le_bytes(key.to_le_bytes());
        let mut kept = self.lock(TRY_LOCK, lock).await?;
        if kept && self.keep_staging(lock).await.is_err() {
            // The role may make no schema.
            self.look_elsewhere().await?;
            self.lock(UNLOCK, lock).await?;
            kept = false;
        }
        if !kept {
            self.batch(&STAGING.replace("{}", "TEMP")).await?;
        }
        self.staging = Some((district.to_owned(), kept.then_some(lock)));
        Ok(Area::Whole)
    }

    async fn close_staging(&mut self) -> Result<(), StoreError> {
        self.prepared.clear();
        match self.staging.take() {
            Some((_, Some(lock))) => {
                self.look_elsewhere().await?;
                self.batch(&format!("DROP SCHEMA IF EXISTS {} CASCADE", schema(lock)))
                    .await?;
                self.lock(UNLOCK, lock).await?;
                Ok(())
            }
            _ => self.batch(DROP_TEMPORARY).await,
        }
    }

    async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.client.batch_execute(sql).await.map_err(failed)
    }

    async fn execute(&mut self, sql: &str, values: &[Sql<'_>]) -> Result<u64, StoreError> {
        let statement = self.statement(sql).await?;
        self.client
            .execute(&statement, &params(values))
            .await
            .map_err(failed)
    }

    async fn query(&mut self, sql: &str, values: &[Sql<'_>]) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(sql).await?;
        let rows = self
            .client
            .query(&statement, &params(values))
            .await
            .map_err(failed)?;
        rows.iter().map(read).collect()
    }

    async fn insert(
        &mut self,
        table: &str,
        columns: &[(&str, Type)],
        rows: &[Sql<'_>],
        conflict: &str,
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        if conflict.is_empty() {
            return self.copy(table, columns, rows).await;
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let arrays: Vec<String> = columns
            .iter()
            .zip(1..)
            .map(|((_, of), at)| match of {
                Type::Text => format!("?{at}::text[]"),
                Type::Int => format!("?{at}::bigint[]"),
                Type::Blob => format!("?{at}::bytea[]"),
            })
            .collect();
        let sql = format!(
            "INSERT INTO {table} ({}) SELECT * FROM unnest({}) {conflict}",
            names.join(", "),
            arrays.join(", ")
        );
        let statement = self.statement(&sql).await?;
        for rows in rows.chunks(ARRAY_ROWS * columns.len()) {
            let arrays: Vec<Box<dyn ToSql + Sync + '_>> = columns
                .iter()
                .enumerate()
                .map(|(at, (_, of))| array(rows, columns.len(), at, *of))
                .collect();
            let values: Vec<&(dyn ToSql + Sync)> = arrays
                .iter()
                .map(|array| &**array as &(dyn ToSql + Sync))
                .collect();
            self.client
                .execute(&statement, &values)
                .await
                .map_err(failed)?;
        }
        Ok(())
    }
}
