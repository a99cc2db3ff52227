//! What a sync asks of an SQL store: its state, its records, and the staging area of the run.

use std::collections::BTreeMap;

use clever_model::{DistrictId, RecordKind, Role};
use serde_json::Value;

use crate::progress::Progress;
use crate::report::{Hold, Size, SyncReport};
use crate::store::base::base;
use crate::store::spell::{CHECKED, kind_of, listed, op_of, schools as spelled};
use crate::store::sql::{Area, RosterDb, Sql, SqlStore, Transaction, Type, state, texts};
use crate::store::{
    Base, Commit, Left, Op, SchoolLimits, SchoolTally, Staged, State, Store, StoreError, Stored,
    Tally, schools,
};

/// A staged row is narrow: it is read more often than its record, which lies beside it.
const STAGED: [(&str, Type); 13] = [
    ("kind", Type::Int),
    ("id", Type::Text),
    ("op", Type::Int),
    ("old_hash", Type::Blob),
    ("hash", Type::Blob),
    ("fields", Type::Text),
    ("event", Type::Text),
    ("lost", Type::Int),
    ("refused", Type::Blob),
    ("held", Type::Int),
    ("body", Type::Int),
    ("schools", Type::Text),
    ("meaning", Type::Blob),
];

const RECORDS: [(&str, Type); 2] = [("body", Type::Int), ("record", Type::Text)];

/// A staged row again takes the place of what was there.
const REPLACE: &str =
    "ON CONFLICT (kind, id) DO UPDATE SET op = excluded.op, old_hash = excluded.old_hash,
    hash = excluded.hash, fields = excluded.fields, event = excluded.event, lost = excluded.lost,
    refused = excluded.refused, held = excluded.held, body = excluded.body,
    schools = excluded.schools, meaning = excluded.meaning";

impl<B: RosterDb> Store for SqlStore<B> {
    async fn base(&mut self, district: &DistrictId) -> Result<Base, StoreError> {
        Ok(base(self, district).await?.0)
    }

    async fn begin(&mut self, district: &DistrictId) -> Result<(), StoreError> {
        self.open_area(district).await?;
        self.bodies = 0;
        self.staged_to = None;
        self.db.batch(self.db.dialect().empty).await?;
        // Before everything.
        self.staged_to = Some((RecordKind::Districts, String::new()));
        Ok(())
    }

    async fn left(&mut self, district: &DistrictId) -> Result<Left, StoreError> {
        if self.open_area(district).await? == Area::Broken {
            return Ok(Left::Broken);
        }
        let note = self
            .maybe("SELECT note FROM staging.staged_walk", &[])
            .await?;
        let note = note.map(|mut row| row.text(0)).transpose()?;
        let note = note.filter(|note| !note.is_empty());
        Ok(note.map_or(Left::Nothing, Left::Walk))
    }

    async fn keep(&mut self, note: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO staging.staged_walk (walk, note) VALUES (1, ?1)
             ON CONFLICT (walk) DO UPDATE SET note = excluded.note";
        self.db.execute(sql, &[note.into()]).await?;
        Ok(())
    }

    async fn resume(&mut self, after: Option<(RecordKind, &str)>) -> Result<(), StoreError> {
        if let Some((kind, id)) = after {
            let sql = "DELETE FROM staging.staged WHERE kind > ?1 OR (kind = ?1 AND id > ?2)";
            let params = [(kind as i64).into(), id.into()];
            self.db.execute(sql, &params).await?;
        }
        let sql = format!("UPDATE staging.staged SET held = 0 WHERE held = {CHECKED}");
        self.db.execute(&sql, &[]).await?;
        self.unplanned = true;
        self.staged_to = None;
        let sql = "SELECT coalesce(max(body), 0) FROM staging.staged_records";
        self.bodies = self.one(sql, &[]).await?.int(0)?;
        Ok(())
    }

    async fn done(&mut self) -> Result<(), StoreError> {
        self.db.close_staging(&mut self.staging).await
    }

    async fn states(
        &mut self,
        kind: RecordKind,
        after: &str,
        limit: usize,
    ) -> Result<Vec<State>, StoreError> {
        let params = [
            self.number().into(),
            (kind as i64).into(),
            after.into(),
            limit.into(),
        ];
        let sql = "SELECT id, hash, archived, refused FROM main._state
             WHERE district = ?1 AND kind = ?2 AND id > ?3 ORDER BY id LIMIT ?4";
        self.read_states(sql, &params).await
    }

    async fn find(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Stored>, StoreError> {
        let found = self.stored(kind, ids).await?;
        Ok(found
            .into_iter()
            .map(|(id, (stored, _))| (id, stored))
            .collect())
    }

    async fn active(&mut self, kind: RecordKind) -> Result<u64, StoreError> {
        // What the last run told, where nobody changed rows since; else each run would read the state once more.
        let sql = "SELECT r.report FROM main._districts d JOIN main.runs r ON r.district_id = d.district_id AND r.run = d.counted
             WHERE d.district_id = ?1 AND d.counted = (SELECT max(run) FROM main.runs WHERE district_id = ?1)";
        if let Some(mut row) = self.maybe(sql, &[self.district_id().into()]).await? {
            let report: Value = serde_json::from_str(&row.text(0)?).unwrap_or_default();
            if let Some(total) = report["kinds"][kind.as_str()]["total"].as_u64() {
                return Ok(total);
            }
        }
        self.count_active(kind).await
    }

    async fn enrolled(&mut self, enough: u64) -> Result<u64, StoreError> {
        let enough = i64::try_from(enough).unwrap_or(i64::MAX);
        let params = [self.number().into(), enough.into()];
        let sql =
            "SELECT count(*) FROM (SELECT 1 FROM main._enrollments WHERE district = ?1 LIMIT ?2) x";
        Ok(self.one(sql, &params).await?.count(0)?)
    }

    async fn lost_role(&mut self) -> Result<Option<Role>, StoreError> {
        let params = [
            self.district_id().into(),
            (RecordKind::Users as i64).into(),
            (Op::Archive as i64).into(),
        ];
        let role = self
            .maybe(
                "SELECT r.role FROM main.user_roles r
                 LEFT JOIN staging.staged s ON s.kind = ?2 AND s.id = r.user_id AND s.op = ?3
                 WHERE r.district_id = ?1 GROUP BY r.role HAVING count(*) = count(s.id)
                 ORDER BY count(*) DESC LIMIT 1",
                &params,
            )
            .await?;
        Ok(match role {
            Some(mut row) => row.text(0)?.parse().ok(),
            None => None,
        })
    }

    async fn sizes(
        &mut self,
        district: &DistrictId,
    ) -> Result<BTreeMap<RecordKind, Size>, StoreError> {
        #[derive(Default, serde::Deserialize)]
        struct Report {
            #[serde(default)]
            sizes: BTreeMap<RecordKind, Size>,
        }
        let sql =
            "SELECT report FROM main.runs WHERE district_id = ?1 AND path IN ('snapshot', 'events')
             ORDER BY run DESC LIMIT 1";
        Ok(match self.maybe(sql, &[district.as_str().into()]).await? {
            Some(mut row) => serde_json::from_str::<Report>(&row.text(0)?).unwrap_or_default(),
            None => Report::default(),
        }
        .sizes)
    }

    async fn stage(&mut self, mut rows: Vec<Staged>) -> Result<(), StoreError> {
        rows.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        // What comes after all that is staged can't meet any of it.
        let after = |to: &(RecordKind, String)| (first.kind, &first.id) > (to.0, &to.1);
        let ascending = rows
            .windows(2)
            .all(|two| matches!(two, [a, b] if (a.kind, &a.id) < (b.kind, &b.id)));
        let conflict = match &self.staged_to {
            Some(to) if ascending && after(to) => "",
            _ => REPLACE,
        };
        let last = (last.kind, last.id.clone());
        self.staged_to = self.staged_to.take().map(|to| to.max(last));
        let mut narrow = Vec::with_capacity(rows.len() * STAGED.len());
        let mut records = Vec::with_capacity(rows.len() * RECORDS.len());
        for row in &rows {
            let body = row.record.as_ref().map(|record| {
                self.bodies += 1;
                records.extend([self.bodies.into(), record.into()]);
                self.bodies
            });
            narrow.extend([
                (row.kind as i64).into(),
                Sql::from(&row.id),
                (row.op as i64).into(),
                row.old_hash.as_ref().into(),
                (&row.hash).into(),
                row.fields.as_ref().into(),
                row.event.as_ref().into(),
                row.lost.into(),
                row.refused.as_ref().into(),
                row.held.into(),
                body.into(),
                spelled(&row.schools).into(),
                row.meaning.as_ref().into(),
            ]);
        }
        self.unplanned = true;
        // Nobody else writes here; the store itself stays unlocked.
        let mut staging = Transaction::begin(&mut self.db).await?;
        staging
            .insert("staging.staged_records", &RECORDS, &records, "")
            .await?;
        staging
            .insert("staging.staged", &STAGED, &narrow, conflict)
            .await?;
        Ok(staging.commit().await?)
    }

    async fn unstage(&mut self, kind: RecordKind, ids: &[&str]) -> Result<(), StoreError> {
        let sql = format!(
            "DELETE FROM staging.staged WHERE kind = ?1 AND id {}",
            self.among(2)
        );
        for ids in ids.chunks(1000) {
            let params = [(kind as i64).into(), texts(ids.iter().copied())];
            self.db.execute(&sql, &params).await?;
        }
        Ok(())
    }

    async fn unstage_archived(&mut self, kind: RecordKind) -> Result<(), StoreError> {
        let params = [(kind as i64).into(), (Op::Archive as i64).into()];
        self.db
            .execute(
                "DELETE FROM staging.staged WHERE kind = ?1 AND op = ?2",
                &params,
            )
            .await?;
        Ok(())
    }

    async fn staged(
        &mut self,
        after: (Option<RecordKind>, &str),
        limit: usize,
        records: bool,
    ) -> Result<Vec<Staged>, StoreError> {
        let (record, beside) = if records {
            (
                "r.record",
                "LEFT JOIN staging.staged_records r ON r.body = s.body",
            )
        } else {
            ("CAST(NULL AS TEXT)", "")
        };
        let sql = format!(
            "SELECT s.kind, s.id, s.op, s.old_hash, s.hash, s.fields, {record}, s.event, s.lost, s.refused, s.held, s.schools, s.meaning
             FROM staging.staged s {beside} WHERE (s.kind, s.id) > (?1, ?2) ORDER BY s.kind, s.id LIMIT ?3"
        );
        let kind = after.0.map_or(-1, |kind| kind as i64);
        let params = [kind.into(), after.1.into(), limit.into()];
        let rows = self.db.query(&sql, &params).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(Staged {
                    kind: kind_of(row.int(0)?, 0)?,
                    id: row.text(1)?,
                    op: op_of(row.int(2)?, 2)?,
                    old_hash: row.maybe_bytes(3)?,
                    hash: row.bytes(4)?,
                    fields: row.maybe_text(5)?,
                    record: row.maybe_text(6)?,
                    event: row.maybe_text(7)?,
                    lost: row.count(8)?,
                    refused: row.maybe_bytes(9)?,
                    held: row.int(10)? != 0,
                    schools: listed(row.maybe_text(11)?),
                    meaning: row.maybe_bytes(12)?,
                })
            })
            .collect()
    }

    async fn staged_ops(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Op>, StoreError> {
        let sql = format!(
            "SELECT id, op FROM staging.staged WHERE kind = ?1 AND id {}",
            self.among(2)
        );
        let mut found = BTreeMap::new();
        for ids in ids.chunks(1000) {
            let params = [(kind as i64).into(), texts(ids.iter().copied())];
            for mut row in self.db.query(&sql, &params).await? {
                found.insert(row.text(0)?, op_of(row.int(1)?, 1)?);
            }
        }
        Ok(found)
    }

    async fn tally(&mut self) -> Result<Tally, StoreError> {
        if std::mem::take(&mut self.unplanned) {
            self.db.batch(self.db.dialect().staged).await?;
        }
        let rows = self
            .db
            .query(
                "SELECT kind, op, CASE held WHEN 0 THEN 0 ELSE 1 END, count(*), CAST(sum(lost) AS BIGINT)
                 FROM staging.staged GROUP BY 1, 2, 3",
                &[],
            )
            .await?;
        rows.into_iter()
            .map(|mut row| {
                let key = (
                    kind_of(row.int(0)?, 0)?,
                    op_of(row.int(1)?, 1)?,
                    row.int(2)? != 0,
                );
                Ok((key, (row.count(3)?, row.count(4)?)))
            })
            .collect()
    }

    async fn hold(&mut self, kind: RecordKind, op: Op) -> Result<(), StoreError> {
        let params = [(kind as i64).into(), (op as i64).into()];
        self.db
            .execute(
                &format!(
                    "UPDATE staging.staged SET held = {CHECKED} WHERE kind = ?1 AND op = ?2 AND held = 0"
                ),
                &params,
            )
            .await?;
        Ok(())
    }

    async fn followed(
        &mut self,
        district: &DistrictId,
        kind: RecordKind,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT report FROM main.runs WHERE district_id = ?1 AND path IN ('snapshot', 'events', 'plan')
             ORDER BY run DESC LIMIT 1";
        let Some(mut row) = self.maybe(sql, &[district.as_str().into()]).await? else {
            return Ok(false);
        };
        let report: Value = serde_json::from_str(&row.text(0)?).unwrap_or_default();
        Ok(report["kinds"].get(kind.as_str()).is_some())
    }

    async fn standing(&mut self, district: &DistrictId) -> Result<Vec<Hold>, StoreError> {
        let sql =
            "SELECT report FROM main.runs WHERE district_id = ?1 AND path IN ('snapshot', 'events')
             ORDER BY run DESC LIMIT 1";
        Ok(match self.maybe(sql, &[district.as_str().into()]).await? {
            Some(mut row) => crate::tell::status::holds_of(&row.text(0)?),
            None => Vec::new(),
        })
    }

    async fn touched_schools(
        &mut self,
        kind: RecordKind,
        limits: &SchoolLimits,
    ) -> Result<Vec<SchoolTally>, StoreError> {
        schools::touched(self, kind, limits).await
    }

    async fn hold_records(
        &mut self,
        kind: RecordKind,
        op: Op,
        ids: &[&str],
    ) -> Result<u64, StoreError> {
        let sql = format!(
            "UPDATE staging.staged SET held = {CHECKED} WHERE kind = ?1 AND op = ?2 AND held = 0 AND id {}",
            self.among(3)
        );
        let mut held = 0;
        for ids in ids.chunks(1000) {
            let params = [
                (kind as i64).into(),
                (op as i64).into(),
                texts(ids.iter().copied()),
            ];
            held += self.db.execute(&sql, &params).await?;
        }
        Ok(held)
    }

    async fn hold_schools(
        &mut self,
        kind: RecordKind,
        op: Op,
        schools: &[&str],
    ) -> Result<u64, StoreError> {
        schools::hold(self, kind, op, schools).await
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        self.db
            .execute("UPDATE staging.staged SET held = 0 WHERE held <> 0", &[])
            .await?;
        Ok(())
    }

    async fn commit(
        &mut self,
        commit: &Commit<'_>,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> Result<(), StoreError> {
        let mut writing = Transaction::write(self).await?;
        crate::act::apply::run(&mut *writing, commit, report, progress).await?;
        writing.commit().await?;
        // The run is kept; what is left here fits no other, and is thrown away at the latest by the next.
        drop(self.db.close_staging(&mut self.staging).await);
        Ok(())
    }
}

impl<B: RosterDb> SqlStore<B> {
    /// Reads records of the run's district, each with the number of its last change.
    pub(crate) async fn stored(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, (Stored, u64)>, StoreError> {
        let sql = format!(
            "SELECT s.id, s.hash, s.archived, s.refused, t.record, s.seq FROM main._state s
             JOIN main.{kind} t ON t.district_id = ?3 AND t.id = s.id
             WHERE s.district = ?1 AND s.kind = ?2 AND s.id {}",
            self.among(4)
        );
        let mut found = BTreeMap::new();
        for ids in ids.chunks(1000) {
            let params = [
                self.number().into(),
                (kind as i64).into(),
                self.district_id().into(),
                texts(ids.iter().copied()),
            ];
            for mut row in self.db.query(&sql, &params).await? {
                let state = state(&mut row)?;
                let (record, seq) = (row.text(4)?, row.count(5)?);
                found.insert(state.id.clone(), (Stored { state, record }, seq));
            }
        }
        Ok(found)
    }

    /// Counts the active records of a kind.
    pub(crate) async fn count_active(&mut self, kind: RecordKind) -> Result<u64, StoreError> {
        let params = [self.number().into(), (kind as i64).into()];
        let sql =
            "SELECT count(*) FROM main._state WHERE district = ?1 AND kind = ?2 AND archived = 0";
        Ok(self.one(sql, &params).await?.count(0)?)
    }

    /// Opens the staging area, as it is.
    async fn open_area(&mut self, district: &DistrictId) -> Result<Area, StoreError> {
        let opening = self.db.open_staging(&mut self.staging, district.as_str());
        let area = opening.await?;
        let (_, number) = base(self, district).await?;
        self.district = Some((district.clone(), number));
        Ok(area)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::SqliteStore;

    fn row(id: &str, lost: u64) -> Staged {
        Staged {
            lost,
            ..Staged::sample(RecordKind::Sections, id, Op::Update)
        }
    }

    #[tokio::test]
    async fn a_row_again_takes_the_place_of_the_one_before_in_whatever_order() {
        let mut store = SqliteStore::in_memory().unwrap();
        let district = DistrictId::new("d").unwrap();
        store.begin(&district).await.unwrap();
        store.stage(vec![row("c", 1), row("b", 1)]).await.unwrap();
        for (id, lost) in [("e", 1), ("a", 1), ("c", 2), ("d", 1), ("f", 1), ("f", 2)] {
            store.stage(vec![row(id, lost)]).await.unwrap();
        }
        store.stage(vec![row("g", 1), row("g", 2)]).await.unwrap();
        store.resume(None).await.unwrap();
        store.stage(vec![row("g", 3)]).await.unwrap();
        let staged = store.staged((None, ""), 100, false).await.unwrap();
        let staged: Vec<(&str, u64)> = staged.iter().map(|row| (&*row.id, row.lost)).collect();
        let expected = [
            ("a", 1),
            ("b", 1),
            ("c", 2),
            ("d", 1),
            ("e", 1),
            ("f", 2),
            ("g", 3),
        ];
        assert_eq!(staged, expected);
    }
}
