//! Forgets what sign-ins left of a person.

use clever_model::UserId;
use clever_provision::AccountId;
use clever_provision::store::AccountStore;
use clever_sql::{Backend, Connected};

use crate::error::WebError;
use crate::tables::TABLES;

/// Ends the sessions of people and of accounts that are forgotten, with the questions that are sealed in them, and erases who
/// could not get in and who is in whose Library class. Says how many rows that were; none where nobody signs in over this
/// database.
///
/// # Errors
///
/// [`WebError`] where the database fails.
pub async fn forget<'a>(
    store: &mut AccountStore,
    people: impl IntoIterator<Item = &'a UserId>,
    accounts: impl IntoIterator<Item = &'a AccountId>,
) -> Result<u64, WebError> {
    let db = store.db();
    if clever_sql::version(db, &TABLES).await?.is_none() {
        return Ok(0);
    }
    let mut rows = 0;
    for id in people {
        for of in [
            "sessions WHERE user_id",
            "refused WHERE user_id",
            "library WHERE student",
            "library WHERE teacher",
        ] {
            let sql = format!("DELETE FROM main.web_{of} = ?1");
            rows += db.execute(&sql, &[id.as_str().into()]).await?;
        }
    }
    for account in accounts {
        let sql = "DELETE FROM main.web_sessions WHERE account = ?1";
        rows += db.execute(sql, &[account.as_str().into()]).await?;
    }
    Ok(rows)
}
