//! Upkeep: compaction and vacuum keep every row and the cursor, and take the files that they should.

use std::time::Duration;

use clever_lake::{AppendRequest, FILE_SIZE, compact, vacuum};
use clever_model::SystemClock;

use crate::ground::{Ground, files};

#[tokio::test]
async fn many_small_files_become_one_and_no_row_changes() {
    let ground = Ground::new(41, 60).await;
    ground.sync("roster.db").await;
    let request = AppendRequest {
        per_commit: 20,
        ..ground.request()
    };
    // Each tenth or so of these commits writes a checkpoint of the log, too.
    ground.append_by("roster.db", &request).await.unwrap();
    ground.live("roster.db", 3).await;
    ground.append_by("roster.db", &request).await.unwrap();
    let feed = ground.feed("roster.db").await;
    let small = files(&ground.path("lake")).await;
    assert!(small.len() > 5);
    let mut lake = ground.lake().await;
    let done = compact(&mut lake, None, FILE_SIZE).await.unwrap();
    assert_eq!(
        (done.files_before, done.files_after),
        (small.len() as u64, 1)
    );
    assert_eq!(ground.table().await, feed);
    let again = compact(&mut lake, Some(&ground.id()), FILE_SIZE)
        .await
        .unwrap();
    assert_eq!(again.files_before, 0, "one file stays as it is");
    // The old files are there for whoever reads an older version, until they are taken away.
    assert!(small.iter().all(|(file, _)| file.exists()));
    assert_eq!(
        vacuum(&mut lake, Duration::from_secs(3600), &SystemClock)
            .await
            .unwrap(),
        0
    );
    let gone = vacuum(&mut lake, Duration::ZERO, &SystemClock)
        .await
        .unwrap();
    assert_eq!(gone, small.len() as u64);
    assert!(small.iter().all(|(file, _)| !file.exists()));
    assert_eq!(ground.table().await, feed);
    // And the feed continues.
    ground.live("roster.db", 1).await;
    let appended = ground.append("roster.db").await.unwrap();
    let feed = ground.feed("roster.db").await;
    assert_eq!(appended.position, feed.len() as u64);
    assert_eq!(ground.table().await, feed);
}

#[tokio::test]
async fn a_file_of_a_writer_that_is_about_to_commit_is_no_litter() {
    let ground = Ground::new(42, 20).await;
    ground.sync("roster.db").await;
    ground.append("roster.db").await.unwrap();
    let folder = ground
        .path("lake")
        .join(format!("district_id={}", ground.id()));
    let names = ["part-1.parquet", "part-2.parquet#1"];
    for name in names {
        std::fs::write(folder.join(name), "x").unwrap();
    }
    let mut lake = ground.lake().await;
    assert_eq!(
        vacuum(&mut lake, Duration::ZERO, &SystemClock)
            .await
            .unwrap(),
        0
    );
    let old = std::time::SystemTime::now() - Duration::from_secs(25 * 3600);
    for name in names {
        let file = std::fs::File::options()
            .write(true)
            .open(folder.join(name))
            .unwrap();
        file.set_modified(old).unwrap();
    }
    assert_eq!(
        vacuum(&mut lake, Duration::ZERO, &SystemClock)
            .await
            .unwrap(),
        2
    );
    assert!(names.iter().all(|name| !folder.join(name).exists()));
    assert_eq!(ground.table().await, ground.feed("roster.db").await);
}
