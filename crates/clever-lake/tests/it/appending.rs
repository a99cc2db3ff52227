//! Appending: what the feed has is in the table once, and what can't be appended is refused with its reason.

use clever_lake::{AppendError, AppendRequest, Lake, TableError, append};
use clever_model::{SystemClock, Timestamp};
use clever_sync::erase::{PruneError, PruneRequest, prune};

use crate::ground::{Ground, files};

#[tokio::test]
async fn the_table_has_the_feed_and_a_replay_adds_nothing() {
    let ground = Ground::new(7, 60).await;
    ground.sync("roster.db").await;
    let first = ground.append("roster.db").await.unwrap();
    let feed = ground.feed("roster.db").await;
    assert_eq!(
        (first.changes, first.position),
        (feed.len() as u64, feed.len() as u64)
    );
    assert_eq!(ground.table().await, feed);
    assert!(
        feed.iter().all(|row| row[9].is_some()),
        "with the records themselves"
    );
    let again = ground.append("roster.db").await.unwrap();
    assert_eq!((again.changes, again.position), (0, first.position));
    // Days later, what is new is appended; the store need not know how far the table is.
    ground.live("roster.db", 3).await;
    under_another_name(&ground).await;
    let later = ground.append("roster.db").await.unwrap();
    assert!(later.changes > 0);
    assert_eq!(ground.table().await, ground.feed("roster.db").await);
    let position = ground
        .store("roster.db")
        .position(&ground.id(), "lake")
        .await
        .unwrap();
    assert_eq!(position, later.position, "the store knows its reader");
}

/// Another name for the reader, at which the store has nothing: as if the store had lost how far the lake is.
async fn under_another_name(ground: &Ground) {
    let request = AppendRequest {
        consumer: "other".to_owned(),
        ..ground.request()
    };
    assert!(
        ground
            .append_by("roster.db", &request)
            .await
            .unwrap()
            .changes
            > 0
    );
    ground.live("roster.db", 1).await;
}

#[tokio::test]
async fn commits_are_cut_as_asked_and_one_may_stop_after_each() {
    let ground = Ground::new(8, 40).await;
    ground.sync("roster.db").await;
    let request = AppendRequest {
        per_commit: 10,
        ..ground.request()
    };
    let (mut lake, mut store) = (ground.lake().await, ground.store("roster.db"));
    let mut heard = Vec::new();
    let mut goes_on = |changes| {
        heard.push(changes);
        heard.len() < 3
    };
    let appended = append(&mut lake, &mut store, &request, &SystemClock, &mut goes_on)
        .await
        .unwrap();
    assert_eq!(
        (heard, appended.changes, appended.position),
        (vec![10, 10, 10], 30, 30)
    );
    assert_eq!(files(&ground.path("lake")).await.len(), 3);
    ground.append("roster.db").await.unwrap();
    assert_eq!(ground.table().await, ground.feed("roster.db").await);
}

#[tokio::test]
async fn two_who_append_the_same_double_nothing_and_other_districts_are_beside_it() {
    let (ground, other) = (Ground::new(9, 40).await, Ground::new(10, 40).await);
    ground.sync("roster.db").await;
    other.sync("roster.db").await;
    let folder = ground.path("lake");
    drop(ground.lake().await);
    let go = async |ground: &Ground| {
        let mut lake = Lake::open(&folder).await.unwrap();
        let mut store = ground.store("roster.db");
        let request = AppendRequest {
            per_commit: 15,
            ..ground.request()
        };
        append(&mut lake, &mut store, &request, &SystemClock, &mut |_| true)
            .await
            .unwrap()
    };
    let three = tokio::join!(go(&ground), go(&ground), go(&other));
    let all = ground.feed("roster.db").await;
    assert_eq!(
        (three.0.position, three.1.position),
        (all.len() as u64, all.len() as u64)
    );
    assert_eq!(three.0.changes + three.1.changes, all.len() as u64);
    let table = ground.table().await;
    let of = |id: String| table.iter().filter(move |row| row[0].as_ref() == Some(&id));
    assert!(of(ground.id()).eq(&all));
    assert!(of(other.id()).eq(&other.feed("roster.db").await));
    // Who lost a race took its files away.
    let named = files(&folder).await.len();
    let mut there = 0;
    for id in [ground.id(), other.id()] {
        there += std::fs::read_dir(folder.join(format!("district_id={id}")))
            .unwrap()
            .count();
    }
    assert_eq!(there, named);
}

fn all_changes(ground: &Ground) -> PruneRequest {
    PruneRequest {
        district_id: ground.id(),
        archived_before: None,
        changes_before: Some("2999-01-01T00:00:00Z".parse::<Timestamp>().unwrap()),
        dry_run: false,
    }
}

#[tokio::test]
async fn what_was_pruned_is_no_secret_and_the_lake_is_waited_for() {
    let ground = Ground::new(11, 40).await;
    ground.sync("roster.db").await;
    let request = AppendRequest {
        per_commit: 10,
        ..ground.request()
    };
    let (mut lake, mut store) = (ground.lake().await, ground.store("roster.db"));
    append(&mut lake, &mut store, &request, &SystemClock, &mut |_| {
        false
    })
    .await
    .unwrap();
    // The lake is a reader, so what it has not read stays.
    let refused = prune(&mut store, &all_changes(&ground), &mut |_| {}).await;
    assert!(
        matches!(&refused, Err(PruneError::Unread { reader, position: 10, .. }) if reader == "lake"),
        "{refused:?}"
    );
    ground.append("roster.db").await.unwrap();
    let before = ground.table().await;
    prune(&mut store, &all_changes(&ground), &mut |_| {})
        .await
        .unwrap();
    ground.live("roster.db", 2).await;
    let appended = ground.append("roster.db").await.unwrap();
    assert!(appended.changes > 0);
    let table = ground.table().await;
    assert_eq!(
        table[..before.len()],
        before,
        "the lake keeps what the store pruned"
    );
    assert_eq!(table.len() as u64, appended.position);
    // Another lake comes too late, and hears it.
    let late = ground.path("late");
    let mut lake = Lake::open(&late).await.unwrap();
    let request = ground.request();
    let refused = append(&mut lake, &mut store, &request, &SystemClock, &mut |_| true).await;
    assert!(
        matches!(&refused, Err(AppendError::Pruned { from: 1, to, .. }) if *to > 10),
        "{refused:?}"
    );
    assert_eq!(lake.position(&ground.id()).await.unwrap(), 0);
    let request = AppendRequest {
        pruned_is_fine: true,
        ..request
    };
    let appended = append(&mut lake, &mut store, &request, &SystemClock, &mut |_| true)
        .await
        .unwrap();
    assert_eq!(
        appended.changes,
        ground.feed("roster.db").await.len() as u64
    );
}

#[tokio::test]
async fn another_store_is_refused_whether_it_is_behind_or_not() {
    let ground = Ground::new(12, 40).await;
    ground.sync("a.db").await;
    ground.live("a.db", 2).await;
    ground.append("a.db").await.unwrap();
    let before = ground.table().await;
    ground.sync("b.db").await;
    let refused = ground.append("b.db").await;
    assert!(
        matches!(refused, Err(AppendError::Ahead { .. })),
        "{refused:?}"
    );
    while ground.feed("b.db").await.len() < before.len() {
        ground.live("b.db", 1).await;
    }
    let refused = ground.append("b.db").await;
    assert!(
        matches!(refused, Err(AppendError::OtherStore { .. })),
        "{refused:?}"
    );
    assert_eq!(ground.table().await, before);
}

#[tokio::test]
async fn a_folder_with_something_else_in_it_is_left_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    let refused = Lake::open(folder.path()).await;
    assert!(
        matches!(refused, Err(TableError::NotALake(_))),
        "{refused:?}"
    );
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
    let file = folder.path().join("letter.txt");
    assert!(matches!(
        Lake::open(&file).await,
        Err(TableError::Folder(_))
    ));
}

#[cfg(unix)]
#[tokio::test]
async fn the_folder_is_its_owners_and_the_log_names_nobody() {
    use std::os::unix::fs::PermissionsExt;

    let ground = Ground::new(13, 40).await;
    ground.sync("roster.db").await;
    ground.append("roster.db").await.unwrap();
    let mode = std::fs::metadata(ground.path("lake"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let feed = ground.feed("roster.db").await;
    let users = || feed.iter().filter(|row| row[4].as_deref() == Some("users"));
    let ids: Vec<&String> = users().map(|row| row[5].as_ref().unwrap()).collect();
    let names: Vec<String> = users()
        .map(|row| serde_json::from_str::<serde_json::Value>(row[9].as_ref().unwrap()).unwrap())
        .map(|user| user["name"]["last"].as_str().unwrap().to_owned())
        .filter(|name| name.len() > 4)
        .collect();
    assert!(ids.len() > 40 && names.len() > 20);
    for entry in std::fs::read_dir(ground.path("lake/_delta_log")).unwrap() {
        let text = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(!ids.iter().any(|id| text.contains(*id)), "{text}");
        assert!(!names.iter().any(|name| text.contains(name)), "{text}");
    }
}
