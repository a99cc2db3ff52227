//! `cleverctl certify`: what it says of an app that refuses every callback, of none at all, and the files it writes.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use tempfile::TempDir;

use crate::ground::{cleverctl, errors, held};

/// A small app: a front page, and a callback that answers every request with `status`.
fn app(status: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap_or_default();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let status = if first.contains(" /callback") {
                status
            } else {
                200
            };
            let page = "<!doctype html><p>Sums. <a href=/>Begin again</a>";
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: text/html\r\nCache-Control: no-store\r\n\
                 Referrer-Policy: no-referrer\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{page}",
                page.len()
            );
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    url
}

fn certify(app: &str, more: &[&str], folder: &TempDir) -> std::process::Output {
    let mut command = cleverctl();
    command.args([
        "certify",
        "--app",
        app,
        "--listen",
        "127.0.0.1:0",
        "--no-browser",
    ]);
    command
        .args(more)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn a_rehearsal_is_told_to_people_to_scripts_and_to_a_builds_server() {
    let (url, folder) = (app(401), TempDir::new().unwrap());
    let output = certify(&url, &["--json", "--junit", "certify.xml"], &folder);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let report = held("certify", &output.stdout);
    assert_eq!(report["schema_version"], 2);
    let verdict = |check: &str| {
        let all = report["checks"].as_array().unwrap();
        let found = all.iter().find(|one| one["check"] == check);
        found.unwrap()["verdict"].clone()
    };
    assert_eq!(verdict("callback-without-state"), "passed");
    assert_eq!(verdict("forged-state"), "passed");
    assert_eq!(verdict("way-button"), "not-run");
    assert!(
        errors(&output).contains("client secret: "),
        "{}",
        errors(&output)
    );
    let html = std::fs::read_to_string(folder.path().join("certify.html")).unwrap();
    assert!(
        html.contains("A callback without `state` is refused"),
        "{html}"
    );
    let xml = std::fs::read_to_string(folder.path().join("certify.xml")).unwrap();
    assert!(
        xml.contains("callback-without-state") && xml.contains("<skipped"),
        "{xml}"
    );
}

#[test]
fn a_failed_check_exits_with_1_and_is_named() {
    let (url, folder) = (app(200), TempDir::new().unwrap());
    let output = certify(&url, &[], &folder);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("failed: A callback without `state` is refused"),
        "{said}"
    );
    assert!(said.contains("The whole report: certify.html"), "{said}");
}

#[test]
fn no_app_and_no_callback_are_told_with_the_next_step() {
    let folder = TempDir::new().unwrap();
    let output = certify("http://127.0.0.1:9", &["--wait", "1s"], &folder);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        errors(&output).contains("hint: start the app"),
        "{}",
        errors(&output)
    );
    let output = certify(&app(404), &[], &folder);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        errors(&output).contains("--callback URL"),
        "{}",
        errors(&output)
    );
}

#[test]
fn an_apps_own_database_is_asked_and_a_wrong_query_is_said_at_once() {
    let (url, folder) = (app(401), TempDir::new().unwrap());
    let db = rusqlite::Connection::open(folder.path().join("app.db")).unwrap();
    db.execute_batch(
        "CREATE TABLE people (id INTEGER, clever_id TEXT); INSERT INTO people VALUES (1, 'a'), (2, 'a');",
    )
    .unwrap();
    let output = certify(&url, &["--store", "app.db"], &folder);
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    let said = errors(&output);
    assert!(
        said.contains("sqlite:app.db") && said.contains("with the column clever_id"),
        "{said}"
    );
    let query = "SELECT clever_id, id AS account_id FROM people";
    let more = [
        "--store",
        "app.db",
        "--users-query",
        query,
        "--patience",
        "1s",
        "--json",
    ];
    let output = certify(
        &url,
        &[&more[..], &["--accounts-at-sign-in"]].concat(),
        &folder,
    );
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let report = held("certify", &output.stdout);
    let checks = report["checks"].as_array().unwrap();
    let unique = checks
        .iter()
        .find(|one| one["check"] == "users-unique")
        .unwrap();
    assert_eq!(unique["verdict"], "failed");
    assert_eq!(
        unique["came_back"],
        "1 Clever ids have more than one account; one is a"
    );
}
