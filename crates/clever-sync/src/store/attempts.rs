//! The tries of a sync, each a row, whatever becomes of it. They are written outside of the transaction of the run, so
//! that a run which rolls back is known all the same.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Timestamp};

use crate::report::attempt::{Attempt, Attempts, Ending, Failure, Reached, Stage};
use crate::report::measure;
use crate::store::sql::{RosterDb, Row, Sql, SqlStore, Transaction};
use crate::store::{StoreError, moves, odd_row};

/// So many tries of a district are kept.
const KEPT: u64 = 200;
/// So many are kept of those of nobody knows which district.
const KEPT_UNKNOWN: u64 = 20;

/// Longest sentence that is kept of a failure, in characters.
const MAX_SAYS: usize = 300;

const COLUMNS: &str = "key, district_id, credential, started_at, seen_at, ended_at, ending, exit, error, status, \
     request_id, says, next_step, stage, kind, pages, records, run";

/// How a try ended, as it is written.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The district, if it is known by now.
    pub district_id: Option<String>,
    /// When it ended.
    pub at: Timestamp,
    /// How it ended.
    pub ending: Ending,
    /// The exit code.
    pub exit: Option<u8>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// How far it came.
    pub reached: Reached,
    /// The run that it wrote.
    pub run: Option<u64>,
}

impl<B: RosterDb> SqlStore<B> {
    /// Begins a try of a district, or of one that is not known yet: returns its number. Tries that never said how they
    /// ended are marked as lost, and the oldest go: the last 200 of a
    /// district are kept, and 20 of those of nobody knows which.
    ///
    /// One that still runs elsewhere is marked too, and says better when it ends.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn begin_attempt(
        &mut self,
        district_id: Option<&str>,
        credential: Option<&str>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let of = [
            Sql::from(district_id.unwrap_or_default()),
            credential.unwrap_or_default().into(),
            now.to_string().into(),
        ];
        let mut writing = Transaction::write(&mut self.db).await?;
        moves::stays(&mut *writing, district_id.unwrap_or_default()).await?;
        let sql = "UPDATE main.attempts SET ending = 'lost', ended_at = ?3
             WHERE district_id = ?1 AND ending IS NULL AND (district_id <> '' OR credential = ?2)";
        writing.execute(sql, &of).await?;
        let sql = "DELETE FROM main.attempts WHERE district_id = ?1 AND key <= (
                SELECT key FROM main.attempts WHERE district_id = ?1 ORDER BY key DESC LIMIT 1 OFFSET ?2)";
        let kept = if district_id.is_some() {
            KEPT
        } else {
            KEPT_UNKNOWN
        };
        let room = [of[0].clone(), (kept - 1).into()];
        writing.execute(sql, &room).await?;
        let sql = "INSERT INTO main.attempts (district_id, credential, started_at, seen_at, stage, pages, records)
             VALUES (?1, ?2, ?3, ?3, 'open', 0, 0) RETURNING key";
        let key = writing.one(sql, &of).await?.int(0)?;
        writing.commit().await?;
        Ok(key)
    }

    /// Notes how far a try has come.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn note_attempt(
        &mut self,
        number: i64,
        reached: &Reached,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE main.attempts SET seen_at = ?2, stage = ?3, kind = ?4, pages = ?5, records = ?6 WHERE key = ?1";
        let params = [
            number.into(),
            now.to_string().into(),
            reached.stage.as_str().into(),
            reached.kind.map(RecordKind::as_str).into(),
            reached.pages.into(),
            reached.records.into(),
        ];
        self.db.execute(sql, &params).await?;
        Ok(())
    }

    /// Notes how a try ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn end_attempt(&mut self, number: i64, ended: &Ended) -> Result<(), StoreError> {
        let failure = ended.failure.as_ref();
        let says = failure.map(|failure| failure.says.chars().take(MAX_SAYS).collect::<String>());
        let params = [
            number.into(),
            ended.district_id.as_deref().into(),
            ended.at.to_string().into(),
            ended.ending.as_str().into(),
            ended.exit.map(u32::from).into(),
            failure.map(|failure| failure.code.as_str()).into(),
            failure
                .and_then(|failure| failure.status.map(u32::from))
                .into(),
            failure
                .and_then(|failure| failure.request_id.as_deref())
                .into(),
            says.into(),
            failure
                .and_then(|failure| failure.next_step.as_deref())
                .into(),
            ended.reached.stage.as_str().into(),
            ended.reached.kind.map(RecordKind::as_str).into(),
            ended.reached.pages.into(),
            ended.reached.records.into(),
            ended.run.into(),
        ];
        let sql = "UPDATE main.attempts SET district_id = coalesce(?2, district_id), seen_at = ?3, ended_at = ?3,
                ending = ?4, exit = ?5, error = ?6, status = ?7, request_id = ?8, says = ?9, next_step = ?10,
                stage = ?11, kind = ?12, pages = ?13, records = ?14, run = ?15 WHERE key = ?1";
        self.db.execute(sql, &params).await?;
        measure::ended(ended.ending);
        let of = "SELECT district_id FROM main.attempts WHERE key = ?1";
        let district = self.db.one(of, &[number.into()]).await?.text(0)?;
        let attempts = self.attempts_of(&district).await?;
        measure::failed_in_a_row(&district, attempts.failed_in_a_row);
        if !district.is_empty() {
            // A success says whose the tries were that nobody knew the district of.
            let unknown = self.of_nobody().await?;
            measure::failed_in_a_row("", unknown.failed_in_a_row);
        }
        Ok(())
    }

    /// The tries since each district's last success, by its id; by `""`, those that ended before anybody knew which
    /// district they are of, if their credential opened none since.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn attempts(&mut self) -> Result<BTreeMap<String, Attempts>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM main.attempts LEFT JOIN (
                SELECT district_id AS of_district, max(key) AS last_success FROM main.attempts
                WHERE ending IN ('done', 'held') GROUP BY district_id
             ) s ON of_district = district_id
             WHERE district_id <> '' AND key >= coalesce(last_success, 0) AND {} ORDER BY key",
            moves::here("attempts.district_id")
        );
        let mut all: BTreeMap<String, Attempts> = BTreeMap::new();
        for mut row in self.db.query(&sql, &[]).await? {
            let attempt = attempt(&mut row)?;
            let district = attempt.district_id.clone().unwrap_or_default();
            all.entry(district).or_default().push(attempt);
        }
        let unknown = self.of_nobody().await?;
        if unknown != Attempts::default() {
            all.insert(String::new(), unknown);
        }
        Ok(all)
    }

    /// The tries of one district since its last success.
    async fn attempts_of(&mut self, district_id: &str) -> Result<Attempts, StoreError> {
        if district_id.is_empty() {
            return self.of_nobody().await;
        }
        let sql =
            format!("SELECT {COLUMNS} FROM main.attempts WHERE district_id = ?1 ORDER BY key");
        let rows = self.db.query(&sql, &[district_id.into()]).await?;
        pushed(rows)
    }

    /// The tries of nobody knows which district, whose credential opened none since.
    async fn of_nobody(&mut self) -> Result<Attempts, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM main.attempts a WHERE a.district_id = '' AND NOT EXISTS (
                SELECT 1 FROM main.attempts w WHERE w.key > a.key AND w.credential = a.credential
                AND w.ending IN ('done', 'held')) ORDER BY a.key"
        );
        let rows = self.db.query(&sql, &[]).await?;
        pushed(rows)
    }
}

/// Reads rows in their order.
fn pushed(rows: Vec<Row>) -> Result<Attempts, StoreError> {
    let mut attempts = Attempts::default();
    for mut row in rows {
        attempts.push(attempt(&mut row)?);
    }
    Ok(attempts)
}

/// Reads a row with [`COLUMNS`].
fn attempt(row: &mut Row) -> Result<Attempt, StoreError> {
    let instant = |text: String, column| text.parse().map_err(|_| odd_row(column));
    let ending = row.maybe_text(6)?;
    let ending = ending
        .map(|word| {
            let mut all = Ending::ALL.into_iter();
            all.find(|ending| ending.as_str() == word)
                .ok_or_else(|| odd_row(6))
        })
        .transpose()?;
    let stage = row.text(13)?;
    let stage = Stage::ALL.into_iter().find(|one| one.as_str() == stage);
    let kind = row.maybe_text(14)?;
    let code = row.maybe_text(8)?;
    let failure = match code {
        None => None,
        Some(code) => Some(Failure {
            code,
            status: small(row, 9)?,
            request_id: row.maybe_text(10)?,
            says: row.maybe_text(11)?.unwrap_or_default(),
            next_step: row.maybe_text(12)?,
        }),
    };
    Ok(Attempt {
        number: row.int(0)?,
        district_id: Some(row.text(1)?).filter(|id| !id.is_empty()),
        credential: Some(row.text(2)?).filter(|name| !name.is_empty()),
        started_at: instant(row.text(3)?, 3)?,
        seen_at: instant(row.text(4)?, 4)?,
        ended_at: row
            .maybe_text(5)?
            .map(|text| instant(text, 5))
            .transpose()?,
        ending,
        exit: small(row, 7)?,
        failure,
        reached: Reached {
            stage: stage.ok_or_else(|| odd_row(13))?,
            kind: kind
                .map(|kind| kind.parse().map_err(|_| odd_row(14)))
                .transpose()?,
            pages: row.count(15)?,
            records: row.count(16)?,
        },
        run: small(row, 17)?,
    })
}

/// A number that may be missing.
fn small<T: TryFrom<i64>>(row: &mut Row, column: usize) -> Result<Option<T>, StoreError> {
    match row.maybe_int(column)? {
        None => Ok(None),
        Some(number) => T::try_from(number).map(Some).map_err(|_| odd_row(column)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::Backend as _;
    use crate::store::{AnyStore, SqliteStore};

    fn at(minute: u32) -> Timestamp {
        let minutes = i64::from(minute) * 60;
        Timestamp::from_second(1_789_000_000 + minutes).unwrap()
    }

    fn ended(ending: Ending, minute: u32) -> Ended {
        Ended {
            district_id: None,
            at: at(minute),
            ending,
            exit: Some(1),
            failure: (ending == Ending::Refused).then(|| Failure {
                code: "unauthorized".to_owned(),
                status: Some(401),
                request_id: Some("r1".to_owned()),
                says: "x".repeat(1000),
                next_step: None,
            }),
            reached: Reached {
                stage: Stage::Learn,
                kind: Some(RecordKind::Users),
                pages: 3,
                records: 5000,
            },
            run: None,
        }
    }

    #[tokio::test]
    async fn each_try_is_a_row_whatever_becomes_of_it() {
        let mut store = SqliteStore::in_memory().unwrap();
        let first = store.begin_attempt(Some("d"), None, at(0)).await.unwrap();
        let of = |all: &BTreeMap<String, Attempts>| all["d"].clone();
        let open = of(&store.attempts().await.unwrap());
        assert_eq!(open.open.map(|one| one.number), Some(first));
        // It was killed: the next one finds it.
        let reached = ended(Ending::Lost, 0).reached;
        store.note_attempt(first, &reached, at(1)).await.unwrap();
        let second = store.begin_attempt(Some("d"), None, at(2)).await.unwrap();
        let refused = ended(Ending::Refused, 3);
        store.end_attempt(second, &refused).await.unwrap();
        let told = of(&store.attempts().await.unwrap());
        assert_eq!(told.failed_in_a_row, 2);
        let last = told.last.unwrap();
        let failure = last.failure.unwrap();
        assert_eq!((failure.status, failure.says.len()), (Some(401), MAX_SAYS));
        assert_eq!(last.reached, reached);
        let lost = store
            .db
            .query("SELECT ending, pages FROM main.attempts WHERE key = 1", &[]);
        let mut lost = lost.await.unwrap().remove(0);
        assert_eq!(
            (lost.text(0).unwrap().as_str(), lost.int(1).unwrap()),
            ("lost", 3)
        );
        // One that was not dead says better when it ends.
        store
            .end_attempt(first, &ended(Ending::Done, 4))
            .await
            .unwrap();
        let told = of(&store.attempts().await.unwrap());
        assert_eq!(told.failed_in_a_row, 1);
    }

    #[tokio::test]
    async fn tries_of_nobody_end_with_a_success_of_their_credential() {
        let mut store = AnyStore::nowhere().unwrap();
        for (credential, minute) in [("a", 0), ("b", 1)] {
            let key = store.begin_attempt(None, Some(credential), at(minute));
            let key = key.await.unwrap();
            store
                .end_attempt(key, &ended(Ending::Refused, minute))
                .await
                .unwrap();
        }
        assert_eq!(store.attempts().await.unwrap()[""].failed_in_a_row, 2);
        // Of a credential that nobody knew the district of, until it opened one.
        let key = store.begin_attempt(None, Some("a"), at(2)).await.unwrap();
        let done = Ended {
            district_id: Some("d".to_owned()),
            ..ended(Ending::Done, 3)
        };
        store.end_attempt(key, &done).await.unwrap();
        let all = store.attempts().await.unwrap();
        assert_eq!(all[""].failed_in_a_row, 1);
        assert_eq!(
            all[""].last.as_ref().unwrap().credential.as_deref(),
            Some("b")
        );
        assert_eq!(all["d"].failed_in_a_row, 0);
    }

    #[tokio::test]
    async fn the_oldest_tries_go() {
        let mut store = SqliteStore::in_memory().unwrap();
        let other = store.begin_attempt(Some("e"), None, at(0)).await.unwrap();
        for minute in 0..KEPT + 5 {
            let minute = u32::try_from(minute).unwrap();
            store
                .begin_attempt(Some("d"), None, at(minute))
                .await
                .unwrap();
        }
        let sql = "SELECT count(*), min(key) FROM main.attempts WHERE district_id = 'd'";
        let mut row = store.db.one(sql, &[]).await.unwrap();
        assert_eq!(row.count(0).unwrap(), KEPT);
        assert_eq!(row.int(1).unwrap(), other + 6);
        assert!(store.attempts().await.unwrap().contains_key("e"));
    }
}
