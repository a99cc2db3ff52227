//! What `status` tells whoever is on call, and how a schedule ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::ground::{Emulator, Store, cleverctl, errors};

fn status(store: &Store, args: &[&str], exit: i32) -> String {
    let output = cleverctl()
        .args(["status", "--store", &store.url()])
        .args(args)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn json(store: &Store, exit: i32) -> Value {
    let said: Value = serde_json::from_str(&status(store, &["--check", "--json"], exit)).unwrap();
    said["districts"].clone()
}

#[test]
fn a_run_whose_lists_prove_nothing_is_no_success() {
    let emulator = Emulator::start(&["--students", "60", "--fault", "unordered@/users"]);
    let store = Store::new();
    let report = store.report(&emulator, 0);
    assert_eq!(report["whole"], false, "{report}");
    let told = json(&store, 1);
    assert_eq!(told[0]["verdict"], "stale");
    assert_eq!(told[0]["last_done_at"], Value::Null);
    assert!(told[0]["doubts"]["users"].is_array(), "{told}");
    assert!(status(&store, &[], 0).contains("users was not provably complete"));
    let well = Emulator::start(&["--students", "60"]);
    let report = store.report(&well, 0);
    assert_eq!(report["whole"], true, "{report}");
    let told = json(&store, 0);
    assert_eq!(told[0]["verdict"], "ok");
    assert_eq!(told[0]["last_done_at"], report["finished_at"]);
    assert_eq!(told[0]["doubts"], serde_json::json!({}));
}

#[test]
fn what_is_held_is_told_with_its_age_and_the_way_to_look() {
    let emulator = Emulator::start(&["--students", "60"]);
    let store = Store::new();
    store.report(&emulator, 0);
    let before = json(&store, 0)[0]["last_done_at"].clone();
    // The same district, and most of its people are not there.
    let fewer = Emulator::start(&["--students", "10"]);
    let held = store.report(&fewer, 3);
    store.report(&fewer, 3);
    let told = json(&store, 3);
    assert_eq!(told[0]["verdict"], "held");
    assert_eq!(told[0]["last_done_at"], before, "a held run is no success");
    let holds = told[0]["holds"].as_array().unwrap();
    let hold = holds.iter().find(|hold| hold["kind"] == "users").unwrap();
    assert_eq!(hold["part"], "archive");
    assert_eq!(
        hold["since"], held["finished_at"],
        "since the first of them"
    );
    let shown = status(&store, &[], 0);
    let hash = held["plan_hash"].as_str().unwrap();
    for part in [
        "--dry-run --plan held.plan",
        "plan show",
        hash,
        "held since",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // What else a sync is to be given is named too.
    let folder = store.path().with_extension("kept");
    std::fs::create_dir(&folder).unwrap();
    let with = |args: &[&str], token: Option<&str>| {
        let mut command = cleverctl();
        command
            .args(args)
            .env("CLEVER_CREDENTIALS", folder.join("credentials"));
        command
            .env("CLEVER_POLICY", "policy.toml")
            .env_remove("CLEVER_TOKEN");
        command.envs(token.map(|token| ("CLEVER_TOKEN", token)));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let token = folder.join("token");
    std::fs::write(&token, "a-token").unwrap();
    let add = [
        "credential",
        "add",
        "--client-id",
        "app",
        "--secret-file",
        token.to_str().unwrap(),
    ];
    let url = store.url();
    let shown = ["status", "--store", &url];
    for (name, said) in [
        ("north", "--credential north --policy policy.toml --approve"),
        ("south", "--credential NAME --policy policy.toml --approve"),
    ] {
        with(&[&add[..], &[name]].concat(), None);
        let shown = with(&shown, None);
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(with(&shown, None).contains("NAME is north or south"));
    let shown = with(&shown, Some("a-token"));
    assert!(!shown.contains("--credential"), "{shown}");
    // Looked at with exactly these words, it is the same plan.
    let plan = store.path().with_extension("plan");
    let looked = store.sync(
        &fewer,
        &["--dry-run", "--json", "--plan", plan.to_str().unwrap()],
    );
    let looked: Value = serde_json::from_slice(&looked.stdout).unwrap();
    assert_eq!(looked["plan_hash"], hash);
}

#[test]
fn a_success_grows_old() {
    let emulator = Emulator::start(&["--students", "20"]);
    let store = Store::new();
    store.report(&emulator, 0);
    std::thread::sleep(Duration::from_millis(2100));
    status(&store, &["--check", "--max-age", "1s"], 1);
    status(&store, &["--check", "--max-age", "1h"], 0);
    status(&store, &["--max-age", "1s"], 0);
    assert_eq!(
        cleverctl()
            .args(["status", "--max-age", "soon"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(2)
    );
}

fn schedule(store: &Store, emulator: &Emulator) -> Child {
    cleverctl()
        .args(["sync", "--every", "1h", "--json", "--store", &store.url()])
        .args(["--api-url", &emulator.url])
        .env("CLEVER_TOKEN", &emulator.token)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn terminate(process: &mut Child) -> Option<i32> {
    let sent = Command::new("kill")
        .args(["-TERM", &process.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    process.wait().unwrap().code()
}

#[cfg(unix)]
#[test]
fn sigterm_ends_a_schedule_between_its_runs_with_0() {
    let emulator = Emulator::start(&["--students", "20"]);
    let store = Store::new();
    let mut process = schedule(&store, &emulator);
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("\"run\":1"), "{line}");
    assert_eq!(terminate(&mut process), Some(0));
    assert_eq!(store.number("SELECT count(*) FROM runs"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_read_and_not_applied_are_told_by_their_time() {
    let config = clever_emulator::EmulatorConfig {
        events: true,
        rate_limit: 1_000_000,
        ..clever_emulator::EmulatorConfig::default()
    };
    let emulator = clever_emulator::start(config).await.unwrap();
    let store = Store::new();
    let sync = |exit: i32| {
        let mut command = cleverctl();
        command
            .args(["sync", "--quiet", "--store", &store.url(), "--api-url"])
            .arg(emulator.base_url().as_str())
            .env("CLEVER_TOKEN", emulator.district_token());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{}", errors(&output));
    };
    emulator.advance_days(1);
    sync(0);
    emulator.advance_days(1);
    sync(0);
    let told = json(&store, 0);
    assert_eq!(told[0]["path"], "events", "{told}");
    assert_eq!(
        told[0]["events_behind_seconds"], 0,
        "all that was read is applied"
    );
    assert!(!status(&store, &[], 0).contains("the newest event that was read"));
    emulator.advance_days(3);
    emulator.happen(clever_emulator::Happening::RoleOff);
    sync(3);
    let told = json(&store, 3);
    let days = told[0]["events_behind_seconds"].as_i64().unwrap() / 86_400;
    assert!((2..=4).contains(&days), "{told}");
    let shown = status(&store, &[], 0);
    let line = shown
        .lines()
        .find(|line| line.starts_with("the newest event that was read is "))
        .unwrap();
    assert!(line.ends_with(" later than the last one applied"), "{line}");
    assert!(line.contains(&format!("{days} day")), "{line}");
}

#[cfg(unix)]
#[test]
fn sigterm_ends_a_schedule_within_a_run_and_the_store_is_as_it_was() {
    let emulator = Emulator::start(&["--students", "20", "--fault", "hang@/users"]);
    let store = Store::new();
    let mut process = schedule(&store, &emulator);
    for _ in 0..200 {
        if store.path().exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(process.try_wait().unwrap(), None, "it hangs in its run");
    assert_eq!(terminate(&mut process), Some(0));
    assert_eq!(store.number("SELECT count(*) FROM runs"), 0);
}

/// The locks that this process has on a file, as the system lists them.
#[cfg(target_os = "linux")]
fn locks(path: &std::path::Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let place = format!(":{} ", std::fs::metadata(path).unwrap().ino());
    let owner = format!(" {} ", std::process::id());
    let all = std::fs::read_to_string("/proc/locks").unwrap();
    all.lines()
        .filter(|line| line.contains(&place) && line.contains(&owner))
        .map(|line| line.split_once(": ").unwrap().1.to_owned())
        .collect()
}

#[test]
fn opening_a_store_again_gives_up_no_lock_on_it() {
    let emulator = Emulator::start(&["--students", "20"]);
    let store = Store::new();
    store.report(&emulator, 0);
    let first = clever_sync::SqliteStore::open(&store.path()).unwrap();
    #[cfg(target_os = "linux")]
    let held = locks(&store.path());
    let second = clever_sync::SqliteStore::open(&store.path()).unwrap();
    #[cfg(target_os = "linux")]
    assert!(
        !held.is_empty() && locks(&store.path()) == held,
        "{held:?} were held, and now {:?}",
        locks(&store.path())
    );
    // Another process that is the last to leave, as far as it can tell, would take the log away.
    status(&store, &[], 0);
    let mut log = store.path().into_os_string();
    log.push("-wal");
    assert!(
        std::path::Path::new(&log).exists(),
        "the log was taken from under an open store"
    );
    drop((first, second));
}
