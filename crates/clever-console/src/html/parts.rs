//! Small parts of pages.

use std::borrow::Cow;

use clever_auth::seal::{SystemRandomness, random_text};
use clever_model::{RecordKind, Timestamp, visible};
use clever_sync::words::{Verdict, masked, since};
use maud::{Markup, html};
use serde_json::Value;

use crate::door::Visitor;
use crate::site::Site;

/// An instant by its age. A script puts it into the viewer's zone.
pub(crate) fn time(at: Option<Timestamp>, now: Timestamp) -> Markup {
    html! {
        @match at {
            Some(at) => time datetime=(at) title=(at.strftime("%Y-%m-%d %H:%M UTC")) { (since(Some(at), now)) },
            None => "never",
        }
    }
}

/// A verdict with its dot. The word says it too, for whoever sees no colours.
pub(crate) fn badge(verdict: Verdict) -> Markup {
    html! { span class={ "badge " (verdict.word()) } { (verdict.word()) } }
}

/// What to do where there is nothing to show: the next three commands.
pub(crate) fn empty(says: &str, commands: [&str; 3]) -> Markup {
    html! {
        div.empty {
            p { (says) }
            ol { @for command in commands { li { code { (command) } } } }
        }
    }
}

/// A form that posts to `action`.
pub(crate) fn form(site: &Site, visitor: &Visitor, action: &str, content: &Markup) -> Markup {
    html! {
        form method="post" action=(site.at(action)) {
            input type="hidden" name="form" value=(visitor.form);
            // Without randomness a form has no key, and is a row each time.
            input type="hidden" name="key" value=(random_text(&SystemRandomness).unwrap_or_default());
            (content)
        }
    }
}

/// A form that asks nothing but why, with its button.
pub(crate) fn asks_why(
    site: &Site,
    visitor: &Visitor,
    action: &str,
    id: &str,
    says: &str,
) -> Markup {
    form(
        site,
        visitor,
        action,
        &html! {
            (why(&format!("why-{id}")))
            button id=(id) type="submit" { (says) }
            span.quiet { "The audit keeps who did and why." }
        },
    )
}

/// The field in which somebody says why.
pub(crate) fn why(id: &str) -> Markup {
    html! {
        label for=(id) { "Why" }
        input id=(id) name="reason" required minlength="3" maxlength="500" autocomplete="off";
    }
}

/// The same where nobody must say why.
pub(crate) fn may_say_why(id: &str) -> Markup {
    html! {
        label for=(id) { "Why (if you like)" }
        input id=(id) name="reason" maxlength="500" autocomplete="off";
    }
}

/// A value of somebody's record: masked, unless it was revealed.
pub(crate) fn shown(value: &str, open: bool) -> Cow<'_, str> {
    if open {
        visible(value)
    } else {
        Cow::Owned(masked(&visible(value)))
    }
}

/// The kind that a path names.
pub(crate) fn kind_of(word: &str) -> Option<RecordKind> {
    RecordKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word)
}

/// What a record is called: a person by first and last name, everything else by its own.
pub(crate) fn names(record: &Value) -> String {
    let text = |place: &str| record.pointer(place).and_then(Value::as_str);
    match (text("/name/first"), text("/name/last"), text("/name")) {
        (None, None, Some(name)) => name.to_owned(),
        (first, last, _) => [first, last]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
    }
}

/// A sentence with a capital letter.
pub(crate) fn capital(text: &str) -> String {
    let mut all = text.chars();
    let first = all.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + all.as_str()
}
