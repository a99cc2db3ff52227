//! Bodies of answers, read as what they should be. No error quotes what was read.

use bytes::Bytes;
use clever_raw::operation::Decode;
use clever_raw::page::PageError;
use clever_raw::text::without_mark;
use serde::Deserialize;

/// Reads a body that is JSON of the type's shape; the error says where reading stopped, never what was read.
pub(crate) fn read_json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, PageError> {
    serde_json::from_slice(without_mark(body)).map_err(not_json)
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
