//! What fails says what to do: the hint that mends it for people, a document with a code for scripts.

use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::awkward::{Awkward, DISTRICT, TOKEN, id, small};
use crate::ground::{Emulator, Store, cleverctl, errors};
use crate::seen::{at, both};

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
        (&["sync", "--all"], "usage", 2),
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
            // A store that nobody named lies in the working directory.
            command.current_dir(folder.path());
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
            .current_dir(folder.path())
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
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("read: docs/errors.md#"), "{said}");
        said
    };
    hint(&served, None, &["CLEVER_TOKEN", "--token-file"], 2);
    hint(&served, Some(""), &["copy the token again"], 2);
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
