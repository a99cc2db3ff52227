//! The staging area of a run, in SQL.

use std::collections::BTreeMap;

use clever_model::RecordKind;
use clever_sql::RowRef;

use crate::store::narrow;
use crate::store::run::SqlRun;
use crate::store::spell::{CHECKED, edit, kind_of, op_of};
use crate::store::sql::{RosterDb, Sql, Transaction, texts};
use crate::store::{Op, Staged, Staging, StoreError, Tally, Which, batches, schools};

/// A staged row again takes the place of what was there.
const REPLACE: &str =
    "ON CONFLICT (kind, id) DO UPDATE SET op = excluded.op, old_hash = excluded.old_hash,
    hash = excluded.hash, fields = excluded.fields, event = excluded.event, lost = excluded.lost,
    refused = excluded.refused, held = excluded.held, body = excluded.body,
    schools = excluded.schools, meaning = excluded.meaning";

impl<B: RosterDb> Staging for SqlRun<'_, B> {
    async fn stage(&mut self, mut rows: Vec<Staged>) -> Result<(), StoreError> {
        rows.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(());
        };
        let (first, last) = ((first.kind, first.id.clone()), (last.kind, last.id.clone()));
        let ascending = rows
            .windows(2)
            .all(|two| matches!(two, [a, b] if (a.kind, &a.id) < (b.kind, &b.id)));
        let spans = self.spans.as_mut();
        let free = spans.is_some_and(|spans| spans.add(first, last));
        let packed = if free && ascending {
            batches::packed(&rows)
        } else {
            None
        };
        self.unplanned = true;
        self.tallied = None;
        // Nobody else writes here; the store itself stays unlocked.
        let mut staging = Transaction::begin(self.db).await?;
        if let Some(packed) = packed {
            self.batched = true;
            batches::put(&mut *staging, &packed).await?;
            return Ok(staging.commit().await?);
        }
        if self.batched && !free {
            for of_kind in rows.chunk_by(|a, b| a.kind == b.kind) {
                if let (Some(first), Some(last)) = (of_kind.first(), of_kind.last()) {
                    let (which, ends) = (batches::BETWEEN, [&first.id, &last.id].map(Sql::from));
                    let bodies = &mut self.bodies;
                    batches::loosen(&mut *staging, bodies, first.kind, which, ends).await?;
                }
            }
        }
        let conflict = if free && ascending { "" } else { REPLACE };
        narrow::put(&mut *staging, &mut self.bodies, &rows, conflict).await?;
        Ok(staging.commit().await?)
    }

    async fn unstage(&mut self, kind: RecordKind, ids: &[&str]) -> Result<(), StoreError> {
        self.tallied = None;
        self.loosen(kind, ids).await?;
        let sql = format!(
            "DELETE FROM staging.staged WHERE kind = ?1 AND id {}",
            self.db.kind().among(2)
        );
        for ids in ids.chunks(1000) {
            let params = [(kind as i64).into(), texts(ids.iter().copied())];
            self.db.execute(&sql, &params).await?;
        }
        Ok(())
    }

    async fn unstage_archived(&mut self, kind: RecordKind) -> Result<(), StoreError> {
        self.tallied = None;
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
        let kind = after.0.map_or(-1, |kind| kind as i64);
        let batch = self.batch_after(kind, after.1).await?;
        let mut params = vec![kind.into(), after.1.into(), limit.into()];
        let before = batch.as_ref().map_or("", |(kind, first, _)| {
            params.extend([Sql::from(*kind as i64), Sql::from(first)]);
            "AND (s.kind, s.id) < (?4, ?5)"
        });
        let sql = format!(
            "SELECT s.kind, s.id, s.op, s.old_hash, s.hash, s.fields, {record}, s.event, s.lost, s.refused, s.held, s.schools, s.meaning
             FROM staging.staged s {beside} WHERE (s.kind, s.id) > (?1, ?2) {before} ORDER BY s.kind, s.id LIMIT ?3"
        );
        let mut staged = Vec::new();
        let read = &mut |row: RowRef<'_>| {
            staged.push(Staged {
                kind: kind_of(row.int(0)?, 0)?,
                id: row.text(1)?.to_owned(),
                edit: edit(row)?,
                record: row.maybe_text(6)?.map(ToOwned::to_owned),
                event: row.maybe_text(7)?.map(ToOwned::to_owned),
                refused: row.maybe_bytes(9)?,
                held: row.int(10)? != 0,
            });
            Ok(())
        };
        self.db.each(&sql, &params, read).await?;
        match batch {
            // Every record of a first load passes here.
            Some(batch) if staged.is_empty() => {
                let after = if after.0 == Some(batch.0) {
                    after.1
                } else {
                    ""
                };
                self.of_batch(&batch, after, limit, records).await
            }
            _ => Ok(staged),
        }
    }

    async fn staged_ops(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<BTreeMap<String, Op>, StoreError> {
        self.loosen(kind, ids).await?;
        let sql = format!(
            "SELECT id, op FROM staging.staged WHERE kind = ?1 AND id {}",
            self.db.kind().among(2)
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
        if let Some(tally) = &self.tallied {
            return Ok(tally.clone());
        }
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
        let tally: Result<Tally, StoreError> = rows
            .into_iter()
            .map(|mut row| {
                let key = (
                    kind_of(row.int(0)?, 0)?,
                    op_of(row.int(1)?, 1)?,
                    row.int(2)? != 0,
                );
                Ok((key, (row.count(3)?, row.count(4)?)))
            })
            .collect();
        let mut tally = tally?;
        if self.batched {
            let sql =
                "SELECT kind, CAST(sum(size) AS BIGINT) FROM staging.staged_batches GROUP BY kind";
            for mut row in self.db.query(sql, &[]).await? {
                let key = (kind_of(row.int(0)?, 0)?, Op::Create, false);
                tally.entry(key).or_default().0 += row.count(1)?;
            }
        }
        self.tallied = Some(tally.clone());
        Ok(tally)
    }

    async fn hold(
        &mut self,
        kind: RecordKind,
        op: Op,
        which: Which<'_>,
    ) -> Result<u64, StoreError> {
        self.tallied = None;
        if op == Op::Create {
            self.loosen_all(kind).await?;
        }
        let sql = format!(
            "UPDATE staging.staged SET held = {CHECKED} WHERE kind = ?1 AND op = ?2 AND held = 0"
        );
        let params: [Sql<'_>; 2] = [(kind as i64).into(), (op as i64).into()];
        match which {
            Which::All => Ok(self.db.execute(&sql, &params).await?),
            Which::Schools(these) => schools::hold(self, kind, op, these).await,
            Which::Records(ids) => {
                let sql = format!("{sql} AND id {}", self.db.kind().among(3));
                let mut held = 0;
                for ids in ids.chunks(1000) {
                    let [kind, op] = params.clone();
                    let params = [kind, op, texts(ids.iter().copied())];
                    held += self.db.execute(&sql, &params).await?;
                }
                Ok(held)
            }
        }
    }

    async fn release(&mut self) -> Result<(), StoreError> {
        self.tallied = None;
        self.db
            .execute("UPDATE staging.staged SET held = 0 WHERE held <> 0", &[])
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clever_model::DistrictId;

    use super::*;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{Edit, Kept, Run, Store};

    fn row(id: &str, lost: u64) -> Staged {
        let mut row = Staged::sample(RecordKind::Sections, id, Op::Update);
        if let Edit::Update { lost: of, .. } = &mut row.edit {
            *of = lost;
        }
        row
    }

    #[tokio::test]
    async fn a_row_again_takes_the_place_of_the_one_before_in_whatever_order() {
        let mut store = SqliteStore::in_memory().unwrap();
        let district = DistrictId::new("d").unwrap();
        let mut run = store.begin(&district).await.unwrap();
        run.clear().await.unwrap();
        run.stage(vec![row("c", 1), row("b", 1)]).await.unwrap();
        for (id, lost) in [("e", 1), ("a", 1), ("c", 2), ("d", 1), ("f", 1), ("f", 2)] {
            run.stage(vec![row(id, lost)]).await.unwrap();
        }
        run.stage(vec![row("g", 1), row("g", 2)]).await.unwrap();
        let all = BTreeMap::from([(RecordKind::Sections, Kept::All)]);
        run.resume(&all).await.unwrap();
        run.stage(vec![row("g", 3)]).await.unwrap();
        let staged = run.staged((None, ""), 100, false).await.unwrap();
        let staged: Vec<(&str, u64)> = staged
            .iter()
            .map(|row| (&*row.id, row.edit.lost()))
            .collect();
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
