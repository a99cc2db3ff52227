//! What was ever decided about accounts: an append-only chain of events, and the state that they fold to.
//!
//! No name, address or number of a person is in it: ids, and digests under a key that dies with the
//! district's data. Personal data lie beside it, sealed under a key for each district; destroying that key
//! erases them, and the chain still verifies.

mod chain;
mod event;
mod state;
mod vault;

pub use chain::{Broken, Entry, Hash, Ledger};
pub use event::{
    Actor, Draft, Event, MergeId, ProofClass, ReviewId, ReviewOutcome, Sharing, UnlinkReason,
};
pub use state::{Alias, Impossible, LinkRecord, MergeRecord, ReviewRecord, Standing, State};
#[cfg(feature = "store")]
pub(crate) use vault::evidence_words;
pub use vault::{DistrictKey, Pair, VaultError};
