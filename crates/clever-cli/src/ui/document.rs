//! The documents that `--json` prints: each has a name, a shape and the shape's version, which readers rely on.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Value, json};

/// An object that `--json` prints. `docs/schema/NAME.json` is its shape.
pub(crate) trait Document: Serialize + JsonSchema {
    /// Its name, which is that of its schema.
    const NAME: &'static str;
    /// The version of its shape. It grows whenever the shape changes, also when a name is only added: a reader that
    /// checks against the schema must not meet what the schema does not know.
    const VERSION: u32 = 1;
}

/// A document with the version of its shape.
#[derive(Serialize)]
pub(super) struct Versioned<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    document: &'a T,
}

impl<'a, T: Document> Versioned<'a, T> {
    pub(super) fn new(document: &'a T) -> Self {
        Self {
            schema_version: T::VERSION,
            document,
        }
    }
}

/// The shape of a document.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    /// As JSON Schema.
    pub(crate) schema: Value,
}

impl Shape {
    /// The shape of what is printed of a `T`.
    pub(crate) fn of<T: Document>() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let generator = settings.into_generator();
        let mut schema = generator.into_root_schema_for::<T>();
        schema.insert("title".to_owned(), json!(T::NAME));
        let mut schema = schema.to_value();
        if schema.get("properties").is_none() {
            schema["properties"] = json!({});
        }
        schema["properties"]["schema_version"] = json!({
            "description": "The version of this shape: another shape has another.", "const": T::VERSION,
        });
        match schema.get_mut("required").and_then(Value::as_array_mut) {
            Some(required) => required.push(json!("schema_version")),
            None => schema["required"] = json!(["schema_version"]),
        }
        Self {
            name: T::NAME,
            version: T::VERSION,
            schema,
        }
    }
}
