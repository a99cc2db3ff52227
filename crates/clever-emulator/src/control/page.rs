//! The page at `/`: the world, the clock, the last requests, and buttons to let a day pass or break something.
//!
//! It works by forms alone; where scripts run, they send the forms and bring up to date what changed.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::faults::Fault;
use super::state;
use crate::life::happenings::Happening;
use crate::reply::{Reply, escaped};
use crate::serve::shared::Shared;

/// Requests that the page shows.
const SHOWN: usize = 30;

/// Reloads where no script runs.
const WITHOUT_SCRIPT: &str = "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n";

/// A value as text that does nothing else.
fn text(value: &Value) -> String {
    let shown = value.as_str().map(str::to_owned);
    escaped(&shown.unwrap_or_else(|| value.to_string()))
}

/// The page; one that is to stand `still` neither reloads nor runs a script.
pub(super) fn page(shared: &Shared, still: bool) -> Reply {
    let state = state::state(shared);
    let mut body = String::new();
    header(&mut body, &state);
    body.push_str("<p id=\"said\" role=\"status\"></p>\n<main class=\"grid\">\n");
    world(&mut body, &state);
    time(&mut body, &state);
    happenings(&mut body, &state);
    faults(&mut body, &state);
    sign_in(&mut body, shared, &state);
    requests(&mut body, shared);
    body.push_str("</main>\n");
    let head = if still { "" } else { WITHOUT_SCRIPT };
    if !still {
        let _ = write!(body, "<script>{}</script>", include_str!("page.js"));
    }
    Reply::document(200, "Clever emulator", head, &body)
}

/// The date and hour of an instant, as people read it.
fn clock(now: &str) -> String {
    let at = now
        .parse()
        .map(|now| jiff::tz::TimeZone::UTC.to_datetime(now));
    at.map_or_else(
        |_| now.to_owned(),
        |at| at.strftime("%a %-d %b %Y, %H:%M").to_string(),
    )
}

fn header(out: &mut String, state: &Value) {
    let district = &state["districts"][0];
    let connected = district["connected"] == true;
    let badge = if connected {
        text(&district["state"])
    } else {
        "off".to_owned()
    };
    let word = if connected {
        badge.as_str()
    } else {
        "not connected"
    };
    let by_itself = match state["day_every_seconds"].as_u64() {
        Some(seconds) => format!(", a day every {seconds} s"),
        None => String::new(),
    };
    let _ = writeln!(
        out,
        "<header class=\"bar\" id=\"world\" data-live><h1>Clever emulator</h1><b>{}</b>\
         <span class=\"badge {badge}\">{word}</span>\
         <span class=\"clock\"><time datetime=\"{}\">{}</time> <span class=\"soft\">day {}{by_itself}</span></span></header>",
        text(&district["name"]),
        text(&state["now"]),
        clock(state["now"].as_str().unwrap_or_default()),
        state["day"],
    );
}

fn tiles(out: &mut String, counts: &Value) {
    out.push_str("<div class=\"tiles\">");
    for (name, count) in counts.as_object().into_iter().flatten() {
        let name = name.replace('_', " ");
        let _ = write!(
            out,
            "<div class=\"tile\"><b>{count}</b><span>{name}</span></div>"
        );
    }
    out.push_str("</div>");
}

fn world(out: &mut String, state: &Value) {
    let districts = state["districts"].as_array().map_or(&[][..], Vec::as_slice);
    out.push_str("<section class=\"card wide\"><h2>World</h2><div id=\"counts\" data-live>");
    let first = &districts[0];
    tiles(out, &first["records"]);
    out.push_str("<h3>People by role, and events</h3>");
    let mut people = first["roles"].clone();
    let events = if first["events_on"] == true {
        "events"
    } else {
        "events (off)"
    };
    people[events] = first["events"].clone();
    tiles(out, &people);
    if districts.len() > 1 {
        out.push_str(
            "<h3>Further districts</h3><div class=\"scroll\"><table><tr><th>District</th><th>State</th><th>Users</th>\
             <th>Sections</th><th>Token</th></tr>",
        );
        for district in &districts[1..] {
            let _ = write!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
                text(&district["name"]),
                text(&district["state"]),
                district["records"]["users"],
                district["records"]["sections"],
                district["district_token"]
                    .as_str()
                    .unwrap_or("not connected"),
            );
        }
        out.push_str("</table></div>");
    }
    out.push_str("</div></section>\n");
}

fn time(out: &mut String, state: &Value) {
    out.push_str("<section class=\"card\"><h2>Let time pass</h2><div class=\"row\"><form method=\"post\" action=\"/_emulator/days\">");
    for (days, words) in [(1, "A day passes"), (7, "A week"), (30, "30 days")] {
        let class = if days == 1 { "go" } else { "" };
        let _ = write!(
            out,
            "<button class=\"{class}\" id=\"days-{days}\" name=\"days\" value=\"{days}\">{words}</button>"
        );
    }
    let seconds = state["day_every_seconds"].as_u64().unwrap_or(30);
    let _ = write!(
        out,
        "</form></div><div class=\"row\"><form method=\"post\" action=\"/_emulator/clock\">\
         <label>A day every <input name=\"day_every_seconds\" type=\"number\" min=\"1\" max=\"86400\" value=\"{seconds}\" \
         size=\"5\"> seconds</label> <button id=\"clock-start\" data-says=\"the clock runs\">Start</button></form>\
         <form method=\"post\" action=\"/_emulator/clock\"><button id=\"clock-stop\" name=\"day_every_seconds\" value=\"0\" \
         data-says=\"the clock stands\">Stop</button></form></div>"
    );
    let events = state["events_on"] == true;
    let _ = writeln!(
        out,
        "<div class=\"row\" id=\"feed\" data-live><form method=\"post\" action=\"/_emulator/events\">\
         <span>Events feed is {}</span><button name=\"on\" value=\"{}\">Switch {}</button></form></div></section>",
        if events { "on" } else { "off" },
        !events,
        if events { "off" } else { "on" },
    );
}

fn happenings(out: &mut String, state: &Value) {
    out.push_str(
        "<section class=\"card\"><h2>Let it happen</h2><form method=\"post\" action=\"/_emulator/happenings\">",
    );
    let districts = state["districts"].as_array().map_or(&[][..], Vec::as_slice);
    if districts.len() > 1 {
        out.push_str("<div class=\"row\"><label>To <select name=\"district\">");
        for district in districts {
            let _ = write!(
                out,
                "<option value=\"{}\">{}</option>",
                text(&district["id"]),
                text(&district["name"])
            );
        }
        out.push_str("</select></label></div>");
    }
    out.push_str("<div class=\"row\">");
    for happening in Happening::every() {
        let _ = write!(
            out,
            "<button id=\"{0}\" name=\"name\" value=\"{0}\" title=\"{1}\">{0}</button>",
            happening.name(),
            escaped(happening.description())
        );
    }
    out.push_str("</div></form></section>\n");
}

fn faults(out: &mut String, state: &Value) {
    out.push_str(
        "<section class=\"card\"><h2>Break something</h2><form method=\"post\" action=\"/_emulator/faults\">\
         <div class=\"row\"><select name=\"fault\" id=\"fault\">",
    );
    for fault in Fault::every() {
        let _ = write!(
            out,
            "<option title=\"{}\">{}</option>",
            escaped(fault.description()),
            fault.name()
        );
    }
    out.push_str("</select> <label>on <input name=\"path\" placeholder=\"any path\" size=\"14\"></label></div><div class=\"row\">");
    for (name, words, holder) in [
        ("nth", "only number", "any"),
        ("times", "times", "any"),
        ("seconds", "seconds", "any"),
        ("percent", "percent", "100"),
    ] {
        let _ = write!(
            out,
            "<label>{words} <input name=\"{name}\" type=\"number\" min=\"1\" placeholder=\"{holder}\" style=\"width:5.5em\"></label>"
        );
    }
    out.push_str(
        "<button class=\"go\" id=\"break\" data-says=\"trouble is on its way\">Break</button></div></form>\
         <p class=\"soft\" id=\"about-fault\"></p><div id=\"rules\" data-live>",
    );
    let rules = state["faults"].as_array().map_or(&[][..], Vec::as_slice);
    if rules.is_empty() {
        out.push_str("<p class=\"soft\">Nothing is broken.</p>");
    } else {
        out.push_str("<table><tr><th>Rule</th><th>Path</th><th>Still</th><th></th></tr>");
        for rule in rules {
            let _ = write!(
                out,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td><form method=\"post\" action=\"/_emulator/faults/remove\">\
                 <button class=\"small\" name=\"id\" value=\"{}\" data-says=\"the rule is gone\">Remove</button></form></td></tr>",
                text(&rule["fault"]),
                rule["path"]
                    .as_str()
                    .map_or_else(|| "any".to_owned(), escaped),
                escaped(&still(rule)),
                rule["id"],
            );
        }
        out.push_str("</table><form method=\"post\" action=\"/_emulator/faults/remove\"><button class=\"small\" name=\"id\" value=\"0\" data-says=\"all rules are gone\">Remove all</button></form>");
    }
    out.push_str("</div></section>\n");
}

/// What is still to come of a rule, in words.
fn still(rule: &Value) -> String {
    let mut words = match (rule["skip"].as_u64(), rule["times"].as_u64()) {
        (Some(skip), Some(1)) if skip > 0 => format!("request {} from now", skip + 1),
        (_, Some(1)) => "once".to_owned(),
        (_, Some(times)) => format!("{times} times"),
        _ => "always".to_owned(),
    };
    if let Some(seconds) = rule["seconds"].as_u64() {
        let _ = write!(words, ", within {seconds} s");
    }
    if let Some(percent) = rule["chance"][0].as_u64() {
        let _ = write!(words, ", {percent} % of them");
    }
    words
}

fn sign_in(out: &mut String, shared: &Shared, state: &Value) {
    let app = escaped(&shared.app.client_id);
    let district = &state["districts"][0];
    let id = text(&district["id"]);
    out.push_str("<section class=\"card\"><h2>Sign in</h2><div class=\"row\">");
    let _ = write!(
        out,
        "<a href=\"{}\">Portal</a> · <a href=\"/oauth/instant-login?client_id={app}&amp;district_id={id}\">Instant login</a> · \
         <a href=\"/library/install?client_id={app}\">Install from the Library</a> · \
         <a href=\"/_emulator/openapi.json\">Control API</a></div>",
        text(&district["portal"])
    );
    if !shared.app.has_primary() {
        out.push_str(
            "<p class=\"soft\">These lead to the app's primary redirect URI; start with <code>--redirect-uri</code> to have one.</p>",
        );
    }
    let _ = write!(
        out,
        "<dl id=\"keys\" data-live><dt>API</dt><dd><code>{}</code></dd><dt>District</dt><dd><code>{id}</code></dd>\
         <dt>District token</dt><dd><code>{}</code></dd><dt>Client id</dt><dd><code>{app}</code></dd>\
         <dt>Client secret</dt><dd><code>{}</code></dd>",
        escaped(&shared.app.issuer),
        district["district_token"]
            .as_str()
            .unwrap_or("none: no district has connected the app"),
        escaped(&shared.app.client_secret),
    );
    for (role, user) in district["sample_users"].as_object().into_iter().flatten() {
        let role = role.replace('_', " ");
        let _ = write!(out, "<dt>A {role}</dt><dd><code>{}</code></dd>", text(user));
    }
    out.push_str("</dl></section>\n");
}

fn requests(out: &mut String, shared: &Shared) {
    out.push_str(
        "<section class=\"card wide\"><h2>Last requests</h2><div class=\"scroll\" id=\"requests\" data-live><table>\
         <tr><th>Status</th><th>Method</th><th>Path</th><th>Time</th><th>Fault</th></tr>",
    );
    let seen = shared.seen.all();
    for one in seen.iter().take(SHOWN) {
        let fault = one.fault.map(|fault| json!(fault)).unwrap_or_default();
        let _ = write!(
            out,
            "<tr><td class=\"s{}\">{}</td><td>{}</td><td class=\"path\">{}</td><td>{} ms</td><td>{}</td></tr>",
            one.status / 100,
            one.status,
            escaped(&one.method),
            escaped(&one.path),
            one.milliseconds,
            fault.as_str().unwrap_or_default(),
        );
    }
    out.push_str("</table>");
    if seen.is_empty() {
        out.push_str("<p class=\"soft\">Nobody has asked yet.</p>");
    }
    out.push_str("</div></section>\n");
}
