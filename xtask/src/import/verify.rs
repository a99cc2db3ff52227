//! The import's double entry: what a file says, read once more without the converter, must be what was
//! written, and no file's fact may be lost in the union.
//!
//! Decision: an import is double entry, because a converter that drops a fact would drop it from its own check too.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};

use super::schema::is_prose;

/// What a document says, by place. Words of sets stand alone, so that sets can grow.
pub(super) type Facts = BTreeMap<String, String>;

/// The two ways in which a document can be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Swagger,
    OpenApi,
}

/// The facts of one of Clever's files.
pub(super) fn of_file(source: &Value) -> Facts {
    facts(source, Dialect::Swagger)
}

/// The facts of a converted document.
pub(super) fn of_document(document: &Value) -> Facts {
    facts(document, Dialect::OpenApi)
}

/// Refuses a conversion that says another thing than its file, and names each place.
pub(super) fn same(file: &Facts, converted: &Facts) -> Result<()> {
    let mut places = Vec::new();
    for place in file.keys().chain(converted.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (file.get(place), converted.get(place));
        if before != after {
            let shown = |side: Option<&String>| side.map_or("nothing".to_owned(), Clone::clone);
            places.push(format!(
                "{place}: the file says {}, the conversion {}",
                shown(before),
                shown(after)
            ));
        }
    }
    ensure!(
        places.is_empty(),
        "the conversion changed facts:\n  {}",
        places.join("\n  ")
    );
    Ok(())
}

/// Refuses a union that lacks a fact of a file, or has one that no file has.
pub(super) fn complete(union: &Facts, files: &[(String, Facts)]) -> Result<()> {
    let mut places = Vec::new();
    for (name, facts) in files {
        let lost = facts.keys().filter(|place| !union.contains_key(*place));
        places.extend(lost.map(|place| format!("{place}: lost from {name}")));
    }
    let invented = union
        .keys()
        .filter(|place| !files.iter().any(|(_, facts)| facts.contains_key(*place)));
    places.extend(invented.map(|place| format!("{place}: in no file")));
    // A model's own fact may be put together: its required fields. All others are said by some file.
    let mixed = union.iter().filter(|(place, told)| {
        !place.starts_with("model ")
            && files.iter().any(|(_, facts)| facts.contains_key(*place))
            && !files
                .iter()
                .any(|(_, facts)| facts.get(*place) == Some(told))
    });
    places.extend(mixed.map(|(place, told)| format!("{place}: no file says {told}")));
    ensure!(
        places.is_empty(),
        "the union is not the files together:\n  {}",
        places.join("\n  ")
    );
    Ok(())
}

/// What only some files say of a thing that others have too. The `-client` file means to have everything,
/// so its operations are compared with those of all others.
pub(super) fn one_sided(files: &[(String, Facts)]) -> Vec<String> {
    let places: BTreeSet<&String> = files.iter().flat_map(|(_, facts)| facts.keys()).collect();
    let mut lines = Vec::new();
    for place in places {
        let should = |name: &str, facts: &Facts| match whole(place) {
            Some(whole) => facts.contains_key(&whole),
            None => place.starts_with("operation ") && name.contains("-client"),
        };
        let without: Vec<&str> = files
            .iter()
            .filter(|(name, facts)| !facts.contains_key(place) && should(name, facts))
            .map(|(name, _)| name.as_str())
            .collect();
        if !without.is_empty() {
            lines.push(format!("{place}: not in {}", without.join(", ")));
        }
    }
    lines
}

/// The thing that a place is a part of.
fn whole(place: &str) -> Option<String> {
    let (kind, rest) = place.split_once(' ')?;
    match kind {
        "field" => Some(format!("model {}", rest.split_once('.')?.0)),
        "parameter" | "answer" | "body" => {
            let mut words = rest.splitn(3, ' ');
            Some(format!("operation {} {}", words.next()?, words.next()?))
        }
        "word" => Some(rest.rsplit_once(" = ")?.0.to_owned()),
        _ => None,
    }
}

fn facts(document: &Value, dialect: Dialect) -> Facts {
    let mut facts = Facts::new();
    let schemas = match dialect {
        Dialect::Swagger => &document["definitions"],
        Dialect::OpenApi => &document["components"]["schemas"],
    };
    for (name, model) in schemas.as_object().into_iter().flatten() {
        let mut bare = model.as_object().cloned().unwrap_or_default();
        let fields = bare.remove("properties");
        put(&mut facts, format!("model {name}"), &bare.into(), dialect);
        for (field, schema) in fields
            .as_ref()
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            put(&mut facts, format!("field {name}.{field}"), schema, dialect);
        }
    }
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if method == "parameters" || is_prose(method) {
                continue;
            }
            let place = format!("{} {path}", method.to_uppercase());
            facts.insert(
                format!("operation {place}"),
                operation["operationId"].to_string(),
            );
            let answers = operation["responses"].as_object();
            for (status, answer) in answers.into_iter().flatten() {
                let content = match dialect {
                    Dialect::Swagger => &answer["schema"],
                    Dialect::OpenApi => &answer["content"]["application/json"]["schema"],
                };
                let content = if answer["$ref"].is_string() {
                    answer
                } else {
                    content
                };
                put(
                    &mut facts,
                    format!("answer {place} {status}"),
                    content,
                    dialect,
                );
            }
            match dialect {
                Dialect::Swagger => requests(&mut facts, &place, item, operation, document),
                Dialect::OpenApi => converted_requests(&mut facts, &place, operation),
            }
        }
    }
    facts
}

/// Parameters and body as a file has them.
fn requests(facts: &mut Facts, place: &str, item: &Value, operation: &Value, document: &Value) {
    let lists = [item.get("parameters"), operation.get("parameters")];
    let listed = lists.into_iter().flatten().filter_map(Value::as_array);
    for parameter in listed.flatten() {
        let parameter = match parameter["$ref"].as_str() {
            Some(target) => document
                .pointer(target.trim_start_matches('#'))
                .unwrap_or(parameter),
            None => parameter,
        };
        let name = parameter["name"].as_str().unwrap_or_default();
        let mut own = parameter.as_object().cloned().unwrap_or_default();
        let required = own.remove("required").unwrap_or_default();
        let format = own.remove("collectionFormat");
        for key in ["name", "in", "allowEmptyValue"] {
            own.remove(key);
        }
        let own = Value::from(own);
        match parameter["in"].as_str() {
            Some("body") => put(
                facts,
                format!("body {place}"),
                &parameter["schema"],
                Dialect::Swagger,
            ),
            Some("formData") => put(
                facts,
                format!("body {place} {name}"),
                &own,
                Dialect::Swagger,
            ),
            _ => {
                let written = (own["type"] == "array")
                    .then(|| format.as_ref().and_then(Value::as_str).unwrap_or("csv"));
                let at = format!("parameter {place} {name}");
                put(facts, at.clone(), &own, Dialect::Swagger);
                note(facts, &at, &parameter["in"], &required, written);
            }
        }
    }
}

/// Parameters and body as the conversion has them.
fn converted_requests(facts: &mut Facts, place: &str, operation: &Value) {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    for parameter in parameters.into_iter().flatten() {
        let at = format!(
            "parameter {place} {}",
            parameter["name"].as_str().unwrap_or_default()
        );
        let written = match (parameter["style"].as_str(), &parameter["explode"]) {
            (None, _) => None,
            (Some("form"), Value::Bool(true)) => Some("multi"),
            (Some("form" | "simple"), _) => Some("csv"),
            (Some("spaceDelimited"), _) => Some("ssv"),
            (Some("pipeDelimited"), _) => Some("pipes"),
            (Some(other), _) => Some(other),
        };
        put(facts, at.clone(), &parameter["schema"], Dialect::OpenApi);
        note(
            facts,
            &at,
            &parameter["in"],
            &parameter["required"],
            written,
        );
    }
    for (media, body) in operation["requestBody"]["content"]
        .as_object()
        .into_iter()
        .flatten()
    {
        if media == "application/json" {
            put(
                facts,
                format!("body {place}"),
                &body["schema"],
                Dialect::OpenApi,
            );
            continue;
        }
        for (name, field) in body["schema"]["properties"]
            .as_object()
            .into_iter()
            .flatten()
        {
            put(
                facts,
                format!("body {place} {name}"),
                field,
                Dialect::OpenApi,
            );
        }
    }
}

/// Adds to a parameter's fact where it stands, whether it must be given, and how a list is written.
fn note(facts: &mut Facts, at: &str, place: &Value, required: &Value, written: Option<&str>) {
    if let Some(fact) = facts.get_mut(at) {
        let must = *required == Value::Bool(true);
        *fact = format!(
            "{place} {fact} required={must} {}",
            written.unwrap_or_default()
        );
    }
}

/// Notes what a schema says at a place, its words apart.
fn put(facts: &mut Facts, place: String, schema: &Value, dialect: Dialect) {
    let mut words = Vec::new();
    let told = told(schema, dialect, &mut words);
    for word in words {
        facts.insert(format!("word {place} = {word}"), String::new());
    }
    facts.insert(place, told.to_string());
}

/// A schema in words common to both dialects; the words of its sets are moved to `words`.
fn told(schema: &Value, dialect: Dialect, words: &mut Vec<String>) -> Value {
    let Some(map) = schema.as_object() else {
        return schema.clone();
    };
    let null = match dialect {
        Dialect::Swagger => {
            let or_null = map.get("type").and_then(Value::as_array);
            map.get("x-nullable") == Some(&json!(true))
                || or_null.is_some_and(|words| words.contains(&json!("null")))
        }
        Dialect::OpenApi => map.get("nullable") == Some(&json!(true)),
    };
    let mut said = Map::new();
    for (key, value) in map {
        match key.as_str() {
            "enum" => {
                let values = value.as_array().into_iter().flatten();
                words.extend(values.map(ToString::to_string));
                said.insert("enum".to_owned(), true.into());
            }
            "$ref" => {
                let name = value.as_str().and_then(|target| target.rsplit('/').next());
                said.insert("refers".to_owned(), name.into());
            }
            // A reference that may be null has no other form in OpenAPI 3.0.
            "allOf" if dialect == Dialect::OpenApi && map.contains_key("nullable") => {
                said.insert(
                    "refers".to_owned(),
                    told(&value[0], dialect, words)["refers"].clone(),
                );
            }
            "allOf" => {
                let parts = value.as_array().into_iter().flatten();
                let parts: Vec<Value> = parts.map(|part| told(part, dialect, words)).collect();
                said.insert(key.clone(), parts.into());
            }
            "properties" => {
                let fields = value.as_object().into_iter().flatten();
                let fields: Map<String, Value> = fields
                    .map(|(name, field)| (name.clone(), told(field, dialect, words)))
                    .collect();
                said.insert(key.clone(), fields.into());
            }
            "items" | "additionalProperties" => {
                said.insert(key.clone(), told(value, dialect, words));
            }
            "discriminator" => {
                let name = if value.is_string() {
                    value
                } else {
                    &value["propertyName"]
                };
                said.insert(key.clone(), name.clone());
            }
            "required" => {
                let mut names: Vec<String> = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(ToString::to_string)
                    .collect();
                names.sort();
                said.insert(key.clone(), names.into());
            }
            "type" => {
                let plain = value
                    .as_array()
                    .and_then(|words| words.iter().find(|word| **word != "null"));
                said.insert(key.clone(), plain.unwrap_or(value).clone());
            }
            "x-nullable" | "nullable" => {}
            key if is_prose(key) => {}
            key => {
                said.insert(key.to_owned(), value.clone());
            }
        }
    }
    if said.get("type") == Some(&json!("file")) {
        said.insert("type".to_owned(), "string".into());
        said.insert("format".to_owned(), "binary".into());
    }
    // What stands beside a reference says nothing.
    if said.contains_key("refers") {
        said.retain(|key, _| key == "refers");
    }
    if null {
        said.insert("null".to_owned(), true.into());
    }
    said.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::convert;

    fn file(field: &Value) -> Value {
        json!({ "swagger": "2.0",
            "definitions": { "A": { "type": "object", "properties": { "b": field } } },
            "paths": { "/a": { "get": { "operationId": "getA",
                "parameters": [{ "name": "k", "in": "query", "type": "array", "items": { "type": "string", "enum": ["x"] } }],
                "responses": { "200": { "schema": { "$ref": "#/definitions/A" } } } } } } })
    }

    #[test]
    fn a_conversion_says_what_its_file_says() {
        for field in [
            json!({ "type": "string", "format": "date", "description": "words" }),
            json!({ "$ref": "#/definitions/A", "x-nullable": true, "type": "object" }),
            json!({ "type": "array", "items": { "enum": ["b", "a"] }, "x-nullable": true }),
        ] {
            let source = file(&field);
            let converted = convert::document(&source, "v9").unwrap();
            same(&of_file(&source), &of_document(&converted)).unwrap();
        }
    }

    #[test]
    fn each_lost_or_changed_fact_is_named_with_its_place() {
        let source = file(&json!({ "type": "string", "enum": ["m", "n"], "x-nullable": true }));
        let converted = convert::document(&source, "v9").unwrap();
        let b = "/components/schemas/A/properties/b";
        let get = "/paths/~1a/get";
        for (at, key, place) in [
            (b, "nullable", "field A.b"),
            (b, "enum", "word field A.b = \"m\""),
            ("/components/schemas", "A", "model A"),
            (&format!("{get}/responses"), "200", "answer GET /a 200"),
            (
                &format!("{get}/parameters/0"),
                "explode",
                "parameter GET /a k",
            ),
            (get, "parameters", "parameter GET /a k"),
            ("/paths", "/a", "operation GET /a"),
        ] {
            let mut broken = converted.clone();
            let parent = broken.pointer_mut(at).unwrap().as_object_mut().unwrap();
            if key == "explode" {
                parent.insert(key.to_owned(), true.into());
            } else {
                assert!(parent.remove(key).is_some(), "{at} {key}");
            }
            let error = same(&of_file(&source), &of_document(&broken))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(&format!("{place}: the file says")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_union_lacks_nothing_and_one_sided_facts_are_told() {
        let facts = |places: &[&str]| -> Facts {
            places
                .iter()
                .map(|place| ((*place).to_owned(), String::new()))
                .collect()
        };
        let files = [
            (
                "v9-client.yml".to_owned(),
                facts(&["model A", "field A.b", "word field A.b = \"x\""]),
            ),
            (
                "v9.yml".to_owned(),
                facts(&[
                    "model A",
                    "field A.b",
                    "field A.c",
                    "operation GET /a",
                    "model B",
                ]),
            ),
        ];
        let mut union = files[0].1.clone();
        union.extend(files[1].1.clone());
        complete(&union, &files).unwrap();
        assert_eq!(
            one_sided(&files),
            [
                "field A.c: not in v9-client.yml",
                "operation GET /a: not in v9-client.yml",
                "word field A.b = \"x\": not in v9.yml",
            ]
        );
        union.remove("field A.c");
        union.insert("field A.d".to_owned(), String::new());
        let error = complete(&union, &files).unwrap_err().to_string();
        assert!(
            error.contains("field A.c: lost from v9.yml")
                && error.contains("field A.d: in no file"),
            "{error}"
        );
    }
}
