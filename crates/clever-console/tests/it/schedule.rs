//! The schedule: when the next run is to be expected, the policy, and a test of alerts, which the audit keeps.

use std::sync::atomic::Ordering;

use clever_console::Role;

use crate::ground::Ground;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_of_alerts_is_sent_by_an_operator_with_a_reason() {
    let ground = Ground::new().await;
    let _ = ground.sync().await;
    let served = ground.console().await;
    let mut viewer = served.visitor(Role::Viewer).await;
    let page = viewer.go("/schedule").await;
    assert!(page.text.contains("Alerts go to: a pager"), "{}", page.text);
    assert!(page.text.contains("Of a kind, archived at most"));
    assert!(!page.text.contains("Send a test"), "a viewer sends none");

    let mut operator = served.visitor(Role::Operator).await;
    let form = operator.go("/schedule").await.form();
    let without = operator
        .send("/schedule/test", &[("form", &form), ("reason", " ")])
        .await;
    assert_eq!(without.status, 422);
    assert_eq!(served.told.0.load(Ordering::Relaxed), 0);
    let sent = operator
        .send(
            "/schedule/test",
            &[("form", &form), ("reason", "a new pager")],
        )
        .await;
    assert!(
        sent.text.contains("A test was sent to 1 place"),
        "{}",
        sent.text
    );
    assert_eq!(served.told.0.load(Ordering::Relaxed), 1);
    let audit = operator.go("/audit").await;
    assert!(audit.text.contains("test alerts") && audit.text.contains("a new pager"));
}
