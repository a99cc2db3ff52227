//! A district that somebody paused, and a look at what a sync would do.

use std::time::Duration;

use clever_console::Role;
use clever_emulator::Happening;
use clever_sync::{Outcome, SyncError};

use crate::ground::{Ground, Visitor};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_district_is_not_synced_until_somebody_lets_it_go_on() {
    for ground in Ground::each("paused").await {
        let served = ground.served("", Some(ground.runner())).await;
        let mut operator = served.visitor(Role::Operator).await;
        let mut viewer = served.visitor(Role::Viewer).await;
        let place = format!("/districts/{}", ground.district);
        let page = operator.go(&place).await;
        let form = page.form();
        let pause = format!("{place}/pause");
        let why = |form: &str, reason: &str| {
            [
                ("form".to_owned(), form.to_owned()),
                ("reason".to_owned(), reason.to_owned()),
            ]
        };
        let mut ask = async |path: &str, reason: &str| {
            let fields = why(&form, reason);
            let fields = fields
                .each_ref()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            operator.send(path, &fields).await
        };
        assert_eq!(ask(&pause, " ").await.status, 422);
        assert_eq!(ask(&pause, "a new SIS").await.status, 303);
        let again = ask(&pause, "another reason").await;
        assert_eq!(again.status, 409);
        assert!(
            again.text.contains("by the-operator: a new SIS already"),
            "{}",
            again.text
        );
        // Nobody starts a run: not a page, and not a program that asks no page.
        let sync = ask(&format!("{place}/sync"), "").await;
        assert_eq!(sync.status, 409);
        assert!(
            sync.text.contains("by the-operator: a new SIS"),
            "{}",
            sync.text
        );
        let refused = ground.runs(false).await;
        assert!(
            matches!(refused, Err(SyncError::Paused { .. })),
            "{refused:?}"
        );
        assert_eq!(ground.runs(true).await.unwrap().outcome, Outcome::Planned);
        // Everybody sees it, and who and why; a viewer changes nothing.
        let home = viewer.go("/").await.text;
        assert!(
            home.contains("Nobody needs you") && home.contains("1 district is paused"),
            "{home}"
        );
        let only = viewer.go("/?state=paused").await.text;
        assert!(only.contains("by the-operator: a new SIS"), "{only}");
        let seen = viewer.go(&place).await;
        assert!(seen.text.contains("No run begins"), "{}", seen.text);
        assert!(
            !seen.text.contains("Let it go on"),
            "a viewer has no button"
        );
        assert!(
            viewer
                .go("/schedule")
                .await
                .text
                .contains("paused just now")
        );
        let form_of_viewer = seen.form();
        let resume = format!("{place}/resume");
        let sent = [("form", form_of_viewer.as_str()), ("reason", "I may not")];
        assert_eq!(viewer.send(&resume, &sent).await.status, 403);

        assert_eq!(ask(&resume, "it is whole").await.status, 303);
        assert_eq!(ask(&resume, "it is whole").await.status, 409);
        assert_eq!(ask(&format!("{place}/sync"), "").await.status, 303);
        let mut store = ground.store().await;
        let deeds = store.judged(Some(&ground.district), None, 9).await.unwrap();
        let deeds: Vec<[&str; 3]> = deeds
            .iter()
            .map(|one| [&one.deed, &one.actor, &one.reason].map(String::as_str))
            .collect();
        assert_eq!(
            deeds,
            [
                ["sync", "the-operator", ""],
                ["resume", "the-operator", "it is whole"],
                ["pause", "the-operator", "a new SIS"]
            ]
        );
    }
}

/// Waits until a dry run has ended; gives its page.
async fn looked(visitor: &mut Visitor, place: &str) -> String {
    for _ in 0..200 {
        let page = visitor.go(place).await;
        assert_eq!(page.status, 200, "{}", page.text);
        if !page.text.contains("It goes on.") {
            return page.text;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the dry run does not end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_shows_what_a_sync_would_do_and_changes_nothing() {
    let ground = Ground::new().await;
    let served = ground.served("", Some(ground.runner())).await;
    let mut operator = served.visitor(Role::Operator).await;
    let mut viewer = served.visitor(Role::Viewer).await;
    let place = format!("/districts/{}", ground.district);
    let look = format!("{place}/look");
    let form = operator.go(&place).await.form();
    let sent = [("form", form.as_str())];
    assert_eq!(operator.go(&look).await.status, 404, "nobody looked yet");
    assert_eq!(operator.send(&look, &sent).await.status, 303);
    let page = looked(&mut operator, &look).await;
    assert!(page.contains("It would change nothing"), "{page}");
    ground.emulator.happen(Happening::UnshareSchool);
    let before = ground.store().await.overview(None).await.unwrap();
    assert_eq!(operator.send(&look, &sent).await.status, 303);
    // Who may look at the district may look at what was seen.
    let page = looked(&mut viewer, &look).await;
    assert!(page.contains("What it would hold"), "{page}");
    assert!(page.contains("of school"), "{page}");
    assert!(!page.contains("Look again"), "a viewer has no button");
    let mut store = ground.store().await;
    let after = store.overview(None).await.unwrap();
    assert_eq!(
        (after[0].last_run, after[0].changes, after[0].holds.len()),
        (before[0].last_run, before[0].changes, 0)
    );
    let deeds = store.judged(None, None, 9).await.unwrap();
    assert!(deeds.iter().all(|one| one.deed == "dry_run"), "{deeds:?}");
    assert_eq!(deeds.len(), 2);
    let form = viewer.go(&place).await.form();
    assert_eq!(viewer.send(&look, &[("form", &form)]).await.status, 403);
    // A console that may not sync looks neither.
    let other = ground.console().await;
    let mut admin = other.visitor(Role::Admin).await;
    let form = admin.go(&place).await.form();
    assert_eq!(admin.send(&look, &[("form", &form)]).await.status, 404);
    // What can't be read is said.
    let stale = ground
        .served("", Some(ground.runner_with("rotated-away")))
        .await;
    let mut operator = stale.visitor(Role::Operator).await;
    let form = operator.go(&place).await.form();
    assert_eq!(operator.send(&look, &[("form", &form)]).await.status, 303);
    let page = looked(&mut operator, &look).await;
    assert!(page.contains("It came to no end"), "{page}");
}
