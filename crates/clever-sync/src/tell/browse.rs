//! What pages and programs look through, a page at a time: runs, changes, readers of the feed, nights, sizes.
//!
//! Each list goes on by a key, newest first, and looks at a bounded number of rows: a page of a store with a million people
//! costs what one of a small store does.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Timestamp};
use serde::Serialize;

use crate::report::attempt::Ending;
use crate::report::{Outcome, RunPath, SyncReport};
use crate::store::changes;
use crate::store::sql::{RosterDb, Row, Sql, SqlStore};
use crate::store::{Op, StoreError, odd_row};

/// The most rows of the feed that one page looks at, whatever its filters leave.
const SPAN: u64 = 20_000;

/// A run, in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunLine {
    /// Its number.
    pub run: u64,
    /// When it began.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub started_at: Timestamp,
    /// When it ended.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub finished_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// How it learnt the roster.
    pub path: RunPath,
    /// Whether the store was in step with Clever afterwards.
    pub whole: bool,
    /// Records that were created, updated, archived and restored.
    pub changed: u64,
    /// Records that were held.
    pub held: u64,
}

/// A change of the feed, without its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeLine {
    /// Its number.
    pub seq: u64,
    /// The run that made it.
    pub run: u64,
    /// The kind of record.
    pub kind: RecordKind,
    /// The record.
    pub id: String,
    /// What was done.
    pub op: Op,
    /// The fields that changed.
    pub fields: Vec<String>,
    /// When it was written.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub at: Timestamp,
    /// The event that told it.
    pub event: Option<String>,
}

/// Which changes a page shows.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// Only records of this kind.
    pub kind: Option<RecordKind>,
    /// Only this operation.
    pub op: Option<Op>,
    /// Only changes of this field or of one within it.
    pub field: Option<String>,
    /// Only what this run changed.
    pub run: Option<u64>,
    /// Only changes before this number; the newest, if there is none.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// A page of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangePage {
    /// The changes, newest first.
    pub changes: Vec<ChangeLine>,
    /// The number before which the next page begins; none at the feed's beginning.
    pub next: Option<u64>,
}

/// A reader of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Consumer {
    /// Its name.
    pub name: String,
    /// The last change that it dealt with.
    pub seq: u64,
    /// When it said so.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub at: Timestamp,
}

/// What happened in a district on a day (UTC).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Night {
    /// The day, as in `2026-09-14`.
    pub day: String,
    /// Runs that ended with everything applied.
    pub done: u64,
    /// Runs that ended with something held.
    pub held: u64,
    /// Tries that failed.
    pub failed: u64,
}

/// How large a district was at the end of a day, and what that day changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Size {
    /// The day.
    pub day: String,
    /// Active people, by role.
    pub roles: BTreeMap<String, u64>,
    /// Active sections.
    pub sections: u64,
    /// Records that the day's runs changed.
    pub changed: u64,
}

/// A place of a person in a section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlaceLine {
    /// The section.
    pub section: String,
    /// Its name.
    pub name: Option<String>,
    /// The person's role in it.
    pub role: String,
}

impl<B: RosterDb> SqlStore<B> {
    /// The runs of a district before this one, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn runs(
        &mut self,
        district_id: &str,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<RunLine>, StoreError> {
        let sql = "SELECT run, started_at, finished_at, outcome, path, whole, report FROM main.runs
             WHERE district_id = ?1 AND run < ?2 ORDER BY run DESC LIMIT ?3";
        let before = before.and_then(|run| i64::try_from(run).ok());
        let params = [
            district_id.into(),
            before.unwrap_or(i64::MAX).into(),
            i64::from(limit).into(),
        ];
        let rows = self.db.query(sql, &params).await?;
        rows.into_iter()
            .map(|mut row| {
                let report = SyncReport::read(&row.text(6)?);
                let kinds = report.map(|report| report.kinds).unwrap_or_default();
                let sum = |of: fn(&crate::report::KindReport) -> u64| kinds.values().map(of).sum();
                Ok(RunLine {
                    run: row.count(0)?,
                    started_at: instant(&mut row, 1)?,
                    finished_at: instant(&mut row, 2)?,
                    outcome: outcome(&row.text(3)?, 3)?,
                    path: changes::path(&row.text(4)?, 4)?,
                    whole: row.int(5)? != 0,
                    changed: sum(|of| of.created + of.updated + of.archived + of.restored),
                    held: sum(|of| of.held),
                })
            })
            .collect()
    }

    /// The whole report of a run; none if there is no such run of this district.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn run(
        &mut self,
        district_id: &str,
        run: u64,
    ) -> Result<Option<SyncReport>, StoreError> {
        let sql = "SELECT report FROM main.runs WHERE district_id = ?1 AND run = ?2";
        let Ok(run) = i64::try_from(run) else {
            return Ok(None);
        };
        let row = self
            .db
            .maybe(sql, &[district_id.into(), run.into()])
            .await?;
        let report = row.map(|mut row| row.text(0)).transpose()?;
        Ok(report.as_deref().and_then(SyncReport::read))
    }

    /// A page of a district's changes, newest first, without their values.
    ///
    /// It looks at a bounded number of changes: a page may have fewer than asked for, and yet another one behind it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn look_through(
        &mut self,
        district_id: &str,
        looked: &Looked,
    ) -> Result<ChangePage, StoreError> {
        let end = match looked.before {
            Some(before) => before,
            None => {
                let sql =
                    "SELECT coalesce(max(seq), 0) + 1 FROM main._changes WHERE district_id = ?1";
                self.db.one(sql, &[district_id.into()]).await?.count(0)?
            }
        };
        let end = end.min(u64::try_from(i64::MAX).unwrap_or_default());
        let begin = end.saturating_sub(SPAN).max(1);
        let sql = "SELECT seq, run, kind, id, op, fields, at, event FROM main._changes
             WHERE district_id = ?1 AND seq >= ?2 AND seq < ?3 AND (CAST(?4 AS TEXT) IS NULL OR kind = ?4)
             AND (CAST(?5 AS TEXT) IS NULL OR op = ?5) AND (CAST(?6 AS BIGINT) IS NULL OR run = ?6)
             AND (CAST(?7 AS TEXT) IS NULL OR fields LIKE ?7 ESCAPE '!' OR fields LIKE ?8 ESCAPE '!')
             ORDER BY seq DESC LIMIT ?9";
        let field = looked.field.as_ref().map(|field| {
            let field: String = field
                .chars()
                .flat_map(|c| {
                    matches!(c, '%' | '_' | '!')
                        .then_some('!')
                        .into_iter()
                        .chain([c])
                })
                .collect();
            [format!("%\"{field}\"%"), format!("%\"{field}.%")]
        });
        let like = |at: usize| {
            field
                .as_ref()
                .and_then(|both| both.get(at))
                .map(String::as_str)
        };
        let params: [Sql<'_>; 9] = [
            district_id.into(),
            begin.into(),
            end.into(),
            looked.kind.map(RecordKind::as_str).into(),
            looked.op.map(Op::as_str).into(),
            looked.run.into(),
            like(0).into(),
            like(1).into(),
            i64::from(looked.limit).into(),
        ];
        let rows = self.db.query(sql, &params).await?;
        let full = rows.len() >= looked.limit as usize;
        let changes: Vec<ChangeLine> = rows
            .into_iter()
            .map(|mut row| line(&mut row))
            .collect::<Result<_, _>>()?;
        let reached = match changes.last() {
            Some(last) if full => last.seq,
            _ => begin,
        };
        Ok(ChangePage {
            changes,
            next: Some(reached).filter(|reached| *reached > 1),
        })
    }

    /// The readers of a district's feed, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn consumers(&mut self, district_id: &str) -> Result<Vec<Consumer>, StoreError> {
        let sql = "SELECT consumer, seq, at FROM main.consumers WHERE district_id = ?1 ORDER BY consumer LIMIT 500";
        let rows = self.db.query(sql, &[district_id.into()]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(Consumer {
                    name: row.text(0)?,
                    seq: row.count(1)?,
                    at: instant(&mut row, 2)?,
                })
            })
            .collect()
    }

    /// What happened on each day since `from`, by district.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn nights(
        &mut self,
        from: Timestamp,
    ) -> Result<BTreeMap<String, Vec<Night>>, StoreError> {
        let mut found: BTreeMap<(String, String), Night> = BTreeMap::new();
        let from = [from.to_string().into()];
        let sql = "SELECT district_id, substr(finished_at, 1, 10), outcome, count(*) FROM main.runs
             WHERE finished_at >= ?1 AND path <> 'forget' GROUP BY 1, 2, 3";
        for mut row in self.db.query(sql, &from).await? {
            let held = row.text(2)? == Outcome::Held.as_str();
            let count = row.count(3)?;
            let night = found.entry((row.text(0)?, row.text(1)?)).or_default();
            if held {
                night.held += count;
            } else {
                night.done += count;
            }
        }
        let sql = "SELECT district_id, substr(coalesce(ended_at, seen_at), 1, 10), ending, count(*) FROM main.attempts
             WHERE started_at >= ?1 AND ending IS NOT NULL AND district_id <> '' GROUP BY 1, 2, 3";
        for mut row in self.db.query(sql, &from).await? {
            let word = row.text(2)?;
            let ending = Ending::ALL.into_iter().find(|one| one.as_str() == word);
            if ending.is_some_and(Ending::is_failure) {
                let count = row.count(3)?;
                found
                    .entry((row.text(0)?, row.text(1)?))
                    .or_default()
                    .failed += count;
            }
        }
        let mut all: BTreeMap<String, Vec<Night>> = BTreeMap::new();
        for ((district, day), night) in found {
            all.entry(district)
                .or_default()
                .push(Night { day, ..night });
        }
        Ok(all)
    }

    /// How large a district was at the end of each day since `from` that had a run, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn sizes(
        &mut self,
        district_id: &str,
        from: Timestamp,
    ) -> Result<Vec<Size>, StoreError> {
        let sql = "SELECT substr(finished_at, 1, 10), report FROM main.runs WHERE district_id = ?1 AND finished_at >= ?2
             AND run IN (SELECT max(run) FROM main.runs WHERE district_id = ?1 AND finished_at >= ?2
                GROUP BY substr(finished_at, 1, 10)) ORDER BY run LIMIT 366";
        let params = [district_id.into(), from.to_string().into()];
        let mut all = Vec::new();
        for mut row in self.db.query(sql, &params).await? {
            let Some(report) = SyncReport::read(&row.text(1)?) else {
                continue;
            };
            let total = |kind| report.kinds.get(&kind).map_or(0, |of| of.total);
            let kinds = report.kinds.values();
            all.push(Size {
                day: row.text(0)?,
                sections: total(RecordKind::Sections),
                changed: kinds
                    .map(|of| of.created + of.updated + of.archived + of.restored)
                    .sum(),
                roles: report.roles,
            });
        }
        Ok(all)
    }

    /// The sections of a person, at most 100.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn places_of(
        &mut self,
        district_id: &str,
        user: &str,
    ) -> Result<Vec<PlaceLine>, StoreError> {
        // From the person's number to the places, and not the other way round: a view would be read as a whole.
        let sql = "SELECT s.id, s.name, CASE e.role WHEN 0 THEN 'student' ELSE 'teacher' END
             FROM main._districts d JOIN main._people p ON p.district = d.district AND p.id = ?2
             JOIN main._enrollments e ON e.district = d.district AND e.person = p.key
             JOIN main.sections s ON s.key = e.section AND s.archived_at IS NULL
             WHERE d.district_id = ?1 ORDER BY s.id LIMIT 100";
        let rows = self
            .db
            .query(sql, &[district_id.into(), user.into()])
            .await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(PlaceLine {
                    section: row.text(0)?,
                    name: row.maybe_text(1)?,
                    role: row.text(2)?,
                })
            })
            .collect()
    }
}

fn line(row: &mut Row) -> Result<ChangeLine, StoreError> {
    Ok(ChangeLine {
        seq: row.count(0)?,
        run: row.count(1)?,
        kind: row.text(2)?.parse().map_err(|_| odd_row(2))?,
        id: row.text(3)?,
        op: Op::told(&row.text(4)?).ok_or_else(|| odd_row(4))?,
        fields: row
            .maybe_text(5)?
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default(),
        at: instant(row, 6)?,
        event: row.maybe_text(7)?,
    })
}

fn instant(row: &mut Row, column: usize) -> Result<Timestamp, StoreError> {
    row.text(column)?.parse().map_err(|_| odd_row(column))
}

fn outcome(word: &str, column: usize) -> Result<Outcome, StoreError> {
    Outcome::ALL
        .into_iter()
        .find(|outcome| outcome.as_str() == word)
        .ok_or_else(|| odd_row(column))
}
