//! What a store has of a district, in numbers: how many rows of each table, and a hash over them in the order of their keys.

use serde::Serialize;

use crate::carry::parts::{self, Of, Page, Part, Reading};
use crate::store::StoreError;
use crate::store::sql::{Backend, Sql};

/// The rows of a district in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tally {
    /// The table.
    pub table: String,
    /// How many rows.
    pub rows: u64,
    /// The BLAKE3 hash over them, in hex digits; numbers that are the store's own are left out of it.
    pub hash: String,
}

/// A tally under way.
#[derive(Debug)]
pub(super) struct Counting {
    table: &'static str,
    rows: u64,
    hash: blake3::Hasher,
}

impl Counting {
    pub(super) fn new(part: &Part) -> Self {
        Self {
            table: part.table(),
            rows: 0,
            hash: blake3::Hasher::new(),
        }
    }

    /// Adds rows. Each value is told apart from its neighbours by its type and length.
    pub(super) fn add(&mut self, page: &Page) {
        for row in page {
            self.rows += 1;
            self.hash.update(&(row.len() as u64).to_le_bytes());
            for value in row {
                match value {
                    Sql::Int(value) => {
                        self.hash.update(b"i");
                        self.hash.update(&value.to_le_bytes());
                    }
                    Sql::Text(text) => self.bytes(b"t", text.as_bytes()),
                    Sql::Blob(bytes) => self.bytes(b"b", bytes),
                    // A row holds no list.
                    Sql::Null | Sql::Texts(_) | Sql::Ints(_) => {
                        self.hash.update(b"n");
                    }
                }
            }
        }
    }

    fn bytes(&mut self, of: &[u8], bytes: &[u8]) {
        self.hash.update(of);
        self.hash.update(&(bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    pub(super) fn end(self) -> Tally {
        Tally {
            table: self.table.to_owned(),
            rows: self.rows,
            hash: self.hash.finalize().to_hex().to_string(),
        }
    }
}

/// Counts all that a store has of a district; within a transaction that sees one moment.
pub(super) async fn tally<B: Backend>(
    db: &mut B,
    parts: &[Part],
    of: &Of,
) -> Result<Vec<Tally>, StoreError> {
    let mut all = Vec::new();
    for part in parts {
        let mut counting = Counting::new(part);
        let mut reading = Reading::default();
        while let Some(page) = parts::next(db, part, of, &mut reading).await? {
            counting.add(&page);
        }
        all.push(counting.end());
    }
    Ok(all)
}
