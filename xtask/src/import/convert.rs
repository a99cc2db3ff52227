//! Swagger 2.0 to OpenAPI 3.0.3, for the constructs that Clever's files use. Anything else is an error
//! that names the place: a fact silently lost here would be missing from every client.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

/// Keys that hold sentences, or marks of Clever's own tools: facts for nobody.
fn is_prose(key: &str) -> bool {
    matches!(key, "description" | "summary" | "tags" | "externalDocs")
        || (key.starts_with("x-") && key != "x-nullable")
}

/// Converts one file.
pub(super) fn document(source: &Value, api: &str) -> Result<Value> {
    ensure!(
        source["swagger"] == "2.0",
        "not a Swagger 2.0 document: `swagger` is {}",
        source["swagger"]
    );
    let mut paths = Map::new();
    let mut components = Map::new();
    for (key, value) in object(source, "the document")? {
        match key.as_str() {
            "swagger"
            | "info"
            | "host"
            | "basePath"
            | "schemes"
            | "consumes"
            | "produces"
            | "security"
            | "securityDefinitions" => {}
            "paths" => paths = self::paths(value)?,
            "definitions" => {
                components.insert("schemas".to_owned(), schemas(value)?);
            }
            "responses" => {
                let mut responses = Map::new();
                for (name, response) in object(value, "responses")? {
                    let response =
                        self::response(response).with_context(|| format!("responses/{name}"))?;
                    responses.insert(name.clone(), response);
                }
                components.insert("responses".to_owned(), responses.into());
            }
            key if is_prose(key) => {}
            key => bail!("{key}: not known at the top of a document"),
        }
    }
    let version = source["info"]["version"]
        .as_str()
        .unwrap_or(api.trim_start_matches('v'));
    Ok(json!({
        "openapi": "3.0.3",
        "info": { "title": "Clever API", "version": if version.is_empty() { api } else { api.trim_start_matches('v') } },
        "servers": [{ "url": format!("https://api.clever.com/{api}") }],
        "paths": paths,
        "components": components,
    }))
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>> {
    value
        .as_object()
        .with_context(|| format!("{place} is not an object"))
}

fn schemas(definitions: &Value) -> Result<Value> {
    let mut schemas = Map::new();
    for (name, schema) in object(definitions, "definitions")? {
        let schema = self::schema(schema).with_context(|| format!("definitions/{name}"))?;
        schemas.insert(name.clone(), schema);
    }
    Ok(schemas.into())
}

/// Converts a schema. `x-nullable` becomes `nullable`, beside a reference by way of `allOf`.
fn schema(source: &Value) -> Result<Value> {
    let source = object(source, "a schema")?;
    let nullable = source.get("x-nullable") == Some(&Value::Bool(true));
    if let Some(target) = source.get("$ref") {
        for key in source.keys() {
            ensure!(
                matches!(key.as_str(), "$ref" | "type") || key.starts_with("x-") || is_prose(key),
                "{key} beside $ref is not known"
            );
        }
        let target = json!({ "$ref": reference(target)? });
        return Ok(if nullable {
            json!({ "nullable": true, "allOf": [target] })
        } else {
            target
        });
    }
    let mut converted = Map::new();
    for (key, value) in source {
        match key.as_str() {
            "type" | "format" | "pattern" | "required" | "minimum" | "maximum" | "minItems"
            | "maxItems" | "default" => {
                converted.insert(key.clone(), value.clone());
            }
            // Clever's tools write enums in random order; sorted, equal sets are equal bytes.
            "enum" => {
                let mut values = value.as_array().cloned().context("enum is not a list")?;
                values.sort_by_key(ToString::to_string);
                converted.insert(key.clone(), values.into());
            }
            "items" => {
                converted.insert(key.clone(), schema(value).context("items")?);
            }
            "properties" => {
                let mut properties = Map::new();
                for (name, property) in object(value, "properties")? {
                    let property =
                        schema(property).with_context(|| format!("properties/{name}"))?;
                    properties.insert(name.clone(), property);
                }
                converted.insert(key.clone(), properties.into());
            }
            "allOf" => {
                let parts = value.as_array().context("allOf is not a list")?;
                let parts: Vec<Value> = parts
                    .iter()
                    .map(schema)
                    .collect::<Result<_>>()
                    .context("allOf")?;
                converted.insert(key.clone(), parts.into());
            }
            "discriminator" => {
                converted.insert(key.clone(), json!({ "propertyName": value }));
            }
            "additionalProperties" => {
                let inner = if value.is_boolean() {
                    value.clone()
                } else {
                    schema(value)?
                };
                converted.insert(key.clone(), inner);
            }
            "x-nullable" => {
                if nullable {
                    converted.insert("nullable".to_owned(), Value::Bool(true));
                }
            }
            key if is_prose(key) => {}
            key => bail!("{key}: not known in a schema"),
        }
    }
    Ok(converted.into())
}

/// Where a reference leads in the converted document.
fn reference(target: &Value) -> Result<String> {
    let target = target.as_str().context("$ref is not text")?;
    for (from, to) in [
        ("#/definitions/", "#/components/schemas/"),
        ("#/responses/", "#/components/responses/"),
    ] {
        if let Some(name) = target.strip_prefix(from) {
            return Ok(format!("{to}{name}"));
        }
    }
    bail!("$ref {target}: not known")
}

fn paths(source: &Value) -> Result<Map<String, Value>> {
    let mut paths = Map::new();
    for (path, item) in object(source, "paths")? {
        let mut operations = Map::new();
        for (method, operation) in object(item, path)? {
            ensure!(
                matches!(method.as_str(), "get" | "post" | "put" | "patch" | "delete"),
                "paths{path}/{method}: not known"
            );
            let operation =
                self::operation(operation).with_context(|| format!("paths{path}/{method}"))?;
            operations.insert(method.clone(), operation);
        }
        paths.insert(path.clone(), operations.into());
    }
    Ok(paths)
}

fn operation(source: &Value) -> Result<Value> {
    let mut operation = Map::new();
    for (key, value) in object(source, "an operation")? {
        match key.as_str() {
            "operationId" => {
                operation.insert(key.clone(), value.clone());
            }
            "parameters" => {
                let mut parameters = Vec::new();
                for parameter in value.as_array().context("parameters is not a list")? {
                    if parameter["in"] == "body" {
                        let schema = schema(&parameter["schema"]).context("the body")?;
                        operation.insert(
                            "requestBody".to_owned(),
                            json!({ "required": true, "content": { "application/json": { "schema": schema } } }),
                        );
                    } else {
                        parameters.push(self::parameter(parameter)?);
                    }
                }
                operation.insert(key.clone(), parameters.into());
            }
            "responses" => {
                let mut responses = Map::new();
                for (status, response) in object(value, "responses")? {
                    let response =
                        self::response(response).with_context(|| format!("responses/{status}"))?;
                    responses.insert(status.clone(), response);
                }
                operation.insert(key.clone(), responses.into());
            }
            "produces" | "consumes" | "security" | "deprecated" => {}
            key if is_prose(key) => {}
            key => bail!("{key}: not known in an operation"),
        }
    }
    Ok(operation.into())
}

fn parameter(source: &Value) -> Result<Value> {
    let source = object(source, "a parameter")?;
    let name = source
        .get("name")
        .and_then(Value::as_str)
        .context("a parameter has no name")?;
    let mut parameter = Map::new();
    let mut own = Map::new();
    for (key, value) in source {
        match key.as_str() {
            "name" | "in" | "required" => {
                ensure!(
                    key != "in" || value == "query" || value == "path",
                    "parameter {name}: in {value}: not known"
                );
                parameter.insert(key.clone(), value.clone());
            }
            "collectionFormat" => {
                // Comma-separated lists would be sent wrongly by the generated client.
                ensure!(
                    value == "multi",
                    "parameter {name}: collectionFormat {value}: not known"
                );
                parameter.insert("style".to_owned(), "form".into());
                parameter.insert("explode".to_owned(), true.into());
            }
            key if is_prose(key) => {}
            _ => {
                own.insert(key.clone(), value.clone());
            }
        }
    }
    let schema = schema(&own.into()).with_context(|| format!("parameter {name}"))?;
    parameter.insert("schema".to_owned(), schema);
    Ok(parameter.into())
}

fn response(source: &Value) -> Result<Value> {
    let source = object(source, "a response")?;
    if let Some(target) = source.get("$ref") {
        return Ok(json!({ "$ref": reference(target)? }));
    }
    // OpenAPI wants a description; ours come with the overlay.
    let mut response = Map::from_iter([("description".to_owned(), Value::from(""))]);
    for (key, value) in source {
        match key.as_str() {
            "schema" => {
                let schema = schema(value).context("schema")?;
                response.insert(
                    "content".to_owned(),
                    json!({ "application/json": { "schema": schema } }),
                );
            }
            key if is_prose(key) => {}
            key => bail!("{key}: not known in a response"),
        }
    }
    Ok(response.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nullability_survives_beside_a_reference_and_prose_does_not() {
        let source = json!({ "type": "object", "description": "words", "properties": {
            "a": { "$ref": "#/definitions/A", "x-nullable": true },
            "b": { "type": "string", "enum": ["z", "a"], "x-validation": true },
        } });
        assert_eq!(
            schema(&source).unwrap(),
            json!({ "type": "object", "properties": {
                "a": { "nullable": true, "allOf": [{ "$ref": "#/components/schemas/A" }] },
                "b": { "type": "string", "enum": ["a", "z"] },
            } })
        );
    }

    #[test]
    fn what_is_not_known_is_named_with_its_place() {
        let file = |paths: Value| json!({ "swagger": "2.0", "paths": paths });
        for (paths, place) in [
            (
                json!({ "/a": { "get": { "callbacks": {} } } }),
                "paths/a/get",
            ),
            (json!({ "/a": { "trace": {} } }), "paths/a/trace"),
            (
                json!({ "/a": { "get": { "parameters": [{ "name": "x", "in": "cookie" }] } } }),
                "parameter x",
            ),
            (
                json!({ "/a": { "get": { "parameters": [{ "name": "x", "in": "query", "collectionFormat": "csv" }] } } }),
                "csv",
            ),
        ] {
            let error = format!("{:#}", document(&file(paths), "v9").unwrap_err());
            assert!(error.contains(place), "{error}");
        }
    }
}
