//! A sync in a server: its future is `Send`, so that a handler may await it, or a task of a runtime with threads.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use clever_client::District;
use clever_model::SystemClock;
use clever_sync::{AnyStore, PostgresStore, SqliteStore, SyncOptions, SyncPolicy, sync};
use tokio::sync::Mutex;

use crate::ground::Ground;

fn is_send<T: Send>(_: T) {}

/// Compiled, and never run.
#[expect(dead_code, reason = "that it compiles is the test")]
fn a_sync_is_send_whichever_store_it_fills(
    district: &District,
    sqlite: &mut SqliteStore,
    postgres: &mut PostgresStore,
    any: &mut AnyStore,
) {
    let (policy, options) = (SyncPolicy::default(), SyncOptions::default());
    is_send(sync(district, sqlite, &policy, &options, &SystemClock, &()));
    is_send(sync(
        district,
        postgres,
        &policy,
        &options,
        &SystemClock,
        &(),
    ));
    is_send(sync(district, any, &policy, &options, &SystemClock, &()));
}

/// What the handler has: the district that it reads, and the one store that it fills.
type App = Arc<(District, Mutex<SqliteStore>)>;

async fn fill(State(app): State<App>) -> String {
    let (policy, options) = (SyncPolicy::default(), SyncOptions::default());
    let mut store = app.1.lock().await;
    let done = sync(&app.0, &mut *store, &policy, &options, &SystemClock, &()).await;
    done.map_or_else(
        |error| error.to_string(),
        |report| report.outcome.to_string(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_of_a_server_awaits_a_sync() {
    let ground = Ground::new(97, 30).await;
    let store = SqliteStore::open(&ground.path()).unwrap();
    let app: App = Arc::new((ground.district.clone(), Mutex::new(store)));
    let router = Router::new()
        .route("/sync", post(fill))
        .with_state(Arc::clone(&app));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/sync", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let answer = reqwest::Client::new().post(url).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "done");
    server.abort();
    let status = app.1.lock().await.status().await.unwrap();
    assert_eq!(status.len(), 1);
}
