//! What a person at a terminal, and cron, see and do not see.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

#[cfg(target_os = "linux")]
use crate::ground::at_a_terminal;
use crate::ground::{Emulator, Store, cleverctl, errors};

fn small() -> Emulator {
    Emulator::start(&["--students", "40"])
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn d10_an_undo_that_is_only_looked_at_says_nothing_of_the_roster() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    let shown = store.says(&["undo", "1", "--dry-run"], 0);
    assert!(!shown.contains("In roster"), "{shown}");
    assert!(
        shown.contains("Archived") && shown.contains("users"),
        "{shown}"
    );
    assert_eq!(store.number("SELECT count(*) FROM runs"), 1);
    // The sync before it has a roster to speak of.
    assert!(printed(&store.sync(&emulator, &[])).contains("In roster"));
}

#[test]
fn d12_a_typing_error_in_the_policy_is_said_once_with_what_was_meant() {
    let (emulator, store) = (small(), Store::new());
    let policy = store.path().with_file_name("policy.toml");
    fs::write(&policy, "# ours\nmax_archived_precent = 4\n").unwrap();
    let output = store.sync(&emulator, &["--policy", policy.to_str().unwrap()]);
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.matches("max_archived_precent").count(), 1, "{said}");
    for part in [
        "policy.toml, line 2",
        "did you mean `max_archived_percent`?",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(said.lines().all(|line| line.len() < 160), "{said}");
}

#[test]
fn d13_what_is_not_there_is_named_and_counts_have_commas() {
    let (emulator, store) = (Emulator::start(&["--students", "2000"]), Store::new());
    store.report(&emulator, 0);
    for run in ["99", "0"] {
        let missing = store.says(&["undo", run], 1);
        for part in [
            &format!("there is no run {run}"),
            "its last run is 1",
            "hint:",
        ] {
            assert!(missing.contains(part), "{part} in {missing}");
        }
    }
    let file = store.path().with_file_name("no.plan");
    let no_plan = store.says(&["plan", "show", file.to_str().unwrap()], 1);
    assert!(no_plan.contains("hint:"), "{no_plan}");
    // A district that is much smaller than yesterday.
    let fewer = Emulator::start(&["--students", "40"]);
    let held = store.sync(&fewer, &[]);
    assert_eq!(held.status.code(), Some(3), "{}", errors(&held));
    let held = printed(&held);
    let line = held
        .lines()
        .find(|line| line.starts_with("held: ") && line.contains(" users"));
    let line = line.unwrap_or_else(|| panic!("a hold of users in {held}"));
    let of = line.split(" of ").nth(1).unwrap_or_default();
    assert!(
        of.split(' ')
            .next()
            .is_some_and(|number| number.contains(',')),
        "{line}"
    );
    assert!(line.contains(" %; the limit is "), "{line}");
}

#[test]
fn d14_a_night_on_which_nothing_changed_is_no_mail() {
    let (emulator, store) = (small(), Store::new());
    let first = store.sync(&emulator, &["-q"]);
    assert!(!printed(&first).is_empty(), "what changed is said");
    let second = store.sync(&emulator, &["-q"]);
    assert_eq!(second.status.code(), Some(0), "{}", errors(&second));
    assert_eq!(printed(&second) + &errors(&second), "");
    let loud = store.sync(&emulator, &[]);
    assert!(printed(&loud).contains("Nothing changed"));
}

#[test]
fn a_hold_names_its_schools_and_has_a_letter_to_send() {
    let (emulator, store) = (Emulator::start(&["--students", "400"]), Store::new());
    store.report(&emulator, 0);
    let fewer = Emulator::start(&["--students", "20"]);
    let held = printed(&store.sync(&fewer, &[]));
    assert!(held.contains("if you approve it: "), "{held}");
    assert!(held.contains("--letter"), "{held}");
    let schools = rusqlite::Connection::open(store.path()).unwrap();
    let name: String = schools
        .query_row("SELECT name FROM schools ORDER BY id LIMIT 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    let letter = store.says(&["status", "--letter"], 0);
    for part in ["Subject: ", "would be removed", "reply \"yes\""] {
        assert!(letter.contains(part), "{part} in {letter}");
    }
    if held.contains("archiving school ") {
        assert!(
            held.contains(&format!("archiving school {name} (")) || held.contains(" ("),
            "{held}"
        );
    }
}

#[test]
fn changes_are_found_by_time_run_and_sort() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    let json = |args: &[&str]| -> Vec<Value> {
        let all = [&["changes", "--json", "--limit", "1000"], args].concat();
        let text = store.says(&all, 0);
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(found["schema_version"], 1);
        found["changes"].as_array().unwrap().clone()
    };
    let all = json(&[]);
    assert!(all.len() > 50);
    assert_eq!(json(&["--since", "1h"]).len(), all.len());
    assert_eq!(json(&["--run", "1"]).len(), all.len());
    assert!(json(&["--run", "2"]).is_empty());
    assert_eq!(json(&["--op", "create"]).len(), all.len());
    assert!(json(&["--op", "archive"]).is_empty());
    // Half of the feed is of two days ago.
    let half = all.len() / 2;
    let edit = rusqlite::Connection::open(store.path()).unwrap();
    edit.execute(
        "UPDATE _changes SET at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-2 days') WHERE seq <= ?1",
        [half],
    )
    .unwrap();
    let late = json(&["--since", "1d"]);
    assert_eq!(late.len(), all.len() - half);
    assert_eq!(late[0]["seq"], half + 1);
    assert_eq!(json(&["--since", "3d"]).len(), all.len());
    let users = json(&["--since", "3d", "--kind", "users", "--op", "create"]);
    assert!(users.iter().all(|change| change["kind"] == "users") && users.len() > 40);
}

#[test]
fn explain_shows_the_values_of_one_field() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    let roster = rusqlite::Connection::open(store.path()).unwrap();
    let (id, record): (String, String) = roster
        .query_row("SELECT id, record FROM users LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let last = record["name"]["last"].as_str().unwrap();
    let without = store.says(&["explain", &id, "--field", "name"], 0);
    assert!(
        without.contains("name.last") && !without.contains(last),
        "{without}"
    );
    assert!(!without.contains("email"), "{without}");
    let with = store.says(&["explain", &id, "--field", "name.last", "--values"], 0);
    assert!(
        with.contains(last) && !with.contains("name.first"),
        "{with}"
    );
    let none = store.says(&["explain", &id, "--field", "nothing"], 1);
    assert!(none.contains("never had a field nothing"), "{none}");
}

#[test]
fn a_setting_that_can_never_work_ends_a_schedule_with_2() {
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("policy.toml");
    fs::write(&policy, "floor = \"low\"").unwrap();
    let store = Store::new();
    let url = store.url();
    for args in [
        &["sync", "--store", &url][..],
        &["sync", "--store", "nonsense"],
        &[
            "sync",
            "--store",
            &url,
            "--policy",
            policy.to_str().unwrap(),
        ],
        &["sync", "--store", &url, "--credential", "none"],
        &["sync", "--store", &url, "--all"],
        &[
            "sync",
            "--store",
            &url,
            "--api-url",
            "ftp://clever.com",
            "--token-file",
            "-",
        ],
    ] {
        for every in [&[][..], &["--every", "1h"]] {
            let output = cleverctl()
                .args(args)
                .args(every)
                .env("CLEVER_CREDENTIALS", folder.path().join("credentials"))
                .output()
                .unwrap();
            assert_eq!(
                output.status.code(),
                Some(2),
                "{args:?}: {}",
                errors(&output)
            );
            assert!(errors(&output).contains("error: "), "{args:?}");
        }
    }
}

#[test]
fn a_schedule_says_when_it_runs_next_and_how_the_last_run_ended() {
    let (emulator, store) = (small(), Store::new());
    let mut process = cleverctl()
        .args(["sync", "--store", &store.url(), "--api-url", &emulator.url])
        .args(["--every", "6h"])
        .env("CLEVER_TOKEN", &emulator.token)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let next = lines
        .map_while(Result::ok)
        .find(|line| line.starts_with("next run at "));
    drop(process.kill());
    drop(process.wait());
    let next = next.expect("it says when");
    assert!(next.contains(" UTC; this one ended: done"), "{next}");
}

#[test]
fn colour_is_for_whoever_asks_for_it() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    assert!(!store.says(&["status"], 0).contains('\u{1b}'), "a pipe");
    assert!(
        store
            .says(&["status", "--color", "always"], 0)
            .contains("\u{1b}[1m")
    );
    assert!(
        !store
            .says(&["status", "--color", "never"], 0)
            .contains('\u{1b}')
    );
    let wrong = store.says(&["undo", "9", "--color=always"], 1);
    assert!(wrong.contains("\u{1b}[31m"), "{wrong:?}");
    let help = cleverctl()
        .args(["--help", "--color", "always"])
        .output()
        .unwrap();
    assert!(printed(&help).contains('\u{1b}'));
    let help = cleverctl().args(["--help"]).output().unwrap();
    assert!(!printed(&help).contains('\u{1b}'));
}

#[test]
fn status_leads_with_one_word_and_misses_whom_it_expects() {
    let (emulator, store) = (small(), Store::new());
    let report = store.report(&emulator, 0);
    let shown = store.says(&["status"], 0);
    assert!(shown.starts_with("OK  "), "{shown}");
    assert!(shown.contains("last success: just now"), "{shown}");
    let id = report["district_id"].as_str().unwrap();
    store.says(&["status", "--check", "--expect", id], 0);
    let missing = store.says(
        &["status", "--check", "--expect", id, "--expect", "other"],
        1,
    );
    assert!(missing.contains("other is expected"), "{missing}");
    // A store in which no sync ever ended is no store that is well.
    let empty = Store::new();
    empty.says(&["status", "--check"], 1);
}

#[test]
fn each_command_has_a_manual_page_and_each_shell_its_completions() {
    let folder = TempDir::new().unwrap();
    let pages = folder.path().join("man1");
    let output = cleverctl().arg("man").arg(&pages).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    for page in [
        "cleverctl",
        "cleverctl-sync",
        "cleverctl-plan-show",
        "cleverctl-review-approve",
    ] {
        let text = fs::read_to_string(pages.join(format!("{page}.1"))).expect(page);
        assert!(text.contains(".TH"), "{page}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = cleverctl().args(["completions", shell]).output().unwrap();
        assert!(
            script.status.success() && printed(&script).contains("new-district"),
            "{shell}"
        );
    }
}

/// Runs a command in `folder`, with what it says.
fn within(folder: &TempDir, args: &[&str], exit: i32) -> String {
    let output = cleverctl()
        .args(args)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = printed(&output) + &errors(&output);
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {said}");
    said
}

#[test]
fn settings_stand_in_a_file_below_the_environment_and_options() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("clever.toml");
    within(&folder, &["init"], 0);
    let again = within(&folder, &["init"], 2);
    assert!(again.contains("is there already"), "{again}");
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("# every = \"6h\""), "{written}");

    fs::write(
        &file,
        "store = \"postgres://app:s3cret@db/x\"\n[clever]\napi_url = \"http://127.0.0.1:1\"\n",
    )
    .unwrap();
    let shown = within(&folder, &["config", "show"], 0);
    assert!(
        shown.contains("file (clever.toml)") && shown.contains("http://127.0.0.1:1"),
        "{shown}"
    );
    assert!(
        !shown.contains("s3cret") && shown.contains("postgres://"),
        "{shown}"
    );
    let help = within(&folder, &["sync", "--help"], 0);
    assert!(!help.contains("s3cret"), "{help}");
    let rows = |variable: &str, value: &str| -> Value {
        let output = cleverctl()
            .args(["config", "show", "--json"])
            .current_dir(folder.path())
            .env(variable, value)
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let all = rows("CLEVER_API_URL", "http://127.0.0.1:2");
    let of = |key: &str| {
        let rows = all["settings"].as_array().unwrap();
        rows.iter().find(|row| row["key"] == key).unwrap().clone()
    };
    assert_eq!(of("clever.api_url")["from"], "environment");
    assert_eq!(of("clever.api_url")["place"], "CLEVER_API_URL");
    assert_eq!(of("clever.api_url")["value"], "http://127.0.0.1:2");
    assert_eq!(of("store")["from"], "file");
    assert_eq!(of("clever.api")["from"], "default");

    // What is in force: the file's store, and an option over it.
    fs::write(&file, "store = \"here.db\"\n").unwrap();
    assert!(within(&folder, &["status"], 1).contains("here.db"));
    assert!(within(&folder, &["status", "--store", "there.db"], 1).contains("there.db"));
    let named = folder.path().join("other.toml");
    fs::write(&named, "store = \"named.db\"\n").unwrap();
    let named = named.to_str().unwrap();
    assert!(within(&folder, &["status", "--settings", named], 1).contains("named.db"));
    within(&folder, &["status", "--settings", "none.toml"], 2);

    // What can't be used is said once, with its line, whatever the command.
    fs::write(&file, "store = \"here.db\"\n[sync]\nevry = \"6h\"\n").unwrap();
    let wrong = within(&folder, &["status"], 2);
    for part in [
        "clever.toml, line 3",
        "no setting `evry`",
        "did you mean `every`?",
    ] {
        assert!(wrong.contains(part), "{part} in {wrong}");
    }
    assert_eq!(wrong.matches("evry").count(), 1, "{wrong}");
    fs::write(&file, "[sync]\nevery = \"soon\"\n").unwrap();
    let wrong = within(&folder, &["sync"], 2);
    assert!(
        wrong.contains("--every") && wrong.contains("this value is in clever.toml"),
        "{wrong}"
    );
}

#[test]
fn every_document_is_an_object_with_the_version_of_its_shape() {
    let (emulator, store) = (small(), Store::new());
    let report = store.report(&emulator, 0);
    assert_eq!(report["schema_version"], 1);
    for (args, name, version) in [
        (&["status"][..], "districts", 3),
        (&["status", "--letter"], "letters", 1),
        (&["changes"], "changes", 1),
    ] {
        let text = store.says(&[args, &["--json"]].concat(), 0);
        let found: Value = serde_json::from_str(&text).unwrap();
        assert!(
            found[name].is_array() && found["schema_version"] == version,
            "{text}"
        );
    }
    let lines = store.says(&["changes", "--consumer", "c", "--json"], 0);
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(
            line["seq"].is_u64() && line["schema_version"] == 1,
            "{line}"
        );
    }
    let error = store.says(&["undo", "7", "--json"], 1);
    let error = error.lines().next().unwrap();
    let error: Value = serde_json::from_str(error).unwrap();
    assert_eq!(error["schema_version"], 2);
    assert_eq!(error["error"]["code"], "not_found");
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_sees_the_step_and_the_total_of_each_list() {
    // A second page of people that takes so long that a person reads what is shown; and pages of sections, which are read beside
    // them, that all do.
    let emulator = Emulator::start(&[
        "--students",
        "300",
        "--fault",
        "slow@/users#2",
        "--fault",
        "slow@/sections",
    ]);
    let store = Store::new();
    let seen = at_a_terminal(&store.syncing(&emulator, &["--page-size", "20"]), "");
    let bars = anstream::adapter::strip_str(&seen).to_string();
    let users = store.number("SELECT count(*) FROM users");
    let frames: Vec<&str> = bars.split(['\r', '\n']).collect();
    let is_seen = |begin: &str, end: &str| {
        let mut frames = frames.iter();
        frames.any(|frame| frame.starts_with(begin) && frame.trim_end().ends_with(end))
    };
    let of = format!(" 20 of {users}");
    assert!(is_seen("step 4 of 7: reading users ", &of), "{bars}");
    assert!(is_seen("step 5 of 7: reading sections", ""), "{bars}");
    for frame in frames {
        assert!(frame.chars().count() <= 100, "{frame:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_undo_asks_at_a_terminal_and_only_a_yes_is_one() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    let roster = rusqlite::Connection::open(store.path()).unwrap();
    let sql = "SELECT id FROM users ORDER BY id LIMIT 1";
    let id: String = roster.query_row(sql, [], |row| row.get(0)).unwrap();
    let archived =
        format!("SELECT count(*) FROM users WHERE id = '{id}' AND archived_at IS NOT NULL");
    let undo = |more: &[&str], types: &str| {
        let mut command = cleverctl();
        command.args(["undo", "1", "--record", &id, "--store", &store.url()]);
        at_a_terminal(command.args(more), types)
    };
    for types in ["n\n", "\n", ""] {
        let seen = undo(&[], types);
        assert!(seen.contains("Take this back? [y/N]"), "{seen}");
        assert!(seen.contains("Nothing was taken back."), "{seen}");
        assert_eq!(store.number(&archived), 0, "{types:?}");
    }
    let seen = undo(&[], "y\n");
    assert!(seen.contains("Take this back? [y/N]"), "{seen}");
    assert_eq!(store.number(&archived), 1, "{seen}");
    let again = undo(&["--yes"], "");
    assert!(!again.contains("Take this back?"), "{again}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_colour_unless_its_variables_want_none() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    let mut status = cleverctl();
    status.args(["status", "--store", &store.url()]);
    status.env_remove("NO_COLOR");
    let seen = at_a_terminal(&status, "");
    assert!(
        seen.contains("\u{1b}[32mOK") || seen.contains("\u{1b}[1m\u{1b}[32mOK"),
        "{seen:?}"
    );
    let seen = at_a_terminal(status.env("NO_COLOR", "1"), "");
    assert!(
        seen.contains("OK  ") && !seen.contains('\u{1b}'),
        "{seen:?}"
    );
}
