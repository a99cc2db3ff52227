//! What was staged, from which record to which.
//!
//! Pages come in order from either end of a list, and those of several lists in turn. What lies between two spans, or beyond all
//! of them, can't meet anything that is staged, and the database need not look.

use std::collections::BTreeMap;

use clever_model::RecordKind;

use crate::store::Kept;

/// So many of the greatest character come after each id, which has 512 bytes at most.
const LAST: usize = 129;

type Place = (RecordKind, String);

/// Spans of records that were staged at once; no two of them overlap.
#[derive(Debug, Default)]
pub(crate) struct Spans(BTreeMap<Place, Place>);

impl Spans {
    /// What stays staged where a later run goes on.
    pub(crate) fn of(kept: &BTreeMap<RecordKind, Kept>) -> Self {
        let mut spans = Self::default();
        for (&kind, kept) in kept {
            let begin = (kind, String::new());
            let end = (kind, char::MAX.to_string().repeat(LAST));
            match kept {
                Kept::All => {
                    spans.add(begin, end);
                }
                Kept::Ends { upto, from } => {
                    spans.add(begin, (kind, upto.clone()));
                    if let Some(from) = from {
                        spans.add((kind, from.clone()), end);
                    }
                }
            }
        }
        spans
    }

    /// Adds one. Says whether it lies free of all that were added before.
    pub(crate) fn add(&mut self, first: Place, last: Place) -> bool {
        let (mut from, mut to) = (first, last);
        let mut free = true;
        let before = self.0.range(..=&from).next_back();
        if let Some((begin, end)) = before.filter(|(_, end)| **end >= from) {
            (from, to) = (begin.clone(), to.max(end.clone()));
        }
        while let Some(begin) = self
            .0
            .range(&from..=&to)
            .next()
            .map(|(begin, _)| begin.clone())
        {
            free = false;
            if let Some(end) = self.0.remove(&begin) {
                to = to.max(end);
            }
        }
        self.0.insert(from, to);
        free
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_span_is_free_if_no_record_of_it_was_in_another(all in prop::collection::vec((0..3_usize, 0..30_u8, 0..6_u8), 0..20)) {
            let mut spans = Spans::default();
            let mut taken = std::collections::BTreeSet::new();
            for (kind, from, long) in all {
                let kind = RecordKind::ALL[kind];
                let place = |at: u8| (kind, format!("{at:02}"));
                let covered: Vec<Place> = (from..=from + long).map(place).collect();
                let free = covered.iter().all(|one| !taken.contains(one));
                prop_assert_eq!(spans.add(place(from), place(from + long)), free);
                taken.extend(covered);
            }
        }
    }
}
