//! Low-level clients for the Clever API: one generated module per API version with its models and its
//! operations as values, and the runtime that they share.
//!
//! The models read whatever Clever sends: enums keep unknown words, absence may be written in three
//! ways, an optional field of a wrong type costs that field alone. [`page::RawPage`] splits a list into
//! records without decoding them; [`drift::Drift`] counts what the models do not know.

mod answer;
#[cfg(feature = "reqwest")]
pub mod client;
mod count;
pub mod de;
pub mod drift;
pub mod envelope;
pub mod event;
#[rustfmt::skip]
mod event_type;
mod links;
mod open_enum;
pub mod operation;
pub mod page;
pub mod scalar;
mod scan;
pub mod shape;
mod strict;
#[cfg(any(feature = "v3_0", feature = "v3_1"))]
pub mod survey;
pub mod text;
pub mod tree;
include!("versions.rs");

/// The examples of the README compile.
#[cfg(all(doctest, feature = "v3_1", feature = "reqwest"))]
#[doc = include_str!("../README.md")]
struct Readme;
