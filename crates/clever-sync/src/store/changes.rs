//! The feed of changes, who has read it how far, and records as they are.

use std::fmt;

use clever_model::{RecordKind, Timestamp};
use clever_sql::Kind;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::report::RunPath;
use crate::store::moves::{self, Whereabouts};
use crate::store::sql::{Backend, RosterDb, Row, Sql, SqlStore, Transaction};
use crate::store::{Op, StoreError, forgotten, odd_row};

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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// Its number; numbers have no gap within a district.
    pub seq: u64,
    /// The run that made it.
    pub run: u64,
    /// The kind of record.
    pub kind: RecordKind,
    /// The record.
    pub id: String,
    /// What was done to it: anything but a touch, which changes nothing.
    pub op: Op,
    /// The fields that an update or a restore changed.
    pub fields: Vec<String>,
    /// The record before.
    pub before: Option<Box<RawValue>>,
    /// The record after.
    pub after: Option<Box<RawValue>>,
    /// When it was applied.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub at: Timestamp,
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
    /// The ids of the districts that the store holds; not of those that moved, or have not arrived.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn districts(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = self
            .db
            .query(
                &format!(
                    "SELECT d.district_id FROM main._districts d WHERE {} ORDER BY d.district_id",
                    moves::here("d.district_id")
                ),
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
    /// [`StoreError`] when the store can't be read; [`StoreError::Elsewhere`] at the end of a copy whose district has moved.
    pub async fn changes(
        &mut self,
        district_id: &str,
        filter: &ChangeFilter,
    ) -> Result<Vec<Change>, StoreError> {
        let found = read(&mut self.db, district_id, filter).await?;
        if found.len() < filter.limit as usize
            && let Some(away) = self.away(district_id).await?
            && away.whereabouts == Whereabouts::Moved
        {
            // A reader at the end of an old copy would wait for ever: it continues elsewhere.
            return Err(StoreError::Elsewhere(Box::new(away)));
        }
        Ok(found)
    }

    /// How a run of a district learnt the roster; none where there is no such run.
    pub(crate) async fn run_path(
        &mut self,
        district_id: &str,
        run: u64,
    ) -> Result<Option<RunPath>, StoreError> {
        let sql = "SELECT path FROM main.runs WHERE district_id = ?1 AND run = ?2";
        let row = self
            .db
            .maybe(sql, &[district_id.into(), run.into()])
            .await?;
        row.map(|mut row| path(&row.text(0)?, 0)).transpose()
    }

    /// Up to which change a consumer of a district's feed has read; 0 before its first acknowledgement.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn position(&mut self, district_id: &str, consumer: &str) -> Result<u64, StoreError> {
        let row = self
            .db
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
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let params: [Sql; 4] = [
            district_id.into(),
            consumer.into(),
            seq.into(),
            at.to_string().into(),
        ];
        let mut writing = Transaction::write(&mut self.db).await?;
        moves::stays(&mut *writing, district_id).await?;
        writing
            .execute(
                "INSERT INTO main.consumers (district_id, consumer, seq, at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (district_id, consumer) DO UPDATE SET seq = excluded.seq, at = excluded.at
                 WHERE consumers.seq < excluded.seq",
                &params,
            )
            .await?;
        forgotten::unname(&mut *writing, district_id).await?;
        Ok(writing.commit().await?)
    }

    /// Reads the JSON of a record, active or archived; none if there is no such record.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn record(
        &mut self,
        district_id: &str,
        kind: RecordKind,
        id: &str,
    ) -> Result<Option<String>, StoreError> {
        let sql = format!("SELECT record FROM main.{kind} WHERE district_id = ?1 AND id = ?2");
        let row = self
            .db
            .maybe(&sql, &[district_id.into(), id.into()])
            .await?;
        Ok(row.map(|mut row| row.text(0)).transpose()?)
    }

    /// Reads some records of a kind, active or archived, that come after an id: id and JSON, in the order of ids.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't be read.
    pub async fn records_after(
        &mut self,
        district_id: &str,
        kind: RecordKind,
        after: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let sql = format!(
            "SELECT id, record FROM main.{kind} WHERE district_id = ?1 AND id > ?2 ORDER BY id LIMIT 500"
        );
        let params = [district_id.into(), after.into()];
        let rows = self.db.query(&sql, &params).await?.into_iter();
        rows.map(|mut row| Ok((row.text(0)?, row.text(1)?)))
            .collect()
    }

    /// Reads when a record was first seen, and when it was archived; none where there is no such record.
    pub(crate) async fn seen(
        &mut self,
        district_id: &str,
        kind: RecordKind,
        id: &str,
    ) -> Result<Option<(Timestamp, Option<Timestamp>)>, StoreError> {
        let sql = format!(
            "SELECT first_seen_at, archived_at FROM main.{kind} WHERE district_id = ?1 AND id = ?2"
        );
        let row = self
            .db
            .maybe(&sql, &[district_id.into(), id.into()])
            .await?;
        row.map(|mut row| {
            let archived = row.maybe_text(1)?;
            let archived = archived.map(|at| at.parse().map_err(|_| odd_row(1)));
            let first = row.text(0)?.parse().map_err(|_| odd_row(0))?;
            Ok((first, archived.transpose()?))
        })
        .transpose()
    }
}

/// Reads how a run learnt the roster from the column at this place.
pub(crate) fn path(word: &str, column: usize) -> Result<RunPath, StoreError> {
    RunPath::ALL
        .into_iter()
        .find(|path| path.as_str() == word)
        .ok_or_else(|| odd_row(column))
}

/// Reads a district's changes in order.
pub(crate) async fn read<B: Backend>(
    db: &mut B,
    district_id: &str,
    filter: &ChangeFilter,
) -> Result<Vec<Change>, StoreError> {
    let sql = statement(db.kind(), filter.id.is_some());
    let params = [
        district_id.into(),
        filter.id.as_deref().into(),
        filter.after.into(),
        filter.kind.map(RecordKind::as_str).into(),
        filter.run.into(),
        i64::from(filter.limit).into(),
    ];
    let rows = db.query(&sql, &params).await?;
    rows.into_iter().map(|mut row| change(&mut row)).collect()
}

/// The statement that reads changes; of one record, if `of_record`.
fn statement(kind: Kind, of_record: bool) -> String {
    let columns = "c.seq, c.run, c.kind, c.id, c.op, c.fields, c.before, c.after, c.at, c.event";
    let limits =
        "(CAST(?4 AS TEXT) IS NULL OR c.kind = ?4) AND (CAST(?5 AS BIGINT) IS NULL OR c.run = ?5)";
    if of_record {
        // Each would go through the whole feed, SQLite for the order, and PostgreSQL to merge it with the chain where it has no
        // statistics. SQLite leaves a CROSS JOIN as it is; PostgreSQL looks up the numbers of an array.
        let of_chain = match kind {
            Kind::Sqlite => "chain CROSS JOIN main.changes c WHERE c.seq = chain.seq",
            Kind::Postgres => {
                "main.changes c WHERE c.seq = ANY(ARRAY(SELECT chain.seq FROM chain))"
            }
        };
        format!(
            "{} SELECT {columns} FROM {of_chain} AND c.district_id = ?1 AND {limits} ORDER BY c.seq LIMIT ?6",
            chain(&RecordKind::ALL)
        )
    } else {
        // The record is named so that both statements have the same parameters.
        format!(
            "SELECT {columns} FROM main.changes c WHERE c.district_id = ?1 AND c.seq > ?3
             AND CAST(?2 AS TEXT) IS NULL AND {limits} ORDER BY c.seq LIMIT ?6"
        )
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
             UNION ALL SELECT c.prev FROM chain CROSS JOIN main._changes c
             WHERE c.district_id = ?1 AND c.seq = chain.seq AND c.prev > ?3 AND c.prev < c.seq)",
        kinds.join(", ")
    )
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
        kind: row.text(2)?.parse().map_err(|_| odd_row(2))?,
        id: row.text(3)?,
        op: Op::told(&row.text(4)?).ok_or_else(|| odd_row(4))?,
        fields: row
            .maybe_text(5)?
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default(),
        at: row.text(8)?.parse().map_err(|_| odd_row(8))?,
        event: row.maybe_text(9)?,
    })
}

#[cfg(test)]
mod tests {
    use clever_sql::Open;

    use super::*;
    use crate::store::{AnyStore, SqliteStore};

    /// What the statements ask for: a record from its first change on.
    fn whoever() -> [Sql<'static>; 6] {
        let none: Option<&str> = None;
        [
            "d".into(),
            "x".into(),
            0_i64.into(),
            none.into(),
            none.into(),
            1_i64.into(),
        ]
    }

    /// The steps in which SQLite answers a question of the feed that read `_changes`, without statistics: as in a store that
    /// was never analyzed.
    async fn steps(sql: &str) -> Vec<String> {
        let mut store = SqliteStore::in_memory().unwrap();
        let params = whoever();
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let rows = store.db.query(&sql, &params).await.unwrap();
        rows.into_iter()
            .map(|mut row| row.text(3).unwrap())
            // The view names its own change `c`, and those after it `l`.
            .filter(|step| {
                let mut words = step.split(' ').skip(1);
                words.next().is_some_and(|table| table == "c" || table == "l")
            })
            .collect()
    }

    /// A record has few changes, and its page is not to cost what the feed of a district does; nor is one change's.
    #[tokio::test]
    async fn the_changes_of_a_record_and_one_change_are_found_by_their_numbers() {
        let one = "SELECT after FROM main.changes c WHERE c.district_id = ?1 AND c.seq = ?6
             AND (?2 <> '' OR ?3 = 0 OR ?4 IS NULL OR ?5 IS NULL)";
        for sql in [statement(Kind::Sqlite, true).as_str(), one] {
            let steps = steps(sql).await;
            // The change, the record's last one, and each before that.
            assert!(steps.len() >= 3, "{steps:#?}");
            assert!(
                steps
                    .iter()
                    .all(|step| step.starts_with("SEARCH") && step.contains("seq=?")),
                "{steps:#?}"
            );
        }
    }

    /// A page of the feed is read from its first number on; what followed each of its changes is found by number.
    #[tokio::test]
    async fn a_page_of_the_feed_looks_for_nothing_beyond_its_records() {
        let steps = steps(&statement(Kind::Sqlite, false)).await;
        let (page, of_records): (Vec<_>, Vec<_>) =
            steps.iter().partition(|step| step.starts_with("SEARCH c "));
        assert!(page.iter().all(|step| step.contains("seq>?")), "{page:#?}");
        assert!(of_records.len() >= 2, "{of_records:#?}");
        assert!(
            of_records.iter().all(|step| step.contains("seq=?")),
            "{of_records:#?}"
        );
    }

    #[tokio::test]
    async fn postgres_looks_the_changes_of_a_record_up_by_their_numbers() {
        let Ok(url) = std::env::var("CLEVER_TEST_POSTGRES") else {
            eprintln!("skipped over PostgreSQL: CLEVER_TEST_POSTGRES names no server");
            return;
        };
        let joined = if url.contains('?') { '&' } else { '?' };
        let schema = format!("numbers_{}", std::process::id());
        let address = format!("{url}{joined}schema={schema}").parse().unwrap();
        let mut store = AnyStore::open(&address, Open::Create).await.unwrap();
        let long = "INSERT INTO main._changes (district_id, seq, run, kind, id, op, at)
            SELECT 'd', n, 1, 'users', 'u' || n, 'create', '2026-09-14T12:00:00Z' FROM generate_series(1, 50000) n";
        store.db.batch(long).await.unwrap();
        let sql = format!("EXPLAIN {}", statement(Kind::Postgres, true));
        let params = whoever();
        let rows = store.db.query(&sql, &params).await.unwrap();
        let lines: Vec<String> = rows
            .into_iter()
            .map(|mut row| row.text(0).unwrap())
            .collect();
        store
            .db
            .batch(&format!("DROP SCHEMA {schema} CASCADE"))
            .await
            .unwrap();
        // Not by a join with all that the district has.
        assert!(
            lines
                .iter()
                .any(|line| line.contains("Index Cond") && line.contains("seq = ANY")),
            "{lines:#?}"
        );
    }
}
