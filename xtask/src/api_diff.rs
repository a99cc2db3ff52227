//! `cargo xtask api-diff A B`: what an API version, or a new revision of one, changes for its callers.
//!
//! Compares the facts of two imported documents: operations, parameters, models, fields, types and words.
//! The verdict follows Clever's policy: a minor version only adds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

/// How the difference is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line a change.
    Text,
    /// Lists under headings.
    Markdown,
    /// One JSON document.
    Json,
}

/// What a caller has to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// Nothing differs.
    None,
    /// Only additions.
    Minor,
    /// Something is gone or means something else.
    Major,
}

/// The difference between two documents, as places.
#[derive(Debug, Default, Serialize)]
struct Difference {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
}

impl Difference {
    fn verdict(&self) -> Verdict {
        match (
            self.removed.is_empty() && self.changed.is_empty(),
            self.added.is_empty(),
        ) {
            (true, true) => Verdict::None,
            (true, false) => Verdict::Minor,
            (false, _) => Verdict::Major,
        }
    }
}

/// Compares the documents of two versions (`v3.0`), or two files, and returns the difference as text.
pub(crate) fn run(root: &Path, a: &str, b: &str, format: Format) -> Result<String> {
    let (before, after) = (read(root, a)?, read(root, b)?);
    Ok(between(&before, &after, (a, b), format))
}

/// The difference between two documents called `names`, as text.
pub(crate) fn between(
    before: &Value,
    after: &Value,
    names: (&str, &str),
    format: Format,
) -> String {
    write(
        &compare(&facts(before), &facts(after)),
        names.0,
        names.1,
        format,
    )
}

/// What each version changed against the one before, as the page `docs/api-versions.md`.
pub(crate) fn history(root: &Path, versions: &[String]) -> Result<String> {
    let mut text = String::from(
        "# What the API's versions change\n\n\
         Written by `cargo xtask generate` from `openapi/*/imported.json`; `cargo xtask api-diff A B` prints one step. A step is\n\
         *minor* when it only adds: what was written against the older version goes on working. An operation or a model that\n\
         is new or gone stands for its parts.\n\n\
         | Step | Verdict | Added | Removed | Changed |\n| --- | --- | --: | --: | --: |\n",
    );
    let mut steps = String::new();
    for (from, to) in versions.iter().zip(versions.iter().skip(1)) {
        let difference = compare(&facts(&read(root, from)?), &facts(&read(root, to)?));
        let _ = writeln!(
            text,
            "| {from} to {to} | {} | {} | {} | {} |",
            name_of(difference.verdict()),
            difference.added.len(),
            difference.removed.len(),
            difference.changed.len()
        );
        steps.push('\n');
        steps.push_str(write(&difference, from, to, Format::Markdown).trim_end());
        steps.push('\n');
    }
    Ok(text + &steps)
}

/// Reads an imported document: a version's, or a file's.
fn read(root: &Path, name: &str) -> Result<Value> {
    let of_version = root.join("openapi").join(name).join("imported.json");
    let path = if of_version.exists() {
        of_version
    } else {
        name.into()
    };
    let text = fs::read_to_string(&path).with_context(|| {
        format!("{name} is neither a version below openapi/ nor a file that reads")
    })?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// Every fact that a caller can depend on, by place. Words of a set are facts without a value.
fn facts(document: &Value) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let place = format!("{} {path}", method.to_uppercase());
            facts.insert(format!("operation {place}"), String::new());
            let parameters = operation.get("parameters").and_then(Value::as_array);
            for parameter in parameters.into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap_or_default();
                schema(
                    &parameter["schema"],
                    &format!("parameter {place} {name}"),
                    &mut facts,
                );
            }
        }
    }
    for (name, model) in document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        // Event types are models by name; their name is the fact.
        facts.insert(format!("model {name}"), String::new());
        words(model, &format!("model {name}"), &mut facts);
        for (field, of_field) in model["properties"].as_object().into_iter().flatten() {
            schema(of_field, &format!("field {name}.{field}"), &mut facts);
        }
    }
    facts
}

fn schema(schema: &Value, place: &str, facts: &mut BTreeMap<String, String>) {
    facts.insert(place.to_owned(), type_of(schema));
    words(schema, place, facts);
    words(&schema["items"], place, facts);
}

fn words(schema: &Value, place: &str, facts: &mut BTreeMap<String, String>) {
    // The empty text is how absence is written, not a word.
    for word in schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|word| *word != "")
    {
        facts.insert(format!("word {place} = {word}"), String::new());
    }
}

/// A type in a word: `string`, `list of Student`.
fn type_of(schema: &Value) -> String {
    let reference = schema["$ref"]
        .as_str()
        .or_else(|| schema["allOf"][0]["$ref"].as_str());
    if let Some(name) = reference.and_then(|reference| reference.rsplit('/').next()) {
        return name.to_owned();
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", type_of(&schema["items"])),
        Some(plain) => match schema["format"].as_str() {
            Some(format) => format!("{plain} ({format})"),
            None => plain.to_owned(),
        },
        None => "anything".to_owned(),
    }
}

fn compare(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Difference {
    let mut difference = Difference::default();
    // A model or an operation that is gone or new stands for all its parts.
    let whole: BTreeSet<&str> = a
        .keys()
        .chain(b.keys())
        .filter(|place| a.contains_key(*place) != b.contains_key(*place))
        .filter_map(|place| {
            place
                .strip_prefix("model ")
                .or_else(|| place.strip_prefix("operation "))
        })
        .collect();
    let is_part = |place: &str| {
        let inner = place.strip_prefix("word ").unwrap_or(place);
        let inner = inner
            .strip_prefix("field ")
            .or_else(|| inner.strip_prefix("parameter "))
            .or_else(|| {
                // Words of a model's own.
                place
                    .starts_with("word ")
                    .then(|| inner.strip_prefix("model "))
                    .flatten()
            });
        inner.is_some_and(|inner| {
            whole.iter().any(|name| {
                inner
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(['.', ' ']))
            })
        })
    };
    for (place, value) in b {
        match a.get(place) {
            _ if is_part(place) => {}
            None => difference.added.push(place.clone()),
            Some(before) if before != value => {
                difference
                    .changed
                    .push(format!("{place}: {before}, now {value}"));
            }
            Some(_) => {}
        }
    }
    difference.removed = a
        .keys()
        .filter(|place| !b.contains_key(*place) && !is_part(place))
        .cloned()
        .collect();
    difference
}

fn write(difference: &Difference, a: &str, b: &str, format: Format) -> String {
    let verdict = difference.verdict();
    let mut text = String::new();
    let parts = [
        ("added", &difference.added),
        ("removed", &difference.removed),
        ("changed", &difference.changed),
    ];
    match format {
        Format::Json => {
            let json = serde_json::json!({ "from": a, "to": b, "verdict": verdict, "difference": difference });
            let _ = write!(text, "{json}");
        }
        Format::Text => {
            for (what, places) in parts {
                for place in places {
                    let _ = writeln!(text, "{what}: {place}");
                }
            }
            let _ = write!(text, "verdict: {}", name_of(verdict));
        }
        Format::Markdown => {
            let _ = writeln!(text, "## {a} to {b}: {}\n", name_of(verdict));
            for (what, places) in parts.iter().filter(|(_, places)| !places.is_empty()) {
                let _ = writeln!(text, "### {what} ({})\n", places.len());
                for place in *places {
                    let _ = writeln!(text, "- `{place}`");
                }
                text.push('\n');
            }
        }
    }
    text
}

fn name_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::None => "no difference",
        Verdict::Minor => "minor",
        Verdict::Major => "major",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "paths": { "/users": { "get": { "parameters": [{ "name": "role", "schema": { "type": "string", "enum": ["a"] } }] } } },
            "components": { "schemas": { "User": { "properties": { "id": { "type": "string" } } } } },
        })
    }

    fn text(change: impl FnOnce(&mut Value)) -> String {
        let mut changed = document();
        change(&mut changed);
        write(
            &compare(&facts(&document()), &facts(&changed)),
            "a",
            "b",
            Format::Text,
        )
    }

    #[test]
    fn additions_are_minor_and_a_whole_stands_for_its_parts() {
        assert_eq!(text(|_| ()), "verdict: no difference");
        assert_eq!(
            text(|document| {
                document["components"]["schemas"]["User"]["properties"]["nick"] =
                    json!({ "type": "string" });
                document["components"]["schemas"]["Badge"] =
                    json!({ "properties": { "id": { "type": "string" } } });
                document["paths"]["/badges"] = json!({ "get": { "parameters": [{ "name": "limit", "schema": { "type": "integer" } }] } });
                document["paths"]["/users"]["get"]["parameters"][0]["schema"]["enum"] =
                    json!(["a", "b"]);
            }),
            "added: field User.nick\nadded: model Badge\nadded: operation GET /badges\n\
             added: word parameter GET /users role = \"b\"\nverdict: minor"
        );
    }

    #[test]
    fn what_is_gone_or_of_another_type_is_major() {
        assert_eq!(
            text(
                |document| document["components"]["schemas"]["User"]["properties"]["id"]["type"] =
                    json!("integer")
            ),
            "changed: field User.id: string, now integer\nverdict: major"
        );
        assert_eq!(
            text(|document| document["components"]["schemas"]["User"]["properties"] = json!({})),
            "removed: field User.id\nverdict: major"
        );
        assert_eq!(
            text(
                |document| document["paths"]["/users"]["get"]["parameters"][0]["schema"]["enum"] =
                    json!([])
            ),
            "removed: word parameter GET /users role = \"a\"\nverdict: major"
        );
    }
}
