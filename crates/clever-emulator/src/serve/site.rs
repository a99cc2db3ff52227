//! Requests of Clever's site: sign-in, codes and tokens, discovery and keys.

use std::sync::atomic::Ordering;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};

use super::bearer::bearer;
use super::send::{self, Decision, MAX_BODY};
use super::shared::Shared;
use crate::control::faults::{Asked, Fault};
use crate::life::happenings::Happening;
use crate::reply::Reply;
use crate::sign_in::app::Issuing;
use crate::sign_in::openid::{CERTS, DISCOVERY};
use crate::sign_in::parameters::{parameters, repeats};

/// Whether a path is Clever's site, not its API.
pub(super) fn is_site(path: &str) -> bool {
    ["/oauth/", "/.well-known/", "/in/", "/portal/", "/library/"]
        .iter()
        .any(|start| path.starts_with(start))
}

pub(super) fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Answers one request of Clever's site.
pub(super) async fn answer(shared: &Shared, request: Request) -> Decision {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let target = parts.uri.to_string();
    let asked = Asked {
        method: parts.method.as_str(),
        path,
        query,
    };
    let now = shared.clock.now();
    let fault = shared.faults.befall(&asked, now);
    let authorization = text(&parts.headers, header::AUTHORIZATION);
    let cookies = text(&parts.headers, header::COOKIE).unwrap_or_default();
    let (app, districts) = (&shared.app, &shared.districts);
    if fault == Some(Fault::RotateKey) {
        app.befall(Happening::KeyReplace);
    }
    let is_issuer = matches!(path, DISCOVERY | CERTS);
    if is_issuer && app.issuing() == Issuing::Slowly {
        tokio::time::sleep(send::SLOW).await;
    }
    let reply = match (&parts.method, path) {
        (&Method::GET, "/oauth/authorize" | "/oauth/instant-login") if repeats(query) => {
            Reply::refused(400, "invalid_request", "a parameter stands there twice")
        }
        (
            &Method::GET,
            "/oauth/authorize" | "/oauth/instant-login" | "/portal/launch" | "/library/install",
        ) => app.authorize(districts, &target, cookies, now),
        (&Method::GET, path) if path.starts_with("/in/") => app.portal(districts, &target, cookies),
        (&Method::GET, DISCOVERY | CERTS) => app.openid(path),
        (&Method::GET, "/oauth/tokeninfo") => match bearer(shared, authorization) {
            Some((_, bearer)) => app.token_info(bearer.owner()),
            None => Reply::unauthorized(),
        },
        (&Method::GET | &Method::POST, "/oauth/tokens") if !app.is_client(authorization) => {
            Reply::refused(401, "invalid_client", "client authentication failed")
        }
        (&Method::GET, "/oauth/tokens") => app.tokens(districts, query, &parameters(query)),
        (&Method::POST, "/oauth/tokens") => {
            let content_type = text(&parts.headers, header::CONTENT_TYPE).unwrap_or_default();
            let body = axum::body::to_bytes(body, MAX_BODY)
                .await
                .unwrap_or_default();
            app.exchange(
                districts,
                content_type,
                &String::from_utf8_lossy(&body),
                now,
            )
        }
        (_, path) => Reply::no_such_path(path),
    };
    let reply = match fault {
        Some(fault) => reply.spoiled(fault, shared.requests.load(Ordering::SeqCst)),
        None => reply,
    };
    Decision {
        fault,
        ..reply.into()
    }
}
