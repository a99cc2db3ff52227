//! Swagger 2.0 to OpenAPI 3.0.3. A construct that is not known is an error that names the place: a fact
//! silently lost here would be missing from every client.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::schema::{is_prose, named, object, parameter, reference, schema};

/// Converts one file.
pub(super) fn document(source: &Value, api: &str) -> Result<Value> {
    if let Some(version) = source["openapi"].as_str() {
        bail!(
            "this is OpenAPI {version}; Clever's files have been Swagger 2.0, and only that is read"
        );
    }
    ensure!(
        source["swagger"] == "2.0",
        "not a Swagger 2.0 document: `swagger` is {}",
        source["swagger"]
    );
    let mut paths = Map::new();
    let mut components = Map::new();
    let mut security = None;
    for (key, value) in object(source, "the document")? {
        match key.as_str() {
            "swagger" | "info" | "host" | "basePath" | "schemes" | "consumes" | "produces"
            // Stand where they are referred to.
            | "parameters" => {}
            "security" => security = Some(value.clone()),
            "paths" => paths = self::paths(value, source)?,
            "definitions" => {
                components.insert("schemas".to_owned(), named(value, "definitions", schema)?);
            }
            "responses" => {
                components.insert("responses".to_owned(), named(value, "responses", response)?);
            }
            "securityDefinitions" => {
                components.insert(
                    "securitySchemes".to_owned(),
                    named(value, "securityDefinitions", security_scheme)?,
                );
            }
            key if is_prose(key) => {}
            key => bail!("{key}: not known at the top of a document"),
        }
    }
    let mut document = json!({
        "openapi": "3.0.3",
        // Clever's files name each other's versions; ours is the one that was asked for.
        "info": { "title": "Clever API", "version": api.trim_start_matches('v') },
        "servers": [{ "url": server(source, api) }],
        "paths": paths,
        "components": components,
    });
    if let Some(security) = security {
        document["security"] = security;
    }
    Ok(document)
}

/// The address that paths are below.
fn server(source: &Value, api: &str) -> String {
    let host = source["host"].as_str().unwrap_or("api.clever.com");
    let scheme = source["schemes"][0].as_str().unwrap_or("https");
    match source["basePath"].as_str() {
        Some(base) => format!("{scheme}://{host}{}", base.trim_end_matches('/')),
        None => format!("{scheme}://{host}/{api}"),
    }
}

/// Converts how requests are authorized.
fn security_scheme(source: &Value) -> Result<Value> {
    Ok(match source["type"].as_str() {
        Some("basic") => json!({ "type": "http", "scheme": "basic" }),
        Some("apiKey") => {
            json!({ "type": "apiKey", "name": source["name"], "in": source["in"] })
        }
        Some("oauth2") => {
            let (flow, urls): (&str, &[&str]) = match source["flow"].as_str() {
                Some("accessCode") => ("authorizationCode", &["authorizationUrl", "tokenUrl"]),
                Some("implicit") => ("implicit", &["authorizationUrl"]),
                Some("password") => ("password", &["tokenUrl"]),
                Some("application") => ("clientCredentials", &["tokenUrl"]),
                _ => bail!("flow {}: not known", source["flow"]),
            };
            let mut converted = Map::new();
            // A scope's value is a sentence.
            let mut scopes = Map::new();
            for name in source["scopes"].as_object().into_iter().flatten() {
                scopes.insert(name.0.clone(), "".into());
            }
            converted.insert("scopes".to_owned(), scopes.into());
            for url in urls {
                converted.insert((*url).to_owned(), source[*url].clone());
            }
            json!({ "type": "oauth2", "flows": { flow: converted } })
        }
        _ => bail!("type {}: not known", source["type"]),
    })
}

fn paths(source: &Value, document: &Value) -> Result<Map<String, Value>> {
    let mut paths = Map::new();
    for (path, item) in object(source, "paths")? {
        let item = object(item, path)?;
        let shared = item
            .get("parameters")
            .map_or(Ok(Vec::new()), |shared| parameters(shared, document))
            .with_context(|| format!("paths{path}"))?;
        let mut operations = Map::new();
        for (method, operation) in item {
            match method.as_str() {
                "get" | "post" | "put" | "patch" | "delete" | "head" | "options" => {}
                "parameters" => continue,
                key if is_prose(key) => continue,
                _ => bail!("paths{path}/{method}: not known"),
            }
            let operation = self::operation(operation, &shared, document)
                .with_context(|| format!("paths{path}/{method}"))?;
            operations.insert(method.clone(), operation);
        }
        paths.insert(path.clone(), operations.into());
    }
    Ok(paths)
}

/// The parameters of a list, those that are referred to in full.
fn parameters<'a>(list: &'a Value, document: &'a Value) -> Result<Vec<&'a Value>> {
    let list = list.as_array().context("parameters is not a list")?;
    list.iter()
        .map(|parameter| match parameter["$ref"].as_str() {
            None => Ok(parameter),
            Some(target) => {
                let name = target
                    .strip_prefix("#/parameters/")
                    .with_context(|| format!("parameter $ref {target}: not known"))?;
                document["parameters"]
                    .get(name)
                    .with_context(|| format!("parameter $ref {target}: leads nowhere"))
            }
        })
        .collect()
}

fn operation(source: &Value, shared: &[&Value], document: &Value) -> Result<Value> {
    let mut operation = Map::new();
    let mut given = Vec::new();
    for (key, value) in object(source, "an operation")? {
        match key.as_str() {
            "operationId" | "deprecated" | "security" => {
                operation.insert(key.clone(), value.clone());
            }
            "parameters" => given = parameters(value, document)?,
            "responses" => {
                operation.insert(key.clone(), named(value, "responses", response)?);
            }
            "produces" | "consumes" | "schemes" => {}
            key if is_prose(key) => {}
            key => bail!("{key}: not known in an operation"),
        }
    }
    // An operation's own parameter stands for the path's of the same name.
    let own = |shared: &&&Value| {
        !given
            .iter()
            .any(|own| own["name"] == shared["name"] && own["in"] == shared["in"])
    };
    let all: Vec<&Value> = shared.iter().filter(own).chain(&given).copied().collect();
    let mut plain = Vec::new();
    let mut form = Vec::new();
    for source in all {
        match source["in"].as_str() {
            Some("body") => {
                let schema = schema(&source["schema"]).context("the body")?;
                let required = source["required"] != false;
                operation.insert(
                    "requestBody".to_owned(),
                    json!({ "required": required, "content": { "application/json": { "schema": schema } } }),
                );
            }
            Some("formData") => form.push(source),
            _ => plain.push(parameter(source)?),
        }
    }
    if !form.is_empty() {
        operation.insert("requestBody".to_owned(), form_body(&form)?);
    }
    if !plain.is_empty() || source.get("parameters").is_some() {
        operation.insert("parameters".to_owned(), plain.into());
    }
    Ok(operation.into())
}

/// The fields of a form as the body of a request.
fn form_body(fields: &[&Value]) -> Result<Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut media = "application/x-www-form-urlencoded";
    for field in fields {
        let mut own = object(field, "a form's field")?.clone();
        let name = own
            .remove("name")
            .and_then(|name| name.as_str().map(ToOwned::to_owned))
            .context("a form's field has no name")?;
        if own.remove("required") == Some(Value::Bool(true)) {
            required.push(Value::from(name.clone()));
        }
        own.remove("in");
        own.remove("collectionFormat");
        if own.get("type") == Some(&json!("file")) {
            media = "multipart/form-data";
        }
        let converted = schema(&own.into()).with_context(|| format!("the form's field {name}"))?;
        properties.insert(name, converted);
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    Ok(json!({ "required": true, "content": { media: { "schema": schema } } }))
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
            "headers" => {
                let header = |header: &Value| Ok(json!({ "schema": schema(header)? }));
                response.insert(key.clone(), named(value, "headers", header)?);
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

    fn file(paths: &Value) -> Value {
        json!({ "swagger": "2.0", "paths": paths })
    }

    #[test]
    fn what_is_not_known_is_named_with_its_place() {
        for (source, place) in [
            (
                file(&json!({ "/a": { "get": { "callbacks": {} } } })),
                "paths/a/get: callbacks",
            ),
            (file(&json!({ "/a": { "trace": {} } })), "paths/a/trace"),
            (
                file(
                    &json!({ "/a": { "get": { "parameters": [{ "name": "x", "in": "cookie" }] } } }),
                ),
                "parameter x: in \"cookie\"",
            ),
            (
                file(&json!({ "/a": { "get": { "parameters": [{ "$ref": "#/parameters/b" }] } } })),
                "#/parameters/b: leads nowhere",
            ),
            (
                json!({ "swagger": "2.0", "definitions": { "A": { "properties": { "b": { "oneOf": [] } } } } }),
                "definitions/A: properties/b: oneOf",
            ),
            (json!({ "openapi": "3.0.1" }), "this is OpenAPI 3.0.1"),
            (json!({ "a": 1 }), "not a Swagger 2.0 document"),
        ] {
            let error = format!("{:#}", document(&source, "v9").unwrap_err());
            assert!(error.contains(place), "{error}");
        }
    }

    #[test]
    fn shared_parameters_forms_headers_and_authorization_are_carried_over() {
        let source = json!({
            "swagger": "2.0", "host": "api.example.org", "basePath": "/v9/", "schemes": ["https"],
            "parameters": { "limit": { "name": "limit", "in": "query", "type": "integer" } },
            "securityDefinitions": { "oauth": { "type": "oauth2", "flow": "accessCode", "authorizationUrl": "https://a", "tokenUrl": "https://t" } },
            "security": [{ "oauth": [] }],
            "paths": { "/a/{id}": {
                "parameters": [{ "name": "id", "in": "path", "required": true, "type": "string" }],
                "get": { "parameters": [{ "$ref": "#/parameters/limit" }], "responses": { "200": { "headers": { "X-Left": { "type": "integer" } } } } },
                "post": { "parameters": [
                    { "name": "code", "in": "formData", "required": true, "type": "string" },
                    { "name": "id", "in": "path", "required": true, "type": "integer" },
                ], "responses": {} },
            } },
        });
        let converted = document(&source, "v9").unwrap();
        assert_eq!(converted["servers"][0]["url"], "https://api.example.org/v9");
        let item = &converted["paths"]["/a/{id}"];
        let names: Vec<_> = item["get"]["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["name"])
            .collect();
        assert_eq!(names, ["id", "limit"]);
        assert_eq!(
            item["get"]["responses"]["200"]["headers"]["X-Left"]["schema"]["type"],
            "integer"
        );
        assert_eq!(item["post"]["parameters"][0]["schema"]["type"], "integer");
        let form = &item["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"];
        assert_eq!(form["schema"]["required"], json!(["code"]));
        let flows = &converted["components"]["securitySchemes"]["oauth"]["flows"];
        assert_eq!(flows["authorizationCode"]["scopes"], json!({}));
        assert_eq!(converted["security"], json!([{ "oauth": [] }]));
    }
}
