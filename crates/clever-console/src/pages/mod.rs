//! The pages, one a file: those that need a judgement first.

mod changes;
mod district;
mod hold;
mod home;
mod record;
mod run;

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};

use crate::site::Site;

const STYLE: &str = include_str!("../console.css");
const SCRIPT: &str = include_str!("../console.js");

/// Every page and deed, by its path.
pub(crate) fn routes() -> Router<Arc<Site>> {
    let file = |kind: &'static str, text: &'static str| async move { ([(CONTENT_TYPE, kind)], text) };
    Router::new()
        .route("/", get(home::show))
        .route("/console.css", get(move || file("text/css; charset=utf-8", STYLE)))
        .route("/console.js", get(move || file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/districts/{district}", get(district::show))
        .route("/districts/{district}/sync", post(district::sync))
        .route("/districts/{district}/hold", get(hold::show))
        .route("/districts/{district}/hold/reveal", post(hold::reveal))
        .route("/districts/{district}/hold/approve", post(hold::approve))
        .route("/districts/{district}/hold/leave", post(hold::leave))
        .route("/districts/{district}/hold/withdraw", post(hold::withdraw))
        .route("/districts/{district}/runs/{run}", get(run::show))
        .route("/districts/{district}/runs/{run}/undo", post(run::undo))
        .route("/districts/{district}/changes", get(changes::show))
        .route("/districts/{district}/changes/{seq}", get(changes::one))
        .route("/districts/{district}/records/{kind}/{id}", get(record::show))
        .route("/districts/{district}/records/{kind}/{id}/reveal", post(record::reveal))
}
