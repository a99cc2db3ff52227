//! Low-level clients for the Clever API: one generated module per API version with its models and its
//! operations as values, and the runtime that they share.
//!
//! The models read whatever Clever sends: enums keep unknown words, absence may be written in three
//! ways, an optional field of a wrong type costs that field alone. [`page::RawPage`] splits a list into
//! records without decoding them; [`drift::Drift`] counts what the models do not know.
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    feature = "document-features",
    doc = "\n# Features\n",
    doc = document_features::document_features!()
)]

#[cfg(feature = "reqwest")]
pub mod client;
pub mod drift;
mod json;
mod models;
pub mod operation;
include!("versions.rs");

pub use json::{envelope, page, text, tree};
pub use models::{de, event, scalar, shape};

/// The examples of the README compile.
#[cfg(all(doctest, feature = "v3_1", feature = "reqwest"))]
#[doc = include_str!("../README.md")]
struct Readme;
