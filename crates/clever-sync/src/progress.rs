//! How a sync tells what it is doing.

use clever_model::RecordKind;

/// Hears of a sync's steps. `()` hears nothing.
pub trait Progress: Sync {
    /// The list of a kind is about to be read.
    fn reading(&self, kind: RecordKind) {
        let _ = kind;
    }

    /// A page was read: so many records, so many bytes; `total` is the list's length where known.
    fn page(&self, kind: RecordKind, records: usize, bytes: usize, total: Option<u64>) {
        let _ = (kind, records, bytes, total);
    }

    /// So many of so many changes were written.
    fn applying(&self, done: u64, total: u64) {
        let _ = (done, total);
    }
}

impl Progress for () {}
