//! The app's pages: plain HTML that works by keyboard, on a phone and with a screen reader, without scripts.

pub(crate) mod account;
pub(crate) mod admin;
pub(crate) mod hello;
pub(crate) mod home;
pub(crate) mod notice;
pub(crate) mod welcome;

use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use clever_client::web::Reason;
use clever_web::{FormToken, SignedIn, WebError};
use maud::{DOCTYPE, Markup, html};

use crate::site::Site;

/// The stylesheet, for light and dark.
pub(crate) const STYLE: &str = include_str!("../style.css");

/// What a page may do: the app's own style, forms to the app and from there to Clever, nothing else.
pub(crate) fn policy(clever: &str) -> String {
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; \
         form-action 'self' {clever}; frame-ancestors 'none'"
    )
}

/// A page of somebody who is signed in, or of nobody.
pub(crate) fn page(title: &str, me: Option<&SignedIn>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Classroom" }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="data:,";
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    a.brand href="/" { "Classroom" }
                    @if let Some(me) = me {
                        nav aria-label="Main" {
                            a href="/" { "Home" }
                            a href="/account" { "Account" }
                            @if admin::may(me) { a href="/admin" { "Admin" } }
                            form method="post" action="/logout" {
                                button.plain id="sign-out" { "Sign out" }
                            }
                        }
                    }
                }
                main id="main" { h1 { (title) } (content) }
                footer { "An example app of the Clever toolkit for Rust." }
            }
        }
    }
}

/// A page that says one thing and leads on.
pub(crate) fn said(text: &str, to: &str, way: &str) -> Response {
    let content = html! {
        p role="status" { (text) }
        p { a.button href=(to) { (way) } }
    };
    page("Classroom", None, &content).into_response()
}

/// The hidden field that a form brings back.
pub(crate) fn token(form: &FormToken) -> Markup {
    html! { input type="hidden" name="form" value=(form.as_str()); }
}

/// Adds the headers that every page of the app needs.
pub(crate) async fn guard(
    policy: HeaderValue,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut or_else = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    or_else(CONTENT_SECURITY_POLICY, policy);
    or_else(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    or_else(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    or_else(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Says where a person's access comes from: free, or premium by the district's contract.
pub(crate) fn plan(me: &SignedIn) -> Markup {
    if me.profile.is_of_district() {
        html! { p.badge { "Premium: your district has connected Classroom." } }
    } else {
        html! { p.badge { "Free: you use Classroom with your own classes, through Clever Library." } }
    }
}

impl Site {
    /// A failed reading of the app's own data, as a page.
    #[expect(clippy::result_large_err, reason = "the error is the answer to send")]
    pub(crate) fn or_failed<T, E: std::error::Error + 'static>(
        &self,
        read: Result<T, E>,
    ) -> Result<T, Response> {
        read.map_err(|error| self.login.failed(&error))
    }

    /// The page after a change of one's own account that ends its sessions.
    pub(crate) fn done(&self, done: Result<Result<(), Reason>, WebError>, text: &str) -> Response {
        match done {
            Ok(Ok(())) => said(text, "/", "Go to the front page"),
            Ok(Err(reason)) => self.login.refused(reason),
            Err(error) => self.login.failed(&error),
        }
    }
}
