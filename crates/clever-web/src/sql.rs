//! Sessions in the database of the account store.

use axum::BoxError;
use clever_model::{Timestamp, UserId};
use clever_provision::AccountId;
use clever_sql::{Backend, Connected, Row, Value};

use crate::error::WebError;
use crate::pool::AccountPool;
use crate::session::{SessionKey, SessionStore, StoredSession};

/// Sessions in SQLite or PostgreSQL, in the table `web_sessions` beside the accounts.
#[derive(Debug, Clone)]
pub struct SqlSessions(AccountPool);

impl SqlSessions {
    /// Takes the connections of the account store.
    #[must_use]
    pub fn new(pool: AccountPool) -> Self {
        Self(pool)
    }

    async fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, WebError> {
        let mut store = self.0.get().await?;
        Ok(store.db().execute(sql, values).await?)
    }

    async fn read(&self, sql: &str, value: &str) -> Result<Vec<StoredSession>, WebError> {
        let mut store = self.0.get().await?;
        let rows = store.db().query(sql, &[value.into()]).await?;
        rows.into_iter().map(session).collect()
    }
}

impl SessionStore for SqlSessions {
    async fn put(&self, session: &StoredSession, now: Timestamp) -> Result<(), BoxError> {
        let sql = "DELETE FROM main.web_sessions WHERE expires <= ?1";
        self.run(sql, &[now.as_second().into()]).await?;
        let sql = "INSERT INTO main.web_sessions (id, account, user_id, began_ms, expires, sealed)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.run(sql, &values(session)).await?;
        Ok(())
    }

    async fn replace(&self, session: &StoredSession) -> Result<bool, BoxError> {
        let sql = "UPDATE main.web_sessions
                   SET account = ?2, user_id = ?3, began_ms = ?4, expires = ?5, sealed = ?6
                   WHERE id = ?1";
        Ok(self.run(sql, &values(session)).await? > 0)
    }

    async fn get(&self, key: &SessionKey) -> Result<Option<StoredSession>, BoxError> {
        let sql = "SELECT id, account, user_id, began_ms, expires, sealed
                   FROM main.web_sessions WHERE id = ?1";
        Ok(self.read(sql, key.as_str()).await?.pop())
    }

    async fn end(&self, key: &SessionKey) -> Result<(), BoxError> {
        let sql = "DELETE FROM main.web_sessions WHERE id = ?1";
        self.run(sql, &[key.as_str().into()]).await?;
        Ok(())
    }

    async fn of(&self, account: &AccountId) -> Result<Vec<StoredSession>, BoxError> {
        let sql = "SELECT id, account, user_id, began_ms, expires, sealed
                   FROM main.web_sessions WHERE account = ?1";
        Ok(self.read(sql, account.as_str()).await?)
    }

    async fn end_all(&self, account: &AccountId) -> Result<(), BoxError> {
        let sql = "DELETE FROM main.web_sessions WHERE account = ?1";
        self.run(sql, &[account.as_str().into()]).await?;
        Ok(())
    }
}

fn values(session: &StoredSession) -> [Value<'_>; 6] {
    [
        session.key.as_str().into(),
        session.account.as_ref().map(AccountId::as_str).into(),
        session.user.as_str().into(),
        session.began.as_millisecond().into(),
        session.expires.as_second().into(),
        session.sealed.as_str().into(),
    ]
}

fn session(mut row: Row) -> Result<StoredSession, WebError> {
    let instant = |at: Result<Timestamp, _>| at.map_err(|_| WebError::Content("an instant"));
    Ok(StoredSession {
        key: SessionKey::from(row.text(0)?),
        account: row.maybe_text(1)?.map(AccountId::new),
        user: UserId::new(row.text(2)?).map_err(|_| WebError::Content("an identity"))?,
        began: instant(Timestamp::from_millisecond(row.int(3)?))?,
        expires: instant(Timestamp::from_second(row.int(4)?))?,
        sealed: row.text(5)?,
    })
}
