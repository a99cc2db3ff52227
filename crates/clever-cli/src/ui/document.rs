//! The documents that `--json` prints: each has a name, a shape and the shape's version, which readers rely on.

#[cfg(feature = "schema")]
mod shape;

use serde::Serialize;

#[cfg(feature = "schema")]
pub(crate) use shape::Shape;

/// What has a schema. Without the feature `schema`, nobody asks for one.
#[cfg(feature = "schema")]
pub(crate) use schemars::JsonSchema as HasSchema;
#[cfg(not(feature = "schema"))]
pub(crate) trait HasSchema {}
#[cfg(not(feature = "schema"))]
impl<T> HasSchema for T {}

/// An object that `--json` prints. `docs/schema/NAME.json` is its shape.
pub(crate) trait Document: Serialize + HasSchema {
    /// Its name, which is that of its schema.
    #[cfg_attr(
        not(feature = "schema"),
        expect(dead_code, reason = "the schemas are called so")
    )]
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
