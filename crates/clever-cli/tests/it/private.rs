//! What a session of commands leaves on the disk is its owner's alone, whatever the umask, and no link is followed.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::ground::{Emulator, cleverctl, errors};

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// Runs a command in a folder under a umask that hides nothing.
fn run(folder: &Path, emulator: &Emulator, args: &[&str]) -> Output {
    let ours = cleverctl();
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 0; exec \"$@\"", "sh"])
        .arg(ours.get_program())
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.join("home"))
        .env("CLEVER_TOKEN", &emulator.token);
    if !args.contains(&"credential") {
        command.env("CLEVER_KEY", KEY);
    }
    let output = command.output().unwrap();
    let code = output.status.code().unwrap();
    assert!(
        matches!(code, 0 | 3),
        "{args:?} {code}: {}",
        errors(&output)
    );
    output
}

/// Every file and folder below, with its mode.
fn modes(folder: &Path, all: &mut Vec<(String, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_symlink() {
            continue;
        }
        all.push((
            path.display().to_string(),
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        ));
        if kind.is_dir() {
            modes(&path, all);
        }
    }
}

#[test]
fn field_f17_all_that_a_session_writes_is_its_owners_alone() {
    let emulator = Emulator::start(&["--students", "30", "--seed", "4"]);
    let outer = TempDir::new().unwrap();
    let folder = outer.path().join("session");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let victim = outer.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    // Links that somebody laid where files will be.
    fs::create_dir(folder.join("csv")).unwrap();
    for name in ["one.plan", "links.csv", "doubts.csv", "csv/students.csv"] {
        symlink(&victim, folder.join(name)).unwrap();
    }
    let url = emulator.url.as_str();
    let accounts = ["--accounts", "sqlite:accounts.db"];
    crate::matching::files(&folder);
    let session: Vec<Vec<&str>> = vec![
        vec!["init"],
        vec!["credential", "add", "north", "--district", "d1"],
        vec!["sync", "--api-url", url],
        vec![
            "sync",
            "--api-url",
            url,
            "--full",
            "--dry-run",
            "--plan",
            "one.plan",
        ],
        [&["accounts"], &accounts[..], &["sync", "--create"]].concat(),
        vec!["export", "--format", "csv", "csv"],
        vec!["export", "--format", "oneroster", "roster"],
        #[cfg(feature = "parquet")]
        vec!["export", "--format", "parquet", "columns/today"],
        vec![
            "match",
            "--left",
            "accounts.csv",
            "--right",
            "roster.csv",
            "--config",
            "match.toml",
            "--out",
            "links.csv",
            "--review",
            "doubts.csv",
        ],
        vec!["demo", "--store", "sqlite:demo.db"],
        vec!["changes", "--consumer", "app"],
        vec!["status"],
        vec!["prune", "--archived-before", "1d", "--yes"],
        vec!["forget", "--list"],
    ];
    for args in &session {
        run(&folder, &emulator, args);
    }
    let mut all = Vec::new();
    modes(&folder, &mut all);
    // What the test wrote itself is as it was written.
    let ours = ["accounts.csv", "roster.csv", "match.toml", "/csv"];
    all.retain(|(path, _)| !ours.iter().any(|name| path.ends_with(name)));
    assert!(all.len() > 15, "{all:?}");
    let open: Vec<_> = all.iter().filter(|(_, mode)| mode & 0o077 != 0).collect();
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    for name in ["one.plan", "links.csv", "doubts.csv", "csv/students.csv"] {
        let kind = fs::symlink_metadata(folder.join(name)).unwrap().file_type();
        assert!(kind.is_file(), "{name} takes the link's place");
    }
}
