//! The pages of sign-in, for people and for browsers under test.

use std::fmt::Write as _;

use clever_model::{RecordKind, Role};
use serde_json::Value;

use crate::reply::{Reply, escaped};
use crate::world::World;

/// Users of one role that a page offers.
const OFFERED: usize = 25;

/// Where someone picks whom to sign in as: `target` again, with the user.
pub(crate) fn picker(world: &World, target: &str, library: bool) -> Reply {
    let separator = if target.contains('?') { "&amp;" } else { "?" };
    let district = world.value(RecordKind::Districts, world.district_id());
    let district = district.unwrap_or_default();
    let name = district["name"].as_str().unwrap_or("a district");
    let mut body = format!("<p>{}</p>\n", escaped(name));
    let offered = |role: &Role| !library || matches!(role, Role::Teacher | Role::Student);
    for role in Role::ALL.into_iter().filter(offered) {
        let users = world.with_role(role).iter();
        let _ = write!(body, "<h2>{role}</h2>\n<ul>\n");
        for (id, user) in users.take(OFFERED) {
            let user: Value = user.value();
            let _ = writeln!(
                body,
                "<li><a href=\"{}{separator}user={id}\">{}</a></li>",
                escaped(target),
                full_name(&user)
            );
        }
        body.push_str("</ul>\n");
    }
    Reply::page(200, "Log in with Clever (emulated)", &body)
}

/// The portal of somebody who is signed in: the app's icon, and for teachers the Library.
pub(crate) fn portal(user: &Value, client_id: &str) -> Reply {
    let app = escaped(client_id);
    let mut body = format!(
        "<p>Signed in as {}.</p>\n<ul>\n<li><a id=\"app\" href=\"/portal/launch?client_id={app}\">The app</a></li>\n",
        full_name(user)
    );
    if user["roles"]["teacher"].is_object() {
        let id = escaped(user["id"].as_str().unwrap_or_default());
        let _ = writeln!(
            body,
            "<li><a id=\"library\" href=\"/library/install?client_id={app}&amp;user={id}\">Install the app from the Library</a></li>"
        );
    }
    body.push_str("</ul>");
    Reply::page(200, "Clever portal (emulated)", &body)
}

fn full_name(user: &Value) -> String {
    let part = |part: &str| escaped(user["name"][part].as_str().unwrap_or_default());
    format!("{} {}", part("first"), part("last"))
}
