//! Files that are written, and stores that are only read: whole or as they were, their owner's alone, and opened without
//! a trace.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::disk::inside;
use crate::ground::{Emulator, Store, cleverctl, errors};

/// Every file and folder of a folder, and what is in the files.
fn look(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap();
    let entries = entries.map(|entry| entry.unwrap().path());
    let entries = entries.map(|path| (path.clone(), fs::read(&path).unwrap_or_default()));
    entries.collect()
}

fn export(store: &Store, args: &[&str], folder: &Path) -> Command {
    let mut command = cleverctl();
    command.args(["export", "--store", &store.url()]).args(args);
    command.arg(folder);
    command
}

fn passes(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Starts an export and ends it while its files are being written; says how it ended. `None` where it was done before.
fn ended(store: &Store, format: &str, folder: &Path, signal: &str) -> Option<Option<i32>> {
    let mut command = export(store, &["--format", format], folder);
    let mut process = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let writes = || {
        let parts = fs::read_dir(folder).unwrap();
        let mut parts = parts.map(|entry| entry.unwrap().path());
        parts.any(|path| path.is_dir() && fs::read_dir(path).is_ok_and(|files| files.count() > 1))
    };
    while !writes() {
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let id = process.id().to_string();
    drop(Command::new("kill").args(["-s", signal, &id]).status());
    let status = process.wait().unwrap();
    (!status.success()).then(|| status.code())
}

#[test]
fn field_05_an_export_that_is_stopped_leaves_yesterdays_set() {
    let store = Store::new();
    store.report(&Emulator::start(&["--students", "2000"]), 0);
    let folder = store.path().with_extension("files");
    for format in ["csv", "oneroster"] {
        passes(&mut export(&store, &["--format", format], &folder));
        let whole = look(&folder);
        // What stands there may be anything: it is not opened.
        for path in whole.keys() {
            fs::write(path, "yesterday's").unwrap();
        }
        let yesterday = look(&folder);
        for (signal, code) in [("INT", Some(130)), ("TERM", Some(143)), ("KILL", None)] {
            let Some(end) = ended(&store, format, &folder, signal) else {
                panic!("{format} was done before it could be stopped");
            };
            assert_eq!(end, code, "{format} {signal}");
            let mut left = look(&folder);
            if signal == "KILL" {
                let parts = |path: &Path| path.to_string_lossy().ends_with(".partial");
                left.retain(|path, _| !parts(path));
            }
            assert_eq!(left, yesterday, "{format} {signal}");
        }
        // The next one cleans up.
        passes(&mut export(&store, &["--format", format], &folder));
        assert_eq!(look(&folder), whole, "{format}");
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn field_14_formulas_are_text_for_spreadsheets_alone() {
    let pages = TempDir::new().unwrap();
    let users = r#"{"data":[{"data":{"id":"u1","name":{"first":"=cmd|'/C calc'!A0","last":"+1\n2"},
        "roles":{"student":{"sis_id":"-3"}}}}]}"#;
    fs::write(pages.path().join("users.json"), users).unwrap();
    let district = r#"{"data":[{"data":{"id":"d1","name":"D"}}]}"#;
    fs::write(pages.path().join("districts.json"), district).unwrap();
    fs::write(pages.path().join("sections.json"), r#"{"data":[]}"#).unwrap();
    let store = Store::new();
    store.report(
        &Emulator::start(&["--recorded", pages.path().to_str().unwrap()]),
        0,
    );
    let folder = store.path().with_extension("files");
    let of = |args: &[&str]| {
        passes(&mut export(&store, args, &folder));
        let mut reader = csv::Reader::from_path(folder.join("students.csv")).unwrap();
        let row: BTreeMap<String, String> = reader.deserialize().next().unwrap().unwrap();
        ["Student_id", "First_name", "Last_name", "Middle_name"].map(|column| row[column].clone())
    };
    assert_eq!(
        of(&["--format", "csv"]),
        ["-3", "=cmd|'/C calc'!A0", "+1 2", ""]
    );
    assert_eq!(
        of(&["--format", "csv", "--for", "spreadsheets"]),
        ["'-3", "'=cmd|'/C calc'!A0", "'+1 2", ""]
    );
    let output = export(
        &store,
        &["--format", "oneroster", "--for", "spreadsheets"],
        &folder,
    )
    .output();
    let text = errors(&output.unwrap());
    assert!(
        text.contains("--for spreadsheets goes with --format csv"),
        "{text}"
    );
}

#[test]
fn field_08_dates_that_cannot_be_read_are_told_and_counted() {
    let pages = TempDir::new().unwrap();
    let term = |id: &str, start: &str| {
        format!(r#"{{"data":{{"id":"{id}","name":"T","start_date":"{start}"}}}}"#)
    };
    let terms = [
        ("t1", "8/17/2026"),
        ("t2", "Aug 17, 2026"),
        ("t3", "2026-02-30"),
    ];
    let terms = terms.map(|(id, start)| term(id, start)).join(",");
    fs::write(
        pages.path().join("terms.json"),
        format!(r#"{{"data":[{terms}]}}"#),
    )
    .unwrap();
    let district = r#"{"data":[{"data":{"id":"d1","name":"D"}}]}"#;
    fs::write(pages.path().join("districts.json"), district).unwrap();
    for kind in ["users", "sections"] {
        fs::write(pages.path().join(format!("{kind}.json")), r#"{"data":[]}"#).unwrap();
    }
    let store = Store::new();
    store.report(
        &Emulator::start(&["--recorded", pages.path().to_str().unwrap()]),
        0,
    );
    for (format, said) in [("csv", "written as they are"), ("oneroster", "left out")] {
        let folder = store.path().with_extension(format);
        let output = export(&store, &["--format", format, "--json"], &folder)
            .output()
            .unwrap();
        let text = errors(&output);
        assert!(
            text.contains(&format!(
                "terms.start_date that can't be read and are {said}: 2"
            )),
            "{text}"
        );
    }
}

#[cfg(unix)]
#[test]
fn field_f17_stores_and_what_lies_beside_them_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let store = Store::new();
    let emulator = Emulator::start(&["--students", "100"]);
    let modes = |begin: &str| {
        let all = fs::read_dir(store.path().parent().unwrap()).unwrap();
        let all = all.map(|entry| entry.unwrap());
        let all = all.filter(|entry| entry.file_name().to_string_lossy().starts_with(begin));
        let all: Vec<u32> = all
            .map(|entry| entry.metadata().unwrap().permissions().mode() & 0o777)
            .collect();
        all
    };
    // As most people have it.
    let with_umask = |args: &[&str]| {
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 022; exec \"$@\"", "sh"])
            .arg(cleverctl().get_program())
            .args(args);
        command.env("CLEVER_TOKEN", &emulator.token);
        command
    };
    passes(&mut with_umask(&[
        "sync",
        "--store",
        &store.url(),
        "--api-url",
        &emulator.url,
    ]));
    assert_eq!(modes("roster.db"), [0o600]);
    let reader = Connection::open(store.path()).unwrap();
    reader
        .query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0))
        .unwrap();
    let open = modes("roster.db");
    assert!(
        open.len() > 1 && open.iter().all(|mode| *mode == 0o600),
        "{open:?}"
    );
    let accounts = store.path().with_file_name("accounts.db");
    let address = format!("sqlite:{}", accounts.display());
    let mut review = with_umask(&["review", "--accounts", &address]);
    let credentials = store.path().with_file_name("kept/credentials");
    review.env("CLEVER_CREDENTIALS", &credentials);
    review.env("CLEVER_KEY", "A".repeat(43));
    drop(review.output().unwrap());
    let of_accounts = modes("accounts.db");
    assert!(
        !of_accounts.is_empty() && of_accounts.iter().all(|mode| *mode == 0o600),
        "{of_accounts:?}"
    );
}

#[test]
fn field_20_an_address_that_keeps_nothing_is_refused() {
    for address in ["sqlite::memory:", "sqlite:file:x.db", "sqlite:x.db?mode=ro"] {
        let folder = TempDir::new().unwrap();
        let output = cleverctl()
            .args(["status", "--store", address])
            .current_dir(folder.path())
            .output();
        let text = errors(&output.unwrap());
        assert!(text.contains("PATH is a file's"), "{text}");
        assert_eq!(look(folder.path()).len(), 0);
    }
}

#[test]
fn field_05_a_record_that_somebody_broke_is_no_row_of_blanks() {
    let store = Store::new();
    store.report(&Emulator::start(&["--students", "20"]), 0);
    let folder = store.path().with_extension("files");
    passes(&mut export(&store, &["--format", "csv"], &folder));
    let before = look(&folder);
    let connection = Connection::open(store.path()).unwrap();
    connection
        .execute(
            "UPDATE users SET record = '{' WHERE rowid = (SELECT max(rowid) FROM users)",
            [],
        )
        .unwrap();
    drop(connection);
    for format in ["csv", "oneroster"] {
        let output = export(&store, &["--format", format], &folder)
            .output()
            .unwrap();
        let text = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("hint: somebody edited it"), "{text}");
        assert_eq!(look(&folder), before);
    }
}

/// All that looks at a store passes, and its folder is as it was.
#[cfg(target_os = "linux")]
fn can_be_looked_at(store: &Path, files: &Path) {
    let url = format!("sqlite:{}", store.display());
    let before = look(store.parent().unwrap());
    let id: String = Connection::open_with_flags(
        format!(
            "file:{}?immutable=1",
            store.display().to_string().replace('#', "%23")
        ),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI,
    )
    .unwrap()
    .query_row("SELECT id FROM users LIMIT 1", [], |row| row.get(0))
    .unwrap();
    let shown = files.display().to_string();
    for args in [
        &["status"][..],
        &["changes", "--limit", "3"],
        &["explain", &id],
        &["export", "--format", "csv", &shown],
        &["export", "--format", "oneroster", &shown],
    ] {
        passes(cleverctl().args(args).args(["--store", &url]));
    }
    assert_eq!(look(store.parent().unwrap()), before);
    let mut sync = cleverctl();
    sync.args(["sync", "--store", &url, "--api-url", "http://127.0.0.1:9"])
        .env("CLEVER_TOKEN", "t");
    let output = sync.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = errors(&output);
    assert!(
        text.contains("the store can only be read") && text.contains("hint: status, changes"),
        "{text}"
    );
    assert_eq!(look(store.parent().unwrap()), before);
}

/// As root, rights stop nobody: a file system that is mounted to be read does.
#[cfg(target_os = "linux")]
#[test]
fn field_18_a_copy_that_can_only_be_read_is_looked_at_and_left_as_it_is() {
    if !inside("exports::field_18_a_copy_that_can_only_be_read_is_looked_at_and_left_as_it_is") {
        return;
    }
    let store = Store::new();
    store.report(&Emulator::start(&["--students", "100"]), 0);
    let folder = TempDir::new().unwrap();
    let (copy, files) = (folder.path().join("copy"), folder.path().join("files"));
    // Writes that are in the log alone, and the log's index or not: as a snapshot of a disk, or a copy of a store, has it.
    let writer = Connection::open(store.path()).unwrap();
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE districts SET name = 'From the log'")
        .unwrap();
    for (beside, name) in [
        (&["", "-wal"][..], true),
        (&["", "-wal", "-shm"], true),
        (&[""], false),
    ] {
        fs::create_dir(&copy).unwrap();
        for end in beside {
            let from = format!("{}{end}", store.path().display());
            fs::copy(from, copy.join(format!("roster #%é.db{end}"))).unwrap();
        }
        let mount = |args: &[&str]| {
            let done = Command::new("mount").args(args).status();
            assert!(done.unwrap().success(), "{args:?}");
        };
        let shown = copy.display().to_string();
        mount(&["--bind", &shown, &shown]);
        mount(&["-o", "remount,ro,bind", &shown]);
        let path = copy.join("roster #%é.db");
        assert!(fs::write(copy.join("x"), "").is_err());
        can_be_looked_at(&path, &files);
        let url = format!("sqlite:{}", path.display());
        let status = passes(cleverctl().args(["status", "--store", &url]));
        assert_eq!(
            status.contains("From the log"),
            name,
            "{beside:?}: {status}"
        );
        assert!(
            Command::new("umount")
                .arg(&copy)
                .status()
                .unwrap()
                .success()
        );
        fs::remove_dir_all(&copy).unwrap();
    }
}
