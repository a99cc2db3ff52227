//! The example app passes a rehearsal of Clever's certification: by every way in, as everybody, in every trouble.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

use std::time::Duration;

use classroom::Config;
use clever_certify::{AppUnderTest, Browser, Check, RehearsalClever, Verdict, ready, rehearse};
use tempfile::TempDir;
use url::Url;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "a test says what it skips")]
async fn the_classroom_passes_a_rehearsal_of_the_certification() {
    let browser = match Browser::start().await {
        Ok(browser) => browser,
        Err(error) if error.is_not_installed() => return eprintln!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    };
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = place.local_addr().unwrap();
    drop(place);
    let url: Url = format!("http://{listen}/").parse().unwrap();
    let mut app = AppUnderTest::new(url.clone(), url.join("callback").unwrap());
    app.library = true;
    app.quiet = Duration::from_millis(400);
    app.first_visit = vec!["#create".to_owned()];
    let clever = RehearsalClever::start("127.0.0.1:0".parse().unwrap(), &app.callback, true);
    let clever = clever.await.unwrap();
    let emulator = clever.emulator();
    let data = TempDir::new().unwrap();
    let classroom = classroom::start(Config {
        listen,
        url: None,
        data: data.path().to_owned(),
        client: Some((
            emulator.client_id().to_owned(),
            emulator.client_secret().to_owned(),
        )),
        clever: Some(emulator.base_url().clone()),
        before: Vec::new(),
    });
    tokio::spawn(classroom.await.unwrap().run());
    ready(&app, Duration::from_secs(20)).await.unwrap();
    let report = rehearse(&app, &clever, Ok(&browser), &|_| {}).await;
    if let Ok(path) = std::env::var("CLEVER_CERTIFY_REPORT") {
        std::fs::write(path, report.html()).unwrap();
    }
    for one in &report.findings {
        // Its accounts are made at a sign-in; crates/clever-provision has the tests of what becomes of them.
        let is_of_accounts = one.check >= Check::UsersUnique;
        let wanted = if is_of_accounts {
            Verdict::NotRun
        } else {
            Verdict::Passed
        };
        assert_eq!(
            one.verdict,
            wanted,
            "{}: {}",
            one.check.word(),
            one.came_back
        );
    }
    browser.end().await;
    clever.stop().await;
}
