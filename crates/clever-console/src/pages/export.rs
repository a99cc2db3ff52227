//! The roster as one file: a form on the district's page, and the file.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::acts::exports::{self, FORMATS};
use crate::door::Visitor;
use crate::html::{Sent, form, why};
use crate::site::{Shared, Site};
use crate::trouble::Trouble;

/// What is asked for.
#[derive(Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    format: String,
    #[serde(default)]
    reason: String,
}

/// Sends the file.
pub(crate) async fn send(
    State(site): Shared,
    Path(district): Path<String>,
    sent: Sent<Fields>,
) -> Result<Response, Trouble> {
    let Fields { format, reason } = &sent.fields;
    exports::export(&site, &sent.visitor, &district, format, reason).await
}

/// Asks for a format and why.
pub(super) fn asks(site: &Site, visitor: &Visitor, place: &str) -> Markup {
    html! {
        h2 { "Export the roster" }
        p.quiet { "A zip with every active school, class and person. It holds names: keep it as you keep the store." }
        (form(site, visitor, &format!("{place}/export"), &html! {
            label for="format" { "Format" }
            select #format name="format" {
                @for (word, says, _) in FORMATS { option value=(word) { (says) } }
            }
            (why("why-export"))
            button #export type="submit" { "Export" }
            span.quiet { "The audit keeps who did and why." }
        }))
    }
}
