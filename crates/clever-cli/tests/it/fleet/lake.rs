//! Workers that append to a lake: two at one table, and a table that can't be written for a while.

use std::fs;
use std::time::{Duration, Instant};

use clever_lake::Lake;
use serde_json::Value;

use super::ground::Fleet;

const MINUTE: Duration = Duration::from_secs(60);

fn is_done(line: &Value) -> bool {
    line["outcome"] == "done" && line["running_since"].is_null()
}

/// Waits until the table has every district's feed to its end.
async fn until_appended(fleet: &Fleet, folder: &std::path::Path) {
    let begun = Instant::now();
    loop {
        let feeds = "SELECT district_id || ' ' || CAST(max(seq) AS TEXT) FROM changes
             GROUP BY district_id ORDER BY district_id";
        let feeds = fleet.store.rows(&[feeds.to_owned()]).await.remove(0);
        let lake = Lake::open(folder).await.unwrap();
        let mut has = Vec::new();
        for district in fleet.many.ids() {
            has.push(format!(
                "{district} {}",
                lake.position(&district).await.unwrap()
            ));
        }
        has.sort();
        if has == feeds {
            return;
        }
        let logs = fleet.logs();
        assert!(begun.elapsed() < MINUTE, "{has:?}, not {feeds:?}: {logs}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// How many changes the workers say to have appended.
fn appended(fleet: &Fleet) -> usize {
    let logs = fleet.logs();
    let lines = logs
        .lines()
        .filter(|line| line.contains("appended to the lake"));
    let number = |line: &str| -> usize {
        let after = line.split("changes=").nth(1).unwrap();
        after.split_whitespace().next().unwrap().parse().unwrap()
    };
    lines.map(number).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_append_to_one_table_each_change_once() {
    let Some(mut fleet) = Fleet::start(8).await else {
        return;
    };
    let folder = fleet.many.folder.path().join("lake");
    let args = ["--to-delta".to_owned(), folder.display().to_string()];
    let args = [args[0].as_str(), args[1].as_str()];
    let workers = [fleet.worker(&args), fleet.worker(&args)];
    fleet.apply(&[]);
    fleet.until(2 * MINUTE, "the first load", is_done).await;
    until_appended(&fleet, &folder).await;
    for name in ["one", "two"] {
        fleet.rename(name);
        fleet.round(8).await;
        until_appended(&fleet, &folder).await;
    }
    // Each once: neither worker appended what the other one had.
    let feeds = fleet
        .store
        .rows(&["SELECT CAST(count(*) AS TEXT) FROM changes".to_owned()])
        .await;
    assert_eq!(appended(&fleet).to_string(), feeds[0][0]);
    drop(workers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_cannot_be_written_fails_no_run_and_gets_the_rest_later() {
    let Some(mut fleet) = Fleet::start(2).await else {
        return;
    };
    let folder = fleet.many.folder.path().join("lake");
    let shown = folder.display().to_string();
    let _worker = fleet.worker(&["--to-delta", &shown]);
    fleet.apply(&[]);
    fleet.until(MINUTE, "the first load", is_done).await;
    until_appended(&fleet, &folder).await;
    // The folder is elsewhere, and a file is in its place.
    let aside = folder.with_file_name("aside");
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "no lake").unwrap();
    fleet.rename("while it is away");
    let runs = fleet.round(2).await;
    assert!(runs.iter().all(|(_, changed)| *changed > 0), "{runs:?}");
    let logs = fleet.logs();
    assert!(logs.contains("could not append to the lake"), "{logs}");
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    let runs = fleet.round(2).await;
    assert!(runs.iter().all(|(_, changed)| *changed == 0), "{runs:?}");
    until_appended(&fleet, &folder).await;
}
