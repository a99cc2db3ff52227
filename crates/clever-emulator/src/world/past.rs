//! What a world remembers beside its records: who left, and who became two.

use std::fmt;

/// What a world remembers beside its records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    /// Students who left and may come back.
    pub(crate) gone: Vec<Gone>,
    /// Employees who became two: the first record, the second.
    pub(crate) splits: Vec<(String, String)>,
}

/// A student who left.
#[derive(Clone)]
pub(crate) struct Gone {
    pub(crate) day: u64,
    pub(crate) id: String,
    pub(crate) record: String,
    pub(crate) sections: Vec<String>,
    /// The contacts who left with the student, with their records.
    pub(crate) adults: Vec<(String, String)>,
}

impl fmt::Debug for Gone {
    /// Shows no content: it may be of a recorded district.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gone({}, day {})", self.id, self.day)
    }
}
