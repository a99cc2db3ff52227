//! Proof that a walk saw every record of a kind. Without it, nothing is removed.

use serde::{Deserialize, Serialize};

/// A reason why a walk proves nothing about what it did not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "doubt")]
#[non_exhaustive]
pub enum Doubt {
    /// Ids did not ascend: the list is not in the order that the walk relies on.
    #[error("ids did not ascend")]
    Unordered,
    /// Clever counted another number of records than came.
    #[error("{counted} records were counted and {came} came")]
    CountDiffers {
        /// What Clever counted.
        counted: u64,
        /// What came.
        came: u64,
    },
    /// Elements had no usable id, so which records they were is unknown.
    #[error("{count} elements had no usable id")]
    Refused {
        /// How many.
        count: u64,
    },
    /// The app may not read the list: the scope for it is missing, or was taken away.
    #[error("the app may not read it")]
    Closed,
    /// The district's data changed while it was read.
    #[error("the district was synced anew while it was read")]
    Moved,
}

/// Whether the walk over one kind was provably complete.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Certificate {
    /// Why it is not; empty when it is.
    pub doubts: Vec<Doubt>,
}

impl Certificate {
    /// Says whether absence from the walk proves absence from the roster.
    #[must_use]
    pub fn proves_absence(&self) -> bool {
        self.doubts.is_empty()
    }

    /// Says whether there was no walk, as the app may not read the list.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.doubts.contains(&Doubt::Closed)
    }

    /// Of a list that the app may not read.
    pub(crate) fn closed() -> Self {
        Self {
            doubts: vec![Doubt::Closed],
        }
    }
}

/// Watches one walk and gives its certificate at the end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Witness {
    last: Option<String>,
    unordered: bool,
    came: u64,
    refused: u64,
    first_count: Option<u64>,
    last_count: Option<u64>,
}

impl Witness {
    /// Notes a page's count and what it refused.
    pub(crate) fn page(&mut self, count: Option<u64>, refused: usize) {
        self.refused += refused as u64;
        if let Some(count) = count {
            self.first_count.get_or_insert(count);
            self.last_count = Some(count);
        }
    }

    /// Notes a record; says whether its id ascends.
    pub(crate) fn record(&mut self, id: &str) -> bool {
        self.came += 1;
        if self.last.as_deref().is_some_and(|last| id <= last) {
            self.unordered = true;
            return false;
        }
        let last = self.last.get_or_insert_default();
        last.clear();
        last.push_str(id);
        true
    }

    /// The last id, where all ids ascended.
    pub(crate) fn last_in_order(&self) -> Option<&str> {
        self.last.as_deref().filter(|_| !self.unordered)
    }

    /// Judges the walk, which reached its end.
    pub(crate) fn judge(&self) -> Certificate {
        let mut doubts = Vec::new();
        if self.unordered {
            doubts.push(Doubt::Unordered);
        }
        if self.refused > 0 {
            doubts.push(Doubt::Refused {
                count: self.refused,
            });
        }
        let came = self.came + self.refused;
        let mut counts = [self.first_count, self.last_count].into_iter().flatten();
        if let Some(counted) = counts.find(|counted| *counted != came) {
            doubts.push(Doubt::CountDiffers { counted, came });
        }
        Certificate { doubts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(ids: &[&str], count: Option<u64>, refused: usize) -> Certificate {
        let mut witness = Witness::default();
        witness.page(count, refused);
        for id in ids {
            witness.record(id);
        }
        witness.judge()
    }

    #[test]
    fn a_whole_walk_proves_absence_and_any_doubt_does_not() {
        assert!(walk(&["a", "b"], Some(2), 0).proves_absence());
        assert!(walk(&[], None, 0).proves_absence());
        assert_eq!(walk(&["b", "a"], None, 0).doubts, [Doubt::Unordered]);
        assert_eq!(walk(&["a", "a"], None, 0).doubts, [Doubt::Unordered]);
        assert_eq!(
            walk(&["a"], Some(2), 0).doubts,
            [Doubt::CountDiffers {
                counted: 2,
                came: 1
            }]
        );
        assert_eq!(
            walk(&["a"], Some(2), 1).doubts,
            [Doubt::Refused { count: 1 }]
        );
    }
}
