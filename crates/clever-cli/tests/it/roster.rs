//! What the binary does with a store besides filling it: plans, explanations, undo, files for others.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::ground::{Emulator, Store, cleverctl, errors, recorded};

fn small() -> Emulator {
    Emulator::start(&["--students", "60"])
}

#[test]
fn a_look_makes_no_store_and_its_plan_makes_one_later() {
    let (emulator, store) = (small(), Store::new());
    let plan = store.path().with_extension("plan");
    let plan = plan.to_str().unwrap();
    let looked = store.sync(&emulator, &["--dry-run", "--plan", plan]);
    assert_eq!(looked.status.code(), Some(0), "{}", errors(&looked));
    assert!(!store.path().exists());
    let output = cleverctl().args(["plan", "show", plan]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains("create") && shown.contains("plan apply"),
        "{shown}"
    );
    let applied = store.says(&["plan", "apply", plan], 0);
    assert!(applied.contains("run 1"), "{applied}");
    assert_eq!(store.report(&emulator, 0)["kinds"]["users"]["created"], 0);
    let stale = store.says(&["plan", "apply", plan], 1);
    assert!(
        stale.contains("hint:") && stale.contains("run 0"),
        "{stale}"
    );
    let needs_dry_run = store.sync(&emulator, &["--plan", plan]);
    assert_eq!(needs_dry_run.status.code(), Some(2));
}

#[test]
fn a_record_is_explained_and_its_run_taken_back() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    let changes = store.says(
        &["changes", "--kind", "sections", "--limit", "1", "--json"],
        0,
    );
    let changes: Value = serde_json::from_str(&changes).unwrap();
    let id = changes["changes"][0]["id"].as_str().unwrap();
    let why = store.says(&["explain", id], 0);
    assert!(
        why.contains("snapshot") && why.contains("students"),
        "{why}"
    );
    let unknown = store.says(&["explain", "nobody"], 1);
    assert!(unknown.contains("never seen"), "{unknown}");
    let undone = store.says(&["undo", "1", "--section", id], 0);
    assert!(undone.contains("the next sync holds them"), "{undone}");
    let gone = store.number("SELECT count(*) FROM sections WHERE archived_at IS NOT NULL");
    assert_eq!(gone, 1);
    let held = store.sync(&emulator, &[]);
    assert_eq!(held.status.code(), Some(3), "{}", errors(&held));
    let said = String::from_utf8(held.stdout).unwrap();
    assert!(said.contains("an undo took it back"), "{said}");
    let nothing = store.says(&["undo", "1", "--section", "nobody"], 1);
    assert!(nothing.contains("changed nothing"), "{nothing}");
}

/// The rows of each file that an export of `store` writes, sorted: the format gives them no order.
fn exported(store: &Store) -> BTreeMap<String, Vec<String>> {
    let folder = store.path().with_extension("csv");
    store.says(&["export", "--format", "csv", folder.to_str().unwrap()], 0);
    let files = fs::read_dir(&folder).unwrap().map(|file| {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut rows: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        rows[1..].sort_unstable();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), rows)
    });
    files.collect()
}

#[test]
fn an_exported_csv_set_served_and_synced_is_exported_the_same() {
    let recorded = recorded();
    let recorded = recorded.as_ref().map(|folder| folder.to_str().unwrap());
    let mut districts = vec![
        vec!["--students", "60", "--seed", "1"],
        vec!["--students", "300", "--seed", "7"],
    ];
    districts.extend(recorded.map(|folder| vec!["--recorded", folder]));
    for district in districts {
        let made = Emulator::start(&district);
        let (first, second) = (Store::new(), Store::new());
        first.report(&made, 0);
        let sent = exported(&first);
        assert_eq!(sent.len(), 6);
        assert!(sent["enrollments.csv"].len() > 100);
        let folder = first.path().with_extension("csv");
        let served = Emulator::start(&["--csv", folder.to_str().unwrap()]);
        let report = second.report(&served, 0);
        let came = exported(&second);
        for (file, rows) in &sent {
            assert_eq!(*rows, came[file], "{file}, {district:?}");
        }
        assert_eq!(
            second.number("SELECT count(*) FROM findings"),
            0,
            "{report}"
        );
        // What the API has of it is as much as before.
        for rows in [
            "schools",
            "sections",
            "enrollments",
            "contacts",
            "users, json_each(users.record, '$.roles.student.schools') s JOIN schools ON schools.id = s.value",
            "user_roles WHERE role = 'student'",
            "user_roles WHERE role = 'teacher'",
            "user_roles WHERE role = 'staff'",
        ] {
            let sql = format!("SELECT count(*) FROM {rows}");
            assert_eq!(
                first.number(&sql),
                second.number(&sql),
                "{rows}, {district:?}"
            );
        }
    }
}

#[test]
fn a_csv_set_that_is_wrong_is_not_served_and_its_place_is_named() {
    let folder = Store::new();
    let shown = folder.path().parent().unwrap().to_owned();
    let output = cleverctl()
        .args(["emulator", "--listen", "127.0.0.1:0", "--csv"])
        .arg(&shown)
        .output()
        .unwrap();
    assert_ne!(output.status.code(), Some(0));
    assert!(
        errors(&output).contains("schools.csv is missing"),
        "{}",
        errors(&output)
    );
}

#[test]
fn the_roster_goes_out_as_files_with_a_row_for_each() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    let folder = store.path().with_extension("files");
    let shown = folder.to_str().unwrap();
    store.says(&["export", "--format", "csv", shown], 0);
    let lines = |file: &str| -> Vec<String> {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        text.lines().map(ToOwned::to_owned).collect()
    };
    let rows = |file: &str| i64::try_from(lines(file).len()).unwrap() - 1;
    assert_eq!(
        rows("schools.csv"),
        store.number("SELECT count(*) FROM schools")
    );
    assert_eq!(
        rows("sections.csv"),
        store.number("SELECT count(*) FROM sections")
    );
    assert_eq!(
        rows("enrollments.csv"),
        store.number("SELECT count(*) FROM enrollments WHERE role = 'student'")
    );
    // A student has a row for each contact, or one without any, and one for each further school.
    assert_eq!(
        rows("students.csv"),
        store.number(
            "SELECT sum(max(1, min(5, (SELECT count(*) FROM contacts c WHERE c.student_id = r.user_id))))
             FROM user_roles r WHERE role = 'student'"
        ) + store.number(
            "SELECT ifnull(sum(json_array_length(record, '$.roles.student.schools') - 1), 0)
             FROM users WHERE json_array_length(record, '$.roles.student.schools') > 1"
        )
    );
    assert!(lines("students.csv")[0].starts_with("School_id,Student_id,"));
    assert!(
        lines("enrollments.csv")[1]
            .split(',')
            .all(|value| !value.is_empty())
    );
    assert!(
        lines("sections.csv")[1]
            .split(',')
            .take(3)
            .all(|value| !value.is_empty())
    );
    let zip = store.says(&["export", "--format", "oneroster", shown, "--json"], 0);
    let files: Value = serde_json::from_str(&zip).unwrap();
    let files = &files["files"];
    assert_eq!(
        files["users.csv"],
        store.number("SELECT count(*) FROM users")
    );
    assert_eq!(
        files["enrollments.csv"],
        store.number("SELECT count(*) FROM enrollments")
    );
    let bytes = fs::read(folder.join("oneroster.zip")).unwrap();
    assert!(bytes.starts_with(b"PK") && !folder.join("oneroster.parts").exists());
    let text = String::from_utf8_lossy(&bytes);
    for part in [
        "oneroster.version,1.2",
        "file.classes,bulk",
        "file.results,absent",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn a_policy_is_read_and_a_wrong_one_refused() {
    let (emulator, store) = (small(), Store::new());
    let policy = store.path().with_extension("toml");
    let shown = policy.to_str().unwrap();
    fs::write(&policy, "max_archved_percent = 1").unwrap();
    let wrong = store.sync(&emulator, &["--policy", shown]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        errors(&wrong).contains("max_archved_percent"),
        "{}",
        errors(&wrong)
    );
    assert!(!store.path().exists());
    fs::write(&policy, "[sticky]\nusers = [\"email\"]").unwrap();
    let right = store.sync(&emulator, &["--policy", shown]);
    assert_eq!(right.status.code(), Some(0), "{}", errors(&right));
    assert_eq!(store.number("SELECT count(email) FROM users"), 0);
    assert!(store.number("SELECT count(last_name) FROM users") > 60);
}

#[test]
fn events_alone_are_refused_where_there_are_none() {
    let (emulator, store) = (small(), Store::new());
    let alone = store.sync(&emulator, &["--events"]);
    assert_eq!(alone.status.code(), Some(1));
    assert!(
        errors(&alone).contains("no snapshot to start from"),
        "{}",
        errors(&alone)
    );
}

#[test]
fn a_consumer_reads_on_where_it_was_and_follows_what_comes() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    let all = store.number("SELECT max(seq) FROM changes");
    let consume = |args: &[&str]| {
        let mut command = cleverctl();
        command
            .args([
                "changes",
                "--consumer",
                "search",
                "--json",
                "--store",
                &store.url(),
            ])
            .args(args);
        command
    };
    let lines = |output: std::process::Output| -> Vec<Value> {
        assert!(output.status.success(), "{}", errors(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    // A reader that goes away has not seen all; what it may not have seen comes again.
    let mut gone = consume(&[])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(gone.stdout.take());
    gone.wait().unwrap();
    let first = lines(consume(&[]).output().unwrap());
    assert_eq!(first.last().unwrap()["seq"], all);
    assert!(
        first.iter().all(|change| change["after"].is_null()),
        "values only when asked for"
    );
    assert_eq!(lines(consume(&[]).output().unwrap()).len(), 0);
    let mut following = consume(&["--follow", "--poll", "1s", "--values"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    store.says(
        &["undo", "1", "--record", first[5]["id"].as_str().unwrap()],
        0,
    );
    let mut line = String::new();
    let mut out = std::io::BufReader::new(following.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let change: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&change["seq"], &change["op"]),
        (&(all + 1).into(), &"archive".into())
    );
    assert!(change["before"].is_object());
    // It is acknowledged once it is written.
    let seen = || store.number("SELECT seq FROM consumers WHERE consumer = 'search'");
    for _ in 0..100 {
        if seen() > all {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(seen(), all + 1);
    following.kill().unwrap();
    following.wait().unwrap();
    let needs = cleverctl().args(["changes", "--follow"]).output().unwrap();
    assert_eq!(needs.status.code(), Some(2));
}

#[test]
fn a_reader_that_follows_waits_for_a_commit_that_takes_long() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    let all = store.number("SELECT max(seq) FROM changes");
    let writer = rusqlite::Connection::open(store.path()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut following = cleverctl()
        .args([
            "changes",
            "--consumer",
            "slow",
            "--follow",
            "--store",
            &store.url(),
        ])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Longer than a write waits by itself.
    std::thread::sleep(std::time::Duration::from_secs(12));
    assert_eq!(following.try_wait().unwrap(), None, "it waits");
    writer.execute_batch("COMMIT").unwrap();
    let seen = || store.number("SELECT coalesce(max(seq), 0) FROM consumers");
    for _ in 0..100 {
        if seen() == all {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(seen(), all);
    assert_eq!(following.try_wait().unwrap(), None, "it goes on");
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn an_undo_of_what_was_changed_since_writes_nothing_and_says_why() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    let changes = store.says(
        &["changes", "--kind", "sections", "--limit", "1", "--json"],
        0,
    );
    let changes: Value = serde_json::from_str(&changes).unwrap();
    let id = changes["changes"][0]["id"].as_str().unwrap();
    let undone = store.says(&["undo", "1", "--record", id], 0);
    assert!(
        undone.contains("Springfield"),
        "the district by its name: {undone}"
    );
    let again = store.says(&["undo", "1", "--record", id], 1);
    assert!(again.contains("changed again later: 1"), "{again}");
    assert_eq!(store.number("SELECT count(*) FROM runs"), 2);
    let held = store.sync(&emulator, &[]);
    let said = String::from_utf8(held.stdout).unwrap();
    assert!(said.contains("held: applying again 1 of"), "{said}");
    assert!(!said.contains("limit 0"), "{said}");
}

#[test]
fn whoever_has_read_enough_is_told_nothing_more() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    for args in [
        &["changes", "--values", "--json", "--limit", "1000"][..],
        &["changes", "--limit", "1000"],
    ] {
        let mut process = cleverctl()
            .args(args)
            .args(["--store", &store.url()])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(process.stdout.take());
        let output = process.wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), errors(&output)),
            (Some(0), String::new()),
            "{args:?}"
        );
    }
}

#[test]
fn a_plan_is_shown_with_values_only_where_they_are_asked_for() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    store.number("SELECT count(*) FROM users");
    let fewer = Emulator::start(&["--students", "50"]);
    let plan = store.path().with_extension("plan");
    let plan = plan.to_str().unwrap();
    store.sync(&fewer, &["--dry-run", "--plan", plan]);
    let show = |args: &[&str]| {
        let output = cleverctl()
            .args(["plan", "show", plan])
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let (names, values) = (show(&[]), show(&["--values"]));
    assert!(
        names.contains("For example") && names.contains("students"),
        "{names}"
    );
    assert!(
        !names.contains("Before") && values.contains("Before"),
        "{values}"
    );
    let told: Value = serde_json::from_str(&show(&["--json", "--samples", "1"])).unwrap();
    let samples = told["samples"].as_array().unwrap();
    assert!(
        samples
            .iter()
            .any(|one| one["op"] == "update" && one["fields"][0]["after"].is_null()),
        "{told}"
    );
}
