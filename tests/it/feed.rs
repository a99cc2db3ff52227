//! Consumers of the feed: each sees every change at least once, in order, from where it was.

use clever_model::{Clock, RecordKind, SystemClock};
use clever_sync::{Record, SqliteStore, changes};
use futures_util::TryStreamExt;

use crate::ground::Ground;

async fn synced(seed: u64) -> (Ground, String, u64) {
    let ground = Ground::new(seed, 60).await;
    let report = ground.sync().await.unwrap();
    let all = SqliteStore::open(&ground.path()).unwrap().status().await;
    (ground, report.district_id, all.unwrap()[0].changes)
}

#[tokio::test]
async fn what_was_given_and_not_acknowledged_is_given_again() {
    let (ground, district, all) = synced(91).await;
    let mut seen = Vec::new();
    // Every seventh change the consumer dies after it was given, with none or some of its batch acknowledged.
    while seen.last() != Some(&all) {
        let mut store = SqliteStore::open(&ground.path()).unwrap();
        let mut feed = changes(&mut store, &district, "search")
            .await
            .unwrap()
            .batch(10);
        let from = feed.given();
        for step in 1..=7 {
            let Some(change) = feed.next().await.unwrap() else {
                break;
            };
            assert_eq!(change.seq, from + step, "in order, without a gap");
            seen.push(change.seq);
            if step <= 5 {
                feed.acknowledge(SystemClock.now()).await.unwrap();
            }
        }
    }
    let mut once = seen.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once, (1..=all).collect::<Vec<u64>>(), "each at least once");
    assert!(seen.len() > once.len(), "and some again");
}

#[tokio::test]
async fn consumers_go_each_its_own_way_and_one_far_behind_catches_up() {
    let (ground, district, all) = synced(92).await;
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    let mut fast = changes(&mut store, &district, "fast").await.unwrap();
    let first: Vec<_> = fast.stream().try_collect().await.unwrap();
    assert_eq!(first.len() as u64, all);
    fast.acknowledge(SystemClock.now()).await.unwrap();
    let mut slow = changes(&mut store, &district, "slow").await.unwrap();
    assert_eq!(slow.next().await.unwrap().unwrap().seq, 1);
    slow.acknowledge(SystemClock.now()).await.unwrap();
    for _ in 0..3 {
        ground.emulator.advance_days(1);
        drop(ground.sync().await.unwrap());
    }
    let mut fast = changes(&mut store, &district, "fast").await.unwrap();
    assert_eq!(fast.next().await.unwrap().unwrap().seq, all + 1);
    let mut slow = changes(&mut store, &district, "slow")
        .await
        .unwrap()
        .batch(3);
    let rest: Vec<_> = slow.stream().try_collect().await.unwrap();
    assert_eq!(rest[0].seq, 2);
    assert!(rest.windows(2).all(|two| two[0].seq + 1 == two[1].seq));
    let mut sections = changes(&mut store, &district, "slow")
        .await
        .unwrap()
        .kind(RecordKind::Sections);
    let only: Vec<_> = sections.stream().try_collect().await.unwrap();
    assert!(
        !only.is_empty()
            && only
                .iter()
                .all(|change| change.kind == RecordKind::Sections)
    );
}

#[tokio::test]
async fn records_are_read_into_their_models_and_none_is_shown() {
    let (ground, district, _) = synced(93).await;
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    let mut feed = changes(&mut store, &district, "typed").await.unwrap();
    let mut users = 0;
    while let Some(change) = feed.next().await.unwrap() {
        assert!(change.before_record().unwrap().is_none(), "all are new");
        let record = change.after_record().unwrap().unwrap();
        if let Record::User(user) = &record {
            users += 1;
            let json: serde_json::Value =
                serde_json::from_str(change.after.as_ref().unwrap().get()).unwrap();
            let last = json["name"]["last"].as_str().unwrap();
            assert!(user.name.is_some());
            assert!(
                !format!("{change:?}").contains(last),
                "no name reaches a Debug"
            );
        }
    }
    assert!(users > 60);
}

#[tokio::test]
async fn whoever_waits_gets_what_comes() {
    let (ground, district, all) = synced(94).await;
    let mut store = SqliteStore::open(&ground.path()).unwrap();
    store
        .acknowledge(&district, "live", all, SystemClock.now())
        .await
        .unwrap();
    ground.emulator.advance_days(1);
    let mut feed = changes(&mut store, &district, "live").await.unwrap();
    let pauses = std::cell::Cell::new(0);
    // The sync comes while the consumer pauses.
    let change = feed
        .wait(|| async {
            pauses.set(pauses.get() + 1);
            if pauses.get() == 3 {
                drop(ground.sync().await.unwrap());
            }
        })
        .await
        .unwrap();
    assert_eq!((change.seq, change.run, pauses.get()), (all + 1, 2, 3));
}
