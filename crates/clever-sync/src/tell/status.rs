//! How each district stands: when the store was last in step with it, what is held and since when, what is odd.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Timestamp};
use clever_raw::drift::Drift;
use serde::Serialize;

use crate::act::findings;
use crate::report::measure;
use crate::report::{Doubt, Finding, Hold, KindReport, Outcome, RunPath, SyncReport, Unit};
use crate::store::changes;
use crate::store::moves;
use crate::store::sql::{RosterDb, Row, SqlStore};
use crate::store::{Paused, StoreError, odd_row};

/// So many runs are read back to find since when something is held.
const MAX_RUNS: u64 = 200;

/// Counts records of a district by kind.
const COUNT: &str = "SELECT s.kind, count(*) FROM main._state s
    WHERE s.district = (SELECT district FROM main._districts WHERE district_id = ?1)";

/// How a district of the store stands.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DistrictStatus {
    /// The district's id.
    pub district_id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its state at Clever, when last read.
    pub state: Option<String>,
    /// When Clever last read the district's own data, as of the last run that saw it move.
    pub last_sync: Option<String>,
    /// The number of the last run.
    pub last_run: u64,
    /// When that run ended.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub last_run_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// How the last run learnt the roster.
    pub path: RunPath,
    /// When a run last brought the store wholly in step: everything applied, every list provably complete.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub last_done_at: Option<Timestamp>,
    /// When a snapshot was last wholly applied.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub snapshot_at: Option<Timestamp>,
    /// The event that the feed was applied to; none where there are no events.
    pub event_cursor: Option<String>,
    /// The newest event that the last run read, if it read events; what is held keeps the one above behind it.
    pub newest_event: Option<String>,
    /// Active and archived records, by kind.
    pub records: Vec<(RecordKind, u64, u64)>,
    /// Changes in the feed.
    pub changes: u64,
    /// What the last run held.
    pub holds: Vec<StandingHold>,
    /// The hash that approves what is held; none where nothing is.
    pub held_hash: Option<String>,
    /// The lists of the last run that were not provably complete, with the doubts about them.
    pub doubts: BTreeMap<RecordKind, Vec<Doubt>>,
    /// References that lead nowhere.
    pub findings: Vec<Finding>,
    /// What the last run saw and the models do not know.
    pub drift: Drift,
    /// Who paused it, if it is paused.
    pub paused: Option<Paused>,
}

/// Something held, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StandingHold {
    /// What is held.
    #[serde(flatten)]
    pub hold: Hold,
    /// When the first of the runs ended that held it ever since.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub since: Timestamp,
}

impl<B: RosterDb> SqlStore<B> {
    /// How each district stands, by id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn status(&mut self) -> Result<Vec<DistrictStatus>, StoreError> {
        self.standing_of(None, true).await
    }

    /// The same for pages, which have no time to count: of one district, if one is named. Active records are those that the
    /// last run counted, also if some were taken out since.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn overview(
        &mut self,
        district_id: Option<&str>,
    ) -> Result<Vec<DistrictStatus>, StoreError> {
        self.standing_of(district_id, false).await
    }

    async fn standing_of(
        &mut self,
        district_id: Option<&str>,
        counted: bool,
    ) -> Result<Vec<DistrictStatus>, StoreError> {
        let sql = format!(
            "SELECT r.district_id, d.name, d.state, r.run, r.finished_at, r.outcome, r.report, r.path,
                    x.snapshot_at, x.event_cursor, d.last_sync, r.newest_event, r.held_hash,
                    (SELECT max(finished_at) FROM main.runs w WHERE w.district_id = r.district_id AND w.whole = 1),
                    CAST(CASE WHEN x.counted = r.run THEN 1 ELSE 0 END AS BIGINT)
             FROM main.runs r LEFT JOIN main.districts d ON d.district_id = r.district_id AND d.id = r.district_id
             LEFT JOIN main._districts x ON x.district_id = r.district_id
             WHERE r.run = (SELECT max(run) FROM main.runs x WHERE x.district_id = r.district_id)
             AND (CAST(?1 AS TEXT) IS NULL OR r.district_id = ?1) AND {} ORDER BY r.district_id",
            moves::here("r.district_id")
        );
        let mut paused = self.all_paused().await?;
        let mut all = Vec::new();
        for mut row in self.db.query(&sql, &[district_id.into()]).await? {
            let report = SyncReport::read(&row.text(6)?);
            let (kinds, holds, drift) = report.map_or_else(Default::default, |report| {
                (report.kinds, report.holds, report.drift)
            });
            let district_id = row.text(0)?;
            let told = |kind| kinds.get(&kind).map(|of: &KindReport| of.total);
            // What the last run counted is as good as a count, unless rows were changed since.
            let (holds_still, mut records) = (row.int(14)? == 1, Vec::new());
            let archived = self.archived(&district_id).await?;
            for kind in RecordKind::ALL {
                let active = match told(kind) {
                    Some(total) if holds_still || !counted => total,
                    _ if counted => self.active(&district_id, kind).await?,
                    _ => 0,
                };
                let archived = archived.get(&(kind as i64)).copied().unwrap_or_default();
                records.push((kind, active, archived));
            }
            let mut status = DistrictStatus {
                name: row.maybe_text(1)?,
                state: row.maybe_text(2)?,
                last_sync: row.maybe_text(10)?,
                last_run: row.count(3)?,
                last_run_at: instant(&row.text(4)?, 4)?,
                outcome: outcome(&row.text(5)?, 5)?,
                path: changes::path(&row.text(7)?, 7)?,
                last_done_at: maybe_instant(&mut row, 13)?,
                snapshot_at: maybe_instant(&mut row, 8)?,
                event_cursor: row.maybe_text(9)?,
                newest_event: row.maybe_text(11)?,
                held_hash: row.maybe_text(12)?,
                records,
                changes: 0,
                holds: Vec::new(),
                doubts: doubts(kinds),
                drift,
                paused: paused.remove(&district_id),
                findings: findings::read(&mut self.db, &district_id).await?,
                district_id,
            };
            status.holds = self.since(&status, holds).await?;
            status.changes = self
                .db
                .one(
                    "SELECT coalesce(max(seq), 0) FROM main._changes WHERE district_id = ?1",
                    &[status.district_id.as_str().into()],
                )
                .await?
                .count(0)?;
            all.push(status);
        }
        Ok(all)
    }

    /// Sets the levels that are measured (`report::measure`) as the store has them: for a program that begins.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn measure(&mut self) -> Result<(), StoreError> {
        for (district, attempts) in self.attempts().await? {
            measure::failed_in_a_row(&district, attempts.failed_in_a_row);
        }
        for status in self.status().await? {
            let district = &status.district_id;
            let mut held: BTreeMap<RecordKind, u64> = BTreeMap::new();
            for (kind, ..) in &status.records {
                held.insert(*kind, 0);
            }
            let records = status.holds.iter();
            for one in records.filter(|one| one.hold.unit == Unit::Records) {
                *held.entry(one.hold.kind).or_default() += one.hold.count;
            }
            measure::held(district, &held);
            measure::paused(district, status.paused.is_some());
            if let Some(at) = status.last_done_at {
                measure::last_success(district, at);
            }
            let (applied, newest) = (&status.event_cursor, &status.newest_event);
            if let Some(behind) = measure::events_behind(applied.as_deref(), newest.as_deref()) {
                measure::behind_by(district, behind);
            }
        }
        Ok(())
    }

    /// When each district that has one was last wholly in step, by id: when its last whole run ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn last_whole(&mut self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let sql = format!(
            "SELECT r.district_id, max(r.finished_at) FROM main.runs r WHERE r.whole = 1 AND {} GROUP BY r.district_id",
            moves::here("r.district_id")
        );
        let rows = self.db.query(&sql, &[]).await?;
        rows.into_iter()
            .map(|mut row| Ok((row.text(0)?, instant(&row.text(1)?, 1)?)))
            .collect()
    }

    /// How many records of a district are archived, by the number of their kind.
    async fn archived(&mut self, district_id: &str) -> Result<BTreeMap<i64, u64>, StoreError> {
        let sql = archived_by_kind();
        let mut counts = BTreeMap::new();
        for mut row in self.db.query(&sql, &[district_id.into()]).await? {
            counts.insert(row.int(0)?, row.count(1)?);
        }
        Ok(counts)
    }

    /// Counts the active records of a kind. That goes through all of them.
    async fn active(&mut self, district_id: &str, kind: RecordKind) -> Result<u64, StoreError> {
        let sql = format!("{COUNT} AND s.kind = ?2 AND s.archived = 0 GROUP BY s.kind");
        let params = [district_id.into(), (kind as i64).into()];
        let row = self.db.maybe(&sql, &params).await?;
        Ok(match row {
            Some(mut row) => row.count(1)?,
            None => 0,
        })
    }

    /// Finds since when the holds of a district's last run have stood without a break.
    async fn since(
        &mut self,
        status: &DistrictStatus,
        holds: Vec<Hold>,
    ) -> Result<Vec<StandingHold>, StoreError> {
        let mut standing: Vec<StandingHold> = holds
            .into_iter()
            .map(|hold| StandingHold {
                hold,
                since: status.last_run_at,
            })
            .collect();
        if standing.is_empty() {
            return Ok(standing);
        }
        let params = [
            status.district_id.as_str().into(),
            status.last_run.into(),
            MAX_RUNS.into(),
        ];
        let sql = "SELECT finished_at, report FROM main.runs WHERE district_id = ?1 AND run < ?2
            ORDER BY run DESC LIMIT ?3";
        let mut open = vec![true; standing.len()];
        for mut row in self.db.query(sql, &params).await? {
            let at = instant(&row.text(0)?, 0)?;
            let before = SyncReport::read(&row.text(1)?).map_or_else(Vec::new, |then| then.holds);
            for (open, standing) in open.iter_mut().zip(&mut standing) {
                let now = &standing.hold;
                *open &= before.iter().any(|then| {
                    (then.kind, then.part, &then.school) == (now.kind, now.part, &now.school)
                });
                if *open {
                    standing.since = at;
                }
            }
            if !open.contains(&true) {
                break;
            }
        }
        Ok(standing)
    }
}

/// Counts archived records, of which there are few, by the index that has nothing else.
fn archived_by_kind() -> String {
    format!("{COUNT} AND s.archived = 1 GROUP BY s.kind")
}

/// The doubts of a report, by kind.
fn doubts(kinds: BTreeMap<RecordKind, KindReport>) -> BTreeMap<RecordKind, Vec<Doubt>> {
    let all = kinds.into_iter();
    all.map(|(kind, of_kind)| (kind, of_kind.certificate.doubts))
        .filter(|(_, doubts)| !doubts.is_empty())
        .collect()
}

fn instant(text: &str, column: usize) -> Result<Timestamp, StoreError> {
    text.parse().map_err(|_| odd_row(column))
}

fn maybe_instant(row: &mut Row, column: usize) -> Result<Option<Timestamp>, StoreError> {
    let text = row.maybe_text(column)?;
    text.map(|text| instant(&text, column)).transpose()
}

fn outcome(word: &str, column: usize) -> Result<Outcome, StoreError> {
    Outcome::ALL
        .into_iter()
        .find(|outcome| outcome.as_str() == word)
        .ok_or_else(|| odd_row(column))
}

#[cfg(test)]
mod tests {
    use clever_sql::Backend as _;

    use super::*;
    use crate::store::SqliteStore;

    #[tokio::test]
    async fn how_a_district_stands_is_told_without_going_through_its_records() {
        let mut store = SqliteStore::in_memory().unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {}", archived_by_kind());
        let rows = store.db.query(&sql, &["d".into()]).await.unwrap();
        let steps: Vec<_> = rows
            .into_iter()
            .map(|mut row| row.text(3).unwrap())
            .collect();
        let of_state: Vec<_> = steps.iter().filter(|step| step.contains(" s ")).collect();
        assert!(!of_state.is_empty(), "{steps:#?}");
        assert!(
            of_state.iter().all(|step| step.contains("_state_archived")),
            "{steps:#?}"
        );
    }
}
