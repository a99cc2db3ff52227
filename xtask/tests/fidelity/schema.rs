//! OpenAPI 3.0 and Swagger 2.0 documents as JSON Schemas, and what is allowed beyond them.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// A field that answers have and a document has not, and how we know.
pub(super) struct Extra {
    /// The schemas that it is added to, by the end of their names.
    pub(super) schemas: &'static str,
    pub(super) field: &'static str,
    /// Why: a place in Clever's documentation or recorded traffic. Printed where it is no longer needed.
    pub(super) why: &'static str,
}

/// What the wire has beyond every published file.
pub(super) const EXTRAS: &[Extra] = &[
    Extra {
        schemas: "Response",
        field: "links",
        why: "WIRE: a single record's envelope and v1's lists have links too",
    },
    Extra {
        schemas: "Response",
        field: "uri",
        why: "WIRE: an element of a list has its address beside its data",
    },
    Extra {
        schemas: "sResponse",
        field: "count",
        why: "LIB: the length of a list, asked for with `count=true`",
    },
    Extra {
        schemas: "ResourcesResponse",
        field: "resources",
        why: "WIRE: a district without resources answers `{\"resources\":[]}`",
    },
    Extra {
        schemas: "DistrictStatusResponses",
        field: "links",
        why: "WIRE: lists have links",
    },
    Extra {
        schemas: "Object",
        field: "previous_attributes",
        why: "WIRE: it stands beside the object, where the files have it one level up",
    },
    Extra {
        schemas: "NotFound",
        field: "error",
        why: "LIB: v1's clients read errors under this key",
    },
    Extra {
        schemas: "BadRequest",
        field: "error",
        why: "LIB: v1's clients read errors under this key",
    },
];

/// What the wire has beyond Clever's files and our overlays already say.
pub(super) const CORRECTED: &[Extra] = &[Extra {
    schemas: "Student",
    field: "email",
    why: "WIRE: the data API of v3 repeats the address in the student role",
}];

/// The schemas of a document, ready to validate with.
pub(super) struct Schemas {
    definitions: Value,
    /// `components/schemas` or `definitions`.
    place: &'static str,
    made: BTreeMap<String, Validator>,
}

impl Schemas {
    /// Takes the schemas of a document. If it is `strict`, an object may have no other fields than those that
    /// the document or `extras` name.
    pub(super) fn of(document: &Value, strict: bool, extras: &[&Extra]) -> Self {
        let (place, schemas) = match document["components"]["schemas"].as_object() {
            Some(schemas) => ("components", schemas),
            None => (
                "definitions",
                document["definitions"].as_object().expect("schemas"),
            ),
        };
        let parts = parts(schemas);
        let mut definitions = Map::new();
        for (name, schema) in schemas {
            let mut schema = schema.clone();
            for extra in extras.iter().filter(|extra| name.ends_with(extra.schemas)) {
                if let Some(properties) = schema["properties"].as_object_mut() {
                    properties.entry(extra.field).or_insert(json!({}));
                }
            }
            // WIRE: links have far more relations than the files list.
            if name.ends_with("Link") {
                schema["properties"]["rel"] = json!({ "type": "string" });
            }
            let whole = !parts.contains(name.as_str());
            definitions.insert(name.clone(), converted(&schema, strict && whole));
        }
        let definitions = if place == "components" {
            json!({ "schemas": definitions })
        } else {
            definitions.into()
        };
        Self {
            definitions,
            place,
            made: BTreeMap::new(),
        }
    }

    /// Whether there is a schema of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        let schemas = &self.definitions;
        schemas.get(name).is_some() || schemas["schemas"].get(name).is_some()
    }

    /// What is wrong with `instance` as the schema of this name, each with its place; never a value of it.
    pub(super) fn breaches(&mut self, name: &str, instance: &Value) -> Vec<String> {
        let path = if self.place == "components" {
            format!("#/components/schemas/{name}")
        } else {
            format!("#/definitions/{name}")
        };
        let schema = json!({ "$ref": path, self.place: self.definitions });
        let validator = self.made.entry(name.to_owned()).or_insert_with(|| {
            jsonschema::options()
                .with_draft(Draft::Draft202012)
                .should_validate_formats(true)
                .with_format("datetime", is_time)
                .with_format("date", is_time)
                .build(&schema)
                .expect("a schema")
        });
        let errors = validator.iter_errors(instance);
        errors
            .map(|error| format!("{name}{}: {}", error.instance_path(), error.masked()))
            .collect()
    }
}

/// Every form in which Clever writes an instant or a day: both stand where its files say either.
fn is_time(text: &str) -> bool {
    let digits = |text: &str, form: &str| {
        text.len() == form.len()
            && text.chars().zip(form.chars()).all(|(c, form)| match form {
                '0' => c.is_ascii_digit(),
                form => c == form,
            })
    };
    digits(text, "0000-00-00") || digits(text, "0000-00-00T00:00:00.000Z")
}

/// Names of schemas that others are put together from: those have fields that the part has not.
fn parts(schemas: &Map<String, Value>) -> BTreeSet<&str> {
    let together = schemas
        .values()
        .filter_map(|schema| schema["allOf"].as_array());
    let members = together.filter(|members| members.len() > 1).flatten();
    let names = members.filter_map(|member| member["$ref"].as_str()?.rsplit('/').next());
    names.collect()
}

/// One schema in the words of JSON Schema.
fn converted(schema: &Value, strict: bool) -> Value {
    let Some(fields) = schema.as_object() else {
        return schema.clone();
    };
    let mut out = Map::new();
    for (key, value) in fields {
        let value = match key.as_str() {
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties =
                    properties.map(|(name, inside)| (name.clone(), converted(inside, strict)));
                Value::Object(properties.collect())
            }
            "items" => converted(value, strict),
            "allOf" => {
                // Whatever is put together is closed as a whole, below.
                let members = value.as_array().into_iter().flatten();
                members.map(|member| converted(member, false)).collect()
            }
            "type" | "enum" | "pattern" | "format" | "required" | "$ref" | "minimum"
            | "maximum" => value.clone(),
            "additionalProperties" => continue,
            _ => continue,
        };
        out.insert(key.clone(), value);
    }
    let closes = out.contains_key("properties") || out.get("allOf").is_some_and(several);
    if strict && closes {
        out.insert("unevaluatedProperties".to_owned(), json!(false));
    }
    let nullable = ["nullable", "x-nullable"];
    if nullable.iter().any(|key| schema[*key] == true) {
        return json!({ "anyOf": [out, { "type": "null" }] });
    }
    Value::Object(out)
}

fn several(members: &Value) -> bool {
    members.as_array().is_some_and(|members| members.len() > 1)
}
