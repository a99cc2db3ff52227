//! The sessions of an account in the app: shown without what opens them, and ended with a reason.

use clever_console::Role;
use clever_model::{Clock as _, SystemClock, Timestamp, UserId};
use clever_provision::AccountId;
use clever_web::{AccountPool, SessionKey, SessionStore as _, SqlSessions, StoredSession};

use crate::accounts::question;
use crate::ground::{Ground, keys};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_an_account_are_shown_and_ended() {
    for ground in Ground::each("sessions").await {
        question(&ground).await;
        let now = SystemClock.now();
        let pool = AccountPool::open(&ground.accounts, keys(), 2)
            .await
            .unwrap();
        let sessions = SqlSessions::new(pool);
        let session = |id: &str, account: &str, seconds: i64| StoredSession {
            key: SessionKey::of(id),
            account: Some(AccountId::new(account)),
            user: UserId::new("5a25ffb0c1bc2a0036000b01").unwrap(),
            began: now,
            expires: Timestamp::from_second(now.as_second() + seconds).unwrap(),
            sealed: String::new(),
        };
        for one in [
            session("s1", "a1", 600),
            session("s2", "a1", 600),
            session("s3", "a2", 600),
        ] {
            sessions.put(&one, now).await.unwrap();
        }
        let served = ground.console().await;
        let mut operator = served.visitor(Role::Operator).await;
        let page = operator.go("/accounts/a1").await;
        assert_eq!(page.text.matches("Began ").count(), 2, "{}", page.text);
        assert!(!page.text.contains(SessionKey::of("s1").as_str()));
        let form = page.form();
        let fields = [("form", form.as_str()), ("reason", "a shared computer")];
        let done = operator.send("/accounts/a1/end", &fields).await;
        assert_eq!(done.status, 303, "{}", done.text);
        let page = operator.go("/accounts/a1").await;
        assert!(page.text.contains("None that lie beside the accounts"));
        let left = sessions.get(&SessionKey::of("s3")).await.unwrap();
        assert!(left.is_some(), "another account's goes on");
        let audit = operator.go("/audit").await;
        assert!(audit.text.contains("end sessions") && audit.text.contains("a shared computer"));
    }
}
