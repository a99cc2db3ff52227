//! What is held: looked at, revealed, approved, honoured by the next run, taken back.

use clever_console::Role;
use clever_emulator::Happening;
use clever_sync::Outcome;

use crate::ground::Ground;

/// How many are held, as the page asks for it.
async fn count(ground: &Ground) -> String {
    let all = ground
        .store()
        .await
        .overview(Some(&ground.district))
        .await
        .unwrap();
    all[0]
        .holds
        .iter()
        .map(|one| one.hold.count)
        .sum::<u64>()
        .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_is_honoured_by_the_next_run_and_taken_back_by_an_undo() {
    for ground in Ground::each("held").await {
        let _ = ground.hold().await;
        let served = ground.console().await;
        let mut operator = served.visitor(Role::Operator).await;
        let place = format!("/districts/{}/hold", ground.district);
        let home = operator.go("/").await;
        assert!(home.text.contains("1 needs you"), "{}", home.text);
        let page = operator.go(&place).await;
        assert!(
            page.text.contains("may no longer be shared"),
            "{}",
            page.text
        );
        let (form, hash, count) = (page.form(), page.hidden("hash"), count(&ground).await);
        let approving = |count: &str, reason: &str| {
            [
                ("form", form.clone()),
                ("hash", hash.clone()),
                ("count", count.to_owned()),
                ("reason", reason.to_owned()),
            ]
        };
        let path = format!("{place}/approve");
        for (count, reason) in [
            ("1", "they said so"),
            (count.as_str(), " "),
            ("many", "they said so"),
        ] {
            let sent = approving(count, reason);
            let sent: Vec<(&str, &str)> = sent
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            assert_eq!(operator.send(&path, &sent).await.status, 422);
        }
        let sent = approving(&count, "the district said so");
        let sent: Vec<(&str, &str)> = sent
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let done = operator.send(&path, &sent).await;
        assert_eq!(done.status, 303, "{}", done.text);
        let page = operator.go(&place).await;
        assert!(
            page.text.contains("Approved by the-operator"),
            "{}",
            page.text
        );
        // Taken back and given again.
        let withdraw = [("form", form.as_str()), ("reason", "wait for the mail")];
        assert_eq!(
            operator
                .send(&format!("{place}/withdraw"), &withdraw)
                .await
                .status,
            303
        );
        assert_eq!(
            operator
                .send(&format!("{place}/withdraw"), &withdraw)
                .await
                .status,
            409
        );
        assert_eq!(
            ground.sync().await.outcome,
            Outcome::Held,
            "nothing is approved any more"
        );
        assert_eq!(operator.send(&path, &sent).await.status, 303);

        let report = ground.sync().await;
        assert_eq!(report.outcome, Outcome::Done);
        assert_eq!(report.approved.as_deref(), Some(hash.as_str()));
        let run = report.run.unwrap();
        let page = operator.go(&place).await;
        assert!(page.text.contains("Nothing of this district is held"));
        let deeds = ground
            .store()
            .await
            .judged(Some(&ground.district), None, 20)
            .await
            .unwrap();
        let deeds: Vec<(&str, &str)> = deeds
            .iter()
            .map(|one| (one.deed.as_str(), one.actor.as_str()))
            .collect();
        assert_eq!(
            deeds,
            [
                ("approved", "sync"),
                ("approve", "the-operator"),
                ("withdraw", "the-operator"),
                ("approve", "the-operator")
            ]
        );
        // The way back: first what it would do, then it.
        let undo = format!("/districts/{}/runs/{run}/undo", ground.district);
        let look = operator
            .send(&undo, &[("form", &form), ("step", "look")])
            .await;
        assert_eq!(look.status, 200);
        assert!(look.text.contains("Nothing was done yet"), "{}", look.text);
        let done = operator
            .send(
                &undo,
                &[
                    ("form", &form),
                    ("step", "do"),
                    ("reason", "it was a mistake"),
                ],
            )
            .await;
        assert_eq!(done.status, 303, "{}", done.text);
        assert_eq!(
            ground.sync().await.outcome,
            Outcome::Held,
            "what was taken back is held"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_masked_until_somebody_says_why() {
    let ground = Ground::new().await;
    let report = ground.hold().await;
    let sample = report
        .held_samples
        .iter()
        .find(|one| one.kind.as_str() == "users")
        .unwrap();
    let mut store = ground.store().await;
    let record = store
        .record(&ground.district, sample.kind, &sample.id)
        .await
        .unwrap()
        .unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let last = record["name"]["last"].as_str().unwrap();
    let served = ground.console().await;
    let mut operator = served.visitor(Role::Operator).await;
    let hold = format!("/districts/{}/hold", ground.district);
    let person = format!("/districts/{}/records/users/{}", ground.district, sample.id);
    for place in [hold, person] {
        let page = operator.go(&place).await;
        assert_eq!(page.status, 200);
        let names = format!(" {last}");
        assert!(
            !page.text.contains(&names) && !page.text.contains(&format!(">{last}<")),
            "{place}"
        );
        let reveal = format!("{place}/reveal");
        let form = page.form();
        assert_eq!(
            operator.send(&reveal, &[("form", &form)]).await.status,
            422,
            "a reason is asked for"
        );
        let page = operator
            .send(&reveal, &[("form", &form), ("reason", "a parent called")])
            .await;
        assert!(page.text.contains(last), "{}", page.text);
        assert!(!page.text.split("</title>").next().unwrap().contains(last));
    }
    // A form that a browser sends twice is one row.
    let place = format!("/districts/{}/hold", ground.district);
    let page = operator.go(&place).await;
    let (form, key) = (page.form(), page.hidden("key"));
    let fields = [
        ("form", form.as_str()),
        ("key", &key),
        ("reason", "a parent called"),
    ];
    for _ in 0..2 {
        let page = operator.send(&format!("{place}/reveal"), &fields).await;
        assert_eq!(page.status, 200);
    }
    let deeds = store.judged(None, None, 20).await.unwrap();
    assert_eq!(deeds.len(), 3);
    assert!(
        deeds
            .iter()
            .all(|one| one.deed == "reveal" && one.reason == "a parent called")
    );
    assert_eq!(deeds[1].subject, format!("users {}", sample.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_moved_is_not_approved_and_the_answer_says_what_is_held_now() {
    let ground = Ground::new().await;
    let _ = ground.hold().await;
    let served = ground.console().await;
    let mut operator = served.visitor(Role::Operator).await;
    let place = format!("/districts/{}/hold", ground.district);
    let page = operator.go(&place).await;
    let (form, hash, count) = (page.form(), page.hidden("hash"), count(&ground).await);
    ground.emulator.happen(Happening::RoleOff);
    let report = ground.sync().await;
    assert_ne!(report.plan_hash, hash);
    let fields = [
        ("form", form.as_str()),
        ("hash", &hash),
        ("count", &count),
        ("reason", "they said so"),
    ];
    let refused = operator.send(&format!("{place}/approve"), &fields).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("It is now: "), "{}", refused.text);
    assert!(refused.text.contains("of school"), "{}", refused.text);
    assert_eq!(
        ground
            .store()
            .await
            .approval(&ground.district)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_of_something_else_is_not_used_and_the_audit_says_so() {
    let ground = Ground::new().await;
    let _ = ground.hold().await;
    let served = ground.console().await;
    let mut operator = served.visitor(Role::Operator).await;
    let place = format!("/districts/{}/hold", ground.district);
    let page = operator.go(&place).await;
    let (form, hash, count) = (page.form(), page.hidden("hash"), count(&ground).await);
    let fields = [
        ("form", form.as_str()),
        ("hash", &hash),
        ("count", &count),
        ("reason", "they said so"),
    ];
    assert_eq!(
        operator
            .send(&format!("{place}/approve"), &fields)
            .await
            .status,
        303
    );
    ground.emulator.happen(Happening::RoleOff);
    let report = ground.sync().await;
    assert_eq!((report.outcome, report.approved), (Outcome::Held, None));
    let mut store = ground.store().await;
    assert_eq!(store.approval(&ground.district).await.unwrap(), None);
    let deeds = store.judged(None, None, 1).await.unwrap();
    assert_eq!(deeds[0].deed, "not_used");
}
