//! Properties and attacks of the identity model, over generated worlds. Each is named after its id.

mod asked;
mod attacks;
#[cfg(feature = "store")]
mod import;
mod ledger;
mod memory;
mod merges;
#[cfg(feature = "postgres")]
mod proofs;
mod properties;
mod record;
#[cfg(all(feature = "roster", feature = "postgres"))]
mod roster;
mod rows;
#[cfg(feature = "postgres")]
mod store;
mod story;
mod table;
mod world;
