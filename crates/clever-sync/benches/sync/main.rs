//! Syncs of a made-up district against two yardsticks of the same run: reading and splitting its pages, and a
//! naive loader that decodes all of them into their models and upserts all of them into the same database.
//! `cargo xtask bench sync -- --students 100000`.
//!
//! At the end the store is asked what people ask of it: how it stands, what changed last, why a record is as it is.
//!
//! Each step is a process of its own, so that its CPU and its largest memory are its own. Pages lie in files, so
//! that what is measured is the sync and not a network. CLEVER_TEST_POSTGRES, if it is set, names a server
//! whose figures are added.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench fails by panicking and prints its report"
)]

mod asks;
mod district;
mod naive;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use clever_model::ManualClock;
use clever_model::RecordKind;
use clever_sync::{AnyStore, Open, RunPath, SyncOptions, SyncPolicy, SyncReport, Way, sync};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use district::{District, Edition, Sizes};

/// Events of the step that applies some.
const EVENTS: usize = 10_000;

/// What a step cost.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Cost {
    wall: f64,
    /// CPU seconds of the step's own process.
    cpu: f64,
    /// CPU seconds of the database server, if there is one.
    server: f64,
    /// The largest memory of the step's own process, in MiB.
    peak: u64,
}

impl Cost {
    fn all(&self) -> f64 {
        self.cpu + self.server
    }
}

/// The numbers of a process's `stat` file after its name: its parent is the second, from 0.
fn stat(process: &str) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    fields.split_whitespace().map(ToOwned::to_owned).collect()
}

/// CPU seconds that a process has used, with all its threads and its ended children.
fn cpu(process: &str) -> f64 {
    let stat = stat(process);
    let ticks = stat.iter().skip(11).take(4);
    let ticks: f64 = ticks.filter_map(|text| text.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// CPU seconds of a database server: its first process, with those that ended, and those that run.
fn server_cpu(server: Option<&str>) -> f64 {
    let Some(server) = server else { return 0.0 };
    let processes = fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|process| process == server || stat(process).get(1).is_some_and(|of| of == server))
        .map(|process| cpu(&process))
        .sum()
}

/// The largest memory of this process so far, in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}

async fn run(district: &District, url: &str, way: Way) -> SyncReport {
    let mut store = AnyStore::open(&url.parse().unwrap(), Open::Create)
        .await
        .unwrap();
    let policy = SyncPolicy {
        max_updated_percent: 100,
        ..SyncPolicy::default()
    };
    let options = SyncOptions {
        way,
        ..SyncOptions::default()
    };
    let clock = ManualClock::at("2026-09-14T12:00:00Z".parse().unwrap());
    sync(district, &mut store, &policy, &options, &clock, &())
        .await
        .unwrap()
}

async fn split(district: &District) -> usize {
    let mut records = 1;
    for list in ["schools", "terms", "courses", "users", "sections"] {
        let mut pages = std::pin::pin!(district.read(list));
        while let Some(page) = pages.next().await {
            records += page.unwrap().len();
        }
    }
    records
}

async fn client(url: &str) -> Client {
    // With the store's tables in sight.
    let url = format!("{url}?options=-csearch_path%3Dclever%2Cpublic");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Does one step in this process.
async fn step(name: &str, folder: &Path, url: &str, students: usize) {
    let sizes = Sizes::of(students);
    let [old, new] = ["old", "new"].map(|edition| folder.join(edition));
    match name {
        "generate" => {
            district::write(&old, students, Edition::Old);
            district::write(&new, students, Edition::New);
            district::write_events(&folder.join("events"), students, EVENTS.min(students));
        }
        "split" => assert_eq!(split(&District::at(&old)).await, sizes.records()),
        "split new" => assert!(split(&District::at(&new)).await > 0),
        "first" => {
            let report = run(&District::at(&old), url, Way::Snapshot).await;
            let created: u64 = report.kinds.values().map(|kind| kind.created).sum();
            assert_eq!(created, sizes.records() as u64);
            assert_eq!(report.enrollments.students, sizes.places() as u64);
        }
        "same" => {
            let report = run(&District::at(&old), url, Way::Snapshot).await;
            assert!(report.is_unchanged());
        }
        "few" => {
            let report = run(&District::at(&new), url, Way::Snapshot).await;
            assert!(report.kinds[&RecordKind::Users].updated > students as u64 / 100);
        }
        "back" => {
            let report = run(&District::at(&old), url, Way::Snapshot).await;
            assert!(report.kinds[&RecordKind::Users].updated > students as u64 / 100);
        }
        "events" => {
            let report = run(&District::at(&folder.join("events")), url, Way::Events).await;
            assert_eq!(report.path, RunPath::Events);
            let users = &report.kinds[&RecordKind::Users];
            let told = EVENTS.min(students) as u64;
            // Those who were gone are here again.
            assert_eq!(users.updated + users.restored, told);
        }
        "naive" if url.starts_with("postgres") => {
            naive::postgres(&District::at(&old), &mut client(url).await).await;
        }
        "naive" => naive::sqlite(&District::at(&old), url.trim_start_matches("sqlite:")).await,
        other => unreachable!("no step is called {other}"),
    }
}

/// Runs one step in a process of its own.
fn child(name: &str, folder: &Path, url: &str, students: usize, server: Option<&str>) -> Cost {
    let before = server_cpu(server);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--step", name, "--folder"])
        .arg(folder)
        .args(["--url", url, "--students", &students.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the step {name} failed");
    let mut cost: Cost = serde_json::from_slice(&output.stdout).unwrap();
    cost.server = server_cpu(server) - before;
    cost
}

/// Asks the store what people ask, in a process of its own, which says how long each answer took.
fn asks(name: &str, url: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--step", "asks", "--of", name, "--folder", "", "--url", url])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the step asks failed");
    String::from_utf8(output.stdout).unwrap()
}

fn line(name: &str, cost: Cost, records: usize) {
    println!(
        "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
        cost.wall,
        cost.cpu,
        cost.server,
        cost.all() * 1e6 / records as f64,
        cost.peak
    );
}

/// Measures all steps over one store, and naive loading over another: ratios, and how long answers took.
fn figures(
    name: &str,
    folder: &Path,
    urls: [&str; 2],
    students: usize,
    server: Option<&str>,
) -> (BTreeMap<&'static str, String>, String) {
    let records = Sizes::of(students).records();
    let mut costs = BTreeMap::new();
    let steps = [
        ("first", "first load"),
        ("split", "read and split"),
        ("same", "nothing changed"),
        ("few", "1 % changed"),
        ("back", "1 % changed back"),
        ("few", "1 % changed again"),
        ("back", "1 % changed back again"),
        ("events", "events"),
    ];
    let mut nights = Vec::new();
    for (step, title) in steps {
        // What is compared finds its pages, and the store its rows, where the system keeps what was read last: a load
        // of gigabytes drives them out, and what it costs to get them again is the disk's and not the sync's.
        let warm = match step {
            "split" | "same" => Some(step),
            "few" => Some("split new"),
            "back" => Some("split"),
            _ => None,
        };
        if let Some(step) = warm {
            child(step, folder, urls[0], students, server);
            if let Some(file) = urls[0].strip_prefix("sqlite:") {
                io::copy(&mut fs::File::open(file).unwrap(), &mut io::sink()).unwrap();
            }
        }
        let of = if step == "events" {
            EVENTS.min(students)
        } else {
            records
        };
        let cost = child(step, folder, urls[0], students, server);
        line(&format!("{name}: {title}"), cost, of);
        costs.insert(step, cost);
        if matches!(step, "few" | "back") {
            nights.push(cost.all());
        }
    }
    let asked = asks(name, urls[0]);
    let first_night = nights[0];
    nights.sort_by(f64::total_cmp);
    let night = (nights[1] + nights[2]) / 2.0;
    for (step, title) in [("naive first", "first load"), ("naive same", "again")] {
        let cost = child("naive", folder, urls[1], students, server);
        line(&format!("{name}, naive: {title}"), cost, records);
        costs.insert(step, cost);
    }
    let ratio = |a: &str, b: &str| format!("{:.2}", costs[a].all() / costs[b].all());
    let nightly = |cost: f64| format!("{:.2}", cost / costs["same"].all());
    let ratios = BTreeMap::from([
        ("first load : naive", ratio("first", "naive first")),
        ("nothing changed : read and split", ratio("same", "split")),
        ("naive again : nothing changed", ratio("naive same", "same")),
        (
            "1 % changed, the first night : nothing changed",
            nightly(first_night),
        ),
        (
            "1 % changed, the middle of four nights : nothing changed",
            nightly(night),
        ),
    ]);
    (ratios, asked)
}

/// The machine, as its own files tell it.
fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([':', '\t', ' ']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    format!("{cores} × {model}, load {load} when it began")
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let students = argument("--students").map_or(100_000, |count| count.parse().unwrap());
    if let Some(name) = argument("--step") {
        let folder = PathBuf::from(argument("--folder").unwrap());
        let url = argument("--url").unwrap_or_default();
        if name == "asks" {
            asks::ask(&argument("--of").unwrap_or_default(), &url).await;
            return;
        }
        let begin = Instant::now();
        step(&name, &folder, &url, students).await;
        let cost = Cost {
            wall: begin.elapsed().as_secs_f64(),
            cpu: cpu("self"),
            server: 0.0,
            peak: peak(),
        };
        println!("{}", serde_json::to_string(&cost).unwrap());
        return;
    }
    let holder = TempDir::new().unwrap();
    let folder = holder.path();
    let sizes = Sizes::of(students);
    child("generate", folder, "", students, None);
    let bytes: u64 = fs::read_dir(folder.join("old"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    println!("{}", machine());
    println!(
        "{students} students, {} records, {} places, {:.2} GB of pages\n",
        sizes.records(),
        sizes.places(),
        bytes as f64 / 1e9
    );
    println!(
        "| Step | s | CPU s | server's CPU s | CPU µs a record | peak MiB |\n| --- | --: | --: | --: | --: | --: |"
    );
    let sqlite = |name: &str| format!("sqlite:{}", folder.join(name).display());
    let mut ratios = BTreeMap::new();
    let urls = [sqlite("ours.db"), sqlite("naive.db")];
    ratios.insert(
        "SQLite",
        figures("SQLite", folder, [&urls[0], &urls[1]], students, None),
    );
    if let Ok(server) = std::env::var("CLEVER_TEST_POSTGRES") {
        let admin = client(&server).await;
        // Each connection has a process; all are children of the server's first.
        let row = admin
            .query_one("SELECT pg_backend_pid()", &[])
            .await
            .unwrap();
        let first = stat(&row.get::<_, i32>(0).to_string()).remove(1);
        let names = ["ours", "naive"].map(|name| format!("bench_{name}_{}", std::process::id()));
        for name in &names {
            admin
                .batch_execute(&format!("CREATE DATABASE {name}"))
                .await
                .unwrap();
        }
        let root = server.rsplit_once('/').unwrap().0;
        let urls = names.each_ref().map(|name| format!("{root}/{name}"));
        ratios.insert(
            "PostgreSQL",
            figures(
                "PostgreSQL",
                folder,
                [&urls[0], &urls[1]],
                students,
                Some(&first),
            ),
        );
        for name in &names {
            admin
                .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
                .await
                .unwrap();
        }
    }
    println!("\n| Ratio of CPU | {} |", {
        let stores: Vec<&str> = ratios.keys().copied().collect();
        stores.join(" | ")
    });
    println!("| --- |{}", " --: |".repeat(ratios.len()));
    for name in ratios["SQLite"].0.keys() {
        let values: Vec<&str> = ratios.values().map(|(of, _)| of[name].as_str()).collect();
        println!("| {name} | {} |", values.join(" | "));
    }
    println!("\n| Asked, ms | first | middle | slowest |\n| --- | --: | --: | --: |");
    for (_, asked) in ratios.values() {
        print!("{asked}");
    }
}
