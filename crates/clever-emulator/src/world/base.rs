//! What a world begins with, if that is not kept as text: records that are made again whenever they are read.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::ops::Range;

use clever_model::{RecordKind, Role};

use super::roles::Roles;
use super::stamp::Id;

/// Room in which most records are written, in bytes.
const LARGE: usize = 4096;

/// Records by kind and position; positions ascend with ids, and nothing here ever changes.
pub(crate) trait Base: Debug + Send + Sync {
    /// How many records of `kind` there are.
    fn len(&self, kind: RecordKind) -> u32;

    /// How many users have `role`.
    fn count(&self, role: Role) -> u32;

    /// Positions outside of which no user has `role`.
    fn range(&self, role: Role) -> Range<u32>;

    /// The id at a position below [`Base::len`].
    fn id(&self, kind: RecordKind, at: u32) -> Id;

    /// Where `id` is, or the position of the first id above it.
    fn position(&self, kind: RecordKind, id: &str) -> Result<u32, u32>;

    /// The roles of the user at a position.
    fn roles(&self, at: u32) -> Roles;

    /// The id that the user at a position had in `role` before API v3; its id where it had none of its own.
    fn old_id(&self, at: u32, role: Role) -> Id;

    /// Appends the JSON object of the record at a position.
    fn write(&self, kind: RecordKind, at: u32, out: &mut Vec<u8>);

    /// The sections in which the person at a position is, ascending.
    fn sections_of(&self, user: u32) -> Vec<u32>;

    /// The records of `kind`, sections or users, that are at the school at a position, ascending.
    fn at_school(&self, kind: RecordKind, school: u32) -> Vec<u32>;

    /// The contacts of the student at a position, ascending.
    fn contacts_of(&self, user: u32) -> Vec<u32>;
}

/// The JSON object of the record at a position.
pub(crate) fn text(base: &dyn Base, kind: RecordKind, at: u32) -> String {
    let mut json = Vec::with_capacity(LARGE);
    base.write(kind, at, &mut json);
    // It is made of texts.
    String::from_utf8(json).unwrap_or_default()
}

/// Finds `id` among a base's by halving: the position, or that of the first id above it.
pub(crate) fn search(base: &dyn Base, kind: RecordKind, id: &str) -> Result<u32, u32> {
    let (mut low, mut high) = (0, base.len(kind));
    while low < high {
        let middle = low + (high - low) / 2;
        match base.id(kind, middle).as_str().cmp(id) {
            Ordering::Equal => return Ok(middle),
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
        }
    }
    Err(low)
}
