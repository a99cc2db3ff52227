//! In what degrees two records agree, all fields in one number.

use crate::kind::Level;

/// The levels of all fields, four bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Pattern(pub(crate) u64);

impl Pattern {
    pub(crate) const fn level(self, field: usize) -> Level {
        ((self.0 >> (4 * field)) & 15) as Level
    }

    pub(crate) fn set(&mut self, field: usize, level: Level) {
        self.0 = self.0 & !(15 << (4 * field)) | u64::from(level) << (4 * field);
    }
}
