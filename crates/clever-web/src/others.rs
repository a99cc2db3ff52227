//! The sessions of an account, for whoever looks after accounts and does not sign in to the app.

use clever_model::Timestamp;
use clever_provision::AccountId;
use clever_provision::store::AccountStore;
use clever_sql::{Backend, Connected};

use crate::error::WebError;
use crate::tables::TABLES;

/// The most sessions that are read of one account.
const MOST: u32 = 100;

/// When a session of an account began, and when it is over by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimes {
    /// When it began.
    pub began: Timestamp,
    /// When it is over.
    pub expires: Timestamp,
}

/// The open sessions of an account that lie beside the accounts, newest first, at most a hundred; none where nobody signs in over
/// this database.
///
/// # Errors
///
/// [`WebError`] where the database fails.
pub async fn sessions_of(
    store: &mut AccountStore,
    account: &AccountId,
    now: Timestamp,
) -> Result<Vec<SessionTimes>, WebError> {
    if clever_sql::version(store.db(), &TABLES).await?.is_none() {
        return Ok(Vec::new());
    }
    let sql = "SELECT began_ms, expires FROM main.web_sessions WHERE account = ?1 ORDER BY began_ms DESC LIMIT ?2";
    let rows = store
        .db()
        .query(sql, &[account.as_str().into(), i64::from(MOST).into()])
        .await?;
    let mut open = Vec::new();
    for mut row in rows {
        let times = (
            Timestamp::from_millisecond(row.int(0)?),
            Timestamp::from_second(row.int(1)?),
        );
        let (Ok(began), Ok(expires)) = times else {
            continue;
        };
        if now < expires && store.session_is_good(account, began).await? {
            open.push(SessionTimes { began, expires });
        }
    }
    Ok(open)
}

/// Ends all sessions of an account that lie beside the accounts; says how many those were.
///
/// # Errors
///
/// [`WebError`] where the database fails.
pub async fn end_sessions_of(
    store: &mut AccountStore,
    account: &AccountId,
) -> Result<u64, WebError> {
    let db = store.db();
    if clever_sql::version(db, &TABLES).await?.is_none() {
        return Ok(0);
    }
    let sql = "DELETE FROM main.web_sessions WHERE account = ?1";
    Ok(db.execute(sql, &[account.as_str().into()]).await?)
}
