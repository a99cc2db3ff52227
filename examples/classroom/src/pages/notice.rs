//! What the sign-in itself has to say, in the app's own style.

use clever_client::web::{Message, Notice, Page};
use maud::html;

use super::page;

/// Makes the sign-in's pages.
pub(crate) fn pages(policy: String) -> impl Fn(&Message<'_>) -> Page + Send + Sync + 'static {
    move |message| {
        if message.notice == Notice::Framed {
            // It is seen in a frame, which the app's own policy forbids.
            return message.page();
        }
        let (title, text) = message.notice.text();
        let link = matches!(
            message.notice,
            Notice::LinkOtherPerson | Notice::LinkOtherSession | Notice::LinkRefused(_)
        );
        let stays = link || message.notice == Notice::SignOut;
        let content = html! {
            p { (text) }
            @if let Some(open) = message.still_open {
                p {
                    (open.name.as_deref().unwrap_or("Somebody"))
                    " is still signed in to this app in this browser."
                }
            }
            @if message.still_open.is_some() || message.notice == Notice::SignOut {
                form method="post" action=(message.sign_out) { button { "Sign out" } }
            }
            @if matches!(message.notice, Notice::SignedOut | Notice::LinkOtherPerson) {
                p { a href=(message.sign_out_of_clever) { "Go to Clever to sign out there" } }
            }
            @if stays {
                p { a href=(message.home) { "Go back to the app" } }
            } @else {
                p { a.button href=(message.sign_in) { "Log in with Clever" } }
            }
        };
        Page {
            html: page(title, None, &content).into_string(),
            csp: policy.clone(),
        }
    }
}
