//! What the console's API answered to a key that a program sent with a request: what is sent again is not done again.
//!
//! Decision: the key is taken before the deed and the answer is kept after it, in two transactions. A process that dies in between
//! leaves a key without an answer. Such a key is free again after [`STALE`]: each deed looks at what it judges once more, so one
//! that was done is refused then, and not done twice.

use clever_model::Timestamp;

use crate::store::StoreError;
use crate::store::sql::{RosterDb, SqlStore};

/// How long an answer is kept, in seconds: a day.
const KEPT: i64 = 86_400;
/// After so many seconds, a key without an answer is one of a process that died.
const STALE: i64 = 60;

/// What is known of a key before a request is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// It is new, and taken now: do it, and keep the answer.
    New,
    /// The same was asked, and this was the answer: its status and its body.
    Answered(u16, String),
    /// The same is being done now.
    UnderWay,
    /// Something else was asked with this key.
    Other,
}

impl<B: RosterDb> SqlStore<B> {
    /// Takes a key for a request of which `asked` is the digest, or says what became of it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be used.
    pub async fn take_key(
        &mut self,
        token: &str,
        key: &str,
        asked: &str,
        now: Timestamp,
    ) -> Result<Before, StoreError> {
        let ago = |seconds: i64| {
            let at = Timestamp::from_second(now.as_second() - seconds);
            at.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
        };
        let sql = "DELETE FROM main._answers WHERE at < ?1 OR (status IS NULL AND at < ?2)";
        let params = [ago(KEPT).into(), ago(STALE).into()];
        self.db.execute(sql, &params).await?;
        let sql = "INSERT INTO main._answers (token, key, asked, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        let params = [
            token.into(),
            key.into(),
            asked.into(),
            now.to_string().into(),
        ];
        if self.db.execute(sql, &params).await? > 0 {
            return Ok(Before::New);
        }
        let sql = "SELECT asked, status, body FROM main._answers WHERE token = ?1 AND key = ?2";
        let Some(mut row) = self.db.maybe(sql, &[token.into(), key.into()]).await? else {
            // It was given back this moment.
            return Ok(Before::UnderWay);
        };
        if row.text(0)? != asked {
            return Ok(Before::Other);
        }
        Ok(match (row.maybe_int(1)?, row.maybe_text(2)?) {
            (Some(status), Some(body)) => {
                Before::Answered(u16::try_from(status).unwrap_or(500), body)
            }
            _ => Before::UnderWay,
        })
    }

    /// Keeps the answer to a request whose key was taken.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn keep_answer(
        &mut self,
        token: &str,
        key: &str,
        status: u16,
        body: &str,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE main._answers SET status = ?3, body = ?4 WHERE token = ?1 AND key = ?2";
        let params = [
            token.into(),
            key.into(),
            i64::from(status).into(),
            body.into(),
        ];
        self.db.execute(sql, &params).await?;
        Ok(())
    }

    /// Gives a key back: nothing was done.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn give_key_back(&mut self, token: &str, key: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM main._answers WHERE token = ?1 AND key = ?2 AND status IS NULL";
        self.db.execute(sql, &[token.into(), key.into()]).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_789_000_000 + second).unwrap()
    }

    #[tokio::test]
    async fn a_key_is_good_for_one_request_and_a_day() {
        let mut store = SqliteStore::in_memory().unwrap();
        let take = async |store: &mut SqliteStore, asked: &str, second| {
            store.take_key("t", "k", asked, at(second)).await.unwrap()
        };
        assert_eq!(take(&mut store, "a", 0).await, Before::New);
        assert_eq!(take(&mut store, "a", 1).await, Before::UnderWay);
        store.keep_answer("t", "k", 409, "{}").await.unwrap();
        let answered = Before::Answered(409, "{}".to_owned());
        assert_eq!(take(&mut store, "a", 2).await, answered);
        assert_eq!(take(&mut store, "b", 3).await, Before::Other);
        let other = store.take_key("other", "k", "b", at(3)).await.unwrap();
        assert_eq!(other, Before::New, "keys are of one token");
        assert_eq!(take(&mut store, "a", KEPT + 1).await, Before::New);
    }

    #[tokio::test]
    async fn a_key_whose_process_died_is_free_again() {
        let mut store = SqliteStore::in_memory().unwrap();
        let take = async |store: &mut SqliteStore, second| {
            store.take_key("t", "k", "a", at(second)).await.unwrap()
        };
        assert_eq!(take(&mut store, 0).await, Before::New);
        assert_eq!(take(&mut store, STALE + 1).await, Before::New);
        store.give_key_back("t", "k").await.unwrap();
        assert_eq!(take(&mut store, STALE + 2).await, Before::New);
    }
}
