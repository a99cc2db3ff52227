//! Low-level clients for the Clever API: one generated module per API version, and the runtime that
//! they share.
//!
//! The models read whatever Clever sends: enums keep unknown words, absence may be written in three
//! ways, an optional field of a wrong type costs that field alone. [`page::RawPage`] splits a list into
//! records without decoding them; [`drift::Drift`] counts what the models do not know.

pub mod de;
pub mod drift;
pub mod envelope;
pub mod event;
mod open_enum;
pub mod page;
pub mod scalar;
mod scan;
pub mod shape;
pub mod support;
#[cfg(any(feature = "v3_0", feature = "v3_1"))]
pub mod survey;

#[cfg(feature = "v1_2")]
#[rustfmt::skip]
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::allow_attributes,
    reason = "generated: fields and builders carry the API's own names"
)]
pub mod v1_2;

#[cfg(feature = "v2_0")]
#[rustfmt::skip]
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::allow_attributes,
    reason = "generated: fields and builders carry the API's own names"
)]
pub mod v2_0;

#[cfg(feature = "v2_1")]
#[rustfmt::skip]
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::allow_attributes,
    reason = "generated: fields and builders carry the API's own names"
)]
pub mod v2_1;

#[cfg(feature = "v3_0")]
#[rustfmt::skip]
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::allow_attributes,
    reason = "generated: fields and builders carry the API's own names"
)]
pub mod v3_0;

#[cfg(feature = "v3_1")]
#[rustfmt::skip]
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::uninlined_format_args,
    clippy::allow_attributes,
    reason = "generated: fields and builders carry the API's own names"
)]
pub mod v3_1;
