//! Batches of the staging area, in SQL: new records that were staged together.
//!
//! No row of `staged` lies within a batch. Whoever looks at single records, or replaces one, has the batch made into rows
//! before: that is a list out of order, or a record that changed while it was read, and not the way of a load.

use clever_model::RecordKind;
use clever_sql::{DatabaseError, RowRef, Value};

use crate::store::batch::{self, Batch};
use crate::store::narrow;
use crate::store::run::SqlRun;
use crate::store::spell::kind_of;
use crate::store::sql::{RosterDb, Sql, Transaction, Type};
use crate::store::{Staged, StoreError, odd_row};

const BATCHES: [(&str, Type); 6] = [
    ("kind", Type::Int),
    ("first", Type::Text),
    ("last", Type::Text),
    ("size", Type::Int),
    ("heads", Type::Blob),
    ("records", Type::Text),
];

/// A batch that is staged: its kind, its first and its last record.
type Place = (RecordKind, String, String);

/// Puts rows together, if all of them are new records and nothing more; they are in order.
pub(crate) fn packed(rows: &[Staged]) -> Option<Vec<(&[Staged], Batch)>> {
    if rows.len() < batch::LEAST {
        return None;
    }
    let of_kinds = rows.chunk_by(|a, b| a.kind == b.kind);
    let some = of_kinds.flat_map(|rows| rows.chunks(batch::MOST));
    some.map(|rows| Some((rows, batch::pack(rows)?))).collect()
}

/// Stages batches where nothing is staged yet.
pub(crate) async fn put<B: RosterDb>(
    db: &mut B,
    batches: &[(&[Staged], Batch)],
) -> Result<(), StoreError> {
    let mut values: Vec<Sql<'_>> = Vec::with_capacity(batches.len() * BATCHES.len());
    for (rows, batch) in batches {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            continue;
        };
        values.extend([
            (first.kind as i64).into(),
            Sql::from(&first.id),
            Sql::from(&last.id),
            rows.len().into(),
            Value::Blob(batch.heads.as_slice().into()),
            Sql::from(&batch.records.0),
        ]);
    }
    Ok(db
        .insert("staging.staged_batches", &BATCHES, &values, "")
        .await?)
}

/// Reads rows of a batch: its heads in column 0, its records in column 1 if they were asked for.
fn rows(
    row: RowRef<'_>,
    kind: RecordKind,
    records: bool,
    after: &str,
    limit: usize,
) -> Result<Vec<Staged>, DatabaseError> {
    let Value::Blob(heads) = row.value(0)? else {
        return Err(DatabaseError::OddRow { column: 0 });
    };
    let records = if records { Some(row.text(1)?) } else { None };
    batch::unpack(kind, &heads, records, after, limit).ok_or(DatabaseError::OddRow { column: 0 })
}

/// Makes batches of a kind into rows: those that `which` finds.
pub(crate) async fn loosen<B: RosterDb>(
    db: &mut B,
    bodies: &mut i64,
    kind: RecordKind,
    which: &str,
    ends: [Sql<'_>; 2],
) -> Result<(), StoreError> {
    let [from, to] = ends;
    let sql = format!(
        "SELECT heads, records, last FROM staging.staged_batches WHERE kind = ?1 AND {which}"
    );
    let mut found: Vec<(String, Vec<Staged>)> = Vec::new();
    let read = &mut |row: RowRef<'_>| {
        let of = rows(row, kind, true, "", usize::MAX)?;
        found.push((row.text(2)?.to_owned(), of));
        Ok(())
    };
    db.each(&sql, &[(kind as i64).into(), from, to], read)
        .await?;
    for (last, rows) in found {
        narrow::put(db, bodies, &rows, "").await?;
        let sql = "DELETE FROM staging.staged_batches WHERE kind = ?1 AND last = ?2";
        db.execute(sql, &[(kind as i64).into(), last.into()])
            .await?;
    }
    Ok(())
}

/// Batches that have records from one to another, or to the end.
pub(crate) const BETWEEN: &str = "last >= ?2 AND (first <= ?3 OR ?3 IS NULL)";

/// Batches through the middle of which an end goes: the last record from the front, or the first from the back.
const CUT: &str = "((first <= ?2 AND last > ?2) OR (first < ?3 AND last >= ?3))";

impl<B: RosterDb> SqlRun<'_, B> {
    /// Has the batches around these records made into rows.
    pub(crate) async fn loosen(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> Result<(), StoreError> {
        let (Some(from), Some(to)) = (ids.iter().min(), ids.iter().max()) else {
            return Ok(());
        };
        if !self.batched {
            return Ok(());
        }
        let ends = [(*from).into(), (*to).into()];
        let mut staging = Transaction::begin(self.db).await?;
        loosen(&mut *staging, &mut self.bodies, kind, BETWEEN, ends).await?;
        Ok(staging.commit().await?)
    }

    /// Has all batches of a kind made into rows.
    pub(crate) async fn loosen_all(&mut self, kind: RecordKind) -> Result<(), StoreError> {
        if !self.batched {
            return Ok(());
        }
        let ends = ["".into(), Sql::Null];
        let mut staging = Transaction::begin(self.db).await?;
        loosen(&mut *staging, &mut self.bodies, kind, BETWEEN, ends).await?;
        Ok(staging.commit().await?)
    }

    /// Keeps of a kind's batches what the walks from its ends passed by. One that an end goes through is made into rows.
    pub(crate) async fn keep_ends(
        &mut self,
        kind: RecordKind,
        upto: &str,
        from: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut staging = Transaction::begin(self.db).await?;
        let ends = [upto.into(), from.into()];
        loosen(&mut *staging, &mut self.bodies, kind, CUT, ends).await?;
        let sql = "DELETE FROM staging.staged_batches
             WHERE kind = ?1 AND first > ?2 AND (last < ?3 OR ?3 IS NULL)";
        let params = [(kind as i64).into(), upto.into(), from.into()];
        staging.execute(sql, &params).await?;
        Ok(staging.commit().await?)
    }

    /// Throws a kind's batches away.
    pub(crate) async fn drop_batches(&mut self, kind: RecordKind) -> Result<(), StoreError> {
        let sql = "DELETE FROM staging.staged_batches WHERE kind = ?1";
        self.db.execute(sql, &[(kind as i64).into()]).await?;
        Ok(())
    }

    /// Finds the first batch with records after one of this kind and id.
    pub(crate) async fn batch_after(
        &mut self,
        kind: i64,
        id: &str,
    ) -> Result<Option<Place>, StoreError> {
        if !self.batched {
            return Ok(None);
        }
        let sql = "SELECT kind, first, last FROM staging.staged_batches
             WHERE (kind, last) > (?1, ?2) ORDER BY kind, last LIMIT 1";
        let Some(mut row) = self.db.maybe(sql, &[kind.into(), id.into()]).await? else {
            return Ok(None);
        };
        Ok(Some((kind_of(row.int(0)?, 0)?, row.text(1)?, row.text(2)?)))
    }

    /// Reads up to `limit` rows of a batch after one of this id.
    pub(crate) async fn of_batch(
        &mut self,
        (kind, _, last): &Place,
        after: &str,
        limit: usize,
        records: bool,
    ) -> Result<Vec<Staged>, StoreError> {
        let beside = if records { ", records" } else { "" };
        let sql = format!(
            "SELECT heads{beside} FROM staging.staged_batches WHERE kind = ?1 AND last = ?2"
        );
        let params = [(*kind as i64).into(), last.into()];
        let mut found = None;
        let read = &mut |row: RowRef<'_>| {
            found = Some(rows(row, *kind, records, after, limit)?);
            Ok(())
        };
        self.db.each(&sql, &params, read).await?;
        found.ok_or_else(|| odd_row(0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clever_model::DistrictId;

    use super::*;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{Kept, Op, Rows, Run, Staging, Store, Which};

    const KIND: RecordKind = RecordKind::Users;

    fn id(number: usize) -> String {
        format!("u{number:04}")
    }

    fn new(number: usize) -> Staged {
        Staged {
            record: Some(format!("{{\"n\":{number}}}")),
            ..Staged::sample(KIND, id(number), Op::Create)
        }
    }

    /// What is staged, with or without the records, and how many batches there are.
    async fn staged<B: RosterDb>(
        run: &mut SqlRun<'_, B>,
        records: bool,
    ) -> (Vec<(String, Option<String>)>, i64) {
        let mut all = Vec::new();
        let mut rows = Rows::all(records);
        while let Some(some) = rows.next(run).await.unwrap() {
            assert!(some.len() <= batch::MOST);
            all.extend(some.into_iter().map(|row| (row.id, row.record)));
        }
        let sql = "SELECT count(*) FROM staging.staged_batches";
        let batches = run.db.one(sql, &[]).await.unwrap().int(0).unwrap();
        (all, batches)
    }

    #[tokio::test]
    async fn new_records_are_staged_together_and_made_into_rows_for_whoever_looks_at_one() {
        let mut store = SqliteStore::in_memory().unwrap();
        let district = DistrictId::new("d").unwrap();
        let mut run = store.begin(&district).await.unwrap();
        run.clear().await.unwrap();
        run.stage((0..2500).map(new).collect()).await.unwrap();
        let of = |number: usize| (id(number), new(number).record);
        let expected: Vec<_> = (0..2500).map(of).collect();
        assert_eq!(staged(&mut run, true).await, (expected.clone(), 3));
        // Rows before them, in between, and of another kind.
        let before = Staged::sample(KIND, "a", Op::Update);
        let later = Staged::sample(RecordKind::Sections, "s", Op::Archive);
        run.stage(vec![before]).await.unwrap();
        run.stage(vec![later]).await.unwrap();
        let again = Staged {
            record: Some("again".to_owned()),
            ..new(1500)
        };
        run.stage(vec![again]).await.unwrap();
        let mut expected: Vec<_> = [("a".to_owned(), Some("{}".to_owned()))]
            .into_iter()
            .chain(expected)
            .chain([("s".to_owned(), Some("{}".to_owned()))])
            .collect();
        expected[1501].1 = Some("again".to_owned());
        assert_eq!(staged(&mut run, true).await, (expected.clone(), 2));
        let tally = BTreeMap::from([
            ((KIND, Op::Create, false), (2500, 0)),
            ((KIND, Op::Update, false), (1, 0)),
            ((RecordKind::Sections, Op::Archive, false), (1, 0)),
        ]);
        assert_eq!(run.tally().await.unwrap(), tally);
        let ops = run.staged_ops(KIND, &["u0003", "x"]).await.unwrap();
        assert_eq!(ops, BTreeMap::from([(id(3), Op::Create)]));
        run.unstage(KIND, &["u2400"]).await.unwrap();
        expected.retain(|(id, _)| id != "u2400");
        expected.iter_mut().for_each(|(_, record)| *record = None);
        assert_eq!(staged(&mut run, false).await, (expected, 0));
        assert_eq!(
            run.tally().await.unwrap()[&(KIND, Op::Create, false)].0,
            2499
        );
    }

    #[tokio::test]
    async fn a_later_run_continues_between_the_ends_with_batches() {
        let mut store = SqliteStore::in_memory().unwrap();
        let district = DistrictId::new("d").unwrap();
        let mut run = store.begin(&district).await.unwrap();
        run.clear().await.unwrap();
        run.stage((0..3000).map(new).collect()).await.unwrap();
        let ends = Kept::Ends {
            upto: id(499),
            from: Some(id(2000)),
        };
        run.resume(&BTreeMap::from([(KIND, ends)])).await.unwrap();
        let numbers = |all: Vec<(String, Option<String>)>| -> Vec<String> {
            all.into_iter().map(|(id, _)| id).collect()
        };
        let (all, batches) = staged(&mut run, true).await;
        let expected: Vec<String> = (0..500).chain(2000..3000).map(id).collect();
        assert_eq!((numbers(all), batches), (expected, 1));
        run.stage((500..1500).map(new).collect()).await.unwrap();
        let (all, batches) = staged(&mut run, true).await;
        let expected: Vec<String> = (0..1500).chain(2000..3000).map(id).collect();
        assert_eq!((numbers(all), batches), (expected, 2));
        let one = ["u2100"];
        let held = run.hold(KIND, Op::Create, Which::Records(&one)).await;
        assert_eq!(held.unwrap(), 1);
        let tally = run.tally().await.unwrap();
        assert_eq!(tally[&(KIND, Op::Create, true)].0, 1);
        assert_eq!(tally[&(KIND, Op::Create, false)].0, 2499);
        let ends = Kept::Ends {
            upto: id(9),
            from: None,
        };
        run.resume(&BTreeMap::from([(KIND, ends)])).await.unwrap();
        assert_eq!(staged(&mut run, false).await.0.len(), 10);
        run.resume(&BTreeMap::new()).await.unwrap();
        assert_eq!(staged(&mut run, false).await, (Vec::new(), 0));
    }
}
