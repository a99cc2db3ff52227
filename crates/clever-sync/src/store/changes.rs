//! Questions that people and programs ask of a store: what changed, what a record is, who has read how far.

use std::fmt;

use clever_model::RecordKind;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::store::StoreError;
use crate::store::sql::{RosterDb, Row, Sql, SqlStore};

/// Which changes to read.
#[derive(Debug, Clone, Default)]
pub struct ChangeFilter {
    /// Only records of this kind.
    pub kind: Option<RecordKind>,
    /// Only this record.
    pub id: Option<String>,
    /// Only what this run changed.
    pub run: Option<u64>,
    /// Only changes after this sequence number.
    pub after: u64,
    /// At most this many.
    pub limit: u32,
}

/// One row of the feed. `Debug` shows no values, which may be of children.
#[derive(Clone, Serialize)]
pub struct Change {
    /// Its number; numbers have no gap within a district.
    pub seq: u64,
    /// The run that made it.
    pub run: u64,
    /// The kind of record.
    pub kind: String,
    /// The record.
    pub id: String,
    /// `create`, `update`, `archive` or `restore`.
    pub op: String,
    /// The fields that an update or a restore changed.
    pub fields: Vec<String>,
    /// The record before.
    pub before: Option<Box<RawValue>>,
    /// The record after.
    pub after: Option<Box<RawValue>>,
    /// When it was applied (RFC 3339).
    pub at: String,
    /// The event that told it; none where a snapshot or an undo did.
    pub event: Option<String>,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("seq", &self.seq)
            .field("run", &self.run)
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("op", &self.op)
            .field("fields", &self.fields)
            .field("at", &self.at)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

impl<B: RosterDb> SqlStore<B> {
    /// The ids of the districts that the store holds.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn districts(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = self
            .db
            .query(
                "SELECT district_id FROM main._districts ORDER BY district_id",
                &[],
            )
            .await?;
        let ids = rows.into_iter().map(|mut row| row.text(0));
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Reads a district's changes in order.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn changes(
        &mut self,
        district_id: &str,
        filter: &ChangeFilter,
    ) -> Result<Vec<Change>, StoreError> {
        let columns =
            "c.seq, c.run, c.kind, c.id, c.op, c.fields, c.before, c.after, c.at, c.event";
        let limits = "(CAST(?4 AS TEXT) IS NULL OR c.kind = ?4) AND (CAST(?5 AS BIGINT) IS NULL OR c.run = ?5)";
        let sql = match filter.id {
            Some(_) => format!(
                "{} SELECT {columns} FROM chain JOIN main.changes c ON c.district_id = ?1 AND c.seq = chain.seq
                 WHERE {limits} ORDER BY c.seq LIMIT ?6",
                chain(&RecordKind::ALL)
            ),
            // The record is named so that both statements have the same parameters.
            None => format!(
                "SELECT {columns} FROM main.changes c WHERE c.district_id = ?1 AND c.seq > ?3
                 AND CAST(?2 AS TEXT) IS NULL AND {limits} ORDER BY c.seq LIMIT ?6"
            ),
        };
        let params = [
            district_id.into(),
            filter.id.as_deref().into(),
            filter.after.into(),
            filter.kind.map(RecordKind::as_str).into(),
            filter.run.into(),
            i64::from(filter.limit).into(),
        ];
        let rows = self.db.query(&sql, &params).await?;
        rows.into_iter().map(|mut row| change(&mut row)).collect()
    }

    /// The report of a district's last run, as it was written.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn last_report(&mut self, district_id: &str) -> Result<Option<String>, StoreError> {
        let row = self
            .maybe(
                "SELECT report FROM main.runs WHERE district_id = ?1 ORDER BY run DESC LIMIT 1",
                &[district_id.into()],
            )
            .await?;
        Ok(row.map(|mut row| row.text(0)).transpose()?)
    }

    /// How each run of a district learnt the roster, by its number: `snapshot`, `events`, `plan`, `undo`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn run_path(&mut self, district_id: &str, run: u64) -> Result<String, StoreError> {
        let row = self
            .maybe(
                "SELECT path FROM main.runs WHERE district_id = ?1 AND run = ?2",
                &[district_id.into(), run.into()],
            )
            .await?;
        Ok(row.map_or_else(|| Ok(String::new()), |mut row| row.text(0))?)
    }

    /// Up to which change a consumer of a district's feed has read; 0 before its first acknowledgement.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn position(&mut self, district_id: &str, consumer: &str) -> Result<u64, StoreError> {
        let row = self
            .maybe(
                "SELECT seq FROM main.consumers WHERE district_id = ?1 AND consumer = ?2",
                &[district_id.into(), consumer.into()],
            )
            .await?;
        Ok(row.map_or(Ok(0), |mut row| row.count(0))?)
    }

    /// Notes that a consumer has dealt with every change up to `seq`; a position never goes back.
    ///
    /// Read after [`SqlStore::position`], deal with the changes, then acknowledge: a consumer that dies in
    /// between sees them again, and so sees each at least once.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be written.
    pub async fn acknowledge(
        &mut self,
        district_id: &str,
        consumer: &str,
        seq: u64,
        at: clever_model::Timestamp,
    ) -> Result<(), StoreError> {
        let params: [Sql; 4] = [
            district_id.into(),
            consumer.into(),
            seq.into(),
            at.to_string().into(),
        ];
        self.db
            .execute(
                "INSERT INTO main.consumers (district_id, consumer, seq, at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (district_id, consumer) DO UPDATE SET seq = excluded.seq, at = excluded.at
                 WHERE consumers.seq < excluded.seq",
                &params,
            )
            .await?;
        Ok(())
    }

    /// Reads one active or archived record: its JSON, when it was first seen, and when it was archived.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn record(
        &mut self,
        district_id: &str,
        kind: RecordKind,
        id: &str,
    ) -> Result<Option<RecordRow>, StoreError> {
        let row = self
            .maybe(
                &format!(
                    "SELECT record, first_seen_at, archived_at FROM main.{kind} WHERE district_id = ?1 AND id = ?2"
                ),
                &[district_id.into(), id.into()],
            )
            .await?;
        row.map(|mut row| {
            Ok(RecordRow {
                record: row.text(0)?,
                first_seen_at: row.text(1)?,
                archived_at: row.maybe_text(2)?,
            })
        })
        .transpose()
    }
}

/// The numbers of the changes after `?3` of the record `?2` of the district `?1`, as a table that a statement may
/// begin with: from the record's last change back to its first. A number that somebody edited leads nowhere, and not in
/// circles.
pub(crate) fn chain(kinds: &[RecordKind]) -> String {
    let kinds: Vec<String> = kinds
        .iter()
        .map(|kind| (*kind as i64).to_string())
        .collect();
    format!(
        "WITH RECURSIVE chain (seq) AS (
             SELECT s.seq FROM main._districts d JOIN main._state s ON s.district = d.district AND s.kind IN ({}) AND s.id = ?2
             WHERE d.district_id = ?1 AND s.seq > ?3
             UNION ALL SELECT c.prev FROM chain JOIN main.changes c ON c.district_id = ?1 AND c.seq = chain.seq
             WHERE c.prev > ?3 AND c.prev < c.seq)",
        kinds.join(", ")
    )
}

/// A record's row. `Debug` shows no JSON, which may be of a child.
#[derive(Clone)]
pub struct RecordRow {
    /// Its JSON.
    pub record: String,
    /// When it was first seen.
    pub first_seen_at: String,
    /// When it was archived; none while it is active.
    pub archived_at: Option<String>,
}

impl fmt::Debug for RecordRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordRow")
            .field("first_seen_at", &self.first_seen_at)
            .field("archived_at", &self.archived_at)
            .finish_non_exhaustive()
    }
}

fn change(row: &mut Row) -> Result<Change, StoreError> {
    let mut json = |column| -> Result<Option<Box<RawValue>>, StoreError> {
        Ok(row
            .maybe_text(column)?
            .and_then(|text| RawValue::from_string(text).ok()))
    };
    let (before, after) = (json(6)?, json(7)?);
    Ok(Change {
        before,
        after,
        seq: row.count(0)?,
        run: row.count(1)?,
        kind: row.text(2)?,
        id: row.text(3)?,
        op: row.text(4)?,
        fields: row
            .maybe_text(5)?
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default(),
        at: row.text(8)?,
        event: row.maybe_text(9)?,
    })
}
