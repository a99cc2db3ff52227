//! The chain: every entry holds the hash of the one before it.

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::event::Draft;
use super::hash::Hash;
use super::state::{Impossible, State};

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 1.
    pub seq: u64,
    /// What it says.
    pub draft: Draft,
    /// The text that was hashed: `draft` as JSON, as it was first written.
    pub text: String,
    /// The hash of the entry before it, its own place and its text.
    pub hash: Hash,
}

/// The chain does not hold: somebody, or a broken disk, changed the ledger.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// An entry is missing or twice.
    #[error("the ledger has entry {found} where {wanted} must be: restore it from a backup")]
    Place {
        /// The place that must come.
        wanted: u64,
        /// The place that came.
        found: u64,
    },
    /// An entry's hash is not that of its text and of the entry before it.
    #[error("entry {seq} of the ledger is not what was written: restore it from a backup")]
    Hash {
        /// Its place.
        seq: u64,
    },
    /// An entry that this version can't read.
    #[error(
        "entry {seq} of the ledger can't be read: it is of a newer version, or not what was written"
    )]
    Text {
        /// Its place.
        seq: u64,
    },
    /// An entry that can't follow those before it.
    #[error("entry {seq} of the ledger can't have happened")]
    Impossible {
        /// Its place.
        seq: u64,
        /// Which rule it breaks.
        #[source]
        source: Impossible,
    },
}

/// A ledger in memory, and the state that it folds to. A store keeps the same in tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    entries: Vec<Entry>,
    state: State,
}

impl Ledger {
    /// Appends an event, if it can happen now.
    ///
    /// # Errors
    ///
    /// [`Impossible`]; then nothing was appended.
    pub fn append(&mut self, draft: Draft) -> Result<&Entry, Impossible> {
        let seq = self.entries.len() as u64 + 1;
        self.state.apply(seq, &draft)?;
        let entry = Entry::new(seq, self.head(), draft);
        self.entries.push(entry);
        // Just pushed.
        self.entries.last().ok_or(Impossible::Empty)
    }

    /// Reads a ledger back from what was written: texts and hashes, in order.
    ///
    /// # Errors
    ///
    /// [`Broken`] with the first place that does not hold.
    pub fn read(written: impl IntoIterator<Item = (u64, String, Hash)>) -> Result<Self, Broken> {
        let mut all = Self::default();
        for (seq, text, hash) in written {
            let wanted = all.entries.len() as u64 + 1;
            if seq != wanted {
                return Err(Broken::Place { wanted, found: seq });
            }
            if Entry::hash(seq, all.head(), &text) != hash {
                return Err(Broken::Hash { seq });
            }
            let draft: Draft = serde_json::from_str(&text).map_err(|_| Broken::Text { seq })?;
            all.state
                .apply(seq, &draft)
                .map_err(|source| Broken::Impossible { seq, source })?;
            all.entries.push(Entry {
                seq,
                draft,
                text,
                hash,
            });
        }
        Ok(all)
    }

    /// The hash of the last entry.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.entries.last().map_or(Hash::NONE, |entry| entry.hash)
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What they fold to.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }
}

impl Entry {
    pub(crate) fn new(seq: u64, previous: Hash, draft: Draft) -> Self {
        // Such values always have a text.
        let text = serde_json::to_string(&draft).unwrap_or_default();
        Self {
            seq,
            hash: Self::hash(seq, previous, &text),
            draft,
            text,
        }
    }

    pub(crate) fn hash(seq: u64, previous: Hash, text: &str) -> Hash {
        let mut hash = Sha256::new();
        hash.update(previous.0);
        hash.update(seq.to_be_bytes());
        hash.update(text);
        Hash(hash.finalize().into())
    }
}
