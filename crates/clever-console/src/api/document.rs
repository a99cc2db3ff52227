//! The OpenAPI document, made of the endpoints themselves.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::call::{Endpoint, KEY};
use super::endpoints;
use super::shapes::Problem;

/// Where the schemas lie in the document.
const SCHEMAS: &str = "#/components/schemas";

/// The OpenAPI document (version 3.1) of the API that lies at `server`.
#[must_use]
pub fn openapi(server: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = format!("{SCHEMAS}/").into();
        settings.meta_schema = None;
    });
    let mut gives = settings.clone().for_serialize().into_generator();
    let mut takes = settings.for_deserialize().into_generator();
    let problem = gives.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in endpoints::all() {
        let operation = operation(&endpoint, &mut takes, &mut gives, &problem);
        let method = if endpoint.is_write { "post" } else { "get" };
        let path = paths
            .entry(endpoint.path.to_owned())
            .or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(method.to_owned(), operation);
        }
    }
    let mut schemas = takes.take_definitions(true);
    schemas.append(&mut gives.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Clever console",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "How districts stand, what is held, why a record is as it is, whose account it is; and the deeds of \
                            the console. Values of people are masked until they are revealed, which the audit keeps.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": server }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": {
                "type": "http", "scheme": "bearer", "description": "A token of `cleverctl console token add`.",
            } },
        },
    })
}

fn operation(
    endpoint: &Endpoint,
    takes: &mut SchemaGenerator,
    gives: &mut SchemaGenerator,
    problem: &Schema,
) -> Value {
    let mut parameters: Vec<Value> = endpoint
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let of = if matches!(name, "run" | "seq" | "question") {
                json!({ "type": "integer", "minimum": 0 })
            } else {
                json!({ "type": "string" })
            };
            json!({ "name": name, "in": "path", "required": true, "schema": of })
        })
        .collect();
    let answers = |status: &str, says: &str| {
        let content = json!({ "application/problem+json": { "schema": problem } });
        (
            status.to_owned(),
            json!({ "description": says, "content": content }),
        )
    };
    let mut responses: Map<String, Value> = [
        answers("401", "No token, a wrong one, or one that is over"),
        answers("404", "There is nothing, or it is not the token's to see"),
        answers("422", "What was sent can't be used"),
        answers("503", "The store does not answer"),
    ]
    .into_iter()
    .collect();
    let content = match endpoint.gives {
        Some(shape) => json!({ "application/json": { "schema": shape(gives) } }),
        // Bytes have no schema in OpenAPI 3.1.
        None => json!({ "application/zip": {} }),
    };
    responses.insert(
        "200".to_owned(),
        json!({ "description": "Done", "content": content }),
    );
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": endpoint.does,
        "description": format!("Takes the role {} or one that may do more.", endpoint.role),
    });
    if endpoint.is_write {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": true,
            "description": format!("Sent again with the same {KEY} and body, it is not done again, and has the same answer for a day."),
            "schema": { "type": "string", "minLength": 8, "maxLength": 128 },
        }));
        let body = (endpoint.takes)(takes);
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": body } } });
        responses.extend([
            answers("403", "The token's role does not allow it"),
            answers(
                "409",
                "It has moved meanwhile: `now` says how it is; or it is against a rule",
            ),
        ]);
    } else {
        parameters.extend(query(endpoint, takes));
    }
    operation["parameters"] = parameters.into();
    operation["responses"] = responses.into();
    operation
}

/// The fields of a query, as parameters.
fn query(endpoint: &Endpoint, takes: &SchemaGenerator) -> Vec<Value> {
    // A generator of its own: a query's schema is spread over its parameters and is no component.
    let mut own = takes.settings().clone().into_generator();
    let asked = (endpoint.takes)(&mut own);
    let definitions = own.take_definitions(true);
    let name = asked
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|place| place.rsplit('/').next());
    let whole = name.and_then(|name| definitions.get(name));
    let fields = whole.and_then(|whole| whole.get("properties")?.as_object());
    fields
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            let says = schema.get("description").cloned().unwrap_or_default();
            let mut schema = schema.clone();
            if let Some(schema) = schema.as_object_mut() {
                schema.remove("description");
            }
            json!({ "name": name, "in": "query", "required": false, "description": says, "schema": schema })
        })
        .collect()
}
