//! What a document declares of a record, as data: for comparing what came with what was expected.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The fields of one model, by name.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The model's name: `Student`.
    pub name: &'static str,
    /// Its fields, in order of their names.
    pub fields: &'static [(&'static str, Kind)],
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text, dates and ids among it.
    Text,
    /// One of a set of words, which may grow.
    Enum(&'static [&'static str]),
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// An object whose keys are the app's own.
    Free,
    /// An object of the model with this name.
    Object(&'static str),
    /// A list.
    List(&'static Kind),
}

impl Shape {
    /// What the field `name` holds, if it is declared.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Kind> {
        // They are few, and most differ in length: cheaper than to halve them.
        let found = self.fields.iter().find(|(field, _)| *field == name);
        found.map(|(_, kind)| kind)
    }
}

/// Reads JSON with the model `T` and writes what it understood.
///
/// # Errors
///
/// When the JSON does not fit the model.
pub fn read_as<T: DeserializeOwned + Serialize>(
    json: &str,
) -> Result<serde_json::Value, serde_json::Error> {
    let model: T = serde_json::from_str(json)?;
    serde_json::to_value(&model)
}
