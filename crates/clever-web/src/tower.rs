//! Sessions in any store of the crate `tower-sessions`: Redis, DynamoDB, what the app has.

use axum::BoxError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clever_model::Timestamp;
use clever_provision::AccountId;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tower_sessions_core::SessionStore as TowerStore;
use tower_sessions_core::session::{Id, Record};

use crate::session::{SessionKey, SessionStore, StoredSession};

/// The name under which a session lies in its record.
const SESSION: &str = "clever_session";
/// The name under which the keys of an account's sessions lie.
const KEYS: &str = "clever_sessions";
/// How long the list of an account's sessions is kept, in seconds: longer than any of them.
const LIST_S: i64 = 30 * 86_400;

/// Sessions in a store of `tower-sessions`, one record each, and one record an account that lists them.
///
/// Such a store has no transactions: if two sign-ins to one account end in the same instant, one of both sessions may
/// be missing in the list of one's sessions. It is good all the same, and ends by sign-out, by its time and by a
/// link or a merge of the account.
#[derive(Debug, Clone)]
pub struct TowerSessions<T>(T);

impl<T: TowerStore> TowerSessions<T> {
    /// Takes the app's store.
    pub fn new(store: T) -> Self {
        Self(store)
    }

    async fn load(&self, key: &SessionKey) -> Result<Option<StoredSession>, BoxError> {
        let record = self.0.load(&id_of(key.as_str())).await?;
        let Some(mut record) = record else {
            return Ok(None);
        };
        let Some(value) = record.data.remove(SESSION) else {
            return Ok(None);
        };
        let session: StoredSession = serde_json::from_value(value)?;
        // Half of the key is the record's name; the whole of it must be equal.
        Ok(Some(session).filter(|session| session.key == *key))
    }

    async fn save(&self, session: &StoredSession) -> Result<(), BoxError> {
        let data = [(SESSION.to_owned(), serde_json::to_value(session)?)];
        let record = Record {
            id: id_of(session.key.as_str()),
            data: data.into(),
            expiry_date: date(session.expires)?,
        };
        Ok(self.0.save(&record).await?)
    }

    async fn keys(&self, account: &AccountId) -> Result<Vec<SessionKey>, BoxError> {
        let record = self.0.load(&list_of(account)).await?;
        let value = record.and_then(|mut record| record.data.remove(KEYS));
        Ok(value
            .map(serde_json::from_value)
            .transpose()?
            .unwrap_or_default())
    }

    async fn list(&self, session: &StoredSession) -> Result<(), BoxError> {
        let Some(account) = &session.account else {
            return Ok(());
        };
        let mut keys = Vec::new();
        for key in self.keys(account).await? {
            if self.load(&key).await?.is_some() {
                keys.push(key);
            }
        }
        if !keys.contains(&session.key) {
            keys.push(session.key.clone());
        }
        let until = session.expires.as_second().saturating_add(LIST_S);
        let data = [(KEYS.to_owned(), serde_json::to_value(&keys)?)];
        let record = Record {
            id: list_of(account),
            data: data.into(),
            expiry_date: OffsetDateTime::from_unix_timestamp(until)?,
        };
        Ok(self.0.save(&record).await?)
    }
}

impl<T: TowerStore> SessionStore for TowerSessions<T> {
    async fn put(&self, session: &StoredSession, _: Timestamp) -> Result<(), BoxError> {
        self.save(session).await?;
        self.list(session).await
    }

    async fn replace(&self, session: &StoredSession) -> Result<bool, BoxError> {
        if self.load(&session.key).await?.is_none() {
            return Ok(false);
        }
        self.save(session).await?;
        self.list(session).await?;
        Ok(true)
    }

    async fn get(&self, key: &SessionKey) -> Result<Option<StoredSession>, BoxError> {
        self.load(key).await
    }

    async fn end(&self, key: &SessionKey) -> Result<(), BoxError> {
        Ok(self.0.delete(&id_of(key.as_str())).await?)
    }

    async fn of(&self, account: &AccountId) -> Result<Vec<StoredSession>, BoxError> {
        let mut found = Vec::new();
        for key in self.keys(account).await? {
            let session = self.load(&key).await?;
            found.extend(session.filter(|one| one.account.as_ref() == Some(account)));
        }
        Ok(found)
    }

    async fn end_all(&self, account: &AccountId) -> Result<(), BoxError> {
        for key in self.keys(account).await? {
            self.end(&key).await?;
        }
        Ok(self.0.delete(&list_of(account)).await?)
    }
}

/// The name of a session's record: half of its key's digest, which nobody can guess either.
fn id_of(key: &str) -> Id {
    let digest = URL_SAFE_NO_PAD.decode(key).unwrap_or_default();
    number(&digest)
}

fn list_of(account: &AccountId) -> Id {
    number(&Sha256::digest(format!("clever-web account {account}")))
}

fn number(digest: &[u8]) -> Id {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(digest) {
        *to = *from;
    }
    Id(i128::from_be_bytes(half))
}

fn date(at: Timestamp) -> Result<OffsetDateTime, BoxError> {
    Ok(OffsetDateTime::from_unix_timestamp(at.as_second())?)
}
