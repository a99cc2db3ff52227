//! What people and scripts see: text from outside that acts on nothing, and no value unasked.

use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::awkward::{Awkward, TOKEN, id, small};
use crate::ground::{Store, cleverctl, errors};

/// One of each sort: a terminal's commands, C1, DEL, lines, bidirectional marks, nothing to see, tags.
const ACTING: &str = "\u{1b}[31mX\u{1b}]0;t\u{7}\u{9b}2J\u{7f}\u{0}\r\nhint: run this\u{2028}\u{202e}\u{2066}\u{200f}\u{200b}\u{feff}\u{e0041}";

/// Says whether a text may go to a terminal: lines of characters that are seen.
fn is_harmless(text: &str) -> bool {
    !text.chars().any(|c| {
        let acts = c.is_control() && c != '\n';
        acts || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{e0000}'..='\u{e0fff}')
    })
}

pub(crate) fn both(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        errors(output)
    )
}

pub(crate) fn at(served: &Awkward, store: &Store, args: &[&str]) -> Command {
    let mut command = cleverctl();
    command
        .args(args)
        .args(["--store", &store.url()])
        .env("CLEVER_API_URL", &served.url)
        .env("CLEVER_TOKEN", TOKEN);
    command
}

/// Runs a command as it is and with `--json`; neither may act. Gives what the first one said.
fn shown(mut command: Command, what: &str) -> String {
    let plain = command.output().unwrap();
    let said = both(&plain);
    assert!(is_harmless(&said), "{what}: {said:?}");
    assert!(!said.contains("\nhint: run this"), "{what}: {said}");
    let scripted = command.arg("--json").output().unwrap();
    let text = String::from_utf8(scripted.stdout).unwrap();
    assert!(is_harmless(&text), "{what}: {text:?}");
    for line in text.lines() {
        assert!(
            serde_json::from_str::<Value>(line).is_ok(),
            "{what}: {line}"
        );
    }
    said
}

#[test]
fn field_13_nothing_from_a_roster_acts_on_a_terminal() {
    let odd = |name: &str| format!("{name}{ACTING}");
    let mut lists = small(30);
    lists["districts"][0]["name"] = odd("District").into();
    lists["districts"][0]["state"] = odd("running").into();
    lists["users"][3]["roles"]["student"]["gender"] = ACTING.into();
    lists["users"][4][ACTING] = 1.into();
    lists["users"][5]["roles"]["student"]["schools"] = json!({ ACTING: ACTING });
    lists["users"][6]["name"]["first"] = ACTING.into();
    lists["sections"][0]["students"]
        .as_array_mut()
        .unwrap()
        .push(odd("x1").into());
    lists["sections"][0]["course"] = odd("c1").into();
    lists["sections"][1]["term_id"] = odd("t1").into();
    lists["users"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "id": odd("zz1"), "name": {}, "roles": {} }));
    let (served, store) = (Awkward::start(lists), Store::new());
    let said = shown(at(&served, &store, &["sync"]), "sync");
    assert!(said.contains("District\\u{1b}[31mX"), "{said}");
    for (what, args) in [
        ("again", &["sync"][..]),
        ("status", &["status"]),
        ("changes", &["changes", "--limit", "100"]),
        ("values", &["changes", "--values", "--limit", "100"]),
        ("verify", &["sync", "--verify"]),
        ("doctor", &["doctor"]),
        ("me", &["me"]),
    ] {
        let mut command = at(&served, &store, args);
        if args[0] == "doctor" || args[0] == "me" {
            command = cleverctl();
            command
                .args(args)
                .env("CLEVER_API_URL", &served.url)
                .env("CLEVER_TOKEN", TOKEN);
        }
        shown(command, what);
    }
    served.edit(|lists| {
        lists["users"][7][ACTING] = 1.into();
        lists["users"][7]["name"]["last"] = ACTING.into();
    });
    let said = shown(at(&served, &store, &["sync"]), "a changed field");
    assert!(said.contains("\\u{202e}"), "the field is named: {said}");
    let of = id(10_007);
    shown(at(&served, &store, &["explain", &of]), "explain");
    shown(
        at(&served, &store, &["changes", "--after", "30"]),
        "changes of fields",
    );
    shown(
        at(&served, &store, &["changes", "--consumer", "c", "--values"]),
        "a consumer",
    );
    served.edit(|lists| {
        lists["users"].as_array_mut().unwrap().truncate(12);
        lists["users"][2][ACTING] = 2.into();
    });
    let folder = TempDir::new().unwrap();
    let plan = folder.path().join("p\u{1b}[31m.plan");
    let plan = plan.to_str().unwrap();
    let mut dry = at(&served, &store, &["sync", "--dry-run", "--plan", plan]);
    let dry = dry.output().unwrap();
    assert!(is_harmless(&both(&dry)), "{}", both(&dry));
    for values in [&[][..], &["--values"]] {
        let mut show = cleverctl();
        show.args(["plan", "show", plan, "--samples", "50"])
            .args(values);
        shown(show, "plan show");
    }
    shown(at(&served, &store, &["sync"]), "held");
    shown(at(&served, &store, &["status"]), "status of what is held");
    shown(at(&served, &store, &["undo", "2", "--dry-run"]), "undo");
    shown(
        at(
            &served,
            &store,
            &["explain", ACTING.trim_matches('\0')].map(|arg| {
                if arg.contains('\0') {
                    "e\u{1b}[31m"
                } else {
                    arg
                }
            }),
        ),
        "an id that is not there",
    );
}

#[test]
fn field_13_what_a_failing_clever_says_acts_on_nothing() {
    let (served, store) = (Awkward::start(small(3)), Store::new());
    let message = json!({ "message": format!("no {ACTING}"), "error": ACTING }).to_string();
    let odd = "\u{9b}31m\u{202e}";
    for (status, headers, body) in [
        (401, "", message.clone()),
        (403, "", message.clone()),
        (404, "", message.clone()),
        (400, "", message.clone()),
        (418, "", message),
        (
            302,
            "Location: http://127.0.0.1:9/\u{9b}31m\r\n",
            String::new(),
        ),
        (400, "X-Request-Id: r\u{9b}31m\u{202e}\r\n", odd.to_owned()),
        (
            401,
            "X-Clever-Request-Id: r\u{202e}\r\n",
            format!("<html>{odd}</html>"),
        ),
    ] {
        let headers = headers.to_owned();
        served.hook(move |_, _| Some((status, headers.clone(), body.clone())));
        let command = at(&served, &store, &["sync", "-q"]);
        let said = shown(command, &status.to_string());
        assert!(said.contains("error:"), "{said}");
    }
}

#[test]
fn field_13_names_of_files_and_settings_act_on_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a\u{1b}[31m\nhint: run this");
    let path = path.to_str().unwrap();
    let url = format!("sqlite:{path}/none.db");
    for args in [
        &["status", "--store", &url][..],
        &["drift", path],
        &["plan", "show", path],
        &["plan", "approve", path],
        &["emulator", "--csv", path],
        &["emulator", "--recorded", path],
        &["sync", "--policy", path],
        &["sync", "--token-file", path],
        &["sync", "--district", path],
        &["sync", "--credential", path],
        &["sync", "--page-size", path],
        &[path],
        &[
            "match", "--left", path, "--right", path, "--out", path, "--config", path,
        ],
    ] {
        let mut command = cleverctl();
        command
            .args(args)
            .env("CLEVER_CREDENTIALS", folder.path().join("kept"));
        shown(command, &format!("{args:?}"));
    }
}

#[test]
fn field_13_no_value_comes_out_unasked() {
    let secrets = ["Elm", "2010-05-17", "Adaline", "Lovelace"];
    let mut lists = small(40);
    let user = &mut lists["users"][3];
    user["roles"]["student"]["gender"] = "born 2010-05-17, 12 Elm St".into();
    user["roles"]["student"]["grade"] = "Adaline".into();
    user["roles"]["student"]["race"] = json!({ "Race": "Lovelace" });
    user["name"] = json!({ "first": "Adaline", "last": "Lovelace", "zz": "Elm" });
    user["roles"]["student"]["location"] = "12 Elm St".into();
    let section = lists["sections"][0]["students"].as_array_mut().unwrap();
    section.push("Adaline Lovelace, 12 Elm St".into());
    let course = "Lovelace Elm".into();
    lists["sections"][1]["course"] = course;
    let (served, store) = (Awkward::start(lists), Store::new());
    let folder = TempDir::new().unwrap();
    let plan = folder.path().join("p.plan");
    let plan = plan.to_str().unwrap().to_owned();
    let safe = |args: &[&str], what: &str| {
        for json in [&[][..], &["--json"]] {
            let mut command = if args[0] == "plan" {
                cleverctl()
            } else {
                at(&served, &store, args)
            };
            if args[0] == "plan" {
                command.args(args);
            }
            let said = both(&command.args(json).output().unwrap());
            for secret in secrets {
                assert!(!said.contains(secret), "{what}: {secret}: {said}");
            }
        }
    };
    let said = both(&at(&served, &store, &["sync"]).output().unwrap());
    assert!(
        said.contains("users.roles.student.gender (26 characters)"),
        "{said}"
    );
    assert!(
        !secrets.iter().any(|secret| said.contains(secret)),
        "{said}"
    );
    safe(&["sync"], "again");
    safe(&["status"], "status");
    safe(&["changes", "--limit", "200"], "changes");
    safe(&["changes", "--consumer", "c"], "consumer");
    safe(&["explain", &id(10_003)], "explain");
    served.edit(|lists| {
        lists["users"][3]["email"] = "Adaline@example.org".into();
        lists["users"].as_array_mut().unwrap().truncate(8);
    });
    safe(&["sync", "--dry-run", "--plan", &plan], "dry run");
    safe(&["plan", "show", &plan, "--samples", "50"], "plan show");
    safe(&["sync"], "held");
    safe(&["status"], "status of what is held");
    safe(&["undo", "2", "--dry-run"], "undo");
    let with = both(
        &at(&served, &store, &["changes", "--values", "--limit", "200"])
            .output()
            .unwrap(),
    );
    assert!(with.contains("Lovelace"), "asked for, values come");
}

#[test]
fn field_13_an_events_type_is_shown_only_if_it_is_a_word() {
    let mut lists = small(10);
    let event = |at: usize, kind: &str| json!({ "id": format!("66000000{at:016x}"), "type": kind, "data": { "object": { "id": "1" } } });
    let first = lists["users"][3].clone();
    lists["events"] = json!([{ "id": "660000000000000000000001", "type": "users.updated", "data": { "object": first } }]);
    let (served, store) = (Awkward::start(lists), Store::new());
    assert!(
        at(&served, &store, &["sync", "-q"])
            .status()
            .unwrap()
            .success()
    );
    served.edit(|lists| {
        let events = lists["events"].as_array_mut().unwrap();
        events.extend([
            event(2, "zz.created"),
            event(3, ACTING),
            event(4, "Adaline Lovelace"),
        ]);
    });
    let output = at(&served, &store, &["sync"]).output().unwrap();
    let said = both(&output);
    assert!(is_harmless(&said) && !said.contains("Adaline"), "{said}");
    if said.contains("By events") {
        assert!(
            said.contains("zz.created") && said.contains("not a word"),
            "{said}"
        );
    }
}

#[test]
fn field_24_a_district_that_shares_nobody_is_not_ok() {
    let lists = |users: usize| {
        let mut lists = small(users);
        if users == 0 {
            for kind in ["schools", "users", "sections"] {
                lists[kind] = json!([]);
            }
        }
        lists
    };
    let (served, store) = (Awkward::start(lists(0)), Store::new());
    at(&served, &store, &["sync", "-q"]).output().unwrap();
    let status = |args: &[&str]| {
        let output = cleverctl()
            .args(["status", "--store", &store.url()])
            .args(args)
            .output()
            .unwrap();
        (output.status.code(), both(&output))
    };
    let (code, said) = status(&["--check"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("EMPTY") && said.contains("no school, user or section"),
        "{said}"
    );
    assert!(
        said.contains("hint:") && said.contains("its admin chooses"),
        "{said}"
    );
    let (_, json) = status(&["--json"]);
    let all: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(all[0]["verdict"], "empty");
    served.edit(|served| {
        *served = lists(0);
        served["schools"] = small(0)["schools"].clone();
    });
    at(&served, &store, &["sync", "-q"]).output().unwrap();
    let (code, said) = status(&["--check"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("shares no user"), "{said}");
    served.edit(|served| *served = lists(5));
    at(&served, &store, &["sync", "-q"]).output().unwrap();
    let (code, said) = status(&["--check"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn field_24_a_store_that_never_synced_is_not_ok() {
    let (served, store) = (Awkward::start(small(3)), Store::new());
    let refused = at(&served, &store, &["sync", "-q"])
        .env("CLEVER_TOKEN", "another")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(4));
    for args in [&["status"][..], &["status", "--check"]] {
        let output = cleverctl()
            .args(args)
            .args(["--store", &store.url()])
            .output()
            .unwrap();
        let said = both(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("hint:") && said.contains("cleverctl sync"),
            "{said}"
        );
    }
}

#[test]
fn a_hint_is_one_command_whatever_a_district_calls_itself() {
    let (served, store) = (Awkward::start(small(30)), Store::new());
    let folder = TempDir::new().unwrap();
    let spaced = format!(
        "sqlite:{}",
        folder.path().join("my roster; touch x.db").display()
    );
    let sync = |args: &[&str]| {
        let mut command = cleverctl();
        command
            .args(["sync", "--store", &spaced])
            .args(args)
            .env("CLEVER_API_URL", &served.url)
            .env("CLEVER_TOKEN", TOKEN)
            .output()
            .unwrap()
    };
    sync(&[]);
    served.edit(|lists| lists["users"].as_array_mut().unwrap().truncate(3));
    let held = sync(&[]);
    assert_eq!(held.status.code(), Some(3), "{}", both(&held));
    let said = both(&held);
    let quoted = format!("--store '{spaced}'");
    assert!(said.contains(&quoted), "{said}");
    drop(store);
}

#[test]
fn field_f_the_libraries_log_and_nothing_of_a_person_is_in_it() {
    let mut lists = small(30);
    lists["users"][3]["roles"]["student"]["gender"] = "born 2010-05-17".into();
    let (served, store) = (Awkward::start(lists), Store::new());
    let quiet = at(&served, &store, &["sync", "-q"]).output().unwrap();
    assert!(quiet.stderr.is_empty(), "{}", errors(&quiet));
    served.edit(|lists| lists["users"][4]["name"]["last"] = "Changed".into());
    let mut logged = String::new();
    for (args, variable) in [
        (&["sync", "-q", "--full", "--log", "trace"][..], None),
        (&["sync", "-q", "--full"], Some("trace")),
        (
            &["sync", "-q", "--full", "--log", "warn,clever_client=trace"],
            None,
        ),
        (&["status", "--log", "trace"], None),
        (
            &["explain", "600000000000000000002714", "--log", "trace"],
            None,
        ),
    ] {
        let mut command = at(&served, &store, args);
        if let Some(level) = variable {
            command.env("CLEVER_LOG", level);
        }
        let output = command.output().unwrap();
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        if args.contains(&"sync") {
            assert!(said.contains("clever_client"), "{args:?} logs: {said}");
        }
        logged.push_str(&said);
    }
    assert!(
        logged.contains("clever_sync") && is_harmless(&logged),
        "{logged}"
    );
    for secret in [
        TOKEN,
        "Firstname",
        "Lastname",
        "example.org",
        "2010",
        "5/17/2015",
        "Changed",
        "Bearer",
    ] {
        assert!(!logged.contains(secret), "{secret}: {logged}");
    }
    for wrong in ["loud", "clever_sync=loud", "hyper=trace", "info,reqwest"] {
        let output = at(&served, &store, &["sync", "--log", wrong])
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(2),
            "{wrong}: {}",
            errors(&output)
        );
    }
}
