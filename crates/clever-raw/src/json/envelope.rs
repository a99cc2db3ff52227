//! What answers are wrapped in: one generic type for each sort of envelope, in every version.

use serde::{Deserialize, Serialize};

use crate::json::page::Link;
use crate::models::de::Tolerant;

/// `{"data":{…},"links":[…]}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// The record.
    pub data: T,
    /// Where it leads.
    #[serde(default)]
    pub links: Vec<Link>,
}

/// `{"data":[{"data":{…},"uri":…}],"links":[…]}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Page<T> {
    /// The records, each in its own envelope.
    #[serde(default = "Vec::new")]
    pub data: Vec<Element<T>>,
    /// Where the page leads.
    #[serde(default)]
    pub links: Vec<Link>,
}

/// An element of a [`Page`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Element<T> {
    /// The record.
    pub data: T,
    /// Its address. No document declares it; every list has it.
    #[serde(default)]
    pub uri: String,
}

/// `{"data":[{…}],"links":[…]}`: attendance and submissions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BarePage<T> {
    /// The records.
    #[serde(default = "Vec::new")]
    pub data: Vec<T>,
    /// Where the page leads.
    #[serde(default)]
    pub links: Vec<Link>,
}

macro_rules! tolerant {
    ($($name:ident),+) => {$(
        impl<T: serde::de::DeserializeOwned> Tolerant for $name<T> {
            fn read(json: &str) -> Option<Self> {
                crate::models::de::object(json)
            }
        }
    )+};
}

tolerant!(Envelope, Page, BarePage);

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_envelope_reads_what_it_is_named_for() {
        let page: Page<Value> = serde_json::from_str(
            r#"{"data":[{"data":{"id":"a"},"uri":"/v3.0/users/a"}],"links":[]}"#,
        )
        .unwrap();
        assert_eq!(
            (page.data[0].data["id"].as_str(), page.data[0].uri.as_str()),
            (Some("a"), "/v3.0/users/a")
        );
        let bare =
            BarePage::<Value>::read(r#"{"data":[{"id":"a"}],"links":[{"rel":"next","uri":"/n"}]}"#)
                .unwrap();
        assert_eq!((bare.data.len(), bare.links[0].uri.as_str()), (1, "/n"));
        assert!(Envelope::<Value>::read("[]").is_none());
    }
}
