//! Questions that people and programs ask of a store: how each district stands, what changed.

use clever_model::RecordKind;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{SqliteStore, StoreError};
use crate::findings;
use crate::report::Finding;

/// How a district of the store stands.
#[derive(Debug, Clone, Serialize)]
pub struct DistrictStatus {
    /// The district's id.
    pub district_id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its state at Clever, when last read.
    pub state: Option<String>,
    /// The number of the last run.
    pub last_run: u64,
    /// When that run ended.
    pub last_run_at: String,
    /// How it ended: `done` or `held`.
    pub outcome: String,
    /// Active and archived records, by kind.
    pub records: Vec<(RecordKind, u64, u64)>,
    /// Changes in the feed.
    pub changes: u64,
    /// What the last run held, as it reported it.
    pub holds: Option<Box<RawValue>>,
    /// References that lead nowhere.
    pub findings: Vec<Finding>,
}

/// Which changes to read.
#[derive(Debug, Clone, Default)]
pub struct ChangeFilter {
    /// Only records of this kind.
    pub kind: Option<RecordKind>,
    /// Only changes after this sequence number.
    pub after: u64,
    /// At most this many.
    pub limit: u32,
}

/// One row of the feed.
#[derive(Debug, Clone, Serialize)]
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
    /// When.
    pub at: String,
}

impl SqliteStore {
    /// How each district stands, by id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub fn status(&self) -> Result<Vec<DistrictStatus>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT r.district_id, d.name, d.state, r.run, r.finished_at, r.outcome, r.report
             FROM runs r LEFT JOIN districts d ON d.district_id = r.district_id AND d.id = r.district_id
             WHERE r.run = (SELECT max(run) FROM runs x WHERE x.district_id = r.district_id)
             ORDER BY r.district_id",
        )?;
        let rows = statement.query_map([], |row| {
            let report: String = row.get(6)?;
            Ok(DistrictStatus {
                district_id: row.get(0)?,
                name: row.get(1)?,
                state: row.get(2)?,
                last_run: row.get(3)?,
                last_run_at: row.get(4)?,
                outcome: row.get(5)?,
                records: Vec::new(),
                changes: 0,
                holds: part(&report, "holds"),
                findings: Vec::new(),
            })
        })?;
        let mut all = Vec::new();
        for row in rows {
            let mut status = row?;
            for kind in RecordKind::ALL {
                let sql = format!(
                    "SELECT count(*) - count(archived_at), count(archived_at) FROM {kind} WHERE district_id = ?1"
                );
                let (active, archived) =
                    self.connection
                        .query_row(&sql, [&status.district_id], |row| {
                            Ok((row.get(0)?, row.get(1)?))
                        })?;
                status.records.push((kind, active, archived));
            }
            status.changes = self.connection.query_row(
                "SELECT coalesce(max(seq), 0) FROM changes WHERE district_id = ?1",
                [&status.district_id],
                |row| row.get(0),
            )?;
            status.findings = findings::read(&self.connection, &status.district_id)?;
            all.push(status);
        }
        Ok(all)
    }

    /// The ids of the districts that the store holds.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub fn districts(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT district_id FROM _districts ORDER BY district_id")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reads a district's changes in order.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub fn changes(
        &self,
        district_id: &str,
        filter: &ChangeFilter,
    ) -> Result<Vec<Change>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, run, kind, id, op, fields, before, after, at FROM changes
             WHERE district_id = ?1 AND seq > ?2 AND (?3 IS NULL OR kind = ?3) ORDER BY seq LIMIT ?4",
        )?;
        let kind = filter.kind.map(RecordKind::as_str);
        let rows = statement.query_map(
            params![district_id, filter.after, kind, filter.limit],
            |row| {
                let json = |at| -> rusqlite::Result<Option<Box<RawValue>>> {
                    Ok(row
                        .get::<_, Option<String>>(at)?
                        .and_then(|text| RawValue::from_string(text).ok()))
                };
                let fields: Option<String> = row.get(5)?;
                Ok(Change {
                    seq: row.get(0)?,
                    run: row.get(1)?,
                    kind: row.get(2)?,
                    id: row.get(3)?,
                    op: row.get(4)?,
                    fields: fields
                        .and_then(|text| serde_json::from_str(&text).ok())
                        .unwrap_or_default(),
                    before: json(6)?,
                    after: json(7)?,
                    at: row.get(8)?,
                })
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The report of a district's last run, as it was written.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub fn last_report(&self, district_id: &str) -> Result<Option<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT report FROM runs WHERE district_id = ?1 ORDER BY run DESC LIMIT 1",
        )?;
        Ok(statement
            .query_row([district_id], |row| row.get(0))
            .optional()?)
    }
}

/// One part of a report, as it was written.
fn part(report: &str, name: &str) -> Option<Box<RawValue>> {
    let mut parts: std::collections::BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(report).ok()?;
    parts.remove(name)
}
