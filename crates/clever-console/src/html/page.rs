//! The frame of each page, and the forms that come from one.

use std::sync::Arc;

use axum::Form;
use axum::extract::{FromRequest, Request};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::door::Visitor;
use crate::site::Site;
use crate::trouble::Trouble;

/// The menu: the path and the word of each page.
const MENU: [(&str, &str); 7] = [
    ("/", "Districts"),
    ("/reviews", "Reviews"),
    ("/accounts", "Accounts"),
    ("/setup", "Setup"),
    ("/schedule", "Schedule"),
    ("/audit", "Audit"),
    ("/health", "Health"),
];

/// A page with its frame. Titles name no person.
pub(crate) fn page(
    site: &Site,
    visitor: Option<&Visitor>,
    title: &str,
    content: &Markup,
) -> Markup {
    framed(site, visitor, title, None, content)
}

/// A page from which browsers go on to `to` by themselves.
pub(crate) fn onward(site: &Site, title: &str, to: &str, content: &Markup) -> Markup {
    framed(site, None, title, Some(&format!("0; url={to}")), content)
}

impl Visitor {
    /// A page for this visitor. With `again`, browsers load it again after so many seconds.
    pub(crate) fn page(
        &self,
        site: &Site,
        title: &str,
        again: Option<u32>,
        content: &Markup,
    ) -> Markup {
        let again = again.map(|seconds| seconds.to_string());
        framed(site, Some(self), title, again.as_deref(), content)
    }
}

fn framed(
    site: &Site,
    visitor: Option<&Visitor>,
    title: &str,
    again: Option<&str>,
    content: &Markup,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(again) = again { meta http-equiv="refresh" content=(again); }
                title { (title) " · Clever console" }
                link rel="stylesheet" href=(site.at("/console.css"));
                script src=(site.at("/console.js")) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the page" }
                @if let Some(visitor) = visitor { (head(site, visitor)) }
                main #main tabindex="-1" {
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

fn head(site: &Site, visitor: &Visitor) -> Markup {
    html! {
        header {
            nav aria-label="Pages" {
                @for (path, word) in MENU { a href=(site.at(path)) { (word) } }
            }
            div.who {
                span { (visitor.person.name) " (" (visitor.person.role) ")" }
                @if site.options.gate.is_none() {
                    form method="post" action=(site.at("/leave")) {
                        input type="hidden" name="form" value=(visitor.form);
                        button type="submit" { "Sign out" }
                    }
                }
            }
        }
    }
}

/// What is said where a page can't be shown or a deed was not done.
pub(crate) fn trouble(site: &Site, visitor: Option<&Visitor>, trouble: &Trouble) -> Markup {
    let content = html! {
        p #trouble role="alert" { (trouble) }
        p { a href=(site.at("/")) { "To the districts" } }
    };
    page(site, visitor, "Not done", &content)
}

/// The fields of a form, with the token of the session that it is of.
#[derive(Deserialize)]
struct Whole<T> {
    #[serde(default)]
    form: String,
    #[serde(default)]
    key: Option<String>,
    #[serde(flatten)]
    fields: T,
}

/// The field of a form that asks nothing but why.
#[derive(Deserialize)]
pub(crate) struct Why {
    #[serde(default)]
    pub(crate) reason: String,
}

/// A form that somebody who is in has sent from a page of ours.
pub(crate) struct Sent<T> {
    pub(crate) visitor: Visitor,
    pub(crate) fields: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<Site>> for Sent<T> {
    type Rejection = Trouble;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Trouble> {
        let visitor = request.extensions().get::<Visitor>().cloned();
        let mut visitor = visitor.ok_or(Trouble::Form)?;
        let sent = Form::<Whole<T>>::from_request(request, site).await;
        let Form(sent) = sent.map_err(|_| {
            Trouble::Wrong("The form can't be read, and nothing was done.".to_owned())
        })?;
        if !visitor.sent(&sent.form) {
            return Err(Trouble::Form);
        }
        visitor.key = sent.key.filter(|key| !key.is_empty());
        Ok(Self {
            visitor,
            fields: sent.fields,
        })
    }
}
