//! What people and scripts see: text from outside that acts on nothing, no value unasked, and errors that say what to do.

use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::awkward::{Awkward, DISTRICT, TOKEN, id, small};
use crate::ground::{Emulator, Store, cleverctl, errors};

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

fn both(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        errors(output)
    )
}

fn at(served: &Awkward, store: &Store, args: &[&str]) -> Command {
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

/// The last line of standard output, as a failure: its `error`.
fn failure(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    let value: Value =
        serde_json::from_str(line).unwrap_or_else(|_| panic!("{text:?}: {}", errors(output)));
    value["error"].clone()
}

#[test]
fn field_21_every_command_that_fails_says_so_in_json() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let none = format!("sqlite:{}", path("none.db"));
    let (nowhere, missing) = (path("no/folder"), path("missing"));
    let cases: &[(&[&str], &str, i64)] = &[
        (&["sync", "--store", &none], "no_token", 2),
        (&["sync", "--credential", "x"], "no_credential", 2),
        (&["sync", "--policy", &missing], "usage", 2),
        (&["sync", "--every", "1h"], "no_token", 2),
        (&["sync", "--all"], "failed", 1),
        (&["plan", "show", &missing], "plan_file", 1),
        (&["plan", "approve", &missing], "plan_file", 1),
        (
            &["plan", "apply", &missing, "--store", &none],
            "plan_file",
            1,
        ),
        (&["explain", "x", "--store", &none], "store_missing", 1),
        (&["undo", "1", "--store", &none], "store_missing", 1),
        (
            &["export", "--format", "csv", &nowhere, "--store", &none],
            "store_missing",
            1,
        ),
        (&["status", "--store", &none], "store_missing", 1),
        (&["status", "--check", "--store", &none], "store_missing", 1),
        (&["changes", "--store", &none], "store_missing", 1),
        (
            &["changes", "--consumer", "c", "--store", &none],
            "store_missing",
            1,
        ),
        (&["emulator", "--csv", &missing], "csv_set", 2),
        (&["emulator", "--recorded", &missing], "recording", 2),
        (&["emulator", "--listen", "192.0.2.1:80"], "listen", 2),
        (&["credential", "remove", "x"], "no_credential", 2),
        (&["credential", "add", "x"], "no_token", 2),
        (&["credential", "add", "x", "--client-id", "i"], "no_app", 2),
        (&["districts"], "no_app", 2),
        (&["login"], "no_app", 2),
        (&["me"], "no_app", 2),
        (&["drift", &missing], "usage", 2),
        (&["demo", "--store", "postgres://x@127.0.0.1/y"], "usage", 2),
        // What the reader of arguments refuses.
        (&["sync", "--no-such-option"], "usage", 2),
        (&["no-such-command"], "usage", 2),
        (&["sync", "--page-size", "0"], "usage", 2),
        (&["sync", "--api-url", "clever"], "usage", 2),
        (&["changes", "--kind", "people"], "usage", 2),
        (&["export"], "usage", 2),
        (&["sync", "--log", "loud"], "usage", 2),
        (&[], "usage", 2),
    ];
    for (args, code, exit) in cases {
        for first in [true, false] {
            let mut command = cleverctl();
            command.env("CLEVER_CREDENTIALS", path("kept"));
            let output = if first {
                command.arg("--json").args(*args).output()
            } else {
                command.args(*args).arg("--json").output()
            };
            let output = output.unwrap();
            let error = failure(&output);
            assert_eq!(error["code"], *code, "{args:?}: {error}");
            assert_eq!(error["exit"], *exit, "{args:?}: {error}");
            assert_eq!(output.status.code().map(i64::from), Some(*exit), "{args:?}");
            assert!(
                error["message"].as_str().is_some_and(|text| text.len() > 5),
                "{args:?}: {error}"
            );
            let prose = errors(&output);
            assert!(
                prose.contains("error:") || prose.contains("Usage:"),
                "{args:?}: {prose}"
            );
            assert_eq!(
                String::from_utf8_lossy(&output.stdout).lines().count(),
                1,
                "{args:?}"
            );
        }
        let plain = cleverctl()
            .env("CLEVER_CREDENTIALS", path("kept"))
            .args(*args)
            .output()
            .unwrap();
        assert!(plain.stdout.is_empty(), "{args:?}: {}", both(&plain));
    }
    for help in [
        &["--json", "--help"][..],
        &["sync", "--help"],
        &["--version"],
    ] {
        let output = cleverctl().args(help).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{help:?}");
    }
}

#[test]
fn field_21_what_clever_refuses_is_json_too_and_no_password_shows() {
    let (served, store) = (Awkward::start(small(3)), Store::new());
    let output = at(&served, &store, &["sync", "--json"])
        .env("CLEVER_TOKEN", "another")
        .output()
        .unwrap();
    let error = failure(&output);
    assert_eq!(
        (&error["code"], &error["exit"]),
        (&"unauthorized".into(), &4.into())
    );
    assert!(
        error["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("dashboard")),
        "{error}"
    );
    assert!(
        error["causes"]
            .as_array()
            .is_some_and(|all| !all.is_empty()),
        "{error}"
    );
    let secret = cleverctl()
        .args(["status", "--json", "--store", "postgres://app:s3cret@[db/x"])
        .output()
        .unwrap();
    assert_eq!(secret.status.code(), Some(2));
    assert!(!both(&secret).contains("s3cret"), "{}", both(&secret));
}

#[test]
fn field_19_each_mistake_gets_the_hint_that_mends_it() {
    let (served, store) = (Awkward::start(small(3)), Store::new());
    let hint = |served: &Awkward, token: Option<&str>, parts: &[&str], exit: i32| {
        let mut command = at(served, &store, &["sync", "-q"]);
        match token {
            Some(token) => command.env("CLEVER_TOKEN", token),
            None => command.env_remove("CLEVER_TOKEN"),
        };
        let output = command.output().unwrap();
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(exit), "{said}");
        let hint = said
            .lines()
            .find(|line| line.starts_with("hint: "))
            .unwrap_or_default();
        for part in parts {
            assert!(hint.contains(part), "{part}: {said}");
        }
        said
    };
    hint(&served, None, &["CLEVER_TOKEN", "--token-file"], 2);
    hint(&served, Some(""), &["copy the token anew"], 2);
    hint(
        &served,
        Some("il3jsfUI2131da2f"),
        &["district-app token"],
        2,
    );
    served.edit(|lists| lists["districts"] = json!([]));
    hint(&served, Some(TOKEN), &["opens no district"], 1);
    served.edit(|lists| {
        lists["districts"] = json!([{ "id": DISTRICT, "name": "A" }, { "id": id(2), "name": "B" }]);
    });
    hint(&served, Some(TOKEN), &["exactly one district"], 1);
    served.hook(|_, _| {
        Some((
            302,
            "Location: https://login.example.org/?a=secret\r\n".to_owned(),
            String::new(),
        ))
    });
    let said = hint(&served, Some(TOKEN), &["--api-url"], 1);
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn field_19_an_app_with_several_districts_is_healthy() {
    let emulator = Emulator::start(&["--students", "30", "--more-districts", "4"]);
    let doctor = |args: &[&str]| {
        cleverctl()
            .args(["doctor", "--api-url", &emulator.url])
            .args(args)
            .env("CLEVER_CLIENT_ID", &emulator.client_id)
            .env("CLEVER_CLIENT_SECRET", &emulator.client_secret)
            .output()
            .unwrap()
    };
    let output = doctor(&[]);
    let said = both(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        !said.contains("FAILED") && !said.contains("Library apps have none"),
        "{said}"
    );
    assert!(
        said.contains("5 districts") && said.contains("--district"),
        "{said}"
    );
    let nobody = doctor(&["--district", "5a25ffb0c1bc2a0036000001"]);
    let said = both(&nobody);
    assert_eq!(nobody.status.code(), Some(1), "{said}");
    assert!(said.contains("cleverctl districts"), "{said}");
}

#[test]
fn field_19_one_record_is_as_it_was() {
    let (served, store) = (
        Awkward::start(json!({
            "districts": [{ "id": DISTRICT, "name": "Test USD", "state": "running" }],
            "schools": [], "terms": [], "courses": [], "users": [], "sections": [], "events": [],
        })),
        Store::new(),
    );
    at(&served, &store, &["sync", "-q"]).output().unwrap();
    let said = both(&at(&served, &store, &["sync"]).output().unwrap());
    assert!(said.contains("1 record is as it was"), "{said}");
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
        said.contains("empty") && said.contains("no school, user or section"),
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
