//! How often somebody may try to prove an account: passwords are not for guessing.

use clever_sql::{Backend, Connected, Transaction};
use sha2::{Digest, Sha256};

use crate::accounts::Accounts;
use crate::error::WebError;

/// Tries in one window.
const TRIES: i64 = 5;
/// Length of the window, in seconds.
const WINDOW_S: i64 = 900;

impl<A, S> Accounts<A, S> {
    /// Counts a try and says whether it may be made: five in a quarter of an hour, for each of `keys`. Give the
    /// account or its address, and who tries; ask before the password is looked at. Only digests are kept.
    ///
    /// # Errors
    ///
    /// [`WebError`]; then the try must not be made.
    pub async fn may_try(&self, keys: &[&str]) -> Result<bool, WebError> {
        let now = self.now().as_second();
        let mut store = self.0.pool.get().await?;
        let mut writing = Transaction::write(&mut *store).await?;
        let mut may = true;
        for key in keys {
            let db = writing.db();
            let sql = "DELETE FROM main.web_tries WHERE since <= ?1";
            db.execute(sql, &[(now - WINDOW_S).into()]).await?;
            let sql = "INSERT INTO main.web_tries (id, tries, since) VALUES (?1, 1, ?2)
                       ON CONFLICT (id) DO UPDATE SET tries = web_tries.tries + 1
                       RETURNING tries";
            let tries = db.one(sql, &[kept(key).into(), now.into()]).await?.int(0)?;
            may &= tries <= TRIES;
        }
        writing.commit().await?;
        Ok(may)
    }

    /// Forgets the tries: the account was proven.
    ///
    /// # Errors
    ///
    /// [`WebError`].
    pub async fn forget_tries(&self, keys: &[&str]) -> Result<(), WebError> {
        let mut store = self.0.pool.get().await?;
        for key in keys {
            let sql = "DELETE FROM main.web_tries WHERE id = ?1";
            store.db().execute(sql, &[kept(key).into()]).await?;
        }
        Ok(())
    }
}

/// A digest, since the key may be an address.
fn kept(key: &str) -> String {
    let digest = Sha256::digest(key.trim().to_lowercase().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
