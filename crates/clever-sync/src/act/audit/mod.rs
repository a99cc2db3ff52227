//! Looks for rows that someone else edited: columns that do not say what their record says, records whose
//! bytes are not those that were seen, rows that are gone, that are archived and should not be, or that no sync wrote.
//!
//! They are mended from the feed of changes, in which the database keeps what a row was before somebody else wrote over
//! it; a snapshot after it adds what the feed does not tell. The tables beside a record's own are what the record says (`children.rs`).

mod children;

use std::collections::BTreeSet;

use clever_model::{DistrictId, RecordKind};
use serde_json::Value;

use crate::act::findings;
use crate::act::totals::Changed;
use crate::check::policy::SyncPolicy;
use crate::learn::columns::{self, Column};
use crate::learn::diff::hash_of;
use crate::learn::reading;
use crate::store::changes;
use crate::store::moves;
use crate::store::run::SqlRun;
use crate::store::sql::{RosterDb, Row, Sql, Transaction, Type};
use crate::store::{ABSENT, Hash, Run, SqlStore, Store, StoreError};

/// Rows read at once.
const CHUNK: usize = 1000;

/// What the state has and the table has, or has not.
struct Found {
    id: String,
    hash: Hash,
    archived: bool,
    /// `None` where the row is gone.
    row: Option<Row>,
}

/// Finds rows of a district that were edited by hand, and mends them; read a snapshot afterwards. The app's own
/// columns are its own to edit. What hangs on a row that is mended is mended with it, and not counted. All is mended in one transaction, or nothing is. Returns how many there are.
///
/// # Errors
///
/// [`StoreError`] when the store can't be read or written.
pub async fn mark_edited<B: RosterDb>(
    store: &mut SqlStore<B>,
    district: &DistrictId,
    policy: &SyncPolicy,
) -> Result<u64, StoreError> {
    let mut run = store.begin(district).await?;
    let done = mend_whole(&mut run, district, policy).await;
    // Nothing was staged, and what an earlier run left stands on rows that may be others now.
    drop(run.discard().await);
    done
}

async fn mend_whole<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    district: &DistrictId,
    policy: &SyncPolicy,
) -> Result<u64, StoreError> {
    let mut writing = Transaction::write(store).await?;
    let edited = mend(&mut writing, district, policy).await?;
    writing.commit().await?;
    Ok(edited)
}

/// Finds and mends within a transaction that the caller holds, so that a stop on the way leaves nothing half mended.
async fn mend<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    district: &DistrictId,
    policy: &SyncPolicy,
) -> Result<u64, StoreError> {
    // The update locks the district's row, as the end of a run does: no run writes while this reads and mends. Totals
    // are counted again: no run's totals include rows that were edited by hand.
    let sql = "UPDATE main._districts SET counted = NULL WHERE district_id = ?1";
    store.db.execute(sql, &[district.as_str().into()]).await?;
    moves::stays(store.db, district.as_str()).await?;
    // Read under the lock: a run may have given the district its number since the staging area was opened.
    let known = store
        .db
        .maybe(
            "SELECT district FROM main._districts WHERE district_id = ?1",
            &[district.as_str().into()],
        )
        .await?;
    let Some(mut known) = known else {
        // No sync wrote anything, so there is nothing to compare with.
        return Ok(0);
    };
    store.number = Some(known.int(0)?);
    let mut edited = 0;
    // Before rows are written again: they may get the keys of those that are gone.
    children::forget_sections(store).await?;
    for kind in RecordKind::ALL {
        let ours = columns::ours(kind, &policy.sticky);
        edited += strangers(store, district, kind).await?;
        let mut after = String::new();
        loop {
            let rows = read(store, kind, &ours, &after).await?;
            let Some(last) = rows.last() else { break };
            let before = std::mem::replace(&mut after, last.id.clone());
            let mut mended = BTreeSet::new();
            for found in rows {
                let (id, archived, gone) = (found.id.clone(), found.archived, found.row.is_none());
                if !is_right(found, &ours) {
                    edited += 1;
                    restore(store, district, (kind, &id), (archived, gone), &ours).await?;
                    mended.insert(id);
                }
            }
            let span = (before.as_str(), after.as_str());
            edited += children::mend(store, kind, span, &mended).await?;
        }
    }
    edited += children::forget_people(store).await?;
    if edited > 0 {
        // What leads nowhere was looked for in rows that were edited.
        let all = BTreeSet::from(RecordKind::ALL);
        let changed = Changed {
            referring: all.clone(),
            moved: all,
            ..Changed::default()
        };
        findings::renew(store.db, district.as_str(), &changed).await?;
    }
    Ok(edited)
}

/// Reads rows of the state with those of the table.
async fn read<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    kind: RecordKind,
    ours: &[Column],
    after: &str,
) -> Result<Vec<Found>, StoreError> {
    let names: String = ours.iter().map(|(name, _)| format!(", t.{name}")).collect();
    let sql = format!(
        "SELECT s.id, s.hash, s.archived, CASE WHEN t.id IS NULL THEN 0 ELSE 1 END,
                CASE WHEN t.archived_at IS NULL THEN 0 ELSE 1 END, t.record{names}
         FROM main._state s LEFT JOIN main.{kind} t ON t.district_id = ?3 AND t.id = s.id
         WHERE s.district = ?1 AND s.kind = ?2 AND s.id > ?4 ORDER BY s.id LIMIT ?5"
    );
    let params = [
        store.number().into(),
        (kind as i64).into(),
        store.district_id().into(),
        after.into(),
        CHUNK.into(),
    ];
    let rows = store.db.query(&sql, &params).await?;
    rows.into_iter()
        .map(|mut row| {
            Ok(Found {
                id: row.text(0)?,
                hash: row.bytes(1)?,
                archived: row.int(2)? != 0,
                row: (row.int(3)? != 0).then_some(row),
            })
        })
        .collect()
}

/// Says whether a row is as a sync wrote it.
fn is_right(found: Found, ours: &[Column]) -> bool {
    let Some(mut row) = found.row else {
        return false;
    };
    // A value of another type was not written by a sync.
    let (Ok(archived), Ok(record)) = (row.int(4), row.text(5)) else {
        return false;
    };
    let value = reading::value(&record).unwrap_or_default();
    // Of an archived record that was mended before it left, nobody knows the bytes.
    let unknown = found.archived && found.hash == ABSENT;
    (archived != 0) == found.archived
        && (unknown || hash_of(&record) == found.hash)
        && ours.iter().zip(6..).all(|((_, place), at)| {
            row.maybe_text(at)
                .is_ok_and(|text| text == columns::text(&value, place))
        })
}

/// Writes a row again as the feed last had it.
async fn restore<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    district: &DistrictId,
    (kind, id): (RecordKind, &str),
    (archived, gone): (bool, bool),
    ours: &[Column],
) -> Result<(), StoreError> {
    let sql = format!(
        "{} SELECT coalesce(c.after, c.before), c.at, c.run,
                (SELECT at FROM main._changes WHERE district_id = ?1 AND seq = (SELECT min(seq) FROM chain))
         FROM main.changes c WHERE c.district_id = ?1 AND c.seq = (SELECT max(seq) FROM chain)",
        changes::chain(&[kind])
    );
    let params = [district.as_str().into(), id.into(), 0_i64.into()];
    let mut last = store.db.maybe(&sql, &params).await?;
    let record = match &mut last {
        Some(row) => row.maybe_text(0)?,
        None => None,
    };
    let (Some(mut last), Some(record)) = (last, record) else {
        // Nobody knows what it was: then it is new when it comes again.
        let params = [store.number().into(), (kind as i64).into(), id.into()];
        let sql = "DELETE FROM main._state WHERE district = ?1 AND kind = ?2 AND id = ?3";
        store.db.execute(sql, &params).await?;
        return Ok(());
    };
    let (at, run) = (last.text(1)?, last.int(2)?);
    let first = last.text(3)?;
    let value: Value = reading::value(&record).unwrap_or_default();
    let mut names = vec![
        ("district_id", Type::Text),
        ("id", Type::Text),
        ("record", Type::Text),
        ("archived_at", Type::Text),
        ("first_seen_at", Type::Text),
        ("changed_at", Type::Text),
        ("source", Type::Int),
    ];
    names.extend(ours.iter().map(|(name, _)| (*name, Type::Text)));
    let mut row: Vec<Sql<'_>> = vec![
        district.as_str().into(),
        id.into(),
        record.as_str().into(),
        archived.then_some(at.as_str()).into(),
        first.into(),
        at.as_str().into(),
        run.into(),
    ];
    row.extend(
        ours.iter()
            .map(|(_, place)| columns::text(&value, place).into()),
    );
    let sets: Vec<String> = names
        .iter()
        .filter(|(name, _)| !matches!(*name, "district_id" | "id" | "first_seen_at"))
        .map(|(name, _)| format!("{name} = excluded.{name}"))
        .collect();
    let conflict = format!(
        "ON CONFLICT (district_id, id) DO UPDATE SET {}",
        sets.join(", ")
    );
    store
        .db
        .insert(&format!("main.{kind}"), &names, &row, &conflict)
        .await?;
    // Of a row that was gone, the next snapshot sees to the rest.
    let hash = if gone { ABSENT } else { hash_of(&record) };
    let sql = "UPDATE main._state SET hash = ?1 WHERE district = ?2 AND kind = ?3 AND id = ?4";
    let params = [
        hash.into(),
        store.number().into(),
        (kind as i64).into(),
        id.into(),
    ];
    store.db.execute(sql, &params).await?;
    Ok(())
}

/// Archives rows that no sync wrote: Clever has no record of them. Says how many there were.
async fn strangers<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    district: &DistrictId,
    kind: RecordKind,
) -> Result<u64, StoreError> {
    let sql = format!(
        "UPDATE main.{kind} SET archived_at = changed_at WHERE district_id = ?3 AND archived_at IS NULL AND NOT EXISTS (
             SELECT 1 FROM main._state s WHERE s.district = ?1 AND s.kind = ?2 AND s.id = {kind}.id)"
    );
    let params = [
        store.number().into(),
        (kind as i64).into(),
        district.as_str().into(),
    ];
    Ok(store.db.execute(&sql, &params).await?)
}
