//! Walks every GET path of a document against a running emulator, with every way of asking that it names.

use std::collections::{BTreeMap, BTreeSet};

use clever_emulator::Emulator;
use serde_json::Value;

/// How many records of each kind stand for all of them.
const SAMPLES: usize = 2;
/// An id that nobody has.
const NOBODY: &str = "ffffffffffffffffffffffff";

/// One answer.
pub(super) struct Answer {
    /// The path as documents have it.
    pub(super) template: String,
    pub(super) target: String,
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// The name of the schema that `document` has for it.
    pub(super) fn schema(&self, document: &Value) -> Option<String> {
        let responses = &document["paths"][&self.template]["get"]["responses"];
        let mut response = &responses[self.status.to_string()];
        if let Some(name) = response["$ref"].as_str() {
            let name = name.rsplit('/').next()?;
            let all = [&document["components"]["responses"], &document["responses"]];
            response = all.into_iter().find_map(|all| all.get(name))?;
        }
        let schema = [
            &response["content"]["application/json"]["schema"],
            &response["schema"],
        ];
        let mut names = schema
            .into_iter()
            .filter_map(|schema| schema["$ref"].as_str());
        Some(names.next()?.rsplit('/').next()?.to_owned())
    }

    /// The events in it.
    pub(super) fn events(&self) -> impl Iterator<Item = &Value> {
        let is_feed = self.status == 200 && self.template.contains("events");
        let data = Some(&self.body["data"]).filter(|_| is_feed);
        let list = data.and_then(Value::as_array).into_iter().flatten();
        let one = data.filter(|data| data.is_object());
        list.map(|element| &element["data"]).chain(one)
    }
}

/// Whether a path is walked here: those outside of the roster are not lists of records by id, and have tests of
/// their own.
fn is_walked(path: &str, item: &Value) -> bool {
    let elsewhere = item.get("servers").is_some() || path == "/me";
    !elsewhere
        && item["get"].is_object()
        && !path.contains("{section_id}")
        && !path.contains("{school_id}")
}

/// Asks `emulator` for every path of `version`'s document.
pub(super) async fn walk(emulator: &Emulator, version: &str, document: &Value) -> Vec<Answer> {
    let http = reqwest::Client::new();
    let base = emulator
        .base_url()
        .as_str()
        .trim_end_matches('/')
        .to_owned();
    let ask = async |template: &str, target: String| {
        let answer = http
            .get(format!("{base}/{version}{target}"))
            .bearer_auth(emulator.district_token())
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        let kind = answer.headers()["content-type"]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(
            kind.starts_with("application/json"),
            "{version}{target}: {status} {kind}"
        );
        let body = answer.json().await.expect("JSON");
        Answer {
            template: template.to_owned(),
            target: format!("/{version}{target}"),
            status,
            body,
        }
    };
    let mut answers = Vec::new();
    let mut samples: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let paths = document["paths"].as_object().expect("paths");
    for (template, item) in paths.iter().filter(|(path, item)| is_walked(path, item)) {
        let noun = template.split('/').nth(1).unwrap_or_default().to_owned();
        let mut places = vec![template.clone()];
        if template.contains("{id}") {
            if !samples.contains_key(&noun) {
                let list = ask(&noun, format!("/{noun}?limit=10000")).await;
                samples.insert(noun.clone(), sample(&noun, &list.body));
            }
            let ids = &samples[&noun];
            assert!(
                !ids.is_empty() || noun == "resources" || is_absent(emulator, &noun),
                "{version} {noun}"
            );
            places = ids.iter().map(|id| template.replace("{id}", id)).collect();
            let unknown = ask(template, template.replace("{id}", NOBODY)).await;
            assert_eq!(unknown.status, 404, "{}", unknown.target);
            answers.push(unknown);
        }
        for (number, place) in places.into_iter().enumerate() {
            // Each way to ask is tried of one record, and each record is asked for in one way.
            let ways = if number == 0 {
                queries(&item["get"], version)
            } else {
                vec![String::new()]
            };
            for query in ways {
                let answer = ask(template, format!("{place}{query}")).await;
                // What a record does not name, or a recording lacks, is not found.
                let refused = answer.status == 404 && !template.ends_with('}');
                assert!(
                    answer.status == 200 || refused,
                    "{}: {}",
                    answer.target,
                    answer.status
                );
                answers.push(answer);
            }
        }
    }
    answers
}

/// Whether the district has nothing of a kind, as the recorded one has no terms.
fn is_absent(emulator: &Emulator, noun: &str) -> bool {
    noun.parse()
        .is_ok_and(|kind| emulator.with_world(|world| world.list(kind).is_empty()))
        || noun == "school_admins"
}

/// The ids of records that stand for the rest: some of each role, of each type of event, and from both ends.
fn sample(noun: &str, page: &Value) -> Vec<String> {
    let mut by_kind: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for element in page["data"].as_array().into_iter().flatten() {
        let record = element.get("data").unwrap_or(element);
        let kind = match noun {
            "users" => {
                let roles = record["roles"].as_object().expect("roles");
                roles.keys().cloned().collect::<Vec<_>>().join("+")
            }
            "events" => record["type"].as_str().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let ids = by_kind.entry(kind).or_default();
        ids.push(record["id"].as_str().expect("an id"));
    }
    let some = by_kind.values().flat_map(|ids| {
        let step = ids.len().div_ceil(SAMPLES).max(1);
        ids.iter().step_by(step).chain(ids.last())
    });
    let some: BTreeSet<String> = some.map(|id| (*id).to_owned()).collect();
    some.into_iter().collect()
}

/// The ways to ask for a path: plain, and with each parameter that its operation names.
fn queries(operation: &Value, version: &str) -> Vec<String> {
    let mut queries = vec![String::new()];
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        if parameter["in"] != "query" {
            continue;
        }
        let values: Vec<String> = match name {
            "limit" => vec!["3".to_owned()],
            "starting_after" => vec!["500000000000000000000000".to_owned(), NOBODY.to_owned()],
            "ending_before" => vec!["last".to_owned(), "000000000000000000000000".to_owned()],
            "record_type" if version.starts_with("v3") => vec!["users".to_owned()],
            "record_type" => vec!["students".to_owned()],
            "where" => vec!["{}".to_owned(), r#"{"name.last":"Nobody"}"#.to_owned()],
            _ => {
                let values = parameter["schema"]["enum"].as_array().into_iter().flatten();
                let values: Vec<String> = values
                    .map(|value| value.as_str().unwrap_or_default().to_owned())
                    .collect();
                if values.is_empty() {
                    vec!["x".to_owned()]
                } else {
                    values
                }
            }
        };
        queries.extend(values.into_iter().map(|value| {
            let value: String = value
                .bytes()
                .map(|byte| {
                    if byte.is_ascii_alphanumeric() {
                        char::from(byte).to_string()
                    } else {
                        format!("%{byte:02X}")
                    }
                })
                .collect();
            format!("?{name}={value}")
        }));
    }
    queries
}
