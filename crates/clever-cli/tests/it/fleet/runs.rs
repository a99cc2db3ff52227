//! Schedules and runs: a night over both stores, one run of a district at a time, a pause, a district that went, a token that
//! changed, a worker that is asked to stop.

use std::time::Duration;

use clever_emulator::{EmulatorConfig, Fault, Happening};
use serde_json::Value;

use super::ground::Fleet;
use crate::all_districts::Many;
use crate::ground::errors;
use crate::killed::Store;

const MINUTE: Duration = Duration::from_secs(60);

fn is_done(line: &Value) -> bool {
    line["outcome"] == "done" && line["running_since"].is_null()
}

/// Everything first, then nothing: two rounds over a store.
async fn two_rounds(mut fleet: Fleet, store: Store, control: Store) {
    fleet.store = store;
    let applied = fleet.apply(&[]);
    assert_eq!(applied["created"].as_array().unwrap().len(), 4);
    let workers = [fleet.worker(&[]), fleet.worker(&[])];
    fleet.until(MINUTE, "the first load of all", is_done).await;
    fleet.equals(&control).await;
    for district in fleet.many.ids() {
        let again = fleet.asked(&["run", &district, "--wait"], 0);
        assert_eq!(
            (&again["said"], &again["changed"]),
            (&"done".into(), &0.into())
        );
    }
    fleet.equals(&control).await;
    // What was a first load is none any more, and applying once more changes nothing.
    let applied = fleet.apply(&[]);
    assert_eq!(applied["updated"].as_array().unwrap().len(), 4, "{applied}");
    assert_eq!(fleet.apply(&[])["kept"], 4);
    assert_eq!(workers.map(super::ground::Worker::stop), [Some(0), Some(0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_round_writes_nothing_over_sqlite() {
    let Some(fleet) = Fleet::start(4).await else {
        return;
    };
    let folder = fleet.many.folder.path();
    let (store, control) = (folder.join("fleet.db"), folder.join("control.db"));
    two_rounds(fleet, Store::Sqlite(store), Store::Sqlite(control)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_round_writes_nothing_over_postgresql() {
    let Some(fleet) = Fleet::start(4).await else {
        return;
    };
    let stores = (
        Store::postgres("fleet").await,
        Store::postgres("fleet_control").await,
    );
    if let (Some(store), Some(control)) = stores {
        two_rounds(fleet, store, control).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_a_district_never_overlap_whoever_asks() {
    let Some(mut fleet) = Fleet::start(2).await else {
        return;
    };
    fleet.apply(&[]);
    let _worker = fleet.worker(&[]);
    fleet.until(MINUTE, "the first load", is_done).await;
    let district = fleet.many.ids().remove(0);
    let schedule = format!("clever/district/{district}");
    for _ in 0..4 {
        let (done, said) = fleet
            .engine
            .command(&["schedule", "trigger", "-s", &schedule]);
        assert!(done, "{said}");
        let said = [(); 3].map(|()| fleet.asked(&["run", &district], 0));
        assert!(said.iter().any(|one| one["said"] == "running"), "{said:?}");
        fleet.asked(&["run", &district, "--wait"], 0);
    }
    fleet.until(MINUTE, "all runs ended", is_done).await;
    let query = format!("CleverDistrict = '{district}' AND WorkflowType = 'SyncDistrict'");
    let listed = fleet.engine.json(&["workflow", "list", "--query", &query]);
    let mut spans: Vec<(String, String)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            let text = |key: &str| run[key].as_str().unwrap().to_owned();
            (text("startTime"), text("closeTime"))
        })
        .collect();
    spans.sort();
    assert!(spans.len() >= 5, "{spans:?}");
    for pair in spans.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "{pair:?} overlap");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_and_pauses_are_kept_when_the_engine_is_killed() {
    let Some(mut fleet) = Fleet::start(3).await else {
        return;
    };
    fleet.apply(&[]);
    let paused = fleet.many.ids().remove(1);
    fleet.asked(&["pause", &paused, "--reason", "new SIS"], 0);
    fleet.engine.kill();
    assert_eq!(fleet.status().len(), 3);
    // The engine's list says so a moment after the engine itself.
    fleet
        .until(MINUTE, "the pause is kept", |line| {
            let is_paused = line["district"] == paused.as_str();
            line["paused"]
                == if is_paused {
                    "new SIS".into()
                } else {
                    Value::Null
                }
        })
        .await;
    assert_eq!(
        fleet.apply(&[])["kept"],
        3,
        "nothing was lost, and nothing is made twice"
    );
    // A drain stops every schedule of the engine, and lets go on what it stopped: the pause is the store's, and stays.
    assert_eq!(fleet.drained(&["drain"], 0)["schedules"], 3);
    let drained = fleet.drained(&["resume", "--drained"], 0);
    assert_eq!(drained["schedules"], 3);
    fleet
        .until(MINUTE, "only the one is paused", |line| {
            line["paused"].is_null() == (line["district"] != paused.as_str())
        })
        .await;
    fleet.asked(&["resume", &paused], 0);
    fleet
        .until(MINUTE, "no schedule is paused", |line| {
            line["paused"].is_null()
        })
        .await;
    // The table says so to people, and that nobody works.
    let shown = fleet.fleet(&["status", "--check"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert_eq!(shown.status.code(), Some(1), "{text}");
    assert!(
        text.contains("3 districts") && text.contains("0 workers"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_district_that_went_is_told_and_one_that_comes_is_found() {
    let Some(mut fleet) = Fleet::start(3).await else {
        return;
    };
    fleet.apply(&[]);
    let _worker = fleet.worker(&[]);
    fleet.until(MINUTE, "the first load", is_done).await;
    let gone = fleet.many.ids().remove(0);
    fleet.many.emulator.happen(Happening::Disconnect);
    let applied = fleet.apply(&[]);
    assert_eq!(applied["gone"], serde_json::json!([gone]));
    let of_gone = |fleet: &Fleet| {
        let status = fleet.status();
        status
            .into_iter()
            .find(|line| line["district"] == gone.as_str())
    };
    assert_eq!(of_gone(&fleet).unwrap()["listed"], false);
    assert_eq!(
        fleet.apply(&[])["gone"],
        serde_json::json!([gone]),
        "each time"
    );
    // A run that is asked for is refused, and not tried again.
    let refused = fleet.fleet(&["run", &gone, "--wait"]);
    assert_eq!(refused.status.code(), Some(1), "{}", errors(&refused));
    assert!(
        errors(&refused).contains("not_connected"),
        "{}",
        errors(&refused)
    );
    let shown = fleet
        .engine
        .json(&["workflow", "show", "-w", &format!("sync/{gone}")]);
    let tries = shown.to_string().matches("ACTIVITY_TASK_STARTED").count();
    assert_eq!(tries, 1, "{shown}");
    assert!(shown.to_string().contains("NON_RETRYABLE"), "{shown}");
    let removed = fleet.apply(&["--remove-gone"]);
    assert_eq!(removed["deleted"], serde_json::json!([gone]));
    assert_eq!(of_gone(&fleet), None);
    // It connects again, and the engine finds it by itself.
    fleet.many.emulator.happen(Happening::Reconnect);
    let (done, said) = fleet
        .engine
        .command(&["schedule", "trigger", "-s", "clever/discover"]);
    assert!(done, "{said}");
    let begun = std::time::Instant::now();
    while of_gone(&fleet).is_none() {
        assert!(begun.elapsed() < MINUTE, "it is not found");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    fleet.asked(&["run", &gone, "--wait"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_changed_is_asked_for_anew() {
    let Some(mut fleet) = Fleet::start(2).await else {
        return;
    };
    fleet.apply(&[]);
    let _worker = fleet.worker(&[]);
    fleet.until(MINUTE, "the first load", is_done).await;
    let district = fleet.many.ids().remove(0);
    fleet.many.emulator.happen(Happening::TokenRotate);
    fleet.asked(&["run", &district, "--wait"], 0);
    let faults = fleet.many.emulator.faults();
    faults.add(Fault::RotateToken.on("/districts").nth(1));
    fleet.asked(&["run", &district, "--wait"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_stop_leaves_its_run_to_another() {
    let Some(mut fleet) = Fleet::start(2).await else {
        return;
    };
    let part = fleet.many.page_of(&fleet.many.ids()[0]);
    fleet
        .many
        .emulator
        .faults()
        .add(Fault::Hang.on(part).times(1));
    fleet.apply(&[]);
    let first = fleet.worker(&["--grace", "1s"]);
    let is_stuck = |line: &Value| is_done(line) || !line["running_since"].is_null();
    fleet.until(MINUTE, "one hangs", is_stuck).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(first.stop(), Some(0));
    assert!(
        !fleet.status().iter().all(is_done),
        "the run that hung is not done"
    );
    let _second = fleet.worker(&[]);
    fleet.until(MINUTE, "another worker did it", is_done).await;
    let stopped = "SELECT CAST(count(*) AS TEXT) FROM attempts WHERE ending = 'stopped'";
    assert_eq!(fleet.store.rows(&[stopped.to_owned()]).await, [["1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_engine_the_fleet_says_so_and_sync_works() {
    let many = Many::of(2, EmulatorConfig::default()).await;
    let command = |args: &[&str]| {
        let mut command = many.command(args);
        command
            .env("CLEVER_STORE", many.store.url())
            .env("CLEVER_API_URL", many.emulator.base_url().as_str())
            .env("TEMPORAL_API_KEY", "a-key-that-nobody-sees");
        command.output().unwrap()
    };
    let nobody = ["--engine", "http://127.0.0.1:1", "--json"];
    let said = command(&[&["fleet", "status"], &nobody[..]].concat());
    assert_eq!(said.status.code(), Some(1), "{}", errors(&said));
    let told: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(told["error"]["code"], "engine_unreachable", "{told}");
    assert!(!told.to_string().contains("nobody-sees") && !errors(&said).contains("nobody-sees"));
    let synced = command(&["sync", "--all", "--quiet"]);
    assert_eq!(synced.status.code(), Some(0), "{}", errors(&synced));
    assert_eq!(
        many.store
            .number("SELECT count(DISTINCT district_id) FROM runs"),
        2
    );
}
