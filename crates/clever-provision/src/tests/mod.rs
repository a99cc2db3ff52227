//! Properties and attacks of the identity model, over generated worlds. Each is named after its id.

mod attacks;
mod ledger;
#[cfg(feature = "linkage")]
mod linkage;
#[cfg(feature = "postgres")]
mod proofs;
mod properties;
mod record;
#[cfg(feature = "postgres")]
mod store;
mod story;
#[cfg(feature = "linkage")]
mod twins;
mod world;
