//! Every try of a sync is a row, however it ended, and `status` tells of it.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::ground::{Emulator, Store, cleverctl, errors};

/// The last try that ended.
fn last(store: &Store) -> Vec<String> {
    let sql = "SELECT ending || '|' || coalesce(exit, '') || '|' || coalesce(error, '') || '|' || coalesce(status, '')
        || '|' || stage || '|' || district_id || '|' || coalesce(says, '') || '|' || coalesce(request_id, '')
        FROM attempts ORDER BY key DESC LIMIT 1";
    let connection = rusqlite::Connection::open(store.path()).unwrap();
    let text: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    text.split('|').map(str::to_owned).collect()
}

fn with_token(store: &Store, url: &str, token: &str) -> std::process::Output {
    let mut command = cleverctl();
    command.args(["sync", "-q", "--store", &store.url(), "--api-url", url]);
    command.env("CLEVER_TOKEN", token).output().unwrap()
}

fn status(store: &Store, args: &[&str], exit: i32) -> String {
    let mut command = cleverctl();
    command.args(["status", "--store", &store.url()]).args(args);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_refused_token_leaves_a_trace_before_there_is_any_district() {
    let (emulator, store) = (Emulator::start(&["--students", "20"]), Store::new());
    let refused = with_token(&store, &emulator.url, "rotated-away");
    assert_eq!(refused.status.code(), Some(4));
    let row = last(&store);
    assert_eq!(
        row[..6],
        ["refused", "4", "unauthorized", "401", "open", ""]
    );
    assert!(row[6].ends_with("answered 401"), "{row:?}");
    assert!(!row[7].is_empty(), "Clever's id of the request: {row:?}");
    let shown = status(&store, &["--check"], 1);
    assert!(shown.starts_with("NEVER SYNCED"), "{shown}");
    assert!(shown.contains("answered 401 (request "), "{shown}");
    let told: Value = serde_json::from_str(&status(&store, &["--json"], 1)).unwrap();
    let failure = &told["never_synced"][0]["attempts"]["last_failure"]["failure"];
    assert_eq!(failure["status"], 401, "{told}");
    // The first success says which district it was.
    store.report(&emulator, 0);
    assert_eq!(last(&store)[0], "done");
    let shown = status(&store, &["--check"], 0);
    assert!(shown.starts_with("OK"), "{shown}");
    assert!(!shown.contains("NEVER"), "{shown}");
}

#[test]
fn failures_in_a_row_are_told_and_alarm_from_the_nth_on() {
    let (emulator, store) = (Emulator::start(&["--students", "20"]), Store::new());
    store.report(&emulator, 0);
    let district: String = last(&store)[5].clone();
    assert_eq!(district.len(), 24, "a success knows its district");
    assert_eq!(
        with_token(&store, &emulator.url, "rotated-away")
            .status
            .code(),
        Some(4)
    );
    // A store of one district is what a token without a name is meant for.
    assert_eq!(last(&store)[5], district);
    let shown = status(&store, &["--check"], 0);
    assert!(shown.starts_with("OK"), "{shown}");
    assert!(shown.contains("last attempt failed just now ("), "{shown}");
    assert!(shown.contains("answered 401"), "{shown}");
    assert!(
        shown.contains("hint: the token is wrong, revoked or rotated"),
        "{shown}"
    );
    // No network, and a setting that can't work.
    assert_eq!(
        with_token(&store, "http://127.0.0.1:9", "token")
            .status
            .code(),
        Some(1)
    );
    assert_eq!(last(&store)[..3], ["failed", "1", "network"]);
    let policy = store.path().with_extension("toml");
    std::fs::write(&policy, "max_archived = true").unwrap();
    let output = store.sync(&emulator, &["--policy", policy.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(last(&store)[..2], ["failed", "2"]);
    let shown = status(&store, &["--check"], 1);
    assert!(shown.starts_with("FAILING"), "{shown}");
    assert!(shown.contains("3 failed in a row"), "{shown}");
    status(&store, &["--check", "--max-failures", "4"], 0);
    let told: Value = serde_json::from_str(&status(&store, &["--json"], 0)).unwrap();
    assert_eq!(told["districts"][0]["verdict"], "failing");
    assert_eq!(told["districts"][0]["attempts"]["failed_in_a_row"], 3);
    // A look is no try.
    let before = store.number("SELECT count(*) FROM attempts");
    store.sync(&emulator, &["--dry-run"]);
    assert_eq!(store.number("SELECT count(*) FROM attempts"), before);
    store.report(&emulator, 0);
    let shown = status(&store, &["--check"], 0);
    assert!(!shown.contains("failed"), "{shown}");
}

#[test]
fn a_run_that_is_held_is_a_try_that_did_its_work() {
    let (emulator, store) = (Emulator::start(&["--students", "60"]), Store::new());
    store.report(&emulator, 0);
    store.report(&Emulator::start(&["--students", "10"]), 3);
    assert_eq!(last(&store)[..2], ["held", "3"]);
    assert!(!status(&store, &[], 0).contains("attempt"));
}

/// Starts a sync that hangs while it reads users, and waits until its row says so.
#[cfg(unix)]
fn hanging(store: &Store, more: &[&str]) -> (Emulator, std::process::Child) {
    let emulator = Emulator::start(&["--students", "20", "--fault", "hang@/users"]);
    let mut command = store.syncing(&emulator, more);
    command.arg("-q");
    let mut process = command.stdout(Stdio::null()).spawn().unwrap();
    let says =
        "SELECT count(*) FROM attempts WHERE stage = 'learn' AND kind = 'users' AND pages > 0";
    for _ in 0..300 {
        let there = store.path().exists();
        let found = there.then(|| rusqlite::Connection::open(store.path()).unwrap());
        let count = found.and_then(|db| db.query_row(says, [], |row| row.get::<_, i64>(0)).ok());
        if count == Some(1) {
            return (emulator, process);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    process.kill().unwrap();
    panic!("no beat came: {:?}", process.wait());
}

#[cfg(unix)]
#[test]
fn a_killed_run_is_found_by_the_next_with_how_far_it_came() {
    let store = Store::new();
    let (_emulator, mut process) = hanging(&store, &[]);
    let shown = status(&store, &[], 1);
    assert!(
        shown.contains("has not ended; its last sign of life"),
        "{shown}"
    );
    process.kill().unwrap();
    process.wait().unwrap();
    let refused = with_token(&store, "http://127.0.0.1:9", "t");
    assert_eq!(refused.status.code(), Some(1));
    let lost = "SELECT count(*) FROM attempts WHERE ending = 'lost' AND stage = 'learn' AND kind = 'users' AND pages > 0
        AND exit IS NULL";
    assert_eq!(store.number(lost), 1);
    let told: Value = serde_json::from_str(&status(&store, &["--json"], 1)).unwrap();
    assert_eq!(
        told["never_synced"][0]["attempts"]["failed_in_a_row"], 2,
        "{told}"
    );
}

#[cfg(unix)]
#[test]
fn a_run_that_is_stopped_is_neither_success_nor_failure() {
    let store = Store::new();
    let (_emulator, mut process) = hanging(&store, &["--every", "1h"]);
    let mut kill = Command::new("kill");
    kill.args(["-TERM", &process.id().to_string()]);
    assert!(kill.status().unwrap().success());
    assert_eq!(process.wait().unwrap().code(), Some(0));
    assert_eq!(last(&store)[0], "stopped");
    assert_eq!(store.number("SELECT count(*) FROM attempts"), 1);
}

#[test]
fn an_apps_credential_that_is_refused_is_a_row_of_the_fleet() {
    let (emulator, store) = (Emulator::start(&["--students", "20"]), Store::new());
    let folder = TempDir::new().unwrap();
    let kept = folder.path().join("kept");
    let secret = folder.path().join("secret");
    let run = |args: &[&str], exit: i32| {
        let mut command = cleverctl();
        command.args(args).env("CLEVER_CREDENTIALS", &kept);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
    };
    let keep = |how: &str, text: &str| {
        std::fs::write(&secret, text).unwrap();
        let file = secret.to_str().unwrap();
        let app = ["--client-id", &emulator.client_id];
        let app = if how == "add" { &app[..] } else { &[] };
        run(
            &[&["credential", how, "ours", "--secret-file", file], app].concat(),
            0,
        );
    };
    let url = store.url();
    let all = [
        "sync",
        "--all",
        "-q",
        "--store",
        &url,
        "--api-url",
        &emulator.url,
    ];
    keep("add", &emulator.client_secret);
    run(&all, 0);
    assert_eq!(last(&store)[0], "done");
    keep("replace", "another-secret");
    run(&all, 4);
    let row = last(&store);
    assert_eq!(
        (row[0].as_str(), row[1].as_str()),
        ("refused", "4"),
        "{row:?}"
    );
    let shown = status(&store, &["--check", "--max-failures", "1"], 1);
    assert!(
        shown.contains("answered 401") || shown.contains("refused"),
        "{shown}"
    );
    keep("replace", &emulator.client_secret);
    run(&all, 0);
    status(&store, &["--check", "--max-failures", "1"], 0);
}
