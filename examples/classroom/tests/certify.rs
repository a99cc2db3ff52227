//! The example app in a rehearsal of Clever's certification: by every way in, as everybody, in every trouble. One check is
//! open.

#![expect(clippy::unwrap_used, reason = "a test that fails stops")]

use std::path::Path;
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use classroom::Config;
use clever_emulator::certify::{
    AccountSource, Accounts, AppUnderTest, Browser, Check, RehearsalClever, Verdict, ready,
    rehearse,
};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use url::Url;

/// The app's accounts, read from its database.
fn accounts(data: &Path) -> rusqlite::Result<Value> {
    let store =
        Connection::open_with_flags(data.join("classroom.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sql = "SELECT l.user_id, a.id, a.standing FROM provision_links l
               JOIN provision_accounts a ON a.id = l.account WHERE l.alias = 0";
    let mut query = store.prepare(sql)?;
    let rows = query.query_map([], |row| {
        let (user, account): (String, String) = (row.get(0)?, row.get(1)?);
        let standing: String = row.get(2)?;
        Ok(json!({ "clever_id": user, "account_id": account, "is_archived": standing.to_lowercase().contains("archived") }))
    });
    let users: Vec<Value> = rows?.collect::<Result<_, _>>()?;
    Ok(json!({ "users": users }))
}

/// Serves them to the rehearsal, and to nobody else.
async fn export(data: &Path) -> Url {
    let data = data.to_owned();
    let answer = move || async move { Json(accounts(&data).unwrap()) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
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
    let data = TempDir::new().unwrap();
    let mut accounts = Accounts::new(AccountSource::Url(export(data.path()).await));
    accounts.made_at_sign_in = true;
    accounts.patience = Duration::from_secs(12);
    app.accounts = Some(accounts);
    let clever = RehearsalClever::start("127.0.0.1:0".parse().unwrap(), &app.callback, true);
    let clever = clever.await.unwrap();
    let emulator = clever.emulator();
    let classroom = classroom::start(Config {
        listen,
        url: None,
        data: data.path().to_owned(),
        database: None,
        client: Some((
            emulator.client_id().to_owned(),
            emulator.client_secret().to_owned(),
        )),
        clever: Some(emulator.base_url().clone()),
        sync_every: Duration::from_millis(500),
        before: Vec::new(),
    });
    tokio::spawn(classroom.await.unwrap().run());
    ready(&app, Duration::from_secs(20)).await.unwrap();
    let report = rehearse(&app, &clever, Ok(&browser), &|_| {}).await;
    for one in &report.findings {
        // The app keeps no numbers of the district's.
        let wanted = match one.check {
            Check::UsersSisIds => Verdict::NotRun,
            _ => Verdict::Passed,
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
