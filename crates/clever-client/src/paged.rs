//! What a walk needs to know of a page, and the pages of lists whose records have no envelope.

use bytes::Bytes;
use clever_raw::operation::Decode;
use clever_raw::page::{Link, PageError, RawPage};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A page of a list.
pub(crate) trait Paged: Send + 'static {
    /// The URI of the first link called `rel`.
    fn link(&self, rel: &str) -> Option<&str>;
    /// How many records the whole list has, if the page says.
    fn count(&self) -> Option<u64>;
    /// How many elements the page has, readable or not.
    fn elements(&self) -> usize;
}

impl Paged for RawPage {
    fn link(&self, rel: &str) -> Option<&str> {
        self.link(rel)
    }

    fn count(&self) -> Option<u64> {
        self.count()
    }

    fn elements(&self) -> usize {
        self.len() + self.refused().len()
    }
}

/// A page whose records stand in it bare, and may have no id: attendance, submissions.
#[derive(Deserialize)]
pub(crate) struct BarePage {
    data: Option<Vec<Box<RawValue>>>,
    #[serde(default)]
    links: Vec<Link>,
}

impl BarePage {
    /// Reads a body.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the shape of all readers of bodies"
    )]
    pub(crate) fn read(body: Bytes) -> Result<Self, PageError> {
        read_json(&body)
    }

    /// The records, as sent.
    pub(crate) fn records(&self) -> impl Iterator<Item = &str> {
        self.data.iter().flatten().map(|record| record.get())
    }
}

impl Paged for BarePage {
    fn link(&self, rel: &str) -> Option<&str> {
        let mut links = self.links.iter();
        links
            .find(|link| link.rel == rel && !link.uri.is_empty())
            .map(|link| &*link.uri)
    }

    fn count(&self) -> Option<u64> {
        None
    }

    fn elements(&self) -> usize {
        self.data.as_ref().map_or(0, Vec::len)
    }
}

/// Reads a body that is JSON of the type's shape; the error says where reading stopped, never what was read.
fn read_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, PageError> {
    serde_json::from_slice(body).map_err(not_json)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` asks for"
)]
fn not_json(error: serde_json::Error) -> PageError {
    PageError::NotJson {
        line: error.line(),
        column: error.column(),
    }
}

/// Reads the answer of an operation.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of all readers of bodies"
)]
pub(crate) fn read_answer<T: Decode>(body: Bytes) -> Result<T, PageError> {
    T::decode(&body).map_err(not_json)
}
