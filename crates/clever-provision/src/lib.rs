//! Which of an app's accounts is this Clever person?
//!
//! [`decide`] answers by proof and by reach: without proof from an account's holder, an identity may only
//! be joined to accounts that its own authority governs already. The decision is a pure, total,
//! deterministic function over values; it explains itself, and what must happen with it is data too.
//! `docs/provisioning.md` has the flow as a picture and the decision table.
//!
//! `clever-linkage` compares two files of people, or one with itself; [`candidates`] makes its scores evidence.
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    feature = "document-features",
    doc = "\n# Features\n",
    doc = document_features::document_features!()
)]
#![cfg_attr(
    not(any(feature = "store", test)),
    expect(
        dead_code,
        unused_imports,
        unreachable_pub,
        reason = "decisions are usable alone; what the store keeps of them is then left over"
    )
)]
#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "a test makes its own files")
)]

mod bulk;
mod decide;
mod directory;
pub mod duplicates;
mod effects;
pub mod evidence;
#[cfg(feature = "store")]
pub mod import;
mod kept;
pub mod ledger;
#[cfg(feature = "store")]
pub mod measure;
pub mod merge;
pub mod person;
mod policy;
mod prefill;
mod proof;
pub mod reach;
mod record;
#[cfg(feature = "roster")]
pub mod roster;
mod rule;
mod scoped;
#[cfg(feature = "store")]
pub mod store;
mod subject;
#[cfg(test)]
mod tests;

pub use bulk::decide_all;
pub use decide::{Accepts, Basis, Decided, Decision, Explanation, Rejection, decide};
pub use directory::{
    Account, AccountId, AccountState, Candidate, Custody, Directory, LiveLink, LoginMethod,
    candidates,
};
pub use effects::{Effects, Notice};
pub use evidence::Evidence;
pub use policy::Policy;
pub use proof::{AccountProof, AdminProof, Proof};
pub use rule::{Outcome, Rule};
pub use subject::{Class, Person, SharedBy, Subject};

/// The examples of the README compile.
#[cfg(all(doctest, feature = "store"))]
#[doc = include_str!("../README.md")]
struct Readme;
