//! Whom the store has forgotten is in no file of the lake either, after it was asked to.

use clever_lake::{AppendRequest, append, erase};
use clever_model::{Clock, SystemClock};
use clever_sync::SyncPolicy;
use clever_sync::erase::{ForgetRequest, NotesKey, PruneRequest, forget, prune};

use crate::ground::{Ground, files};

/// A student of whom several rows of the feed say something.
async fn somebody(ground: &Ground) -> String {
    let feed = ground.feed("roster.db").await;
    let named = |id: &String| {
        let of =
            |cell: &Option<String>| cell.as_ref().is_some_and(|text| text.contains(id.as_str()));
        feed.iter().filter(|row| row[8..10].iter().any(of)).count()
    };
    let users = feed.iter().filter(|row| row[4].as_deref() == Some("users"));
    let ids = users.map(|row| row[5].clone().unwrap());
    ids.max_by_key(named).unwrap()
}

async fn forgotten(ground: &Ground, person: Option<String>) {
    let request = ForgetRequest {
        district_id: ground.id(),
        keep_out: person.is_some(),
        person,
        at_once: false,
        actor: "test".to_owned(),
        dry_run: false,
    };
    let (key, policy) = (NotesKey::from_secret(b"secret"), SyncPolicy::default());
    let mut store = ground.store("roster.db");
    drop(
        forget(&mut store, &request, &policy, &key, &SystemClock)
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn a_person_is_taken_out_of_rows_and_files() {
    let ground = Ground::new(51, 40).await;
    ground.sync("roster.db").await;
    let request = AppendRequest {
        per_commit: 50,
        ..ground.request()
    };
    ground.append_by("roster.db", &request).await.unwrap();
    ground.live("roster.db", 2).await;
    ground.append_by("roster.db", &request).await.unwrap();
    let person = somebody(&ground).await;
    let before = files(&ground.path("lake")).await;
    forgotten(&ground, Some(person.clone())).await;
    // The feed tells its readers whom to forget; the lake has the id in that row, until it is erased.
    ground.append("roster.db").await.unwrap();
    let rows = ground.table().await;
    assert!(
        rows.iter()
            .flatten()
            .flatten()
            .any(|cell| cell.contains(&person))
    );
    let (mut lake, mut store) = (ground.lake().await, ground.store("roster.db"));
    let erased = erase(&mut lake, &mut store, &ground.id()).await.unwrap();
    assert!(
        erased.rows > 2 && erased.files > 0 && erased.by_id == 0,
        "{erased:?}"
    );
    let rows = ground.table().await;
    assert_eq!(
        rows,
        ground.feed("roster.db").await,
        "the lake says what the store says"
    );
    assert!(
        !rows
            .iter()
            .flatten()
            .flatten()
            .any(|cell| cell.contains(&person))
    );
    let after = files(&ground.path("lake")).await;
    for (file, _) in before.iter().filter(|old| !after.contains(old)) {
        assert!(!file.exists(), "an old file is gone at once");
    }
    let again = erase(&mut lake, &mut store, &ground.id()).await.unwrap();
    assert_eq!((again.rows, again.files), (0, 0));
    ground.live("roster.db", 1).await;
    ground.append("roster.db").await.unwrap();
    assert_eq!(ground.table().await, ground.feed("roster.db").await);
}

#[tokio::test]
async fn what_the_store_pruned_is_searched_by_ids() {
    let ground = Ground::new(52, 40).await;
    ground.sync("roster.db").await;
    ground.append("roster.db").await.unwrap();
    let person = somebody(&ground).await;
    let request = PruneRequest {
        district_id: ground.id(),
        archived_before: None,
        changes_before: Some(SystemClock.now()),
        dry_run: false,
    };
    prune(&mut ground.store("roster.db"), &request, &mut |_| {})
        .await
        .unwrap();
    forgotten(&ground, Some(person.clone())).await;
    ground.append("roster.db").await.unwrap();
    let (mut lake, mut store) = (ground.lake().await, ground.store("roster.db"));
    let rows = ground.table().await.len();
    let erased = erase(&mut lake, &mut store, &ground.id()).await.unwrap();
    assert!(erased.by_id > 0 && erased.rows > 2, "{erased:?}");
    let table = ground.table().await;
    assert_eq!(table.len(), rows, "numbers have no gap");
    assert!(
        !table
            .iter()
            .flatten()
            .flatten()
            .any(|cell| cell.contains(&person))
    );
    assert!(
        table.iter().any(|row| row[9].is_some()),
        "what is of others stays"
    );
}

#[tokio::test]
async fn a_district_is_gone_but_for_the_row_that_tells_of_it() {
    let ground = Ground::new(53, 20).await;
    ground.sync("roster.db").await;
    ground.append("roster.db").await.unwrap();
    forgotten(&ground, None).await;
    let appended = ground.append("roster.db").await.unwrap();
    assert_eq!(appended.changes, 1);
    let (mut lake, mut store) = (ground.lake().await, ground.store("roster.db"));
    erase(&mut lake, &mut store, &ground.id()).await.unwrap();
    let table = ground.table().await;
    assert_eq!((table.len(), table[0][6].as_deref()), (1, Some("forget")));
    // A lake that was behind when it happened goes on all the same.
    let mut behind = clever_lake::Lake::open(&ground.path("behind"))
        .await
        .unwrap();
    let request = ground.request();
    let appended = append(&mut behind, &mut store, &request, &SystemClock, &mut |_| {
        true
    })
    .await
    .unwrap();
    assert_eq!(appended.changes, 1);
}
