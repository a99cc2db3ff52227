//! PostgreSQL: connecting, and running statements.
//!
//! Rows that can't meet others with their key are sent by binary COPY, the rest as arrays, many rows a statement.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{FutureExt, SinkExt, TryStreamExt, pin_mut};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::private::BytesMut as WireBytes;
use tokio_postgres::types::{Format, IsNull, ToSql, Type as WireType, to_sql_checked};
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

use crate::address::{PostgresAddress, SslMode};
use crate::backend::{Backend, Kind, Session};
use crate::error::{DatabaseError, TlsError};
use crate::row::{Lent, RowRef};
use crate::tls::{self, Tls};
use crate::value::{Type, Value};

/// How a connection is set. A plan kept from when a table was empty would read all of it for each chunk. Chunks are too
/// small for helpers, which take longer to start than a chunk takes, and for compiled plans. A server whose client is cut off from
/// it asks after two hours whether that is there still, and keeps its locks until then.
const SETTINGS: [(&str, &str); 8] = [
    ("client_min_messages", "warning"),
    ("jit", "off"),
    ("lock_timeout", "60s"),
    ("max_parallel_workers_per_gather", "0"),
    ("plan_cache_mode", "force_custom_plan"),
    ("tcp_keepalives_count", "9"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
];

/// How often to look whether a connection is shared. Each time, other clients of the pooler may have left to both of ours just what
/// they had before.
const LOOKS: u32 = 8;

/// How long to wait for a second connection, which a pooler may not have.
const SECOND: Duration = Duration::from_secs(5);

/// Bytes sent at once in a COPY.
const COPY_BYTES: usize = 1 << 18;

/// Rows sent at once as arrays.
const ARRAY_ROWS: usize = 1000;

/// A connection to PostgreSQL.
///
/// It changes no `search_path`: statements name the schema.
pub struct Postgres {
    // Dropped before the client, which it tells the server by.
    prepared: HashMap<String, Statement>,
    client: Box<dyn Borrow<Client> + Send + Sync>,
    /// What words before a dot in statements mean.
    schemas: Vec<(&'static str, String)>,
    place: String,
    /// Puts the settings of an app's own connection back.
    farewell: Option<String>,
    /// What a store has to put back besides.
    leftovers: String,
    is_encrypted: bool,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Postgres");
        shown.field("place", &self.place).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects to a server.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Tls`], [`DatabaseError::Unreachable`] or [`DatabaseError::Refused`]; no error has the password.
    pub async fn connect(address: &PostgresAddress) -> Result<Self, DatabaseError> {
        let tls = Tls::new(address)?;
        let client = connect(address, &tls).await?;
        // Before anything is set on a connection that may be another's.
        refuse_pooler(&client, address, &tls).await?;
        let mut db = Self::new(Box::new(client), &address.schema, address.place());
        db.is_encrypted = tls.is_used();
        let aloud = address.mode == SslMode::Disable;
        if !db.is_encrypted && !address.is_local() && !aloud && is_news(&address.hosts()) {
            tracing::warn!(
                "the connection to PostgreSQL at {} is not encrypted: passwords and records pass in clear text; end the \
                 address with ?sslmode=verify-full, or with ?sslmode=disable if you know that the network is safe",
                address.hosts()
            );
        }
        let set = SETTINGS.map(|(name, value)| format!("SET {name} = '{value}'"));
        db.batch(&set.join("; ")).await?;
        db.refuse_encoding().await?;
        Ok(db)
    }

    /// Takes a connection that the app made: a `Client`, or an `Arc` or a `Box` of one. Of a pool's guard, make a type
    /// that is `Borrow<Client>`. The tables are in this schema.
    ///
    /// While this lives, the connection is for nobody else, and in no transaction. The settings that it changes are put
    /// back when it is dropped; `search_path` and the rest are not touched.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::Address`] for a name that can't be a schema's; else if the server refuses.
    pub async fn over(
        client: impl Borrow<Client> + Send + Sync + 'static,
        schema: &str,
    ) -> Result<Self, DatabaseError> {
        let schema = crate::address::schema(schema)?;
        let place = format!("schema `{schema}` of the app's connection");
        let mut db = Self::new(Box::new(client), &schema, place);
        let (mut before, mut set) = (String::new(), String::new());
        for (name, value) in SETTINGS {
            let sql = format!("SELECT quote_literal(current_setting('{name}'))");
            let old = db.one(&sql, &[]).await?.text(0)?;
            // Writing to a String can't fail.
            let _ = write!(before, "SET {name} = {old};");
            let _ = write!(set, "SET {name} = '{value}';");
        }
        db.farewell = Some(before);
        db.batch(&set).await?;
        db.refuse_encoding().await?;
        Ok(db)
    }

    fn new(client: Box<dyn Borrow<Client> + Send + Sync>, schema: &str, place: String) -> Self {
        Self {
            prepared: HashMap::new(),
            client,
            schemas: vec![("main", format!("\"{schema}\""))],
            place,
            farewell: None,
            leftovers: String::new(),
            is_encrypted: false,
        }
    }

    /// Says whether this program encrypts the connection. Of an app's own, it does not know.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    fn client(&self) -> &Client {
        (*self.client).borrow()
    }

    /// Names of people are in all scripts of the world.
    async fn refuse_encoding(&mut self) -> Result<(), DatabaseError> {
        let sql = "SELECT current_setting('server_encoding')";
        match self.one(sql, &[]).await?.text(0)? {
            encoding if encoding == "UTF8" => Ok(()),
            encoding => Err(DatabaseError::Encoding { encoding }),
        }
    }

    async fn statement(&mut self, sql: &str) -> Result<Statement, DatabaseError> {
        if let Some(known) = self.prepared.get(sql) {
            return Ok(known.clone());
        }
        let spelled = spelled(sql, &self.schemas);
        let prepared = self.client().prepare(&spelled).await;
        let statement = prepared.map_err(|error| self.told(error))?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    async fn copy(
        &mut self,
        table: &str,
        columns: &[(&str, Type)],
        rows: &[Value<'_>],
    ) -> Result<(), DatabaseError> {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let sql = format!("COPY {table} ({}) FROM STDIN BINARY", names.join(", "));
        let told = |error| self.told(error);
        let sink = self.client().copy_in(&spelled(&sql, &self.schemas)).await;
        let sink = sink.map_err(told)?;
        pin_mut!(sink);
        let mut buffer = BytesMut::with_capacity(COPY_BYTES + 4096);
        buffer.put_slice(b"PGCOPY\n\xff\r\n\0");
        buffer.put_i32(0);
        buffer.put_i32(0);
        for row in rows.chunks(columns.len()) {
            encode(row, columns, &mut buffer)?;
            if buffer.len() >= COPY_BYTES {
                let full: Bytes = buffer.split().freeze();
                sink.send(full).await.map_err(told)?;
            }
        }
        buffer.put_i16(-1);
        sink.send(buffer.freeze()).await.map_err(told)?;
        sink.finish().await.map_err(told)?;
        Ok(())
    }

    fn told(&self, error: tokio_postgres::Error) -> DatabaseError {
        match failed(error) {
            DatabaseError::Taken { message, .. } => DatabaseError::Taken {
                place: self.place(),
                message,
            },
            other => other,
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(farewell) = self.farewell.take() {
            let leftovers = std::mem::take(&mut self.leftovers);
            self.send(&leftovers);
            self.send(&farewell);
        }
    }
}

async fn connect(address: &PostgresAddress, tls: &Tls) -> Result<Client, DatabaseError> {
    let connecting = address.config.connect(tls.clone());
    match tokio::time::timeout(address.patience(), connecting).await {
        Ok(Ok((client, connection))) => {
            // Ends with the client; what breaks it shows in the client's next call.
            drop(tokio::spawn(connection));
            Ok(client)
        }
        Ok(Err(error)) => Err(unconnected(error, address)),
        Err(late) => Err(DatabaseError::Unreachable {
            host: address.hosts(),
            source: Box::new(late),
        }),
    }
}

/// The one text that a question answers; it leaves nothing on the connection.
async fn ask(client: &Client, sql: &str) -> Result<String, DatabaseError> {
    let answer = client.simple_query(sql).await.map_err(failed)?;
    let text = answer.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
        _ => None,
    });
    Ok(text.unwrap_or_default())
}

/// Refuses a pooler that gives each transaction or statement another connection to the server. Then that of a client which
/// does nothing is given to a second one, or does not stay the same, or has statements that we did not prepare. A pooler
/// in session mode keeps it for its client, as a server does.
async fn refuse_pooler(
    client: &Client,
    address: &PostgresAddress,
    tls: &Tls,
) -> Result<(), DatabaseError> {
    const WHOSE: &str = "SELECT pg_backend_pid()";
    let pooler = |evidence| Err(DatabaseError::Pooler { evidence });
    if ask(client, "SELECT count(*) FROM pg_prepared_statements").await? != "0" {
        return pooler("a new connection has prepared statements of others");
    }
    let looks = tokio::time::timeout(SECOND, async {
        let other = connect(address, tls).await?;
        let (first, second) = (ask(client, WHOSE).await?, ask(&other, WHOSE).await?);
        for _ in 0..LOOKS {
            if ask(client, WHOSE).await? != first || ask(&other, WHOSE).await? != second {
                return Ok(true);
            }
        }
        Ok::<_, DatabaseError>(first == second)
    });
    match looks.await {
        Ok(Ok(true)) => pooler("two connections share one of the server's"),
        // If the server has no second connection for this role, there is no more to learn.
        _ => Ok(()),
    }
}

/// Says whether this process did not warn of a host yet.
fn is_news(host: &str) -> bool {
    static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let warned = WARNED.lock();
    warned.is_ok_and(|mut warned| warned.insert(host.to_owned()))
}

/// Why a connection did not come about.
fn unconnected(error: tokio_postgres::Error, address: &PostgresAddress) -> DatabaseError {
    if let Some(server) = error.as_db_error() {
        // Both spellings of the server's versions.
        let clear = ["no encryption", "SSL off"];
        let demands = clear.into_iter().any(|end| server.message().ends_with(end));
        if demands && address.mode == SslMode::Disable {
            return TlsError::Demanded.into();
        }
        return failed(error);
    }
    match tls::reason(&error, address) {
        Some(reason) => reason.into(),
        None => DatabaseError::Unreachable {
            host: address.hosts(),
            source: Box::new(error),
        },
    }
}

/// What an error says, without the statement's values.
fn failed(error: tokio_postgres::Error) -> DatabaseError {
    let Some(server) = error.as_db_error() else {
        let source = error.source();
        let lost =
            error.is_closed() || source.is_some_and(<dyn Error + 'static>::is::<std::io::Error>);
        return if lost {
            DatabaseError::Lost(Box::new(error))
        } else {
            DatabaseError::Driver(Box::new(error))
        };
    };
    let message = server.message().to_owned();
    let code = server.code();
    match *code {
        SqlState::DISK_FULL => DatabaseError::Full,
        SqlState::LOCK_NOT_AVAILABLE => DatabaseError::Locked,
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            DatabaseError::Conflict
        }
        SqlState::READ_ONLY_SQL_TRANSACTION => DatabaseError::ReadOnly,
        SqlState::DUPLICATE_TABLE | SqlState::DUPLICATE_OBJECT => DatabaseError::Taken {
            place: String::new(),
            message,
        },
        SqlState::INSUFFICIENT_PRIVILEGE => DatabaseError::Forbidden { message },
        // Names of prepared statements that another connection knows.
        SqlState::DUPLICATE_PSTATEMENT | SqlState::INVALID_SQL_STATEMENT_NAME => {
            DatabaseError::Pooler {
                evidence: "a statement that was prepared on this connection is not its own",
            }
        }
        SqlState::QUERY_CANCELED
        | SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => DatabaseError::Ended { message },
        _ => match code.code().get(..2) {
            // Who may come in, which database there is, how many connections.
            Some("28" | "3D" | "53" | "57") => DatabaseError::Refused { message },
            _ => DatabaseError::Server {
                code: code.code().to_owned(),
                message: quotable(server),
            },
        },
    }
}

/// What may be repeated of a server's message. Those about data may quote a row.
fn quotable(error: &DbError) -> String {
    match error.code().code().get(..2) {
        // Statements that are wrong, objects that are missing, states, resources, the server itself.
        Some("08" | "0A" | "25" | "34" | "3F" | "42" | "54" | "55" | "58" | "XX") => {
            format!(": {}", error.message())
        }
        _ => match error.constraint().or_else(|| error.table()) {
            Some(name) => format!(" at `{name}`"),
            None => String::new(),
        },
    }
}

/// Writes a statement as this server reads it: `$1` for `?1`, and schemas for the words that stand for them.
fn spelled(sql: &str, schemas: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(sql.len() + 64);
    let (mut rest, mut before) = (sql, ' ');
    while let Some(first) = rest.chars().next() {
        let word = rest.len() - rest.trim_start_matches(in_word).len();
        if word == 0 {
            let parameter = first == '?' && rest[1..].starts_with(|c: char| c.is_ascii_digit());
            out.push(if parameter { '$' } else { first });
            before = first;
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (one, after) = rest.split_at(word);
        let known = schemas.iter().find(|(name, _)| *name == one);
        match known.filter(|_| after.starts_with('.') && before != '.') {
            Some((_, schema)) => out.push_str(schema),
            None => out.push_str(one),
        }
        before = ' ';
        rest = after;
    }
    out
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Writes a row as binary COPY has it. A number that its column has no room for is an error.
fn encode(
    row: &[Value<'_>],
    columns: &[(&str, Type)],
    out: &mut BytesMut,
) -> Result<(), DatabaseError> {
    let length = |bytes: &[u8]| i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    out.put_i16(i16::try_from(row.len()).unwrap_or(i16::MAX));
    for (column, (value, (_, of))) in row.iter().zip(columns).enumerate() {
        let too_large = |_| DatabaseError::OddRow { column };
        match value {
            Value::Int(value) => match of {
                Type::Int4 => {
                    out.put_i32(4);
                    out.put_i32(i32::try_from(*value).map_err(too_large)?);
                }
                Type::Int2 => {
                    out.put_i32(2);
                    out.put_i16(i16::try_from(*value).map_err(too_large)?);
                }
                Type::Int | Type::Text | Type::Blob => {
                    out.put_i32(8);
                    out.put_i64(*value);
                }
            },
            Value::Text(text) => {
                out.put_i32(length(text.as_bytes()));
                out.put_slice(text.as_bytes());
            }
            Value::Blob(bytes) => {
                out.put_i32(length(bytes));
                out.put_slice(bytes);
            }
            // A row holds no list.
            Value::Null | Value::Texts(_) | Value::Ints(_) => out.put_i32(-1),
        }
    }
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &WireType,
        out: &mut WireBytes,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Int(value) if *ty == WireType::INT8 => out.put_i64(*value),
            // As text, which the server reads as whatever the parameter is.
            Self::Int(value) => out.put_slice(value.to_string().as_bytes()),
            Self::Text(text) => out.put_slice(text.as_bytes()),
            Self::Blob(bytes) => out.put_slice(bytes),
            Self::Texts(all) => return all.to_sql(ty, out),
            // One beyond four bytes is no key of such a column.
            Self::Ints(all) if *ty == WireType::INT4_ARRAY => {
                let all = all.iter().filter_map(|one| i32::try_from(*one).ok());
                return all.collect::<Vec<i32>>().to_sql(ty, out);
            }
            Self::Ints(all) => return all.to_sql(ty, out),
        }
        Ok(IsNull::No)
    }

    fn encode_format(&self, ty: &WireType) -> Format {
        match self {
            Self::Int(_) if *ty != WireType::INT8 => Format::Text,
            Self::Text(_) => Format::Text,
            _ => Format::Binary,
        }
    }

    fn accepts(_: &WireType) -> bool {
        true
    }

    to_sql_checked!();
}

fn params<'a>(values: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    let one = |value| value as &(dyn ToSql + Sync);
    values.iter().map(one).collect()
}

/// A column of rows, as an array.
fn array<'a>(
    rows: &'a [Value<'a>],
    width: usize,
    column: usize,
    of: Type,
) -> Box<dyn ToSql + Sync + Send + 'a> {
    let values = rows.iter().skip(column).step_by(width);
    match of {
        Type::Text => Box::new(
            values
                .map(|value| match value {
                    Value::Text(text) => Some(text.as_ref()),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
        Type::Int | Type::Int4 | Type::Int2 => Box::new(
            values
                .map(|value| match value {
                    Value::Int(value) => Some(*value),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
        Type::Blob => Box::new(
            values
                .map(|value| match value {
                    Value::Blob(bytes) => Some(bytes.as_ref()),
                    _ => None,
                })
                .collect::<Vec<_>>(),
        ),
    }
}

impl Session for Postgres {
    fn name(&mut self, word: &'static str, schema: &str) {
        self.prepared.clear();
        self.schemas.retain(|(known, _)| *known != word);
        self.schemas.push((word, format!("\"{schema}\"")));
    }

    fn leave_with(&mut self, sql: &str) {
        self.leftovers = sql.to_owned();
    }
}

impl Backend for Postgres {
    fn kind(&self) -> Kind {
        Kind::Postgres
    }

    fn place(&self) -> String {
        self.place.clone()
    }

    fn schema(&self) -> Option<String> {
        let main = self.schemas.iter().find(|(word, _)| *word == "main");
        main.map(|(_, schema)| schema.clone())
    }

    async fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        let sql = spelled(sql, &self.schemas);
        let done = self.client().batch_execute(&sql).await;
        done.map_err(|error| self.told(error))
    }

    fn send(&mut self, sql: &str) {
        // Asked once, the driver has sent it; nobody waits for the answer.
        let sql = spelled(sql, &self.schemas);
        drop(self.client().batch_execute(&sql).now_or_never());
    }

    async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        let statement = self.statement(sql).await?;
        let done = self.client().execute(&statement, &params(values)).await;
        done.map_err(|error| self.told(error))
    }

    async fn each(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        row: &mut (dyn FnMut(RowRef<'_>) -> Result<(), DatabaseError> + Send),
    ) -> Result<(), DatabaseError> {
        let statement = self.statement(sql).await?;
        let told = |error| self.told(error);
        let rows = self.client().query_raw(&statement, values).await;
        let rows = rows.map_err(told)?;
        pin_mut!(rows);
        while let Some(one) = rows.try_next().await.map_err(told)? {
            row(RowRef(Lent::Postgres(&one)))?;
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
                Type::Int | Type::Int4 | Type::Int2 => format!("?{at}::bigint[]"),
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
            let arrays: Vec<Box<dyn ToSql + Sync + Send + '_>> = columns
                .iter()
                .enumerate()
                .map(|(at, (_, of))| array(rows, columns.len(), at, *of))
                .collect();
            let values: Vec<&(dyn ToSql + Sync)> = arrays
                .iter()
                .map(|array| &**array as &(dyn ToSql + Sync))
                .collect();
            let done = self.client().execute(&statement, &values).await;
            done.map_err(|error| self.told(error))?;
        }
        Ok(())
    }
}
