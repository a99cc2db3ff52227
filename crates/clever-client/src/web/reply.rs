//! Answers: redirects and pages, with the headers that each of them needs.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, REFERRER_POLICY,
    RETRY_AFTER, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use clever_auth::login::cookies::SetCookie;

use super::page::{Page, default_csp};

/// Sends the browser on.
pub(super) fn redirect<'a>(to: &str, cookies: impl IntoIterator<Item = &'a SetCookie>) -> Response {
    let mut response = empty(StatusCode::SEE_OTHER);
    put(&mut response, LOCATION, to);
    set(&mut response, cookies);
    response
}

/// Shows a page.
pub(super) fn page<'a>(
    status: StatusCode,
    page: Page,
    cookies: impl IntoIterator<Item = &'a SetCookie>,
) -> Response {
    let Page { html, csp } = page;
    let mut response = guarded((status, html).into_response());
    put(&mut response, CONTENT_TYPE, "text/html; charset=utf-8");
    // A policy that is no header's value is no reason for none.
    put(&mut response, CONTENT_SECURITY_POLICY, default_csp());
    put(&mut response, CONTENT_SECURITY_POLICY, &csp);
    set(&mut response, cookies);
    response
}

/// Says when to try again, in seconds.
pub(super) fn retry_after(mut response: Response, seconds: u32) -> Response {
    put(&mut response, RETRY_AFTER, &seconds.to_string());
    response
}

/// Says nothing but a status.
pub(super) fn empty(status: StatusCode) -> Response {
    guarded(status.into_response())
}

/// The address of an answer may hold a code: no cache keeps the answer, and no other site sees the address.
fn guarded(mut response: Response) -> Response {
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn set<'a>(response: &mut Response, cookies: impl IntoIterator<Item = &'a SetCookie>) {
    for cookie in cookies {
        if let Ok(cookie) = HeaderValue::from_str(&cookie.header()) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
}
