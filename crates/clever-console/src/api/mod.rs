//! The JSON API: all that the pages show and do, for programs.
//!
//! Each endpoint is one value, [`Endpoint`], which is both its route and its part of the OpenAPI document; the types of what it takes and
//! gives are those of its function, so that the document can't say something else.
//!
//! Decision: the document is put together here from the schemas of `schemars`, which the types of all crates have for `cleverctl
//! --json`. aide 0.15 needs schemars 0.9, and its next version is an alpha; utoipa would want a second derivation on each of these types.

mod asked;
mod call;
mod document;
mod endpoints;
mod guard;
mod shapes;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::routing::get;

pub use self::document::openapi;
pub use self::tokens::{NewToken, new_token};
use crate::site::Site;
use crate::trouble::Trouble;

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The routes of the API.
pub(crate) fn routes(site: &Arc<Site>) -> Router {
    let document =
        Arc::new(openapi(&format!("{}{}", site.options.origin, site.at("/api"))).to_string());
    let mut all = Router::new().route(
        "/openapi.json",
        get(move || async move {
            let kind = [("content-type", "application/json")];
            (kind, document.to_string()).into_response()
        }),
    );
    for endpoint in endpoints::all() {
        all = all.route(endpoint.path, endpoint.route);
    }
    all.fallback(async || Trouble::Missing)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(site), guard::guard))
        .with_state(Arc::clone(site))
}
