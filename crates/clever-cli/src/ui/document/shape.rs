//! The shapes of documents, as JSON Schema.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::Document;

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
