//! Answers of the control API under `/_emulator`: what the world is, and operations that change it.
//!
//! For whoever runs the emulator: requests from another site's page are refused, and where other machines can reach
//! it, requests without its token. Which host names are answered to at all is `serve/doors.rs`'s.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use serde::Deserialize;
use serde::de::{Error, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use super::faults::{Fault, FaultRule};
use super::operations::{LONGEST_DAY, OPERATIONS, Operation, document};
use super::page;
use super::state::state;
use crate::life::happenings::Happening;
use crate::reply::Reply;
use crate::serve::shared::Shared;
use crate::sign_in::parameters::repeats;

/// Largest body, in bytes.
const MAX_BODY: usize = 1 << 16;

/// Whether a path is the control API's, or the page's.
pub(crate) fn is_control(path: &str) -> bool {
    path == "/" || path.starts_with("/_emulator")
}

/// Whether no other site's page asks for whoever runs the emulator.
fn is_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    text(header::ORIGIN).is_none_or(|origin| origin == format!("http://{host}"))
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
    seconds: Option<u32>,
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
        if let Some(seconds) = rule.seconds {
            made = made.seconds(seconds);
        }
        if let Some(percent) = rule.percent {
            made = made.percent(percent, rule.seed.unwrap_or(1));
        }
        made
    }
}

/// Answers a request of the control API or for the page.
pub(crate) async fn answer(shared: &Shared, request: Request<Body>) -> Reply {
    if !is_own_page(request.headers()) {
        return Reply::message(403, "the control API answers no other site's page");
    }
    if !shared.doors.open_control_to(request.headers()) {
        let query = request.uri().query().unwrap_or_default();
        return match shared.doors.cookie_for(query) {
            Some(cookie) if request.uri().path() == "/" => Reply {
                cookie: Some(cookie),
                ..Reply::redirect("/".to_owned())
            },
            _ => Reply::message(
                401,
                "the control API needs its token, which the emulator prints when it starts: \
                 Authorization: Bearer TOKEN, or /?token=TOKEN in a browser",
            ),
        };
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if path == "/" && parts.method == Method::GET {
        // A page that stands still is easier to read, and for programs.
        return page::page(shared, parts.uri.query() == Some("still"));
    }
    let of_path = OPERATIONS.iter().filter(|known| known.path == path);
    let asked = |known: &&Operation| known.method == parts.method.as_str();
    let Some(operation) = of_path.clone().find(asked) else {
        let page = (path == "/").then_some("GET");
        let methods: Vec<&str> = of_path.map(|known| known.method).chain(page).collect();
        if methods.is_empty() {
            return Reply::message(404, "no such operation: see /_emulator/openapi.json");
        }
        let methods = methods.join(", ");
        return Reply {
            allow: Some(methods.clone()),
            ..Reply::message(405, &format!("this path takes {methods} alone"))
        };
    };
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
    } else if operation.needs.is_none() {
        Ok(Value::Null)
    } else {
        // A body that is read twice has one meaning: its value is the operation's alone.
        serde_json::from_slice::<Once>(&body)
            .map(|Once(body)| body)
            .map_err(|error| format!("the body is not JSON as the operation takes it: {error}"))
    };
    let body = match body {
        Ok(body) => body,
        Err(message) => return Reply::message(400, &message),
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

/// JSON whose object names no field twice: which one would count is anybody's guess.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Once;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Once, A::Error> {
                let mut fields = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if fields.contains_key(&name) {
                        return Err(Error::custom(format!("`{name}` stands there twice")));
                    }
                    fields.insert(name, value);
                }
                Ok(Once(Value::Object(fields)))
            }
        }
        reader.deserialize_map(Fields)
    }
}

/// A form's fields as JSON: numbers and truths as such, and no empty ones.
fn from_form(body: &[u8]) -> Result<Value, String> {
    if repeats(&String::from_utf8_lossy(body)) {
        return Err("a field of the form stands there twice".to_owned());
    }
    let fields = url::form_urlencoded::parse(body).filter(|(_, value)| !value.is_empty());
    let typed = |value: &str| {
        serde_json::from_str::<Value>(value)
            .ok()
            .filter(|value| value.is_u64() || value.is_boolean())
    };
    Ok(fields
        .map(|(name, value)| {
            (
                name.into_owned(),
                typed(&value).unwrap_or_else(|| json!(value)),
            )
        })
        .collect())
}

fn operate(shared: &Shared, method: &str, path: &str, body: Value) -> Result<Value, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Days {
        days: u32,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Happens {
        name: Happening,
        #[serde(default)]
        district: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Number {
        id: u64,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Clock {
        day_every_seconds: u64,
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
        ("GET", "/_emulator/faults") => {
            let faults: Vec<Value> = Fault::every()
                .map(|fault| json!({ "name": fault, "description": fault.description() }))
                .collect();
            Ok(json!({ "faults": faults, "rules": shared.faults.rules() }))
        }
        ("POST", "/_emulator/faults") => {
            let rule: Rule = read(body)?;
            if rule
                .percent
                .is_some_and(|percent| !(1..=100).contains(&percent))
            {
                return Err("percent is from 1 to 100".to_owned());
            }
            if [rule.nth, rule.times, rule.seconds.map(u64::from)].contains(&Some(0)) {
                return Err("nth, times and seconds are from 1".to_owned());
            }
            let id = shared.faults.add(rule.into());
            Ok(json!({ "id": id, "rules": shared.faults.rules() }))
        }
        ("DELETE", "/_emulator/faults") => {
            shared.faults.clear();
            Ok(json!({ "rules": [] }))
        }
        ("POST", "/_emulator/faults/remove") => {
            let Number { id } = read(body)?;
            if id == 0 {
                shared.faults.clear();
            } else if !shared.faults.remove(id) {
                return Err(format!("there is no rule {id}"));
            }
            Ok(json!({ "rules": shared.faults.rules() }))
        }
        ("POST", "/_emulator/days") => {
            let Days { days } = read(body)?;
            if !(1..=400).contains(&days) {
                return Err("days are from 1 to 400".to_owned());
            }
            Ok(json!(shared.pass(days)))
        }
        ("POST", "/_emulator/clock") => {
            let Clock { day_every_seconds } = read(body)?;
            if day_every_seconds > LONGEST_DAY {
                return Err(format!("a day takes at most {LONGEST_DAY} seconds"));
            }
            // Nothing is as good as never.
            shared
                .ticker
                .set(Some(Duration::from_secs(day_every_seconds)));
            Ok(json!({ "day_every_seconds": day_every_seconds }))
        }
        ("GET", "/_emulator/happenings") => {
            let all = Happening::every()
                .map(|one| json!({ "name": one, "description": one.description() }));
            Ok(all.collect())
        }
        ("POST", "/_emulator/happenings") => {
            let Happens { name, district } = read(body)?;
            let to = match &district {
                Some(id) => shared
                    .districts
                    .get(id)
                    .ok_or("there is no such district")?,
                None => &shared.districts.first,
            };
            let changed = shared.befall(to, name);
            Ok(json!({ "name": name, "district": to.id, "records": changed }))
        }
        ("POST", "/_emulator/events") => {
            let On { on } = read(body)?;
            for district in shared.districts.iter() {
                district.with_world(|world| world.set_events(on));
            }
            Ok(json!({ "on": on }))
        }
        _ => Ok(document()),
    }
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
    fn another_sites_page_is_refused() {
        assert!(is_own_page(&headers(&[("host", "127.0.0.1:80")])));
        assert!(is_own_page(&headers(&[
            ("host", "[::1]:80"),
            ("origin", "http://[::1]:80")
        ])));
        for origin in ["http://evil.example", "http://127.0.0.1:81", "null"] {
            let asked = headers(&[("host", "127.0.0.1:80"), ("origin", origin)]);
            assert!(!is_own_page(&asked), "{origin}");
        }
    }

    #[test]
    fn a_forms_fields_are_typed() {
        let body = from_form(b"days=7&on=true&path=&name=rollover").unwrap();
        assert!(from_form(b"days=7&days=8").is_err());
        assert_eq!(body, json!({ "days": 7, "on": true, "name": "rollover" }));
    }
}
