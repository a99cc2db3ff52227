//! Schemas and parameters of Swagger 2.0 in the words of OpenAPI 3.0.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

/// Keys that hold sentences or samples, or marks of Clever's own tools: facts for nobody.
pub(super) fn is_prose(key: &str) -> bool {
    matches!(
        key,
        "description"
            | "summary"
            | "tags"
            | "externalDocs"
            | "title"
            | "example"
            | "examples"
            | "xml"
    ) || (key.starts_with("x-") && key != "x-nullable")
}

/// `value` as an object, or an error that names the place.
pub(super) fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>> {
    value
        .as_object()
        .with_context(|| format!("{place} is not an object"))
}

/// Converts every member of `values` and keeps its name.
pub(super) fn named(
    values: &Value,
    place: &str,
    convert: impl Fn(&Value) -> Result<Value>,
) -> Result<Value> {
    let mut converted = Map::new();
    for (name, value) in object(values, place)? {
        let value = convert(value).with_context(|| format!("{place}/{name}"))?;
        converted.insert(name.clone(), value);
    }
    Ok(converted.into())
}

/// Converts a schema. `x-nullable` becomes `nullable`, beside a reference by way of `allOf`.
pub(super) fn schema(source: &Value) -> Result<Value> {
    let source = object(source, "a schema")?;
    let mut nullable = source.get("x-nullable") == Some(&Value::Bool(true));
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
            "type" => match value {
                Value::String(word) if word == "file" => {
                    converted.insert("type".to_owned(), "string".into());
                    converted.insert("format".to_owned(), "binary".into());
                }
                // Not in the standard, but written: one type or null.
                Value::Array(words) => {
                    let mut words: Vec<&Value> = words.iter().collect();
                    let before = words.len();
                    words.retain(|word| **word != "null");
                    nullable |= words.len() < before;
                    let [word] = words.as_slice() else {
                        bail!("type {value}: several types at once are not known");
                    };
                    converted.insert("type".to_owned(), (*word).clone());
                }
                _ => {
                    converted.insert("type".to_owned(), value.clone());
                }
            },
            "format" | "pattern" | "required" | "minimum" | "maximum" | "exclusiveMinimum"
            | "exclusiveMaximum" | "multipleOf" | "minLength" | "maxLength" | "minItems"
            | "maxItems" | "uniqueItems" | "minProperties" | "maxProperties" | "default"
            | "readOnly" => {
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
                converted.insert(key.clone(), named(value, "properties", schema)?);
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
                ensure!(value.is_string(), "discriminator {value}: not known");
                converted.insert(key.clone(), json!({ "propertyName": value }));
            }
            "additionalProperties" => {
                let inner = if value.is_boolean() {
                    value.clone()
                } else {
                    schema(value).context("additionalProperties")?
                };
                converted.insert(key.clone(), inner);
            }
            "x-nullable" => {}
            key if is_prose(key) => {}
            key => bail!("{key}: not known in a schema"),
        }
    }
    if nullable {
        converted.insert("nullable".to_owned(), true.into());
    }
    Ok(converted.into())
}

/// Where a reference leads in the converted document.
pub(super) fn reference(target: &Value) -> Result<String> {
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

/// Converts a parameter in a path, a query or a header.
pub(super) fn parameter(source: &Value) -> Result<Value> {
    let source = object(source, "a parameter")?;
    let name = source
        .get("name")
        .and_then(Value::as_str)
        .context("a parameter has no name")?;
    let place = || format!("parameter {name}");
    let mut parameter = Map::new();
    let mut own = Map::new();
    for (key, value) in source {
        match key.as_str() {
            "name" | "required" | "allowEmptyValue" => {
                parameter.insert(key.clone(), value.clone());
            }
            "in" => {
                ensure!(
                    value == "query" || value == "path" || value == "header",
                    "parameter {name}: in {value}: not known"
                );
                parameter.insert(key.clone(), value.clone());
            }
            "collectionFormat" => {}
            key if is_prose(key) => {}
            _ => {
                own.insert(key.clone(), value.clone());
            }
        }
    }
    if own.get("type") == Some(&json!("array")) {
        // Where nothing is said, Swagger 2.0 means commas.
        let format = source.get("collectionFormat").and_then(Value::as_str);
        let (style, explode) = match (format.unwrap_or("csv"), parameter.get("in")) {
            ("multi", _) => ("form", true),
            ("csv", Some(place)) if place == "query" => ("form", false),
            ("csv", _) => ("simple", false),
            ("ssv", _) => ("spaceDelimited", false),
            ("pipes", _) => ("pipeDelimited", false),
            (other, _) => bail!("parameter {name}: collectionFormat {other}: not known"),
        };
        parameter.insert("style".to_owned(), style.into());
        parameter.insert("explode".to_owned(), explode.into());
    }
    let schema = schema(&own.into()).with_context(place)?;
    parameter.insert("schema".to_owned(), schema);
    Ok(parameter.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nullability_survives_beside_a_reference_and_prose_does_not() {
        let source = json!({ "type": "object", "description": "words", "properties": {
            "a": { "$ref": "#/definitions/A", "x-nullable": true },
            "b": { "type": "string", "enum": ["z", "a"], "x-validation": true, "example": "Ada" },
            "c": { "type": ["string", "null"] },
        } });
        assert_eq!(
            schema(&source).unwrap(),
            json!({ "type": "object", "properties": {
                "a": { "nullable": true, "allOf": [{ "$ref": "#/components/schemas/A" }] },
                "b": { "type": "string", "enum": ["a", "z"] },
                "c": { "type": "string", "nullable": true },
            } })
        );
    }

    #[test]
    fn a_list_in_a_query_is_written_as_the_file_says() {
        let list = |format: Option<&str>| {
            let mut source = json!({ "name": "x", "in": "query", "type": "array", "items": { "type": "string" } });
            if let Some(format) = format {
                source["collectionFormat"] = json!(format);
            }
            parameter(&source).map(|found| (found["style"].clone(), found["explode"].clone()))
        };
        assert_eq!(list(Some("multi")).unwrap(), (json!("form"), json!(true)));
        assert_eq!(list(None).unwrap(), (json!("form"), json!(false)));
        assert_eq!(
            list(Some("pipes")).unwrap(),
            (json!("pipeDelimited"), json!(false))
        );
        let error = list(Some("tsv")).unwrap_err().to_string();
        assert!(
            error.contains("parameter x: collectionFormat tsv"),
            "{error}"
        );
    }
}
