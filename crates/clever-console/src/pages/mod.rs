//! The pages, one a file: those that need a judgement first.

mod accounts;
mod audit;
mod changes;
mod district;
mod export;
mod forget;
mod health;
mod hold;
mod home;
mod look;
mod record;
mod reviews;
mod run;
mod schedule;
mod setup;

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use clever_model::Timestamp;

use crate::site::Site;

/// How far back sizes go, in seconds: ninety days.
const BACK: i64 = 90 * 86_400;

/// The beginning of the time over which sizes are shown.
pub(crate) fn back(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second() - BACK).unwrap_or(now)
}

const STYLE: &str = include_str!("../console.css");
const SCRIPT: &str = include_str!("../console.js");

/// Every page and deed, by its path.
pub(crate) fn routes() -> Router<Arc<Site>> {
    let file =
        |kind: &'static str, text: &'static str| async move { ([(CONTENT_TYPE, kind)], text) };
    Router::new()
        .route("/", get(home::show))
        .route(
            "/console.css",
            get(move || file("text/css; charset=utf-8", STYLE)),
        )
        .route(
            "/console.js",
            get(move || file("text/javascript; charset=utf-8", SCRIPT)),
        )
        .route("/districts/{district}", get(district::show))
        .route("/districts/{district}/sync", post(district::sync))
        .route(
            "/districts/{district}/look",
            get(look::show).post(look::begin),
        )
        .route("/districts/{district}/pause", post(district::pause_it))
        .route("/districts/{district}/resume", post(district::resume))
        .route("/districts/{district}/hold", get(hold::show))
        .route("/districts/{district}/hold/reveal", post(hold::reveal))
        .route("/districts/{district}/hold/approve", post(hold::approve))
        .route("/districts/{district}/hold/leave", post(hold::leave))
        .route("/districts/{district}/hold/withdraw", post(hold::withdraw))
        .route("/districts/{district}/runs/{run}", get(run::show))
        .route("/districts/{district}/runs/{run}/undo", post(run::undo))
        .route("/districts/{district}/changes", get(changes::show))
        .route("/districts/{district}/changes/{seq}", get(changes::one))
        .route(
            "/districts/{district}/changes/reveal",
            post(changes::reveal),
        )
        .route(
            "/districts/{district}/records/{kind}/{id}",
            get(record::show),
        )
        .route(
            "/districts/{district}/records/{kind}/{id}/reveal",
            post(record::reveal),
        )
        .route(
            "/districts/{district}/records/{kind}/{id}/forget",
            post(forget::person),
        )
        .route("/districts/{district}/export", post(export::send))
        .route("/districts/{district}/forget", post(forget::district))
        .route("/reviews", get(reviews::list))
        .route("/reviews/{id}", get(reviews::show))
        .route("/reviews/{id}/reveal", post(reviews::reveal))
        .route("/reviews/{id}/approve", post(reviews::approve))
        .route("/reviews/{id}/decline", post(reviews::decline))
        .route("/accounts", get(accounts::list))
        .route("/accounts/{id}", get(accounts::show))
        .route("/accounts/{id}/reveal", post(accounts::reveal))
        .route("/accounts/{id}/merge", post(accounts::merge))
        .route("/accounts/{id}/unmerge", post(accounts::unmerge))
        .route("/accounts/{id}/unlink", post(accounts::unlink))
        .route("/accounts/{id}/end", post(accounts::end))
        .route("/schedule", get(schedule::show))
        .route("/schedule/test", post(schedule::test))
        .route("/audit", get(audit::show))
        .route("/setup", get(setup::show))
        .route("/health", get(health::show))
}
