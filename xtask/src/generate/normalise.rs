//! From facts to what a tolerant client needs. Each pass changes one thing and says how often.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

/// A set of words that the generated code has as one open enum.
pub(super) type Enums = BTreeMap<String, Vec<String>>;

/// Names for sets of words whose field's name would not do, by schema and field.
const ENUM_NAMES: &[(&str, &str, &str)] = &[
    ("AttachmentRequest", "type", "AttachmentType"),
    ("District", "lms_state", "LmsState"),
    ("District", "state", "DistrictState"),
    ("Student", "ell_status", "YesNo"),
    ("StudentRelationship", "type", "ContactType"),
    ("School", "low_grade", "Grade"),
];

/// The most records a page that Clever documents for lists whose file says nothing.
const MAX_PAGE: u32 = 10_000;

/// Every schema, by name.
fn schemas(document: &mut Value) -> Result<&mut Map<String, Value>> {
    document["components"]["schemas"]
        .as_object_mut()
        .context("components/schemas is missing")
}

/// The schema that `value` refers to.
fn target(value: &Value) -> Option<String> {
    let reference = value["$ref"]
        .as_str()
        .or(value["allOf"][0]["$ref"].as_str())?;
    reference
        .strip_prefix("#/components/schemas/")
        .map(ToOwned::to_owned)
}

/// Leaves the success answers of each operation and lets any error body through undecoded: errors come
/// as JSON, as text and as HTML, and only some are declared.
pub(super) fn errors(document: &mut Value) -> Result<usize> {
    let mut count = 0;
    for (path, item) in document["paths"]
        .as_object_mut()
        .context("paths is missing")?
    {
        for (method, operation) in item.as_object_mut().context("a path is no object")? {
            let responses = operation["responses"]
                .as_object_mut()
                .context("responses is missing")?;
            responses.retain(|status, _| status.starts_with('2'));
            ensure!(
                responses.len() == 1,
                "{method} {path} has {} success answers",
                responses.len()
            );
            let any = json!({ "description": "", "content": { "*/*": { "schema": {} } } });
            responses.insert("4XX".to_owned(), any.clone());
            responses.insert("5XX".to_owned(), any);
            count += 1;
        }
    }
    document["components"]
        .as_object_mut()
        .context("components is missing")?
        .remove("responses");
    Ok(count)
}

/// Refuses lists in queries that are not written as repeated keys: progenitor writes all lists so,
/// whatever the document says.
pub(super) fn exploded(document: &Value) -> Result<()> {
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let parameters = operation.get("parameters").and_then(Value::as_array);
            for parameter in parameters.into_iter().flatten() {
                ensure!(
                    parameter["explode"] != false,
                    "{method} {path}: the list {} is not written as repeated keys, which the generator can't do",
                    parameter["name"]
                );
            }
        }
    }
    Ok(())
}

/// Names dates and instants, so that they can be replaced by types that keep their text; drops every
/// other format and all patterns: what Clever sends obeys neither.
pub(super) fn scalars(document: &mut Value) -> Result<usize> {
    let mut count = 0;
    each_schema(document, &mut |schema| {
        schema.remove("pattern");
        if schema.get("type") != Some(&json!("string")) {
            // One integer type for all; bounds would make another of it.
            for key in ["format", "minimum", "maximum", "minItems", "maxItems"] {
                schema.remove(key);
            }
            return;
        }
        let named = match schema.remove("format").as_ref().and_then(Value::as_str) {
            Some("datetime" | "date-time") => "Timestamp",
            Some("date") => "Date",
            _ => return,
        };
        refer(schema, named);
        count += 1;
    });
    for name in ["Timestamp", "Date"] {
        schemas(document)?.insert(name.to_owned(), json!({ "type": "string" }));
    }
    Ok(count)
}

/// Makes `schema` a reference to the schema called `name`; its documentation stays.
fn refer(schema: &mut Map<String, Value>, name: &str) {
    schema.retain(|key, _| key == "description");
    schema.insert(
        "$ref".to_owned(),
        json!(format!("#/components/schemas/{name}")),
    );
}

/// Gives each set of words a name, and refers to it where it stood. The empty text is no word: it is how
/// absence is written.
pub(super) fn enums(document: &mut Value) -> Result<Enums> {
    let mut enums = Enums::new();
    let mut of_words: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let words = |schema: &Value| -> Option<Vec<String>> {
        let values = schema["enum"].as_array()?;
        let mut words: Vec<String> = values
            .iter()
            .filter_map(Value::as_str)
            .filter(|word| !word.is_empty())
            .map(ToOwned::to_owned)
            .collect();
        words.sort();
        Some(words)
    };
    let named: Vec<(String, Vec<String>)> = schemas(document)?
        .iter()
        .filter_map(|(name, schema)| Some((name.clone(), words(schema)?)))
        .collect();
    for (name, words) in named {
        of_words.insert(words.clone(), name.clone());
        schemas(document)?.insert(name.clone(), json!({ "type": "string" }));
        enums.insert(name, words);
    }
    let all: Vec<String> = schemas(document)?.keys().cloned().collect();
    // The hand-chosen names first, so that they win whichever field comes first.
    for (schema, field, name) in ENUM_NAMES {
        // Older versions have not all of them.
        let found = schemas(document)?
            .get(*schema)
            .and_then(|schema| schema["properties"].get(*field).cloned());
        let Some(found) = found.as_ref().and_then(&words) else {
            continue;
        };
        of_words
            .entry(found.clone())
            .or_insert_with(|| (*name).to_owned());
        enums.entry((*name).to_owned()).or_insert(found);
    }
    for schema_name in &all {
        let mut schema = schemas(document)?[schema_name].clone();
        let fields: Vec<String> = schema["properties"]
            .as_object()
            .map(|fields| fields.keys().cloned().collect())
            .unwrap_or_default();
        for field in fields {
            let mut property = &mut schema["properties"][&field];
            if property["items"]["enum"].is_array() {
                property = &mut property["items"];
            }
            let Some(found) = words(property) else {
                continue;
            };
            let name = match of_words.get(&found) {
                Some(name) => name.clone(),
                None => {
                    let plain = pascal(&field);
                    let name = if enums.contains_key(&plain) || all.contains(&plain) {
                        format!("{schema_name}{plain}")
                    } else {
                        plain
                    };
                    of_words.insert(found.clone(), name.clone());
                    enums.insert(name.clone(), found);
                    name
                }
            };
            if let Some(property) = property.as_object_mut() {
                refer(property, &name);
            }
        }
        schemas(document)?.insert(schema_name.clone(), schema);
    }
    for name in enums.keys() {
        schemas(document)?.insert(name.clone(), json!({ "type": "string" }));
    }
    // Query parameters: words that the caller chooses. They stay text; clever-client has them as types.
    each_parameter(document, &mut |schema| {
        schema.remove("enum");
        if let Some(items) = schema.get_mut("items").and_then(Value::as_object_mut) {
            items.remove("enum");
        }
    })?;
    let text = document["components"].to_string();
    ensure!(
        !text.contains("\"enum\":"),
        "a set of words stands where none is expected"
    );
    Ok(enums)
}

/// Everything that is not required may be null: in Clever's answers, missing and null are the same.
pub(super) fn nullable(document: &mut Value) -> Result<usize> {
    let mut count = 0;
    for schema in schemas(document)?.values_mut() {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        for (name, property) in fields {
            let Some(property) = property.as_object_mut() else {
                continue;
            };
            // Nothing may stand beside a reference, but documentation does.
            if let Some(target) = property.remove("$ref") {
                property.insert("allOf".to_owned(), json!([{ "$ref": target }]));
            }
            if required.iter().any(|required| required == name) {
                continue;
            }
            property.insert("nullable".to_owned(), true.into());
            count += 1;
        }
    }
    Ok(count)
}

/// What an envelope holds, by its name: `UsersResponse` is a page of `User`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Envelope {
    /// `{"data":{…}}`.
    One(String),
    /// `{"data":[{"data":{…}}]}`.
    Page(String),
    /// `{"data":[{…}]}`.
    BarePage(String),
}

impl Envelope {
    /// The model inside.
    pub(super) fn model(&self) -> &str {
        match self {
            Self::One(model) | Self::Page(model) | Self::BarePage(model) => model,
        }
    }
}

/// Finds the envelopes; the generated code has one generic type for each sort. Their schemas stay as
/// names to be replaced.
pub(super) fn envelopes(document: &mut Value) -> Result<BTreeMap<String, Envelope>> {
    let mut found = BTreeMap::new();
    let all = schemas(document)?.clone();
    for (name, schema) in &all {
        if !name.ends_with("Response") && !name.ends_with("Responses") {
            continue;
        }
        let data = &schema["properties"]["data"];
        if let Some(one) = target(data) {
            found.insert(name.clone(), Envelope::One(one));
        } else if let Some(item) = target(&data["items"]) {
            let inner = all
                .get(&item)
                .and_then(|inner| target(&inner["properties"]["data"]));
            match inner {
                Some(inner) if item.ends_with("Response") => {
                    found.insert(name.clone(), Envelope::Page(inner))
                }
                _ => found.insert(name.clone(), Envelope::BarePage(item)),
            };
        }
    }
    for name in found.keys() {
        schemas(document)?.insert(name.clone(), json!({ "type": "object" }));
    }
    Ok(found)
}

/// What a version's events are about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Events {
    /// Their types: `users.created`.
    pub(super) types: BTreeSet<String>,
    /// The model of the record, by what stands before the dot.
    pub(super) models: BTreeMap<String, String>,
}

/// Takes out the subtypes of `Event`, and says what they are: an event is read without looking at its
/// type, and its record afterwards.
pub(super) fn events(document: &mut Value) -> Result<Events> {
    let schemas = schemas(document)?;
    let mut found = Events::default();
    for (name, schema) in schemas.iter() {
        let Some((records, _)) = name.split_once('.') else {
            continue;
        };
        let parts = schema["allOf"].as_array().into_iter().flatten();
        let object = parts
            .filter_map(|part| target(&part["properties"]["data"]))
            .filter_map(|data| target(&schemas.get(&data)?["properties"]["object"]))
            .next()
            .with_context(|| format!("the event {name} has no object"))?;
        found.types.insert(name.clone());
        found.models.insert(records.to_owned(), object);
    }
    schemas.retain(|name, _| !name.contains('.') && !name.ends_with("Object"));
    schemas.insert("Event".to_owned(), json!({ "type": "object" }));
    Ok(found)
}

/// Where operations live that are not below the version's address, by their ids: the host's address. Takes
/// the mark off the paths.
pub(super) fn servers(document: &mut Value) -> Result<BTreeMap<String, String>> {
    let mut elsewhere = BTreeMap::new();
    for (path, item) in document["paths"]
        .as_object_mut()
        .context("paths is missing")?
    {
        let item = item.as_object_mut().context("a path is no object")?;
        let Some(servers) = item.remove("servers") else {
            continue;
        };
        let url = servers[0]["url"]
            .as_str()
            .with_context(|| format!("{path}: servers without a url"))?;
        for operation in item.values() {
            let id = operation["operationId"]
                .as_str()
                .with_context(|| format!("{path}: an operation without an id"))?;
            elsewhere.insert(id.to_owned(), url.to_owned());
        }
    }
    Ok(elsewhere)
}

/// What each operation's parameters mean, by the operation's id and the parameter's name.
pub(super) fn parameters(document: &Value) -> BTreeMap<(String, String), String> {
    let mut meanings = BTreeMap::new();
    parameters_of(document, &mut |id, parameter| {
        if let (Some(name), Some(meaning)) = (
            parameter["name"].as_str(),
            parameter["description"].as_str(),
        ) {
            meanings.insert((id.to_owned(), name.to_owned()), meaning.to_owned());
        }
    });
    meanings
}

/// Calls `look` with the id of each operation and each of its parameters.
fn parameters_of(document: &Value, look: &mut impl FnMut(&str, &Value)) {
    for (_, item) in document["paths"].as_object().into_iter().flatten() {
        for (_, operation) in item.as_object().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let parameters = operation.get("parameters").and_then(Value::as_array);
            for parameter in parameters.into_iter().flatten() {
                look(id, parameter);
            }
        }
    }
}

/// The largest page of each operation that has pages of a size, by its id.
pub(super) fn lists(document: &Value) -> BTreeMap<String, u32> {
    let mut lists = BTreeMap::new();
    parameters_of(document, &mut |id, parameter| {
        if parameter["name"] == "limit" {
            let maximum = parameter["schema"]["maximum"].as_u64();
            let maximum = maximum.and_then(|maximum| u32::try_from(maximum).ok());
            lists.insert(id.to_owned(), maximum.unwrap_or(MAX_PAGE));
        }
    });
    lists
}

/// The names of parameters that are ids of another system, as the overlay marks them.
pub(super) fn foreign_ids(document: &Value) -> Vec<String> {
    let mut names = BTreeSet::new();
    parameters_of(document, &mut |_, parameter| {
        if let (Some(name), Some(true)) = (
            parameter["name"].as_str(),
            parameter["x-foreign-id"].as_bool(),
        ) {
            names.insert(name.to_owned());
        }
    });
    names.into_iter().collect()
}

/// Takes out schemas that nothing refers to any more.
pub(super) fn prune(document: &mut Value, keep: &[&str]) -> Result<usize> {
    let mut dropped = 0;
    loop {
        let text = document.to_string();
        let unused: Vec<String> = schemas(document)?
            .keys()
            .filter(|name| !keep.contains(&name.as_str()))
            .filter(|name| !text.contains(&format!("\"#/components/schemas/{name}\"")))
            .cloned()
            .collect();
        if unused.is_empty() {
            return Ok(dropped);
        }
        dropped += unused.len();
        for name in unused {
            schemas(document)?.remove(&name);
        }
    }
}

/// Calls `change` with every schema of the document, inner ones first.
fn each_schema(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                // Their members are schemas by name, not schemas.
                if key == "properties" || key == "schemas" {
                    for value in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
                        each_schema(value, change);
                    }
                } else {
                    each_schema(value, change);
                }
            }
            if map.get("type").is_some_and(Value::is_string) {
                change(map);
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|value| each_schema(value, change)),
        _ => {}
    }
}

fn each_parameter(
    document: &mut Value,
    change: &mut impl FnMut(&mut Map<String, Value>),
) -> Result<()> {
    for item in document["paths"]
        .as_object_mut()
        .context("paths is missing")?
        .values_mut()
    {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            let parameters = operation
                .get_mut("parameters")
                .and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                change(
                    parameter["schema"]
                        .as_object_mut()
                        .context("a parameter has no schema")?,
                );
            }
        }
    }
    Ok(())
}

/// `low_grade` as `LowGrade`.
pub(super) fn pascal(name: &str) -> String {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| {
            let mut letters = word.chars();
            Some(letters.next()?.to_ascii_uppercase().to_string() + letters.as_str())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(schemas: &Value) -> Value {
        json!({ "paths": {}, "components": { "schemas": schemas } })
    }

    #[test]
    fn equal_sets_of_words_are_one_enum_and_empty_text_is_no_word() {
        let mut doc = document(&json!({
            "District": { "properties": { "lms_state": { "enum": ["on"] }, "state": { "enum": ["off"] } } },
            "Student": { "properties": {
                "ell_status": { "enum": ["", "N", "Y"] }, "hispanic": { "enum": ["N", "Y"] }, "gender": { "enum": ["F"] },
            } },
            "StudentRelationship": { "properties": { "type": { "enum": ["Other"] } } },
            "School": { "properties": { "low_grade": { "enum": ["1"] } } },
        }));
        let enums = enums(&mut doc).unwrap();
        assert_eq!(enums["YesNo"], ["N", "Y"]);
        assert_eq!(enums["Gender"], ["F"]);
        let fields = &doc["components"]["schemas"]["Student"]["properties"];
        assert_eq!(fields["hispanic"]["$ref"], "#/components/schemas/YesNo");
    }

    #[test]
    fn envelopes_are_told_apart() {
        let refers = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let mut doc = document(&json!({
            "User": { "type": "object" },
            "UserResponse": { "properties": { "data": refers("User") } },
            "UsersResponse": { "properties": { "data": { "items": refers("UserResponse") } } },
            "AttendanceResponse": { "properties": { "data": { "items": refers("User") } } },
        }));
        let found = envelopes(&mut doc).unwrap();
        assert_eq!(found["UserResponse"], Envelope::One("User".to_owned()));
        assert_eq!(found["UsersResponse"], Envelope::Page("User".to_owned()));
        assert_eq!(
            found["AttendanceResponse"],
            Envelope::BarePage("User".to_owned())
        );
    }

    #[test]
    fn formats_become_types_that_keep_their_text() {
        let mut doc = document(&json!({ "A": { "type": "object", "properties": {
            "at": { "type": "string", "format": "datetime" }, "id": { "type": "string", "format": "mongo-id" },
        } } }));
        assert_eq!(scalars(&mut doc).unwrap(), 1);
        let fields = &doc["components"]["schemas"]["A"]["properties"];
        assert_eq!(fields["at"]["$ref"], "#/components/schemas/Timestamp");
        assert_eq!(fields["id"], json!({ "type": "string" }));
    }

    #[test]
    fn a_list_with_commas_is_refused() {
        let doc = |explode: bool| json!({ "paths": { "/a": { "get": { "parameters": [{ "name": "kinds", "explode": explode }] } } } });
        assert!(exploded(&doc(true)).is_ok());
        let error = exploded(&doc(false)).unwrap_err().to_string();
        assert!(error.contains("get /a: the list \"kinds\""), "{error}");
    }

    #[test]
    fn only_success_is_decoded() {
        let mut doc = json!({ "components": { "responses": { "BadRequest": {} } }, "paths": {
            "/a": { "get": { "responses": { "200": { "description": "a" }, "400": {}, "404": {} } } },
        } });
        assert_eq!(errors(&mut doc).unwrap(), 1);
        let responses = doc["paths"]["/a"]["get"]["responses"].as_object().unwrap();
        let statuses: Vec<&str> = responses.keys().map(String::as_str).collect();
        assert_eq!(statuses, ["200", "4XX", "5XX"]);
        assert!(doc["components"].get("responses").is_none());
        doc["paths"]["/a"]["get"]["responses"]["202"] = json!({});
        let error = errors(&mut doc).unwrap_err().to_string();
        assert!(error.contains("get /a has 2 success answers"), "{error}");
    }

    #[test]
    fn what_is_not_required_may_be_null_and_keeps_its_documentation() {
        let mut doc = document(&json!({ "A": { "required": ["b"], "properties": {
            "a": { "$ref": "#/components/schemas/B", "description": "words" },
            "b": { "$ref": "#/components/schemas/B", "description": "more" },
            "c": { "type": "string" },
        } } }));
        assert_eq!(nullable(&mut doc).unwrap(), 2);
        let refers = json!([{ "$ref": "#/components/schemas/B" }]);
        assert_eq!(
            doc["components"]["schemas"]["A"]["properties"],
            json!({
                "a": { "allOf": refers, "description": "words", "nullable": true },
                "b": { "allOf": refers, "description": "more" },
                "c": { "type": "string", "nullable": true },
            })
        );
    }

    #[test]
    fn event_types_and_their_models_are_found_and_taken_out() {
        let refers = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let mut doc = document(&json!({
            "Event": { "properties": { "id": { "type": "string" } } },
            "User": { "type": "object" },
            "UserObject": { "properties": { "object": refers("User") } },
            "users.created": { "allOf": [refers("Event"), { "properties": { "data": refers("UserObject") } }] },
        }));
        let found = events(&mut doc).unwrap();
        assert_eq!(found.types, BTreeSet::from(["users.created".to_owned()]));
        assert_eq!(found.models["users"], "User");
        let left: Vec<&String> = doc["components"]["schemas"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert_eq!(left, ["Event", "User"]);
    }

    #[test]
    fn operations_elsewhere_and_meanings_of_parameters_are_found() {
        let mut doc = json!({ "paths": {
            "/a": { "servers": [{ "url": "https://b" }], "get": { "operationId": "getA" } },
            "/c": { "get": { "operationId": "getC", "parameters": [{ "name": "limit", "description": "words" }] } },
        } });
        let elsewhere = servers(&mut doc).unwrap();
        assert_eq!(
            elsewhere,
            BTreeMap::from([("getA".to_owned(), "https://b".to_owned())])
        );
        assert!(doc["paths"]["/a"].get("servers").is_none());
        let meanings = parameters(&doc);
        assert_eq!(meanings[&("getC".to_owned(), "limit".to_owned())], "words");
    }

    #[test]
    fn what_nothing_refers_to_goes_with_what_it_alone_referred_to() {
        let mut doc = document(&json!({
            "Kept": { "type": "object" },
            "A": { "properties": { "b": { "$ref": "#/components/schemas/B" } } },
            "B": { "type": "object" },
        }));
        assert_eq!(prune(&mut doc, &["Kept"]).unwrap(), 2);
        assert!(doc["components"]["schemas"]["Kept"].is_object());
    }
}
