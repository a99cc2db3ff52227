//! The pages of sign-in, for people and for browsers under test.

use std::fmt::Write as _;

use clever_model::{RecordKind, Role};
use serde_json::Value;

use crate::districts::Districts;
use crate::reply::{Reply, escaped};
use crate::world::World;

/// Users of one role that a page offers.
const OFFERED: usize = 25;

/// `target` with another parameter, as it stands in an attribute.
fn with(target: &str, name: &str, value: &str) -> String {
    let separator = if target.contains('?') { "&amp;" } else { "?" };
    format!("{}{separator}{name}={}", escaped(target), escaped(value))
}

/// The district's name.
fn name(world: &World) -> String {
    let district = world.value(RecordKind::Districts, world.district_id());
    let name = district.unwrap_or_default()["name"].take();
    name.as_str().unwrap_or("A district").to_owned()
}

/// The district's word in the address of its portal: what follows `/in/`.
pub(crate) fn shortname(world: &World) -> Option<String> {
    let district = world.value(RecordKind::Districts, world.district_id())?;
    let url = district["portal_url"].as_str()?;
    url.rsplit_once("/in/").map(|(_, name)| name.to_owned())
}

/// Where someone says whose schools they go to.
pub(crate) fn district_picker(districts: &Districts, target: &str) -> Reply {
    let mut body = String::from("<p>Find your district</p>\n<ul class=\"choices\">\n");
    for district in districts.iter() {
        let _ = writeln!(
            body,
            "<li><a class=\"district\" href=\"{}\">{}</a></li>",
            with(target, "district_id", &district.id),
            escaped(&name(&district.world()))
        );
    }
    let _ = write!(
        body,
        "</ul>\n<p><a id=\"not-listed\" href=\"{}\">My district is not listed</a></p>",
        with(target, "district_id", "none")
    );
    Reply::page(200, "Log in with Clever (emulated)", &body)
}

/// Where someone picks whom to sign in as: `target` again, with the user.
pub(crate) fn picker(world: &World, target: &str, library: bool) -> Reply {
    let mut body = format!("<p>{}</p>\n", escaped(&name(world)));
    let offered = |role: &Role| !library || matches!(role, Role::Teacher | Role::Student);
    for role in Role::ALL.into_iter().filter(offered) {
        let _ = write!(body, "<h2>{role}</h2>\n<ul class=\"choices\">\n");
        for (id, user) in world.with_role(role).iter().take(OFFERED) {
            let _ = writeln!(
                body,
                "<li><a class=\"{role}\" href=\"{}\">{}</a></li>",
                with(target, "user", &id),
                full_name(&user.value())
            );
        }
        body.push_str("</ul>\n");
    }
    Reply::page(200, "Log in with Clever (emulated)", &body)
}

/// Asks somebody who is signed in at Clever, on a device that others use too.
pub(crate) fn is_this_you(user: &Value, target: &str) -> Reply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut rest = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name != "confirmed" {
            rest.append_pair(&name, &value);
        }
    }
    let target = format!("{path}?{}", rest.finish());
    let body = format!(
        "<p>Are you {}?</p>\n<ul class=\"choices\">\n<li><a id=\"yes\" href=\"{}\">Yes, go on</a></li>\n\
         <li><a id=\"no\" href=\"{}\">No, I am someone else</a></li>\n</ul>",
        full_name(user),
        escaped(&target),
        with(&target, "someone_else", "true")
    );
    Reply::page(200, "Is this you?", &body)
}

/// For somebody whom nobody shares with the app.
pub(crate) fn not_shared() -> Reply {
    Reply::page(
        404,
        "Not shared",
        "<p>This user, or this district, is not shared with the app. At Clever, this page says whom to ask; \
         the app does not learn of it.</p>",
    )
}

/// The portal of somebody who is signed in: the app's icon, if there is one, and for teachers the Library.
pub(crate) fn portal(user: &Value, client_id: &str, has_app: bool) -> Reply {
    let app = escaped(client_id);
    let mut body = format!(
        "<p>Signed in as {}.</p>\n<ul class=\"choices\">\n",
        full_name(user)
    );
    if has_app {
        let _ = writeln!(
            body,
            "<li><a id=\"app\" href=\"/portal/launch?client_id={app}\">The app</a></li>"
        );
    }
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

/// A person's whole name, as markup.
pub(crate) fn full_name(user: &Value) -> String {
    let part = |part: &str| escaped(user["name"][part].as_str().unwrap_or_default());
    format!("{} {}", part("first"), part("last"))
        .trim()
        .to_owned()
}
