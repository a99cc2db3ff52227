//! A first load and a night without change over HTTP, beside a hand-tuned script of Python's (`script.py`) that reads
//! the same district from the same server: `cargo xtask bench sync -- --students 100000`. With `--step waiting`: what a sync
//! waits for a server that answers late.
//!
//! Each step is a process of its own, so that its CPU is its own; so is the server's. CLEVER_BENCH_PYTHON names a Python that
//! has requests and orjson.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench fails by panicking and prints its report"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clever_auth::DistrictAppToken;
use clever_client::{ClientOptions, District};
use clever_emulator::{EmulatorConfig, WorldSource};
use clever_model::SystemClock;
use clever_sync::{AnyStore, Open, SyncOptions, SyncPolicy, Way, sync};
use tempfile::TempDir;

/// How late answers come where waiting is measured.
const LATE_MS: u64 = 500;

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}

/// Serves the district until nobody listens any more.
async fn serve(students: u32) {
    let emulator = clever_emulator::start(EmulatorConfig {
        world: WorldSource::Generated { seed: 1, students },
        rate_limit: u64::MAX,
        ..EmulatorConfig::default()
    });
    let emulator = emulator.await.unwrap();
    println!("{}", emulator.base_url());
    println!("{}", emulator.district_token());
    let wait = || std::io::stdin().read_line(&mut String::new());
    tokio::task::spawn_blocking(wait).await.unwrap().unwrap();
}

/// Syncs as `cleverctl sync --full` does, and prints how many records there are.
async fn ours(url: &str, token: &str, store: &str) {
    let options = ClientOptions {
        api_url: url.parse().unwrap(),
        ..ClientOptions::default()
    };
    let district = District::new(options, DistrictAppToken::new(token).unwrap()).unwrap();
    let mut store = AnyStore::open(&store.parse().unwrap(), Open::Create)
        .await
        .unwrap();
    let how = SyncOptions {
        way: Way::Snapshot,
        ..SyncOptions::default()
    };
    let policy = SyncPolicy::default();
    let report = sync(&district, &mut store, &policy, &how, &SystemClock, &())
        .await
        .unwrap();
    let seen: u64 = report.kinds.values().map(|kind| kind.seen).sum();
    println!("{seen}");
}

/// CPU seconds of all children that have ended.
fn of_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: f64 = ticks.map(|text| text.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// Runs a step to its end: its CPU seconds, and the records that it says it has read.
fn timed(step: &mut Command) -> (f64, u64) {
    let before = of_children();
    let output = step.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "a step failed");
    let said = String::from_utf8(output.stdout).unwrap();
    (of_children() - before, said.trim().parse().unwrap())
}

fn own(step: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--step", step]);
    command
}

struct Server(Child, [String; 2]);

impl Server {
    fn start(students: u32) -> Self {
        let mut child = own("serve")
            .args(["--students", &students.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = [(); 2].map(|()| lines.next().unwrap().unwrap());
        Self(child, said)
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

fn measure(students: u32, python: &str, folder: &Path) {
    let server = Server::start(students);
    let [url, token] = server.1.clone();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/beside/script.py");
    let store = format!("sqlite:{}", folder.join("ours.db").display());
    let mut costs = Vec::new();
    println!("| {students} students over HTTP | CPU s | µs a record |\n| --- | --: | --: |");
    for what in ["first load", "nothing changed"] {
        let args = ["--url", &url, "--token", &token, "--store", &store];
        let (cpu, records) = timed(own("ours").args(args));
        println!("| {what} | {cpu:.2} | {:.1} |", cpu * 1e6 / records as f64);
        let mut command = Command::new(python);
        command
            .arg(&script)
            .args([url.trim_end_matches('/'), &token]);
        let (theirs, same) = timed(command.arg(folder.join("script.db")));
        println!(
            "| script: {what} | {theirs:.2} | {:.1} |",
            theirs * 1e6 / same as f64
        );
        // Ours reads the district's own record, too.
        assert_eq!(records, same + 1);
        costs.push((what, cpu / theirs));
    }
    for (what, ratio) in costs {
        println!("\n{what} : script = {ratio:.2}");
    }
    server.end();
}

/// What a sync waits for a server that answers late, beside the same requests one after the other.
async fn waiting(students: u32, folder: &Path) {
    let run = async |late: u64| {
        let emulator = clever_emulator::start(EmulatorConfig {
            world: WorldSource::Generated { seed: 1, students },
            rate_limit: u64::MAX,
            latency: Duration::from_millis(late),
            ..EmulatorConfig::default()
        });
        let emulator = emulator.await.unwrap();
        let (url, token) = (emulator.base_url().as_str(), emulator.district_token());
        let mut passed = Vec::new();
        for _ in ["first load", "nothing changed"] {
            let (begin, before) = (Instant::now(), emulator.requests());
            let store = folder.join(format!("late-{late}.db"));
            ours(url, token, &format!("sqlite:{}", store.display())).await;
            passed.push((begin.elapsed(), emulator.requests() - before));
        }
        passed
    };
    let (at_once, late) = (run(0).await, run(LATE_MS).await);
    println!("\n| each answer {LATE_MS} ms late | requests | s | one after the other, s | ratio |");
    println!("| --- | --: | --: | --: | --: |");
    for (what, (work, (wall, requests))) in ["first load", "nothing changed"]
        .iter()
        .zip(at_once.into_iter().map(|(work, _)| work).zip(late))
    {
        let waits = Duration::from_millis(LATE_MS) * u32::try_from(requests).unwrap();
        let (wall, other) = (wall.as_secs_f64(), (work + waits).as_secs_f64());
        println!(
            "| {what} | {requests} | {wall:.1} | {other:.1} | {:.2} |",
            wall / other
        );
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let students = argument("--students").map_or(100_000, |count| count.parse().unwrap());
    match argument("--step").as_deref() {
        Some("serve") => serve(students).await,
        Some("ours") => {
            let [url, token, store] =
                ["--url", "--token", "--store"].map(|name| argument(name).unwrap());
            ours(&url, &token, &store).await;
        }
        Some("waiting") => waiting(students, TempDir::new().unwrap().path()).await,
        _ => match std::env::var("CLEVER_BENCH_PYTHON") {
            Ok(python) => measure(students, &python, TempDir::new().unwrap().path()),
            Err(_) => {
                println!("skipped: CLEVER_BENCH_PYTHON names no Python with requests and orjson");
            }
        },
    }
}
