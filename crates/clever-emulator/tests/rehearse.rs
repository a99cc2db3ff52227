//! `clever-emulator certify`, as somebody has it who installed only the emulator.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use axum::Router;
use axum::routing::get;
use serde_json::Value;
use tempfile::TempDir;

/// An app that lets everybody in, or one that has no callback; its address.
async fn app(callback: bool) -> String {
    let page = || async { "<!doctype html><p>Sums." };
    let mut app = Router::new().route("/", get(page));
    if callback {
        app = app.route("/callback", get(page));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// What the program says of it.
async fn certify(app: &str, more: &[&str], folder: &TempDir) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clever-emulator"));
    command
        .args([
            "certify",
            "--app",
            app,
            "--listen",
            "127.0.0.1:0",
            "--no-browser",
        ])
        .args(more)
        .current_dir(folder.path());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn an_app_that_lets_everybody_in_fails_and_the_report_says_so() {
    let (url, folder) = (app(true).await, TempDir::new().unwrap());
    let output = certify(&url, &[], &folder).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.contains("failed: A callback without `state` is refused"),
        "{said}"
    );
    assert!(said.contains("The whole report: certify.html"), "{said}");
    assert!(text(&output.stderr).contains("client secret: "));
    assert!(folder.path().join("certify.html").is_file());
    let output = certify(&url, &["--json", "--junit", "certify.xml"], &folder).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema_version"], 2);
    assert_eq!(report["worst"], "failed");
    assert!(folder.path().join("certify.xml").is_file());
}

#[tokio::test]
async fn what_was_given_wrong_ends_with_2_and_the_next_step() {
    let (url, folder) = (app(false).await, TempDir::new().unwrap());
    let output = certify(&url, &[], &folder).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("hint: name the address"),
        "{}",
        text(&output.stderr)
    );
    let output = certify("ftp://127.0.0.1/", &[], &folder).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("write the address of a page"),
        "{}",
        text(&output.stderr)
    );
}
