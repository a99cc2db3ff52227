//! The chain: every entry holds the hash of the one before it.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::event::Draft;
use super::state::{Impossible, State};

/// A SHA-256 hash, as 64 hexadecimal digits in files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first entry holds in place of a hash before it.
    pub const NONE: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "a hash is 64 lower-case hexadecimal digits";
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 64 || !text.bytes().all(lower) {
            return Err(wrong);
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| wrong)?;
        }
        Ok(Self(bytes))
    }
}

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
