//! Properties and attacks of the identity model, over generated worlds. Each is named after its id.

mod attacks;
mod ledger;
#[cfg(feature = "linkage")]
mod linkage;
mod properties;
mod story;
mod world;
