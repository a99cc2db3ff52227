//! The PostgreSQL store: its staging areas, how it spells its statements, and how it is opened (`connected`).
//!
//! Decision: instants and records are text, and ids have the collation `C`. The merge join needs the order of bytes, and a
//! record must come back as it was sent; `jsonb` would reorder it. Cast with `record::jsonb` in a query.

#[cfg(feature = "postgres")]
pub(super) mod connected;

use clever_sql::Session;
use xxhash_rust::xxh3::xxh3_64;

use crate::store::StoreError;
use crate::store::sql::{Dialect, Late};
use crate::store::staging::{Kept, Staging};

const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(?1)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(?1)";

const DROP_TEMPORARY: &str = "DROP TABLE IF EXISTS pg_temp.staged, pg_temp.staged_records, pg_temp.staged_batches, pg_temp.staged_walk";

pub(super) const DIALECT: Dialect = Dialect {
    empty: "TRUNCATE staging.staged, staging.staged_records, staging.staged_batches, staging.staged_walk",
    late: &[
        Late {
            table: "_enrollments",
            index: "_enrollments_by_person",
            create: "CREATE INDEX IF NOT EXISTS _enrollments_by_person ON main._enrollments (district, person)",
        },
        Late {
            table: "_contacts",
            index: "_contacts_by_student",
            create: "CREATE INDEX IF NOT EXISTS _contacts_by_student ON main._contacts (district_id, student_id)",
        },
    ],
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
/// beside it; new records of a load are staged many in a row, which the server is not to compress: it is read once. They are in that schema or nowhere: personal data is not to lie in one that others read.
const STAGING: &str = "
    CREATE {} TABLE IF NOT EXISTS staging.staged (
        kind BIGINT NOT NULL, id TEXT COLLATE \"C\" NOT NULL, op BIGINT NOT NULL, old_hash BYTEA,
        hash BYTEA NOT NULL, fields TEXT, event TEXT, lost BIGINT NOT NULL, refused BYTEA,
        held BIGINT NOT NULL, body BIGINT, schools TEXT, meaning BYTEA, PRIMARY KEY (kind, id)
    );
    CREATE {} TABLE IF NOT EXISTS staging.staged_records (body BIGINT PRIMARY KEY, record TEXT NOT NULL);
    CREATE {} TABLE IF NOT EXISTS staging.staged_batches (
        kind BIGINT NOT NULL, first TEXT COLLATE \"C\" NOT NULL, last TEXT COLLATE \"C\" NOT NULL, size BIGINT NOT NULL,
        heads BYTEA NOT NULL, records TEXT NOT NULL, PRIMARY KEY (kind, last)
    );
    ALTER TABLE staging.staged_batches ALTER heads SET STORAGE EXTERNAL, ALTER records SET STORAGE EXTERNAL;
    CREATE {} TABLE IF NOT EXISTS staging.staged_walk (walk BIGINT PRIMARY KEY, note TEXT NOT NULL);";

/// Makes the staging area of a district whose lock this connection has: tables without a log, which a crash of
/// the server empties, in a schema of their own.
async fn keep_staging<S: Session>(db: &mut S, lock: i64) -> Result<(), StoreError> {
    let schema = schema(lock);
    db.batch(&format!("CREATE SCHEMA IF NOT EXISTS {schema}"))
        .await?;
    db.name("staging", &schema);
    Ok(db.batch(&STAGING.replace("{}", "UNLOGGED")).await?)
}

/// Asks for or gives back the lock of a staging area; says whether it was there to have.
async fn lock<S: Session>(db: &mut S, question: &str, lock: i64) -> Result<bool, StoreError> {
    Ok(db.one(question, &[lock.into()]).await?.int(0)? != 0)
}

/// The schema of the staging area with this lock.
fn schema(lock: i64) -> String {
    format!("_staging_{lock:016x}")
}

/// Opens the staging area of a district, as it was left; one that ends with the connection if another run has it, or the
/// role may keep none.
pub(super) async fn open_staging<S: Session>(
    db: &mut S,
    district: &str,
) -> Result<Staging, StoreError> {
    // Of an earlier area of this connection.
    db.batch(DROP_TEMPORARY).await?;
    // Two stores in one database have different schemas.
    let store = db.schema().unwrap_or_default();
    let key = xxh3_64(format!("clever-sync staging {store} {district}").as_bytes());
    let key = i64::from_le_bytes(key.to_le_bytes());
    let mut kept = lock(db, TRY_LOCK, key).await?;
    if kept && keep_staging(db, key).await.is_err() {
        // The role may make no schema.
        lock(db, UNLOCK, key).await?;
        kept = false;
    }
    if kept {
        db.leave_with(&format!("SELECT pg_advisory_unlock({key})"));
    } else {
        db.name("staging", "pg_temp");
        db.batch(&STAGING.replace("{}", "")).await?;
        db.leave_with(DROP_TEMPORARY);
    }
    Ok(Staging {
        kept: kept.then_some(Kept::Lock(key)),
        broken: false,
    })
}

/// Closes a staging area: keeps it for a later run, or throws it away.
pub(super) async fn close_staging<S: Session>(
    db: &mut S,
    staging: &Staging,
    keep: bool,
) -> Result<(), StoreError> {
    // Statements that were prepared for its tables.
    db.name("staging", "pg_temp");
    for sql in end(staging, keep) {
        db.batch(&sql).await?;
    }
    db.leave_with("");
    Ok(())
}

/// The same without waiting for the end.
pub(super) fn drop_staging<S: Session>(db: &mut S, staging: &Staging, keep: bool) {
    db.name("staging", "pg_temp");
    for sql in end(staging, keep) {
        db.send(&sql);
    }
    db.leave_with("");
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
