//! What each request and each answer must have, whatever the page.
//!
//! Decision: the console knows its address from its options, and believes no header of a proxy. A request for another host is a name that
//! somebody has pointed here; a form from another origin is somebody else's page.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION,
    ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::html;
use crate::site::Site;
use crate::trouble::Trouble;

/// What a page may load and where its forms may go: this console, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// The paths on which somebody comes in.
const DOOR: [&str; 3] = ["/enter", "/enter/openid", "/enter/back"];

/// The longest that a request may take, its body included.
const LONGEST: Duration = Duration::from_secs(30);
/// The same for an export, which reads a whole roster before it answers.
const LONGEST_EXPORT: Duration = Duration::from_secs(3600);

const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // Without a referrer, browsers would send forms from nowhere.
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// Lets a request through, and says in words what went wrong.
pub(crate) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let is_asset = path.ends_with("/console.css") || path.ends_with("/console.js");
    let is_door = DOOR.iter().any(|door| path.ends_with(door)) && site.options.gate.is_none();
    let mut visitor = None;
    let mut response = match refused(&site, &request) {
        Some(refused) => refused,
        None => {
            visitor = site.visitor(request.headers()).await;
            let mut request = request;
            match &visitor {
                Some(visitor) => {
                    request.extensions_mut().insert(visitor.clone());
                    in_time(&path, next.run(request)).await
                }
                None if is_asset || is_door => in_time(&path, next.run(request)).await,
                None if site.options.gate.is_some() => Trouble::Out.into_response(),
                None => to_the_door(&site),
            }
        }
    };
    if let Some(trouble) = response.extensions().get::<Trouble>().cloned() {
        let page = html::trouble(&site, visitor.as_ref(), &trouble);
        response = (trouble.status(), page).into_response();
    }
    dress(&mut response);
    let headers = response.headers_mut();
    if is_asset && headers.contains_key(CONTENT_TYPE) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    }
    response
}

/// Sets the headers that each answer has.
pub(crate) fn dress(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Lets a request through for as long as one to this path may take.
pub(crate) async fn in_time(path: &str, answer: impl Future<Output = Response>) -> Response {
    let longest = if path.ends_with("/export") {
        LONGEST_EXPORT
    } else {
        LONGEST
    };
    match tokio::time::timeout(longest, answer).await {
        Ok(answer) => answer,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// Says what is wrong with a request before anybody looks at it.
fn refused(site: &Site, request: &Request) -> Option<Response> {
    let headers = request.headers();
    if let Some(refused) = other_host(site, headers) {
        return Some(refused);
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && (!headers.contains_key(ORIGIN) || other_origin(site, headers)) {
        return Some(Trouble::Form.into_response());
    }
    None
}

/// Refuses a request for another host than the console's own.
pub(crate) fn other_host(site: &Site, headers: &HeaderMap) -> Option<Response> {
    let origin = site.options.origin.as_str();
    let own_host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    (host != Some(own_host)).then(|| StatusCode::MISDIRECTED_REQUEST.into_response())
}

/// Says whether a request comes from a page of another origin.
pub(crate) fn other_origin(site: &Site, headers: &HeaderMap) -> bool {
    let origin = headers.get(ORIGIN).map(|value| value.to_str().ok());
    origin.is_some_and(|origin| origin != Some(site.options.origin.as_str()))
}

fn to_the_door(site: &Site) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(to) = HeaderValue::from_str(&site.at("/enter")) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}
