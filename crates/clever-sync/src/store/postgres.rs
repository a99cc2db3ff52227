//! The PostgreSQL store: opening it, its staging areas, and how it spells its statements.
//!
//! Decision: instants and records are text, and ids have the collation `C`. The merge join needs the order of bytes, and a
//! record must come back as it was sent; `jsonb` would reorder it. Cast with `record::jsonb` in a query.

use std::borrow::Borrow;

use clever_sql::{Address, Open, Postgres};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::StoreError;
use crate::store::sql::{Backend, Dialect, RosterDb, SqlStore, TABLES};
use crate::store::staging::{Kept, Staging};

const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(?1)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(?1)";

const DROP_TEMPORARY: &str =
    "DROP TABLE IF EXISTS pg_temp.staged, pg_temp.staged_records, pg_temp.staged_walk";

const DIALECT: Dialect = Dialect {
    empty: "TRUNCATE staging.staged, staging.staged_records, staging.staged_walk",
    // Indices of tables that all districts share can't be dropped while others read them.
    late: &[],
    // The sequence is looked up once.
    keys: "WITH sequence AS MATERIALIZED (SELECT pg_get_serial_sequence('main.{}', 'key')::regclass AS name)
        SELECT nextval(name) FROM sequence, generate_series(1::bigint, ?1::bigint)",
    staged: "ANALYZE staging.staged (kind, id, op, held)",
    // A first load would otherwise be joined as if its tables were empty: minutes instead of seconds. The columns are
    // those by which rows are looked for; the rest, records above all, costs several times as much to look at and is left
    // to the server. Another district's run that holds one of the tables is not waited for.
    analyze: "ANALYZE (SKIP_LOCKED) main.schools (district_id, id, archived_at), main.terms (district_id, id, archived_at),
        main.courses (district_id, id, archived_at), main.users (district_id, id, archived_at),
        main.sections (district_id, id, archived_at, school_id), main.user_roles (district_id, user_id, role, school_id),
        main._user_schools (district_id, user_id, school_id), main._contacts (district_id, contact_id, student_id),
        main._state (district, kind, id, archived), main._people (district, id, known),
        main._enrollments (district, section, role, person)",
};

/// The tables of the staging area; `{}` is what kind of tables they are. A staged row is narrow, and its record
/// beside it. They are in that schema or nowhere: personal data is not to lie in one that others read.
const STAGING: &str = "
    CREATE {} TABLE IF NOT EXISTS staging.staged (
        kind BIGINT NOT NULL, id TEXT COLLATE \"C\" NOT NULL, op BIGINT NOT NULL, old_hash BYTEA,
        hash BYTEA NOT NULL, fields TEXT, event TEXT, lost BIGINT NOT NULL, refused BYTEA,
        held BIGINT NOT NULL, body BIGINT, schools TEXT, meaning BYTEA, PRIMARY KEY (kind, id)
    );
    CREATE {} TABLE IF NOT EXISTS staging.staged_records (body BIGINT PRIMARY KEY, record TEXT NOT NULL);
    CREATE {} TABLE IF NOT EXISTS staging.staged_walk (walk BIGINT PRIMARY KEY, note TEXT NOT NULL);";

/// A roster store in a PostgreSQL database.
pub type PostgresStore = SqlStore<Postgres>;

impl SqlStore<Postgres> {
    /// Connects to the database at a `postgres://` address, and makes the tables if there are none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] says what is wrong with the address, the server or the tables.
    pub async fn connect(address: &str) -> Result<Self, StoreError> {
        match Address::parse(address)? {
            Address::Postgres(address) => Self::made(Postgres::connect(&address).await?).await,
            _ => Err(clever_sql::AddressError::Scheme.into()),
        }
    }

    /// Takes a connection that the app made itself, as [`Postgres::over`] does, with the tables in this schema. They are made
    /// if there are none.
    ///
    /// While the store lives, the connection is its own, and in no transaction. When it is dropped, the connection is as it
    /// was: no setting, lock or temporary table stays.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] if the server refuses.
    pub async fn over(
        client: impl Borrow<tokio_postgres::Client> + Send + Sync + 'static,
        schema: &str,
    ) -> Result<Self, StoreError> {
        Self::made(Postgres::over(client, schema).await?).await
    }

    async fn made(mut db: Postgres) -> Result<Self, StoreError> {
        clever_sql::migrate(&mut db, &TABLES, Open::Create).await?;
        Ok(Self::on(db))
    }
}

/// Makes the staging area of a district whose lock this connection has: tables without a log, which a crash of
/// the server empties, in a schema of their own.
async fn keep_staging(db: &mut Postgres, lock: i64) -> Result<(), StoreError> {
    let schema = schema(lock);
    db.batch(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))
        .await?;
    db.name("staging", &schema);
    Ok(db.batch(&STAGING.replace("{}", "UNLOGGED")).await?)
}

/// Asks for or gives back the lock of a staging area; says whether it was there to have.
async fn lock(db: &mut Postgres, question: &str, lock: i64) -> Result<bool, StoreError> {
    Ok(db.one(question, &[lock.into()]).await?.int(0)? != 0)
}

/// The schema of the staging area with this lock.
fn schema(lock: i64) -> String {
    format!("_staging_{lock:016x}")
}

impl RosterDb for Postgres {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    async fn open_staging(&mut self, district: &str) -> Result<Staging, StoreError> {
        // Of an earlier area of this connection.
        self.batch(DROP_TEMPORARY).await?;
        // Two stores in one database have different schemas.
        let store = self.schema().unwrap_or_default();
        let key = xxh3_64(format!("clever-sync staging {store} {district}").as_bytes());
        let key = i64::from_le_bytes(key.to_le_bytes());
        let mut kept = lock(self, TRY_LOCK, key).await?;
        if kept && keep_staging(self, key).await.is_err() {
            // The role may make no schema.
            lock(self, UNLOCK, key).await?;
            kept = false;
        }
        if kept {
            self.leave_with(&format!("SELECT pg_advisory_unlock({key})"));
        } else {
            self.name("staging", "pg_temp");
            self.batch(&STAGING.replace("{}", "")).await?;
            self.leave_with(DROP_TEMPORARY);
        }
        Ok(Staging {
            kept: kept.then_some(Kept::Lock(key)),
            broken: false,
        })
    }

    async fn close_staging(&mut self, staging: Staging, keep: bool) -> Result<(), StoreError> {
        // Statements that were prepared for its tables.
        self.name("staging", "pg_temp");
        for sql in end(&staging, keep) {
            self.batch(&sql).await?;
        }
        self.leave_with("");
        Ok(())
    }

    fn drop_staging(&mut self, staging: Staging, keep: bool) {
        self.name("staging", "pg_temp");
        for sql in end(&staging, keep) {
            self.send(&sql);
        }
        self.leave_with("");
    }
}

/// What ends a staging area that this connection has. The lock is given back once the rest is done: whoever gets it next
/// must not find a schema that is about to go.
fn end(staging: &Staging, keep: bool) -> Vec<String> {
    match staging.kept {
        Some(Kept::Lock(key)) => {
            let gone = format!("DROP SCHEMA IF EXISTS {} CASCADE", schema(key));
            let unlock = format!("SELECT pg_advisory_unlock({key})");
            let gone = (!keep).then_some(gone);
            gone.into_iter().chain([unlock]).collect()
        }
        _ => vec![DROP_TEMPORARY.to_owned()],
    }
}
