//! What was ever decided about accounts: an append-only chain of events, and the state that they fold to.
//!
//! No name, address or number of a person is in it: ids, and digests under a key that dies with the
//! district's data. Personal data lie beside it, sealed under a key for each district; destroying that key
//! erases them, and the chain still verifies.

mod chain;
mod event;
mod hash;
mod state;
mod vault;

pub use chain::{Broken, Ledger};
pub use event::{Actor, Draft, Event, MergeId, ProofClass, ReviewId, ReviewOutcome, UnlinkReason};
pub use hash::Hash;
pub use state::Impossible;
pub use vault::Pair;

pub(crate) use chain::Entry;
pub(crate) use state::{Alias, MergeRecord, ReviewRecord, Standing, State};
#[cfg(feature = "store")]
pub(crate) use vault::evidence_words;
pub(crate) use vault::{DistrictKey, VaultError};
