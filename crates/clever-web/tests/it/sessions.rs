//! What every place for sessions must do.

use clever_auth::seal::{KeyId, SealingKeys};
use clever_model::{Timestamp, UserId};
use clever_provision::AccountId;
use clever_web::{
    AccountPool, SessionKey, SessionStore, SqlSessions, StoredSession, TowerSessions,
};
use tempfile::TempDir;
use tower_sessions_memory_store::MemoryStore;

use crate::site::addresses;

fn at(seconds: i64) -> Timestamp {
    // Far enough from now that no store ends anything by itself.
    Timestamp::from_second(4_000_000_000 + seconds).unwrap()
}

fn session(id: &str, account: Option<&str>, expires: i64) -> StoredSession {
    StoredSession {
        key: SessionKey::of(id),
        account: account.map(AccountId::new),
        user: UserId::new("u1").unwrap(),
        began: at(0),
        expires: at(expires),
        sealed: format!("sealed for {id}"),
    }
}

async fn behaves(store: impl SessionStore) {
    let asked = session("a", None, 60);
    store.put(&asked, at(0)).await.unwrap();
    assert_eq!(store.get(&asked.key).await.unwrap(), Some(asked.clone()));
    assert_eq!(store.get(&SessionKey::of("b")).await.unwrap(), None);
    // The person has answered.
    let entered = session("a", Some("x"), 600);
    assert!(store.replace(&entered).await.unwrap());
    assert_eq!(store.get(&asked.key).await.unwrap(), Some(entered.clone()));
    let x = AccountId::new("x");
    let second = session("b", Some("x"), 600);
    store.put(&second, at(1)).await.unwrap();
    let other = session("c", Some("y"), 600);
    store.put(&other, at(1)).await.unwrap();
    let mut of_x = store.of(&x).await.unwrap();
    of_x.sort_by(|a, b| a.sealed.cmp(&b.sealed));
    assert_eq!(of_x, [entered.clone(), second.clone()]);
    // What has ended does not come back by an answer from another tab.
    store.end(&entered.key).await.unwrap();
    store.end(&entered.key).await.unwrap();
    assert!(!store.replace(&entered).await.unwrap());
    assert_eq!(store.get(&entered.key).await.unwrap(), None);
    assert_eq!(store.of(&x).await.unwrap(), std::slice::from_ref(&second));
    store.end_all(&x).await.unwrap();
    assert_eq!(store.get(&second.key).await.unwrap(), None);
    assert_eq!(store.get(&other.key).await.unwrap(), Some(other));
}

#[tokio::test]
async fn sessions_are_kept_in_sql() {
    let folder = TempDir::new().unwrap();
    for address in addresses(&folder, "sessions").await {
        let keys = SealingKeys::new(KeyId(1), &[7; 32]);
        let pool = AccountPool::open(&address, keys, 2).await.unwrap();
        let store = SqlSessions::new(pool);
        behaves(store.clone()).await;
        // Those that are over go when another one begins.
        let over = session("over", Some("z"), 60);
        store.put(&over, at(0)).await.unwrap();
        let next = session("next", Some("z"), 600);
        store.put(&next, at(60)).await.unwrap();
        assert_eq!(store.of(&AccountId::new("z")).await.unwrap(), [next]);
    }
}

#[tokio::test]
async fn sessions_are_kept_in_a_store_of_tower_sessions() {
    behaves(TowerSessions::new(MemoryStore::default())).await;
}

#[tokio::test]
async fn pages_of_different_people_dont_wait_for_each_other() {
    let folder = TempDir::new().unwrap();
    for address in addresses(&folder, "pool").await {
        let keys = SealingKeys::new(KeyId(1), &[7; 32]);
        let pool = AccountPool::open(&address, keys, 3).await.unwrap();
        // Two pages hold a connection each; a third one reads all the same.
        let (one, other) = (pool.get().await.unwrap(), pool.get().await.unwrap());
        let mut third = pool.get().await.unwrap();
        assert_eq!(third.version().await.unwrap(), 0);
        drop((one, other));
    }
}
