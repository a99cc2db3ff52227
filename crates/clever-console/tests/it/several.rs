//! A console over several stores: each district is read and judged in the store that the directory names.

use std::sync::Arc;

use clever_console::{Directory, Role};
use clever_sql::Address;
use futures_util::future::BoxFuture;

use crate::ground::Ground;

/// Two districts, each with a store of its own.
struct Two([(String, Address); 2]);

impl Directory for Two {
    fn all(&self) -> Vec<Address> {
        self.0.iter().map(|(_, address)| address.clone()).collect()
    }

    fn of<'a>(&'a self, district_id: &'a str) -> BoxFuture<'a, Result<Address, String>> {
        let found = self.0.iter().find(|(id, _)| id == district_id);
        let found = found.map(|(_, address)| address.clone());
        Box::pin(async move { found.ok_or_else(|| "no store has it".to_owned()) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_district_is_read_and_judged_in_the_store_that_has_it() {
    let (first, second) = (Ground::new().await, Ground::another().await);
    let _ = second.hold().await;
    let two = [&first, &second].map(|one| (one.district.clone(), one.roster.clone()));
    let served = first.console_by(Arc::new(Two(two))).await;
    let mut operator = served.visitor(Role::Operator).await;
    let home = operator.go("/").await;
    assert!(home.text.contains("1 needs you"), "{}", home.text);
    for ground in [&first, &second] {
        let place = format!("/districts/{}", ground.district);
        assert!(home.text.contains(&place), "{place}");
        for page in ["", "/runs/1", "/changes", "/changes/3"] {
            let path = format!("{place}{page}");
            assert_eq!(operator.go(&path).await.status, 200, "{path}");
        }
    }
    let place = format!("/districts/{}/hold", second.district);
    let page = operator.go(&place).await;
    let all = second.store().await.overview(None).await.unwrap();
    let holds = all[0].holds.iter();
    let count: u64 = holds.map(|one| one.hold.count).sum();
    let (form, hash, count) = (page.form(), page.hidden("hash"), count.to_string());
    let sent = [
        ("form", &*form),
        ("hash", &*hash),
        ("count", &*count),
        ("reason", "the district said so"),
    ];
    let done = operator.send(&format!("{place}/approve"), &sent).await;
    assert_eq!(done.status, 303, "{}", done.text);
    let page = operator.go(&place).await;
    assert!(
        page.text.contains("Approved by the-operator"),
        "{}",
        page.text
    );
    // Who looks at all that was done sees it, from whichever store.
    let audit = operator.go("/audit").await;
    assert!(
        audit.text.contains("the district said so"),
        "{}",
        audit.text
    );
    assert_ne!(
        operator
            .go("/districts/5a25ffb0c1bc2a0036000001")
            .await
            .status,
        200
    );
}
