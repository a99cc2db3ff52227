//! Proof that a walk saw every record of a kind. Without it, nothing is removed.
//!
//! That a list has no next page is no proof of its end: the link may be what was lost. Clever's count is, or the list's last
//! record by another question.
//!
//! A long list is walked from both ends. Each end sees records in order, and what one of them has seen the other does not
//! count again: the walk is whole where both have met and so many records came as Clever counted.

use clever_raw::page::Count;
use serde::{Deserialize, Serialize};

use crate::report::{Certificate, Doubt};

/// From which end of a list a page comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Front,
    Back,
}

/// Where a record stands to those that came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is the next one from its side.
    Next,
    /// The other end has passed by it, or came so far that it should have.
    Again,
    /// It is behind the record with which the walk from the back began.
    Late,
    /// It is out of order.
    Stray,
}

/// Watches one walk and gives its certificate at the end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Witness {
    /// How far the walk from the front came.
    last: Option<String>,
    /// How far the walk from the back came.
    back: Option<String>,
    /// Where the walk from the back began: the largest id that came.
    top: Option<String>,
    /// The last record of the page that is read, if it comes from the back.
    #[serde(skip)]
    on_page: Option<String>,
    /// Whether the page that is read comes from the back, and out of order: its records then move nothing.
    #[serde(skip)]
    disordered: bool,
    /// Whether one end has seen what the other had.
    met: bool,
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
        self.on_page = None;
        self.disordered = false;
        self.refused += refused;
        self.count_unreadable |= count == Count::Unreadable;
        if let Some(count) = count.said() {
            self.first_count.get_or_insert(count);
            self.last_count = Some(count);
        }
    }

    /// Notes that a page from the back is out of order, before its records: the walk from the front is to see them again.
    pub(crate) fn disorder(&mut self) {
        self.disordered = true;
        self.unordered = true;
    }

    /// Notes a record.
    pub(crate) fn record(&mut self, side: Side, id: &str) -> Seen {
        match side {
            Side::Front => self.at_front(id),
            Side::Back => self.at_back(id),
        }
    }

    fn at_front(&mut self, id: &str) -> Seen {
        if self.last.as_deref().is_some_and(|last| id <= last) {
            return self.stray();
        }
        if self.back.as_deref().is_some_and(|back| id >= back) {
            self.met = true;
            if self.top.as_deref().is_some_and(|top| id > top) {
                self.came += 1;
                put(&mut self.top, id);
                return Seen::Late;
            }
            return Seen::Again;
        }
        self.came += 1;
        put(&mut self.last, id);
        Seen::Next
    }

    fn at_back(&mut self, id: &str) -> Seen {
        let known = [&self.on_page, &self.last];
        let [before, passed] = known.map(|one| one.as_deref().is_some_and(|one| id <= one));
        let behind = self.back.as_deref().is_some_and(|back| id >= back);
        if self.disordered || before || behind {
            return self.stray();
        }
        if passed {
            self.met = true;
            return Seen::Again;
        }
        self.came += 1;
        put(&mut self.on_page, id);
        Seen::Next
    }

    fn stray(&mut self) -> Seen {
        self.came += 1;
        self.unordered = true;
        Seen::Stray
    }

    /// Notes that a page from the back was read, whose first new record this was.
    pub(crate) fn back_to(&mut self, first: &str) {
        put(&mut self.back, first);
        if self.top.is_none() {
            self.top = self.on_page.take();
        }
    }

    /// How far the walk from the back came.
    pub(crate) fn back(&self) -> Option<&str> {
        self.back.as_deref()
    }

    /// Whether both ends have met, and nothing is missing between them: as many records came as were counted.
    pub(crate) fn is_whole(&self) -> bool {
        self.met && !self.unordered && self.left(Count::Absent) == Some(0)
    }

    /// How many records are still to come, by what was counted first: `count`, if nothing was.
    pub(crate) fn left(&self, count: Count) -> Option<u64> {
        let came = self.came + self.refused;
        let counted = self.first_count.or(count.said());
        counted.map(|count| count.saturating_sub(came))
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

    /// The largest id that came.
    pub(crate) fn last(&self) -> Option<&str> {
        self.top.as_deref().or(self.last.as_deref())
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

fn put(place: &mut Option<String>, id: &str) {
    let place = place.get_or_insert_default();
    place.clear();
    place.push_str(id);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(ids: &[&str], count: Count, refused: u64, ended: Option<bool>) -> Vec<Doubt> {
        let mut witness = Witness::default();
        witness.page(count, refused);
        for id in ids {
            witness.record(Side::Front, id);
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
