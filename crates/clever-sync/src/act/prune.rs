//! Takes away what is kept for longer than somebody's policy says: records that were archived long ago, and the beginning of the
//! feed, as far as every reader has passed it.
//!
//! Decision: it goes in steps, each a short transaction, so that no run and no reader waits for long; one that is stopped on the way
//! has done some of it, and the next goes on. The feed said that those records were archived, so it has nothing to add.

use std::collections::BTreeMap;

use clever_model::{DistrictId, IdError, RecordKind, Timestamp};
use clever_sql::Kind;
use serde::Serialize;

use crate::store::StoreError;
use crate::store::moves;
use crate::store::sql::{Connected, RosterDb, Sql, SqlStore, Transaction, texts};

/// Records taken away at once.
const STEP: usize = 500;

/// Rows of the feed taken away at once.
const ROWS: u64 = 5000;

/// What is to be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneRequest {
    /// The district.
    pub district_id: String,
    /// Records that were archived before this instant; none of them, if there is none.
    pub archived_before: Option<Timestamp>,
    /// Changes that were applied before this instant; none of them, if there is none.
    pub changes_before: Option<Timestamp>,
    /// Say what would be taken away; take nothing.
    pub dry_run: bool,
}

/// What was taken away, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pruned {
    /// Archived records, by kind.
    pub records: BTreeMap<RecordKind, u64>,
    /// Rows of the feed.
    pub changes: u64,
    /// The number of the first change that the feed has now, or would have.
    pub first_change: u64,
}

/// Why nothing more was taken away.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// The district's id is none.
    #[error("the district's id can't be used")]
    District(#[source] IdError),
    /// A reader of the feed has not passed what was to be taken away.
    #[error(
        "reader {reader} of district {district} is at change {position}, and changes up to {wanted} were to be taken away"
    )]
    Unread {
        /// The district.
        district: String,
        /// The reader who is the furthest behind.
        reader: String,
        /// How far that reader has come.
        position: u64,
        /// The last change that was to be taken away.
        wanted: u64,
    },
    /// The store failed.
    #[error("the store could not be used")]
    Store(#[from] StoreError),
}

impl From<clever_sql::DatabaseError> for PruneError {
    fn from(error: clever_sql::DatabaseError) -> Self {
        Self::Store(error.into())
    }
}

/// Takes away archived records and the beginning of the feed. `progress` hears after each step how many rows are gone.
///
/// The feed keeps the last change, and every change that a reader has not passed. A record that comes back later is new.
///
/// # Errors
///
/// [`PruneError::Unread`] before anything is taken away; after another error, some of it may be gone.
pub async fn prune<B: RosterDb>(
    store: &mut SqlStore<B>,
    request: &PruneRequest,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Pruned, PruneError> {
    let district = DistrictId::new(request.district_id.as_str()).map_err(PruneError::District)?;
    let id = district.as_str();
    let mut pruned = Pruned::default();
    let floor = match request.changes_before {
        Some(before) => floor(&mut store.db, id, before).await?,
        None => first(&mut store.db, id).await?,
    };
    pruned.first_change = floor;
    if request.dry_run {
        if let Some(before) = request.archived_before {
            for kind in RecordKind::ALL {
                let rows = archived(&mut store.db, id, kind, before).await?;
                if rows > 0 {
                    pruned.records.insert(kind, rows);
                }
            }
        }
        let sql = "SELECT count(*) FROM main._changes WHERE district_id = ?1 AND seq < ?2";
        let params = [id.into(), floor.into()];
        pruned.changes = store.db.one(sql, &params).await?.count(0)?;
        return Ok(pruned);
    }
    if store.db.kind() == Kind::Sqlite {
        store.db.batch("PRAGMA main.secure_delete = ON").await?;
    }
    let mut gone = 0;
    if let Some(before) = request.archived_before {
        for kind in RecordKind::ALL {
            loop {
                let rows = step(store, id, kind, before).await?;
                if rows == 0 {
                    break;
                }
                *pruned.records.entry(kind).or_default() += rows;
                gone += rows;
                progress(gone);
            }
        }
    }
    if first(&mut store.db, id).await? < floor {
        unchain(store, id, floor).await?;
    }
    loop {
        let rows = cut(store, id, floor).await?;
        if rows == 0 {
            break;
        }
        pruned.changes += rows;
        gone += rows;
        progress(gone);
    }
    Ok(pruned)
}

/// The number of the first change that the feed has; 1 for an empty one.
async fn first<B: RosterDb>(db: &mut B, district: &str) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(min(seq), 1) FROM main._changes WHERE district_id = ?1";
    Ok(db.one(sql, &[district.into()]).await?.count(0)?)
}

/// The number of the first change that stays.
async fn floor<B: RosterDb>(
    db: &mut B,
    district: &str,
    before: Timestamp,
) -> Result<u64, PruneError> {
    // Instants ascend with the numbers: the last one before it is found from the end. The very last change stays, so that numbers
    // continue from it.
    let sql = "SELECT coalesce(max(seq), 0) FROM main._changes WHERE district_id = ?1 AND at < ?2
         AND seq < (SELECT max(seq) FROM main._changes WHERE district_id = ?1)";
    let params = [district.into(), before.to_string().into()];
    let wanted = db.one(sql, &params).await?.count(0)?;
    let first = first(db, district).await?;
    if wanted < first {
        return Ok(first);
    }
    // The change that a reader is at stays: by it a reader sees that this is the feed it read.
    let sql = "SELECT consumer, seq FROM main.consumers WHERE district_id = ?1 AND seq <= ?2 ORDER BY seq LIMIT 1";
    let behind = db.maybe(sql, &[district.into(), wanted.into()]).await?;
    match behind {
        Some(mut row) => Err(PruneError::Unread {
            district: district.to_owned(),
            reader: row.text(0)?,
            position: row.count(1)?,
            wanted,
        }),
        None => Ok(wanted + 1),
    }
}

/// Which archived records of a kind go: those that nobody put aside by an undo.
fn of_kind(kind: RecordKind) -> String {
    format!(
        "FROM main.{kind} t JOIN main._districts d ON d.district_id = t.district_id
         JOIN main._state s ON s.district = d.district AND s.kind = ?3 AND s.id = t.id
         WHERE t.district_id = ?1 AND t.archived_at < ?2 AND s.archived = 1 AND s.refused IS NULL"
    )
}

async fn archived<B: RosterDb>(
    db: &mut B,
    district: &str,
    kind: RecordKind,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let sql = format!("SELECT count(*) {}", of_kind(kind));
    let params = [
        district.into(),
        before.to_string().into(),
        (kind as i64).into(),
    ];
    Ok(db.one(&sql, &params).await?.count(0)?)
}

/// Takes away some records of a kind; says how many.
async fn step<B: RosterDb>(
    store: &mut SqlStore<B>,
    district: &str,
    kind: RecordKind,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let mut writing = Transaction::write(store).await?;
    let db = writing.db();
    lock(db, district).await?;
    let sql = format!(
        "SELECT t.id, t.key, s.district {} ORDER BY t.id LIMIT {STEP}",
        of_kind(kind)
    );
    let params = [
        district.into(),
        before.to_string().into(),
        (kind as i64).into(),
    ];
    let (mut ids, mut keys, mut number) = (Vec::new(), Vec::new(), 0);
    for mut row in db.query(&sql, &params).await? {
        ids.push(row.text(0)?);
        keys.push(row.int(1)?);
        number = row.int(2)?;
    }
    let among = db.kind().among(2);
    let these = || texts(ids.iter().map(String::as_str));
    if ids.is_empty() {
        writing.roll_back().await?;
        return Ok(0);
    }
    // What followed their changes is found by their states, which go: it is kept with the changes from now on.
    let sql = format!(
        "WITH RECURSIVE chain (seq) AS (
             SELECT s.seq FROM main._state s WHERE s.district = ?3 AND s.kind = ?4 AND s.id {among}
             UNION ALL SELECT c.prev FROM chain JOIN main._changes c ON c.district_id = ?1 AND c.seq = chain.seq
             WHERE c.prev < c.seq)
         UPDATE main._changes SET after = (
             SELECT v.after FROM main.changes v WHERE v.district_id = ?1 AND v.seq = _changes.seq)
         WHERE district_id = ?1 AND after IS NULL AND seq IN (SELECT seq FROM chain)"
    );
    let params = [
        district.into(),
        these(),
        number.into(),
        (kind as i64).into(),
    ];
    db.execute(&sql, &params).await?;
    let sql = format!("DELETE FROM main.{kind} WHERE district_id = ?1 AND id {among}");
    db.execute(&sql, &[district.into(), these()]).await?;
    let sql = format!("DELETE FROM main._state WHERE district = ?1 AND id {among} AND kind = ?3");
    let params = [number.into(), these(), (kind as i64).into()];
    db.execute(&sql, &params).await?;
    match kind {
        RecordKind::Sections => {
            let sql =
                format!("DELETE FROM main._enrollments WHERE district = ?1 AND section {among}");
            db.execute(&sql, &[number.into(), Sql::Ints(keys)]).await?;
        }
        RecordKind::Users => {
            // Who is still named by a section or a contact is one of whom nothing is known.
            let sql =
                format!("UPDATE main._people SET known = 0 WHERE district = ?1 AND id {among}");
            db.execute(&sql, &[number.into(), these()]).await?;
            let sql = format!(
                "DELETE FROM main._people WHERE district = ?1 AND id {among}
                 AND NOT EXISTS (SELECT 1 FROM main._enrollments e WHERE e.district = ?1 AND e.person = _people.key)
                 AND NOT EXISTS (SELECT 1 FROM main._contacts c WHERE c.district_id = ?3 AND c.student_id = _people.id)"
            );
            let params = [number.into(), these(), district.into()];
            db.execute(&sql, &params).await?;
        }
        _ => {}
    }
    let rows = ids.len() as u64;
    writing.commit().await?;
    Ok(rows)
}

/// Has no chain of a record's changes lead below a number: what is there is about to go.
async fn unchain<B: RosterDb>(
    store: &mut SqlStore<B>,
    district: &str,
    floor: u64,
) -> Result<(), StoreError> {
    let mut writing = Transaction::write(store).await?;
    let db = writing.db();
    lock(db, district).await?;
    for sql in [
        "UPDATE main._changes SET prev = NULL WHERE district_id = ?1 AND prev < ?2",
        "UPDATE main._state SET seq = 0 WHERE seq > 0 AND seq < ?2
         AND district = (SELECT district FROM main._districts WHERE district_id = ?1)",
    ] {
        db.execute(sql, &[district.into(), floor.into()]).await?;
    }
    writing.commit().await?;
    Ok(())
}

/// Takes away some changes below a number; says how many.
async fn cut<B: RosterDb>(
    store: &mut SqlStore<B>,
    district: &str,
    floor: u64,
) -> Result<u64, StoreError> {
    let mut writing = Transaction::write(store).await?;
    let db = writing.db();
    lock(db, district).await?;
    let first = first(db, district).await?;
    if first >= floor {
        writing.roll_back().await?;
        return Ok(0);
    }
    let to = floor.min(first + ROWS);
    let params = [district.into(), to.into()];
    let rows = db
        .execute(
            "DELETE FROM main._changes WHERE district_id = ?1 AND seq < ?2",
            &params,
        )
        .await?;
    writing.commit().await?;
    Ok(rows)
}

/// Locks the district's row, as the end of a run does. A district that is not there, or was forgotten, has none.
async fn lock<B: RosterDb>(db: &mut B, district: &str) -> Result<(), StoreError> {
    let sql = "UPDATE main._districts SET district_id = district_id WHERE district_id = ?1";
    db.execute(sql, &[district.into()]).await?;
    moves::stays(db, district).await
}
