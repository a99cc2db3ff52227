//! Bad input gets a clear error and a next step, and loses nothing.

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use crate::ground::{Emulator, Store, cleverctl, errors};

/// Checks the exit code and that the error names each of `parts`.
fn refused(output: &Output, exit: i32, parts: &[&str]) {
    let said = errors(output);
    assert_eq!(output.status.code(), Some(exit), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn small() -> Emulator {
    Emulator::start(&["--students", "40"])
}

#[test]
fn no_token() {
    let store = Store::new();
    let output = cleverctl()
        .args(["sync", "--store", &store.url()])
        .output()
        .unwrap();
    refused(&output, 2, &["CLEVER_TOKEN", "hint:", "--token-file"]);
    assert!(
        !store.path().exists(),
        "no store is made for a run that can't start"
    );
}

#[test]
fn a_wrong_token_is_refused_by_clever_and_never_shown() {
    let (emulator, store) = (small(), Store::new());
    let output = cleverctl()
        .args(["sync", "--store", &store.url(), "--api-url", &emulator.url])
        .env("CLEVER_TOKEN", "deadbeefdeadbeefdeadbeef")
        .output()
        .unwrap();
    refused(&output, 4, &["401", "hint:", "token"]);
    assert!(!errors(&output).contains("deadbeef"), "{}", errors(&output));
}

#[test]
fn a_user_token_is_recognised_before_it_is_sent() {
    let store = Store::new();
    let output = cleverctl()
        .args([
            "sync",
            "--store",
            &store.url(),
            "--api-url",
            "http://127.0.0.1:9",
        ])
        .env("CLEVER_TOKEN", "il3jsfUI2131da2f")
        .output()
        .unwrap();
    refused(&output, 2, &["user token", "CLEVER_TOKEN"]);
    assert!(!errors(&output).contains("il3jsf"), "{}", errors(&output));
}

#[test]
fn a_wrong_address() {
    let store = Store::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let nobody = cleverctl()
        .args(["sync", "--store", &store.url(), "--api-url", &url])
        .env("CLEVER_TOKEN", "a1b2c3")
        .output()
        .unwrap();
    refused(&nobody, 1, &["hint:"]);

    let emulator = small();
    let not_the_api = cleverctl()
        .args([
            "sync",
            "--store",
            &store.url(),
            "--api-url",
            &format!("{}/elsewhere", emulator.url),
        ])
        .env("CLEVER_TOKEN", &emulator.token)
        .output()
        .unwrap();
    // What is no JSON is no word of Clever.
    refused(&not_the_api, 1, &["404", "hint:"]);

    let not_a_url = cleverctl()
        .args(["sync", "--store", &store.url(), "--api-url", "clever"])
        .env("CLEVER_TOKEN", "a1b2c3")
        .output()
        .unwrap();
    refused(&not_a_url, 2, &["--api-url"]);
}

#[test]
fn a_store_that_is_none() {
    let (emulator, store) = (small(), Store::new());
    fs::write(
        store.path(),
        "this is a letter, not a database; long enough to have a header",
    )
    .unwrap();
    refused(&store.sync(&emulator, &[]), 1, &["roster.db", "hint:"]);
    assert!(
        fs::read_to_string(store.path())
            .unwrap()
            .starts_with("this is a letter")
    );
}

#[test]
fn a_store_of_another_version() {
    let (emulator, store) = (small(), Store::new());
    store.report(&emulator, 0);
    rusqlite::Connection::open(store.path())
        .unwrap()
        .execute_batch("UPDATE _clever_versions SET version = 9999")
        .unwrap();
    refused(&store.sync(&emulator, &[]), 1, &["9999", "hint:"]);
}

#[test]
fn a_store_in_a_folder_that_is_not_there() {
    let emulator = small();
    let output = cleverctl()
        .args([
            "sync",
            "--store",
            "sqlite:/nonexistent/roster.db",
            "--api-url",
            &emulator.url,
        ])
        .env("CLEVER_TOKEN", &emulator.token)
        .output()
        .unwrap();
    refused(&output, 1, &["/nonexistent", "hint:"]);
}

#[test]
fn status_of_a_store_that_is_not_there_makes_none() {
    let store = Store::new();
    let output = cleverctl()
        .args(["status", "--store", &store.url()])
        .output()
        .unwrap();
    refused(&output, 1, &["roster.db", "hint:"]);
    assert!(!store.path().exists());
}

#[test]
fn a_taken_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = cleverctl()
        .args(["emulator", "--listen", &address])
        .output()
        .unwrap();
    refused(&output, 1, &[&address, "hint:", "--listen"]);
}

#[test]
fn a_recording_that_is_not_there() {
    let output = cleverctl()
        .args(["emulator", "--recorded", "/nonexistent"])
        .output()
        .unwrap();
    refused(&output, 2, &["/nonexistent", "hint:", "districts.json"]);
}

#[test]
fn a_token_of_another_district_than_the_one_named_syncs_nothing() {
    let (emulator, store) = (small(), Store::new());
    let other = "5a25ffb0c1bc2a0036000001";
    let output = cleverctl()
        .args(["sync", "--store", &store.url(), "--api-url", &emulator.url])
        .args(["--district", other])
        .env("CLEVER_TOKEN", &emulator.token)
        .output()
        .unwrap();
    refused(&output, 2, &[other, "--district"]);
    assert!(!store.path().exists(), "no store is made");
}
