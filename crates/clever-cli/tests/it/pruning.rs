//! What is too old goes, by policy: archived records, and the feed as far as its readers have come.

use serde_json::Value;

use crate::forgetting::{Scene, serve, set};

async fn story(scene: &Scene) {
    let (with, without) = (set(true), set(false));
    let (first, second) = (serve(&with), serve(&without));
    scene.sync(&first, 0);
    scene.sync(&second, 0);
    let changes = |args: &[&str]| {
        let all = scene.document(&[&["changes", "--limit", "1000"], args].concat(), 0);
        all["changes"].as_array().unwrap().clone()
    };
    let number = |change: &Value| change["seq"].as_u64().unwrap();
    let last = number(changes(&[]).last().unwrap());
    let marks = ["Zebediah", "Wilhelmina"];
    // Nothing was archived before yesterday.
    let nothing = scene.document(&["prune", "--archived-before", "1d", "--yes"], 0);
    let of = |all: &Value| {
        all["districts"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .clone()
    };
    assert_eq!(of(&nothing)["records"], serde_json::json!({}));
    assert_eq!(scene.document(&["prune"], 2)["error"]["code"], "usage");

    scene.execute("UPDATE users SET archived_at = '2020-01-01T00:00:00Z' WHERE archived_at IS NOT NULL; UPDATE _changes SET at = '2020-01-01T00:00:00Z' WHERE run = 1").await;
    let looked = scene.document(
        &["prune", "--archived-before", "2021-01-01", "--dry-run"],
        0,
    );
    assert_eq!(of(&looked)["records"]["users"], 2, "{looked}");
    let asked = scene.document(&["prune", "--archived-before", "2021-01-01"], 2);
    assert_eq!(asked["error"]["code"], "usage");
    let done = scene.document(&["prune", "--archived-before", "2021-01-01", "--yes"], 0);
    assert_eq!(of(&done), of(&looked));

    // A reader who has not come that far keeps the feed whole.
    scene
        .execute(
            "INSERT INTO consumers VALUES ((SELECT district_id FROM runs LIMIT 1), 'slow', 3, 'x')",
        )
        .await;
    let old = ["prune", "--changes-before", "2021-01-01", "--yes"];
    let unread = scene.document(&old, 1);
    assert_eq!(unread["error"]["code"], "unread_changes", "{unread}");
    assert!(unread.to_string().contains("slow"), "{unread}");
    assert_eq!(number(&changes(&[])[0]), 1);
    scene
        .execute(&format!("UPDATE consumers SET seq = {last}"))
        .await;
    let done = of(&scene.document(&old, 0));
    let first_left = done["first_change"].as_u64().unwrap();
    assert!(first_left > 80 && first_left <= last, "{done}");
    assert_eq!(done["changes"], first_left - 1);
    let left: Vec<u64> = changes(&[]).iter().map(number).collect();
    assert!(left.iter().copied().eq(first_left..=last), "{left:?}");

    // The rest is whole: nothing to mend, and the next run goes on in the feed.
    let audit = ["sync", "--verify", "--json", "--api-url", &second.url];
    let audited = scene.run(&audit, &second.token);
    let said = crate::ground::errors(&audited);
    assert!(said.contains("0 rows were edited by hand"), "{said}");
    scene
        .execute("DELETE FROM users WHERE email = 's7@x.example.org'")
        .await;
    let mended = scene.run(&audit, &second.token);
    assert!(
        matches!(mended.status.code(), Some(0 | 3)),
        "{}",
        crate::ground::errors(&mended)
    );
    let back = scene.sync(&first, 0);
    assert_eq!(
        back["kinds"]["users"]["created"], 2,
        "who comes back is new"
    );
    let after: Vec<u64> = changes(&[]).iter().map(number).collect();
    assert!(
        after
            .iter()
            .copied()
            .eq(first_left..first_left + after.len() as u64)
    );
    assert!(!scene.places(&marks).await.is_empty());
}

#[tokio::test]
async fn what_is_too_old_goes_in_sqlite() {
    story(&Scene::sqlite()).await;
}

#[tokio::test]
async fn what_is_too_old_goes_in_postgresql() {
    if let Some(scene) = Scene::postgres("pruning").await {
        story(&scene).await;
    }
}
