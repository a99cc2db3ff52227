//! What the store knows of a run's district.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Role};
use clever_sql::RowRef;

use crate::report::RunPath;
use crate::store::base::last_report;
use crate::store::run::SqlRun;
use crate::store::sql::{RosterDb, Sql, state, texts};
use crate::store::{
    Base, KeptOut, Known, LastSync, Op, Paused, SchoolLimits, SchoolTally, State, StoreError,
    Stored, judged, pauses, schools,
};

impl<B: RosterDb> Known for SqlRun<'_, B> {
    fn base(&self) -> &Base {
        &self.base
    }

    fn kept_out(&self) -> Option<&KeptOut> {
        self.kept_out.as_ref()
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
        states(self.db, sql, &params).await
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
        // What the last run told, if nobody changed rows since; else each run would read the state once more.
        let told = self.told().await?;
        if let Some(of_kind) = told.and_then(|report| report.kinds.get(&kind)) {
            return Ok(of_kind.total);
        }
        self.count_active(kind).await
    }

    async fn enrolled(&mut self, enough: u64) -> Result<u64, StoreError> {
        let enough = i64::try_from(enough).unwrap_or(i64::MAX);
        let params = [self.number().into(), enough.into()];
        let sql =
            "SELECT count(*) FROM (SELECT 1 FROM main._enrollments WHERE district = ?1 LIMIT ?2) x";
        Ok(self.db.one(sql, &params).await?.count(0)?)
    }

    async fn lost_role(&mut self) -> Result<Option<Role>, StoreError> {
        let params = [
            self.district_id().into(),
            (RecordKind::Users as i64).into(),
            (Op::Archive as i64).into(),
        ];
        let role = self
            .db
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

    async fn touched_schools(
        &mut self,
        kind: RecordKind,
        limits: &SchoolLimits,
    ) -> Result<Vec<SchoolTally>, StoreError> {
        schools::touched(self, kind, limits).await
    }

    async fn last_sync(&mut self) -> Result<LastSync, StoreError> {
        let paths = [RunPath::Snapshot, RunPath::Events];
        let last = last_report(self.db, &self.district, &paths).await?;
        Ok(last.map_or_else(LastSync::default, |last| LastSync {
            holds: last.holds,
            sizes: last.sizes,
        }))
    }

    async fn approved(&mut self) -> Result<Option<String>, StoreError> {
        judged::approved(self.db, self.district.as_str()).await
    }

    async fn paused(&mut self) -> Result<Option<Paused>, StoreError> {
        pauses::paused(self.db, self.district.as_str()).await
    }

    async fn followed(&mut self, kind: RecordKind) -> Result<bool, StoreError> {
        let paths = [RunPath::Snapshot, RunPath::Events, RunPath::Plan];
        let last = last_report(self.db, &self.district, &paths).await?;
        Ok(last.is_some_and(|last| last.kinds.contains_key(&kind)))
    }
}

impl<B: RosterDb> SqlRun<'_, B> {
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
            self.db.kind().among(4)
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
        Ok(self.db.one(sql, &params).await?.count(0)?)
    }
}

/// Reads rows of state: id, hash, archived, refused. Every record of a district passes here in every snapshot.
async fn states<B: RosterDb>(
    db: &mut B,
    sql: &str,
    params: &[Sql<'_>],
) -> Result<Vec<State>, StoreError> {
    let mut all = Vec::new();
    let read = &mut |row: RowRef<'_>| {
        all.push(State {
            id: row.text(0)?.to_owned(),
            hash: row.bytes(1)?,
            archived: row.int(2)? != 0,
            refused: row.maybe_bytes(3)?,
        });
        Ok(())
    };
    db.each(sql, params, read).await?;
    Ok(all)
}
