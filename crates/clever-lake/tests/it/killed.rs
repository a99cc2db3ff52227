//! Whoever appends is killed again and again, at any moment: the table has the store's feed, each change once.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clever_lake::{AppendRequest, Lake, append, compact, vacuum};
use clever_model::{Clock, SystemClock};
use clever_sync::SqliteStore;

use crate::ground::Ground;

const VARIABLE: &str = "CLEVER_LAKE_CHILD";

/// The one that is killed: a process of its own that appends a few changes at a time, and compacts when there is nothing more.
#[tokio::test]
#[ignore = "started by the test below"]
async fn child() {
    let Ok(arguments) = std::env::var(VARIABLE) else {
        return;
    };
    let [store, lake, district]: [&str; 3] = arguments
        .split('\n')
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let mut store = SqliteStore::open(store.as_ref()).unwrap();
    let mut lake = Lake::open(lake.as_ref()).await.unwrap();
    let request = AppendRequest {
        district_id: district.to_owned(),
        consumer: "lake".to_owned(),
        pruned_is_fine: false,
        per_commit: 20,
    };
    append(&mut lake, &mut store, &request, &SystemClock, &mut |_| true)
        .await
        .unwrap();
    compact(&mut lake, None, 1 << 20).await.unwrap();
}

fn start(ground: &Ground) -> std::process::Child {
    let path = |name: &str| ground.path(name).display().to_string();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child", "--ignored"])
        .env(
            VARIABLE,
            [path("roster.db"), path("lake"), ground.id()].join("\n"),
        )
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn no_kill_loses_or_doubles_a_change() {
    let ground = Ground::new(21, 100).await;
    ground.sync("roster.db").await;
    // How long a whole one takes says within which time to kill.
    let began = Instant::now();
    assert!(start(&ground).wait().unwrap().success());
    let whole = began.elapsed();
    std::fs::remove_dir_all(ground.path("lake")).unwrap();
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}; a whole run takes {whole:?}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut kills, mut lengths) = (0, Vec::new());
    while kills < 25 {
        let mut child = start(&ground);
        let share = 0.25 * random.f64();
        tokio::time::sleep(whole.mul_f64(share)).await;
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        let at = ground.lake().await.position(&ground.id()).await.unwrap();
        assert_eq!(
            ground.table().await.len() as u64,
            at,
            "rows and cursor agree, seed {seed}"
        );
        lengths.push(at);
        if at == ground.feed("roster.db").await.len() as u64 && random.bool() {
            ground.live("roster.db", 1).await;
        }
    }
    eprintln!("{kills} kills; the table grew {lengths:?}");
    assert!(start(&ground).wait().unwrap().success());
    assert_eq!(
        ground.table().await,
        ground.feed("roster.db").await,
        "seed {seed}"
    );
    // What the killed left goes when it is old; what the table has stays.
    let mut lake = ground.lake().await;
    let later = Later(Duration::from_secs(48 * 3600));
    vacuum(&mut lake, Duration::ZERO, &later).await.unwrap();
    assert_eq!(ground.table().await, ground.feed("roster.db").await);
    let parts = walk(&ground.path("lake"));
    assert!(parts.iter().all(|name| !name.contains('#')), "{parts:?}");
}

/// A clock that is ahead.
#[derive(Debug)]
struct Later(Duration);

impl Clock for Later {
    fn now(&self) -> clever_model::Timestamp {
        SystemClock.now() + self.0
    }
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            names.extend(walk(&entry.path()));
        } else {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names
}
