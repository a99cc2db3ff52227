//! What is measured: scraped from a schedule, written by cron, and named in the documents, the rules and the board.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clever_sync::report::measure::METRICS;
use serde_json::Value;

use crate::ground::{Emulator, Store, cleverctl, errors};

/// Asks a server on loopback: the status and the body.
pub(crate) fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A schedule whose metrics are served; it is killed with the value.
pub(crate) struct Scraped {
    process: Child,
    pub(crate) address: String,
}

impl Scraped {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command
            .args(["--metrics-listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut notes = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = notes.by_ref().find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once("http://")?;
            Some(rest.strip_suffix("/metrics")?.to_owned())
        });
        // It must not stop because nobody reads what it says.
        std::thread::spawn(move || notes.for_each(drop));
        Self {
            process,
            address: address.expect("it says where its metrics are"),
        }
    }

    /// Waits until `is_so` of what is scraped.
    pub(crate) fn until(&self, path: &str, is_so: impl Fn(u16, &str) -> bool) -> String {
        let mut last = (0, String::new());
        for _ in 0..300 {
            last = get(&self.address, path);
            if is_so(last.0, &last.1) {
                return last.1;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{path} stays {last:?}");
    }
}

impl Drop for Scraped {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The value of the first sample that begins so.
pub(crate) fn sample(text: &str, begin: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(begin))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn a_schedule_is_scraped_and_says_when_it_is_not_ready() {
    let (emulator, store) = (Emulator::start(&["--students", "20"]), Store::new());
    let token = store.path().with_extension("token");
    fs::write(&token, &emulator.token).unwrap();
    let mut command = cleverctl();
    command.args([
        "sync",
        "--every",
        "1s",
        "--max-failures",
        "2",
        "--store",
        &store.url(),
    ]);
    command.args([
        "--api-url",
        &emulator.url,
        "--token-file",
        token.to_str().unwrap(),
    ]);
    let scraped = Scraped::start(&mut command);
    assert_eq!(get(&scraped.address, "/healthz"), (200, "ok\n".to_owned()));
    let text = scraped.until("/metrics", |_, text| {
        sample(text, "clever_sync_attempts_total{ending=\"done\"}").is_some_and(|runs| runs >= 2.0)
    });
    let district = text.split_once("district=\"").unwrap().1;
    let district = district.split_once('"').unwrap().0.to_owned();
    let created = format!(
        "clever_sync_records_total{{district=\"{district}\",kind=\"users\",operation=\"create\"}}"
    );
    let users = store.number("SELECT count(*) FROM users");
    #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
    let users = users as f64;
    assert_eq!(sample(&text, &created), Some(users), "{text}");
    for begin in [
        "clever_sync_failed_attempts{",
        "clever_sync_held_records{",
        "clever_sync_stage_seconds_bucket{stage=\"apply\"",
        "clever_sync_last_success_timestamp_seconds{",
        "clever_sync_runs_total{",
        "clever_answers_total{",
        "# HELP clever_sync_held_records ",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(begin)),
            "{begin}: {text}"
        );
    }
    // All that is exported has a row in the document.
    let table = read("docs/monitoring.md");
    for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = name.split(' ').next().unwrap();
        assert!(
            table.contains(&format!("| `{name}` |")),
            "{name} is in no row"
        );
    }
    scraped.until("/readyz", |status, body| {
        status == 200 && body.contains("\"ready\":true")
    });
    // The token is rotated away: the schedule goes on, and says that nothing comes.
    fs::write(&token, "rotated-away").unwrap();
    let body = scraped.until("/readyz", |status, _| status == 503);
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&told["store"], &told["failing"][0]),
        (&true.into(), &district.into())
    );
    fs::write(&token, &emulator.token).unwrap();
    scraped.until("/readyz", |status, _| status == 200);
    let text = get(&scraped.address, "/metrics").1;
    assert!(sample(&text, "clever_sync_attempts_total{ending=\"refused\"}").unwrap() >= 2.0);
    // A store that is gone.
    for end in ["", "-wal", "-shm"] {
        let mut path = store.path().into_os_string();
        path.push(end);
        drop(fs::rename(
            &path,
            store.path().with_extension(format!("away{end}")),
        ));
    }
    fs::create_dir(store.path()).unwrap();
    let body = scraped.until("/readyz", |status, _| status == 503);
    assert!(body.contains("\"store\":false"), "{body}");
}

#[cfg(unix)]
#[test]
fn cron_leaves_a_file_for_node_exporter_also_of_a_run_that_failed() {
    use std::os::unix::fs::PermissionsExt;
    let (emulator, store) = (Emulator::start(&["--students", "20"]), Store::new());
    let file = store.path().with_extension("prom");
    let to = file.to_str().unwrap();
    let output = store.sync(&emulator, &["-q", "--metrics-file", to]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(
        sample(&text, "clever_sync_attempts_total{ending=\"done\"}"),
        Some(1.0)
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o644
    );
    let success = sample(&text, "clever_sync_last_success_timestamp_seconds{").unwrap();
    let mut command = store.syncing(&emulator, &["-q", "--metrics-file", to]);
    command.env("CLEVER_TOKEN", "rotated-away");
    assert_eq!(command.output().unwrap().status.code(), Some(4));
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(
        sample(&text, "clever_sync_attempts_total{ending=\"refused\"}"),
        Some(1.0)
    );
    let failed = text.lines().filter(|line| {
        // Another is of tries that came to no district.
        line.starts_with("clever_sync_failed_attempts{") && !line.contains("\"\"")
    });
    let failed: Vec<&str> = failed.filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(failed, ["1"], "{text}");
    // The levels are the store's, also of a process that synced nothing.
    let then = sample(&text, "clever_sync_last_success_timestamp_seconds{");
    assert_eq!(then, Some(success));
    let names: BTreeSet<&str> = names(&text);
    for metric in METRICS {
        let is_told = names.iter().any(|name| name.starts_with(metric.name));
        // Of a run that failed there is nothing to say of records and events.
        let is_of_a_run = metric.name.contains("runs")
            || metric.name.contains("records_total")
            || metric.name.contains("behind");
        assert!(is_told || is_of_a_run, "{}: {text}", metric.name);
    }
}

#[test]
fn accounts_measure_their_decisions() {
    let (emulator, store) = (Emulator::start(&["--students", "20"]), Store::new());
    store.report(&emulator, 0);
    let file = store.path().with_extension("prom");
    let accounts = format!(
        "sqlite:{}",
        store.path().with_extension("accounts.db").display()
    );
    let mut command = cleverctl();
    command.args([
        "accounts",
        "sync",
        "--accounts",
        &accounts,
        "--store",
        &store.url(),
    ]);
    command.args(["--create", "--metrics-file", file.to_str().unwrap()]);
    command.env("CLEVER_CREDENTIALS", store.path().with_extension("kept"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let text = fs::read_to_string(&file).unwrap();
    let made = sample(&text, "clever_provision_decisions_total{row=\"R11\"}").unwrap();
    assert!(made >= 20.0, "{text}");
    assert_eq!(
        sample(&text, "clever_provision_reviews_open"),
        Some(0.0),
        "{text}"
    );
}

#[test]
fn log_lines_are_json_with_spans_of_stable_names() {
    let (emulator, store) = (Emulator::start(&["--students", "20"]), Store::new());
    let output = store.sync(&emulator, &["-q", "--log", "info", "--log-format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let said = errors(&output);
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} is no JSON")))
        .collect();
    let reading = lines
        .iter()
        .find(|line| line["message"] == "reading")
        .unwrap();
    assert_eq!(reading["span"]["name"], "sync", "{said}");
    assert_eq!(reading["span"]["district"].as_str().unwrap().len(), 24);
    let output = store.sync(&emulator, &["-q", "--log", "debug", "--log-format", "json"]);
    let said = errors(&output);
    let spans = said.lines().flat_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        spans
            .into_iter()
            .map(|span| span["name"].as_str().unwrap().to_owned())
    });
    let spans: BTreeSet<String> = spans.collect();
    for name in ["sync", "learn"] {
        assert!(spans.contains(name), "{name}: {said}");
    }
    assert!(!said.contains(&emulator.token));
    let output = store.sync(&emulator, &["-q", "--log", "info"]);
    assert!(
        errors(&output).contains("INFO sync{district="),
        "{}",
        errors(&output)
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c: char| !is_part(c));
    let beginnings = [
        "clever_sync_",
        "clever_provision_",
        "clever_answer",
        "clever_rate_",
        "clever_retries",
        "clever_unanswered",
        "clever_given",
        "clever_token_",
    ];
    words
        .filter(|word| beginnings.iter().any(|begin| word.starts_with(begin)))
        .collect()
}

#[test]
fn the_table_the_rules_and_the_board_name_what_is_measured() {
    let table = read("docs/monitoring.md");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| `clever_"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let row = |name: &str| {
        let cell = format!("`{name}`");
        rows.iter()
            .find(|row| row[0] == cell)
            .unwrap_or_else(|| panic!("{name} is in no row"))
    };
    for metric in METRICS {
        let row = row(metric.name);
        assert_eq!(row[1], format!("{:?}", metric.kind).to_lowercase());
        let labels: Vec<String> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        assert_eq!(row[2], labels.join(", "), "{}", metric.name);
        assert_eq!(row[3], metric.help, "{}", metric.name);
    }
    for (name, _, help) in clever_provision::measure::METRICS {
        let row = row(name);
        assert_eq!(row.last(), Some(&help), "{name}");
    }
    let known: BTreeSet<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    for file in [
        "deploy/prometheus/clever.rules.yml",
        "deploy/prometheus/clever.rules.test.yml",
        "deploy/grafana/clever.json",
    ] {
        let text = read(file);
        let used = names(&text);
        assert!(used.len() >= 3, "{file}: {used:?}");
        for name in used {
            let name = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(
                known.contains(name),
                "{file} asks for {name}, which nothing exports"
            );
        }
    }
    let board: Value = serde_json::from_str(&read("deploy/grafana/clever.json")).unwrap();
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            assert!(
                !names(target["expr"].as_str().unwrap()).is_empty(),
                "{panel}"
            );
        }
    }
}

#[test]
fn promtool_takes_the_rules_and_their_tests_pass() {
    let folder = root().join("deploy/prometheus");
    for args in [
        ["check", "rules", "clever.rules.yml"],
        ["test", "rules", "clever.rules.test.yml"],
    ] {
        let ran = Command::new("promtool")
            .args(args)
            .current_dir(&folder)
            .output();
        let Ok(output) = ran else {
            eprintln!("skipped: promtool is not here (Debian's package `prometheus`)");
            return;
        };
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            errors(&output)
        );
        assert!(output.status.success(), "{args:?}: {said}");
    }
}
