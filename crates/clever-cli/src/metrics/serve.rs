//! `/metrics`, `/healthz` and `/readyz`: for whoever scrapes a schedule, and for what restarts it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use clever_sync::StoreError;
use serde::Serialize;

use super::recorder::Handle;
use crate::settings::Places;

/// How long the store may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// By what the schedule is judged.
#[derive(Debug)]
pub(super) struct Health {
    pub(super) stores: Places,
    pub(super) max_failures: u64,
}

/// What `/readyz` says.
#[derive(Debug, Serialize)]
struct Ready {
    ready: bool,
    /// Whether every store answered.
    store: bool,
    /// The districts whose last attempts failed; empty for one that is not known.
    failing: Vec<String>,
}

impl Health {
    /// Looks at the stores, on a thread that may wait for them.
    async fn ready(&self) -> Ready {
        let places = self.stores.clone();
        let runtime = tokio::runtime::Handle::current();
        let look = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let mut attempts = Vec::new();
                for place in places.all() {
                    attempts.extend(place.url.look().await?.attempts().await?);
                }
                Ok::<_, StoreError>(attempts)
            })
        });
        let Ok(Ok(Ok(attempts))) = tokio::time::timeout(PATIENCE, look).await else {
            return Ready {
                ready: false,
                store: false,
                failing: Vec::new(),
            };
        };
        let failing = attempts
            .into_iter()
            .filter(|(_, tries)| tries.failed_in_a_row >= self.max_failures);
        let failing: Vec<String> = failing.map(|(district, _)| district).collect();
        Ready {
            ready: failing.is_empty(),
            store: true,
            failing,
        }
    }
}

/// What is served.
pub(super) fn router(handle: Handle, health: Arc<Health>) -> Router {
    let metrics = move || {
        let text = handle.render();
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        std::future::ready(([(header::CONTENT_TYPE, kind)], text))
    };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state(health)
}

async fn readyz(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let ready = health.ready().await;
    let status = if ready.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(ready))
}
