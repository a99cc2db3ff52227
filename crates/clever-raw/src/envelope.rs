//! What answers are wrapped in: one generic type for each sort of envelope, in every version.

use serde::{Deserialize, Serialize};

use crate::page::Link;

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
