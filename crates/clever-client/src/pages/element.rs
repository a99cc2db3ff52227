//! One record of a list as a model.

use serde::de::DeserializeOwned;

/// One element of a typed list. What can't be read costs itself, not its page.
#[derive(Debug, Clone)]
pub enum Element<T> {
    /// A record.
    Record(Box<T>),
    /// An element that is no record of the model.
    Unreadable {
        /// Its id, if it has a usable one.
        id: Option<String>,
    },
}

impl<T: DeserializeOwned> Element<T> {
    /// Reads a record's JSON. The models keep parts as they were sent, so they read text, not values.
    pub(crate) fn read(json: &str, id: Option<&str>) -> Self {
        match serde_json::from_str(json).ok() {
            Some(model) => Self::Record(Box::new(model)),
            None => Self::Unreadable {
                id: id.map(ToOwned::to_owned),
            },
        }
    }
}

impl<T> Element<T> {
    /// The record, if it could be read.
    pub fn record(self) -> Option<T> {
        match self {
            Self::Record(record) => Some(*record),
            Self::Unreadable { .. } => None,
        }
    }
}
