//! What `deploy/` has, as far as this machine can run it: the units for systemd's own checks, the settings for the binary,
//! and the commands of the compose file against each other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::ground::{cleverctl, errors};

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(path)
}

pub(crate) fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(deploy(path)).unwrap()).unwrap()
}

#[test]
fn systemd_takes_the_units_and_calls_the_service_confined() {
    let Ok(analyze) = Command::new("systemd-analyze").arg("--version").output() else {
        eprintln!("skipped: there is no systemd-analyze");
        return;
    };
    assert!(analyze.status.success());
    let folder = TempDir::new().unwrap();
    for name in ["clever-sync.service", "clever-sync.timer"] {
        // The program is not installed here.
        let unit = fs::read_to_string(deploy("systemd").join(name)).unwrap();
        let unit = unit.replace("/usr/bin/cleverctl", env!("CARGO_BIN_EXE_cleverctl"));
        fs::write(folder.path().join(name), unit).unwrap();
    }
    let service = folder.path().join("clever-sync.service");
    let timer = folder.path().join("clever-sync.timer");
    let checked = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args([&service, &timer])
        .output()
        .unwrap();
    // It only warns of a setting that it does not know.
    assert!(
        checked.status.success() && checked.stderr.is_empty(),
        "{}",
        errors(&checked)
    );
    let confined = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&service)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&confined.stdout);
    assert!(
        confined.status.success(),
        "exposed by more than 2.0: {said}"
    );
}

#[test]
fn the_settings_of_the_manifests_are_settings() {
    let map = yaml("kubernetes/settings.yaml");
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("clever.toml");
    fs::write(&file, map["data"]["clever.toml"].as_str().unwrap()).unwrap();
    let shown = cleverctl()
        .args(["config", "show", "--settings"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(shown.status.success(), "{}", errors(&shown));
}

/// The arguments of a service, with the addresses of this test.
fn arguments(compose: &Value, service: &str, changes: &[(&str, &str)]) -> Vec<String> {
    let list = compose["services"][service]["command"].as_array().unwrap();
    let changed = |text: &str| {
        let change = changes.iter().find(|(from, _)| *from == text);
        change.map_or(text, |(_, to)| *to).to_owned()
    };
    list.iter()
        .map(|text| changed(text.as_str().unwrap()))
        .collect()
}

/// Ends with the value.
struct Service(std::process::Child);

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Tries a probe until it is well.
fn is_well(mut probe: Command, name: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let output = probe.output().unwrap();
        if output.status.success() {
            return;
        }
        assert!(Instant::now() < until, "{name}: {}", errors(&output));
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn the_services_of_the_compose_file_work_together() {
    let compose = yaml("compose.yaml");
    let folder = TempDir::new().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "token-of-the-test\n").unwrap();
    // Freed at once for the services: two processes have to know the port.
    let free = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let (port, pages) = (free(), free());
    let console = format!("127.0.0.1:{pages}");
    let api = format!("http://127.0.0.1:{port}");
    let listen = format!("0.0.0.0:{port}");
    let store = format!("sqlite:{}", folder.path().join("roster.db").display());
    let changes = [
        ("http://127.0.0.1:8787", &*api),
        ("0.0.0.0:8787", &*listen),
        ("0.0.0.0:9464", "127.0.0.1:0"),
        ("0.0.0.0:8788", &*console),
        ("/run/secrets/clever_token", token.to_str().unwrap()),
    ];
    let start = |name: &str| {
        let process = cleverctl()
            .args(arguments(&compose, name, &changes))
            .env("CLEVER_EMULATOR_TOKEN", "control")
            .env("CLEVER_TOKEN", "token-of-the-test")
            .env("CLEVER_STORE", &store)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Service(process.unwrap())
    };
    let probe = |name: &str| {
        let list = compose["services"][name]["healthcheck"]["test"]
            .as_array()
            .unwrap();
        let mut probe = cleverctl();
        for text in &list[2..] {
            let text = text.as_str().unwrap();
            let change = changes.iter().find(|(from, _)| *from == text);
            probe.arg(change.map_or(text, |(_, to)| to));
        }
        probe
            .env("CLEVER_TOKEN", "token-of-the-test")
            .env("CLEVER_STORE", &store);
        probe
    };
    let _emulator = start("emulator");
    is_well(probe("emulator"), "emulator");
    let _sync = start("sync");
    is_well(probe("sync"), "sync");
    // Not only reachable: a first run of the schedule ended well.
    let mut status = cleverctl();
    status
        .args(["status", "--check", "--store", &store])
        .env("CLEVER_TOKEN", "token-of-the-test");
    is_well(status, "status");
    let _console = start("console");
    is_well(probe("console"), "console");
    let until = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(("127.0.0.1", pages)).is_err() {
        assert!(Instant::now() < until, "the console does not listen");
        std::thread::sleep(Duration::from_millis(100));
    }
}
