//! The control API under `/_emulator`, and the page at `/`: what the world is, and buttons to change it.
//!
//! For whoever runs the emulator, on this machine: requests for another host (a rebound name) or from another
//! site's page are refused. The page needs no script.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use clever_model::RecordKind;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::faults::{Fault, FaultRule};
use crate::happenings::Happening;
use crate::reply::{Reply, escaped};
use crate::server::Shared;

/// Requests that are remembered.
const REMEMBERED: usize = 100;
/// Largest body, in bytes.
const MAX_BODY: usize = 1 << 16;

/// The last requests. No token and no query is kept: it may hold a code.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<VecDeque<SeenRequest>>);

/// One request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SeenRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) milliseconds: u64,
    pub(crate) fault: Option<Fault>,
}

impl Seen {
    pub(crate) fn add(&self, request: SeenRequest) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == REMEMBERED {
            all.pop_front();
        }
        all.push_back(request);
    }

    fn all(&self) -> Vec<SeenRequest> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .rev()
            .cloned()
            .collect()
    }
}

/// An operation of the control API: method, path, what it does, and its body's properties.
type Operation = (&'static str, &'static str, &'static str, fn() -> Value);

/// The operations. Routes and document are both made from this.
const OPERATIONS: [Operation; 9] = [
    (
        "GET",
        "/_emulator/state",
        "The world, the clock, tokens and ids for a client, and the rules in force",
        || json!({}),
    ),
    (
        "GET",
        "/_emulator/requests",
        "The last hundred requests, newest first",
        || json!({}),
    ),
    ("GET", "/_emulator/faults", "The rules in force", || {
        json!({})
    }),
    (
        "POST",
        "/_emulator/faults",
        "Adds a rule: trouble for requests to come",
        || {
            let names: Vec<Value> = Fault::every().map(|fault| json!(fault)).collect();
            json!({
                "fault": { "type": "string", "enum": names },
                "path": { "type": "string", "description": "only requests whose path and query contain this" },
                "nth": { "type": "integer", "minimum": 1, "description": "only the nth of them" },
                "times": { "type": "integer", "minimum": 1, "description": "at most so many of them" },
                "percent": { "type": "integer", "minimum": 1, "maximum": 100, "description": "so many of a hundred" },
                "seed": { "type": "integer", "description": "which of a hundred" },
            })
        },
    ),
    (
        "DELETE",
        "/_emulator/faults",
        "Takes all rules away",
        || json!({}),
    ),
    (
        "POST",
        "/_emulator/days",
        "Lets days of school life pass",
        || json!({ "days": { "type": "integer", "minimum": 1, "maximum": 400 } }),
    ),
    (
        "POST",
        "/_emulator/happenings",
        "Lets something happen to the district",
        || json!({ "name": { "type": "string", "enum": Happening::ALL.map(Happening::name) } }),
    ),
    (
        "POST",
        "/_emulator/events",
        "Switches the events feed on or off",
        || json!({ "on": { "type": "boolean" } }),
    ),
    ("GET", "/_emulator/openapi.json", "This document", || {
        json!({})
    }),
];

/// Whether a path is the control API's, or the page's.
pub(crate) fn is_control(path: &str) -> bool {
    path == "/" || path.starts_with("/_emulator")
}

/// Whether somebody on this machine asks, and no other site's page for them.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(host) = text(header::HOST) else {
        return false;
    };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let loopback = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
    let origin = text(header::ORIGIN).is_none_or(|origin| origin == format!("http://{host}"));
    loopback && origin
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    fault: Fault,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    nth: Option<u64>,
    #[serde(default)]
    times: Option<u64>,
    #[serde(default)]
    percent: Option<u8>,
    #[serde(default)]
    seed: Option<u64>,
}

impl From<Rule> for FaultRule {
    fn from(rule: Rule) -> Self {
        let mut made = match rule.path.filter(|path| !path.is_empty()) {
            Some(path) => rule.fault.on(path),
            None => rule.fault.everywhere(),
        };
        if let Some(times) = rule.times {
            made = made.times(times);
        }
        if let Some(nth) = rule.nth {
            made = made.nth(nth);
        }
        if let Some(percent) = rule.percent {
            made = made.percent(percent, rule.seed.unwrap_or(1));
        }
        made
    }
}

/// Answers a request of the control API or for the page.
pub(crate) async fn answer(shared: &Shared, request: Request<Body>) -> Reply {
    if !is_ours(request.headers()) {
        return Reply::message(
            403,
            "the control API answers this machine's own requests only",
        );
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if path == "/" && parts.method == Method::GET {
        // A page that stands still is easier to read, and for programs.
        return page(shared, parts.uri.query() == Some("still"));
    }
    let known = OPERATIONS
        .iter()
        .any(|(method, known, ..)| *known == path && *method == parts.method.as_str());
    if !known {
        return Reply::message(404, "no such operation: see /_emulator/openapi.json");
    }
    let body = axum::body::to_bytes(body, MAX_BODY)
        .await
        .unwrap_or_default();
    let is_form = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| {
            value
                .as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        });
    let body = if is_form {
        from_form(&body)
    } else {
        serde_json::from_slice(&body).unwrap_or_default()
    };
    match operate(shared, parts.method.as_str(), path, body) {
        // A button of the page: back to it.
        Ok(_) if is_form => Reply {
            status: 303,
            ..Reply::redirect("/".to_owned())
        },
        Ok(value) => Reply::json(value.to_string()),
        Err(message) => Reply::message(400, &message),
    }
}

/// A form's fields as JSON: numbers and truths as such, empty ones left out.
fn from_form(body: &[u8]) -> Value {
    let fields = url::form_urlencoded::parse(body).filter(|(_, value)| !value.is_empty());
    let typed = |value: &str| {
        serde_json::from_str::<Value>(value)
            .ok()
            .filter(|value| value.is_u64() || value.is_boolean())
    };
    fields
        .map(|(name, value)| {
            (
                name.into_owned(),
                typed(&value).unwrap_or_else(|| json!(value)),
            )
        })
        .collect()
}

fn operate(shared: &Shared, method: &str, path: &str, body: Value) -> Result<Value, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Days {
        days: u32,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Name {
        name: Happening,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct On {
        on: bool,
    }
    fn read<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, String> {
        serde_json::from_value(body)
            .map_err(|error| format!("the body is not what the operation takes: {error}"))
    }
    match (method, path) {
        ("GET", "/_emulator/state") => Ok(state(shared)),
        ("GET", "/_emulator/requests") => Ok(json!(shared.seen.all())),
        ("GET", "/_emulator/faults") => Ok(json!(shared.faults.rules())),
        ("POST", "/_emulator/faults") => {
            let rule: Rule = read(body)?;
            if rule
                .percent
                .is_some_and(|percent| !(1..=100).contains(&percent))
            {
                return Err("percent is from 1 to 100".to_owned());
            }
            shared.faults.add(rule.into());
            Ok(json!(shared.faults.rules()))
        }
        ("DELETE", "/_emulator/faults") => {
            shared.faults.clear();
            Ok(json!([]))
        }
        ("POST", "/_emulator/days") => {
            let Days { days } = read(body)?;
            if !(1..=400).contains(&days) {
                return Err("days are from 1 to 400".to_owned());
            }
            Ok(json!(shared.pass(days)))
        }
        ("POST", "/_emulator/happenings") => {
            let Name { name } = read(body)?;
            let changed = shared.districts.first.befall(name);
            Ok(json!({ "name": name, "records": changed }))
        }
        ("POST", "/_emulator/events") => {
            let On { on } = read(body)?;
            shared
                .districts
                .first
                .with_world(|world| world.set_events(on));
            Ok(json!({ "on": on }))
        }
        _ => Ok(document()),
    }
}

fn state(shared: &Shared) -> Value {
    let district = &shared.districts.first;
    let connection = district.connection();
    let world = district.world();
    let kinds = RecordKind::ROSTER
        .into_iter()
        .map(|kind| (kind.to_string(), json!(world.list(kind).len())));
    let records: serde_json::Map<String, Value> = kinds.collect();
    let district = world
        .value(RecordKind::Districts, world.district_id())
        .unwrap_or_default();
    json!({
        "district": { "id": world.district_id(), "name": district["name"], "state": district["state"] },
        "now": world.now().to_string(),
        "records": records,
        "events": world.events().len(),
        "events_on": world.has_events(),
        "district_token": connection.token,
        "client_id": shared.app.client_id,
        "client_secret": shared.app.client_secret,
        "faults": shared.faults.rules(),
    })
}

/// The control API's own description.
fn document() -> Value {
    let mut paths = serde_json::Map::new();
    for (method, path, summary, properties) in OPERATIONS {
        let properties = properties();
        let mut operation = json!({
            "summary": summary,
            "responses": {
                "200": { "description": "Done", "content": { "application/json": { "schema": {} } } },
                "400": { "description": "The body is not what the operation takes" },
                "403": { "description": "Not from this machine, or from another site's page" },
            },
        });
        if properties.as_object().is_some_and(|all| !all.is_empty()) {
            let schema = json!({ "type": "object", "properties": properties });
            operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method.to_lowercase()] = operation;
    }
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Clever emulator: control", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
    })
}

/// The page: the world, the clock, the last requests, and buttons.
fn page(shared: &Shared, still: bool) -> Reply {
    let state = state(shared);
    let text = |value: &Value| {
        escaped(
            &value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        )
    };
    let mut body = String::from(
        "<meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}\
         td,th{text-align:left;padding:.1em .8em .1em 0}form{display:inline-block;margin:.2em .6em .2em 0}\
         code{background:#eee;padding:0 .2em}</style>",
    );
    if !still {
        body.push_str(
            "<meta http-equiv=\"refresh\" content=\"5\"><p><a href=\"/?still\">Hold still</a></p>",
        );
    }
    let district = &state["district"];
    let _ = write!(
        body,
        "<p id=\"world\"><b>{}</b> ({}), <time>{}</time></p><table><tr>",
        text(&district["name"]),
        text(&district["state"]),
        text(&state["now"])
    );
    let records = state["records"].as_object();
    for (kind, count) in records.into_iter().flatten() {
        let _ = write!(body, "<td><b>{count}</b> {kind}</td>");
    }
    let _ = write!(
        body,
        "<td><b>{}</b> events ({})</td></tr></table>",
        state["events"],
        if state["events_on"] == true {
            "on"
        } else {
            "off"
        }
    );
    body.push_str("<h2>Let it happen</h2>");
    for days in [1, 7, 30] {
        let _ = write!(
            body,
            "<form method=\"post\" action=\"/_emulator/days\"><button id=\"days-{days}\" name=\"days\" value=\"{days}\">{days} day{} pass</button></form>",
            if days == 1 { "" } else { "s" }
        );
    }
    for happening in Happening::ALL {
        let name = happening.name();
        let _ = write!(
            body,
            "<form method=\"post\" action=\"/_emulator/happenings\"><button name=\"name\" value=\"{name}\">{name}</button></form>"
        );
    }
    body.push_str("<h2>Break something</h2><form method=\"post\" action=\"/_emulator/faults\"><select name=\"fault\">");
    for fault in Fault::every() {
        let name = json!(fault);
        let _ = write!(
            body,
            "<option>{}</option>",
            name.as_str().unwrap_or_default()
        );
    }
    body.push_str(
        "</select> on <input name=\"path\" placeholder=\"any path\" size=\"12\"> \
         <input name=\"times\" type=\"number\" min=\"1\" placeholder=\"always\" size=\"6\"> times <button>Break</button></form>",
    );
    let faults = state["faults"].as_array().cloned().unwrap_or_default();
    for rule in &faults {
        let _ = write!(body, "<p><code>{}</code></p>", escaped(&rule.to_string()));
    }
    body.push_str("<h2>Last requests</h2><table id=\"requests\">");
    for seen in shared.seen.all().iter().take(20) {
        let fault = seen
            .fault
            .map(|fault| json!(fault).as_str().unwrap_or_default().to_owned())
            .unwrap_or_default();
        let _ = write!(
            body,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{} ms</td><td>{fault}</td></tr>",
            seen.status,
            escaped(&seen.method),
            escaped(&seen.path),
            seen.milliseconds
        );
    }
    let _ = write!(
        body,
        "</table><h2>Connect</h2><p>Client id <code>{}</code>, secret <code>{}</code>, district token <code>{}</code>. \
         <a href=\"/in/springfield\">Portal</a>, <a href=\"/_emulator/openapi.json\">control API</a>.</p>",
        text(&state["client_id"]),
        text(&state["client_secret"]),
        text(&state["district_token"])
    );
    Reply::page(200, "Clever emulator", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&str, &str)]) -> HeaderMap {
        let all = all.iter().map(|(name, value)| {
            (
                name.parse::<header::HeaderName>().unwrap(),
                value.parse().unwrap(),
            )
        });
        all.collect()
    }

    #[test]
    fn another_host_or_another_sites_page_is_refused() {
        assert!(is_ours(&headers(&[("host", "127.0.0.1:80")])));
        assert!(is_ours(&headers(&[("host", "localhost")])));
        assert!(is_ours(&headers(&[
            ("host", "[::1]:80"),
            ("origin", "http://[::1]:80")
        ])));
        assert!(!is_ours(&headers(&[])));
        assert!(!is_ours(&headers(&[("host", "evil.example:80")])));
        assert!(!is_ours(&headers(&[
            ("host", "127.0.0.1:80"),
            ("origin", "http://evil.example")
        ])));
        assert!(!is_ours(&headers(&[
            ("host", "127.0.0.1:80"),
            ("origin", "http://127.0.0.1:81")
        ])));
        assert!(!is_ours(&headers(&[
            ("host", "127.0.0.1:80"),
            ("origin", "null")
        ])));
    }

    #[test]
    fn every_operation_is_in_the_document_with_its_body() {
        let document = document();
        for (method, path, summary, _) in OPERATIONS {
            assert_eq!(
                document["paths"][path][method.to_lowercase()]["summary"],
                summary
            );
        }
        let faults = &document["paths"]["/_emulator/faults"]["post"]["requestBody"]["content"]["application/json"]
            ["schema"];
        assert_eq!(
            faults["properties"]["fault"]["enum"]
                .as_array()
                .unwrap()
                .len(),
            Fault::every().count()
        );
    }

    #[test]
    fn a_forms_fields_are_typed() {
        let body = from_form(b"days=7&on=true&path=&name=rollover");
        assert_eq!(body, json!({ "days": 7, "on": true, "name": "rollover" }));
    }
}
