//! Proof that a walk saw every record of a kind. Without it, nothing is removed.
//!
//! That a list has no next page is no proof of its end: the link may be what was lost. Clever's count is, or the list's last
//! record by another question.

use clever_raw::page::Count;
use serde::{Deserialize, Serialize};

use crate::report::{Certificate, Doubt};

/// Watches one walk and gives its certificate at the end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Witness {
    last: Option<String>,
    unordered: bool,
    came: u64,
    refused: u64,
    first_count: Option<u64>,
    last_count: Option<u64>,
    count_unreadable: bool,
    /// Whether the list's last record is the walk's.
    ended: Option<bool>,
}

impl Witness {
    /// Notes a page's count, and how many elements it had without a usable id.
    pub(crate) fn page(&mut self, count: Count, refused: u64) {
        self.refused += refused;
        self.count_unreadable |= count == Count::Unreadable;
        if let Some(count) = count.said() {
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

    /// The last id, if all ids ascended.
    pub(crate) fn last_in_order(&self) -> Option<&str> {
        self.last.as_deref().filter(|_| !self.unordered)
    }

    /// Says whether the walk, of which nothing else is in doubt, needs the list's last record for a proof.
    pub(crate) fn wants_end(&self) -> bool {
        self.ended.is_none() && self.judge().doubts == [Doubt::EndUnproven]
    }

    /// Notes whether the list's last record is the last one that came.
    pub(crate) fn end(&mut self, same: bool) {
        self.ended = Some(same);
    }

    /// The last id that came.
    pub(crate) fn last(&self) -> Option<&str> {
        self.last.as_deref()
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
        if self.count_unreadable {
            doubts.push(Doubt::CountUnreadable);
        }
        match self.ended {
            Some(false) => doubts.push(Doubt::EndDiffers),
            None if self.first_count.is_none() && !self.count_unreadable => {
                doubts.push(Doubt::EndUnproven);
            }
            _ => {}
        }
        Certificate { doubts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(ids: &[&str], count: Count, refused: u64, ended: Option<bool>) -> Vec<Doubt> {
        let mut witness = Witness::default();
        witness.page(count, refused);
        for id in ids {
            witness.record(id);
        }
        if let Some(same) = ended {
            witness.end(same);
        }
        let certificate = witness.judge();
        assert_eq!(certificate.proves_absence(), certificate.doubts.is_empty());
        certificate.doubts
    }

    #[test]
    fn a_whole_walk_proves_absence_and_any_doubt_does_not() {
        let (none, ended) = (Count::Absent, Some(true));
        assert_eq!(walk(&["a", "b"], Count::Said(2), 0, None), []);
        assert_eq!(walk(&[], Count::Said(0), 0, None), []);
        assert_eq!(walk(&["b", "a"], none, 0, ended), [Doubt::Unordered]);
        assert_eq!(walk(&["a", "a"], none, 0, ended), [Doubt::Unordered]);
        assert_eq!(
            walk(&["a"], Count::Said(2), 0, None),
            [Doubt::CountDiffers {
                counted: 2,
                came: 1
            }]
        );
        assert_eq!(
            walk(&["a"], Count::Said(2), 1, None),
            [Doubt::Refused { count: 1 }]
        );
    }

    #[test]
    fn field_01_without_a_count_the_end_needs_another_proof() {
        let none = Count::Absent;
        for ids in [&["a", "b"][..], &[]] {
            assert_eq!(walk(ids, none, 0, None), [Doubt::EndUnproven]);
            assert_eq!(walk(ids, none, 0, Some(true)), []);
            assert_eq!(walk(ids, none, 0, Some(false)), [Doubt::EndDiffers]);
            let unreadable = walk(ids, Count::Unreadable, 0, Some(true));
            assert_eq!(unreadable, [Doubt::CountUnreadable]);
        }
        // The question is asked where its answer decides.
        let wants = |count, refused| {
            let mut witness = Witness::default();
            witness.page(count, refused);
            witness.wants_end()
        };
        assert!(wants(none, 0));
        assert!(!wants(none, 1) && !wants(Count::Said(0), 0) && !wants(Count::Unreadable, 0));
    }
}
