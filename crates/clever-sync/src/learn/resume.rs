//! Going on where a run stopped that was killed, cut off or failed while it read the lists.
//!
//! With each page that is staged the store keeps a note: how far the walks came, and what they stood on. A later
//! run continues there only if it is provably the same walk: the same district in the same version of
//! the store, not synced by Clever since, and begun not long ago. The cursor of events is the one from before
//! the first page, so it includes what happened in between. Anything else is thrown away, and read again.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Timestamp};
use clever_raw::drift::Drift;
use serde::{Deserialize, Serialize};

use crate::learn::certificate::Witness;
use crate::report::{Certificate, Refused, Resumed, Why};
use crate::store::{Base, Kept};

/// The version of the note.
const FORMAT: u32 = 7;

/// A walk that began longer ago than this, in seconds, starts again from the beginning.
const MAX_AGE_SECONDS: i64 = 6 * 3600;

/// What a walk stands on: where any of it is another, so is the walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grounds {
    /// What is read, by its own name.
    pub(crate) source: String,
    pub(crate) district_id: String,
    /// The district's last sync at Clever when the walk began.
    pub(crate) last_sync: Option<String>,
    /// The kinds that are read.
    pub(crate) kinds: Vec<RecordKind>,
    run: u64,
    cursor: Option<String>,
    snapshot_at: Option<Timestamp>,
}

impl Grounds {
    /// The grounds of a walk over the store as it is now.
    pub(crate) fn of(
        source: &str,
        district_id: &str,
        last_sync: Option<&str>,
        kinds: &[RecordKind],
        base: &Base,
    ) -> Self {
        Self {
            source: source.to_owned(),
            district_id: district_id.to_owned(),
            last_sync: last_sync.map(ToOwned::to_owned),
            kinds: kinds.to_vec(),
            run: base.run,
            cursor: base.cursor.clone(),
            snapshot_at: base.snapshot_at,
        }
    }
}

/// How far the walks of a run came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Note {
    format: u32,
    grounds: Grounds,
    /// Why the lists are read.
    pub(crate) why: Option<Why>,
    /// When the walk began.
    began_at: Timestamp,
    /// The newest event before the first page.
    pub(crate) cursor: Option<String>,
    /// Kinds that were walked to their ends.
    pub(crate) done: BTreeMap<RecordKind, Done>,
    /// Kinds whose walks were under way.
    pub(crate) current: BTreeMap<RecordKind, Current>,
    pub(crate) drift: Drift,
}

/// A walk that came to its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) certificate: Certificate,
    pub(crate) seen: u64,
    pub(crate) unreadable: u64,
    pub(crate) refused: Vec<Refused>,
}

/// A walk that did not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Current {
    pub(crate) witness: Witness,
    pub(crate) seen: u64,
    pub(crate) unreadable: u64,
    pub(crate) refused: Vec<Refused>,
}

impl Note {
    /// The note of a walk that begins.
    pub(crate) fn begin(
        grounds: Grounds,
        why: Option<Why>,
        began_at: Timestamp,
        cursor: Option<String>,
    ) -> Self {
        Self {
            format: FORMAT,
            grounds,
            why,
            began_at,
            cursor,
            done: BTreeMap::new(),
            current: BTreeMap::new(),
            drift: Drift::default(),
        }
    }

    /// Reads a note that a run left, if the walk may continue there: it is of the walk that would begin now.
    pub(crate) fn read(text: &str, grounds: &Grounds, now: Timestamp) -> Option<Self> {
        let note: Self = serde_json::from_str(text).ok()?;
        let age = now.as_second().saturating_sub(note.began_at.as_second());
        let same = note.format == FORMAT
            && note.grounds == *grounds
            // A district that does not say when it was synced can't prove that it was not.
            && grounds.last_sync.is_some();
        // Out of order, more than what comes later may be staged.
        let mut current = note.current.values();
        let ordered = current.all(|current| current.witness.last_in_order().is_some());
        (same && ordered && (0..=MAX_AGE_SECONDS).contains(&age)).then_some(note)
    }

    /// What of each kind is staged as the walks showed it; of a kind that is not named, nothing is.
    pub(crate) fn kept(&self) -> BTreeMap<RecordKind, Kept> {
        let done = self.done.keys().map(|kind| (*kind, Kept::All));
        let current = self.current.iter().map(|(kind, current)| {
            let witness = &current.witness;
            let ends = Kept::Ends {
                upto: witness.last_in_order().unwrap_or_default().to_owned(),
                from: witness.back().map(ToOwned::to_owned),
            };
            (*kind, ends)
        });
        done.chain(current).collect()
    }

    /// The note as it is kept.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What the report says of going on.
    pub(crate) fn resumed(&self) -> Resumed {
        let done: u64 = self.done.values().map(|done| done.seen).sum();
        Resumed {
            began_at: self.began_at,
            records: done + self.current.values().map(|one| one.seen).sum::<u64>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clever_raw::page::Count;

    use super::*;
    use crate::learn::certificate::Side;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_walk_goes_on_only_from_a_note_of_the_same_walk() {
        let base = Base {
            run: 3,
            cursor: Some("e".to_owned()),
            snapshot_at: None,
        };
        let began = at("2026-09-14T12:00:00Z");
        let of = |source: &str, district: &str, last_sync: Option<&str>, base: &Base| {
            Grounds::of(source, district, last_sync, &RecordKind::ROSTER, base)
        };
        let grounds = of("a", "d", Some("s"), &base);
        let cursor = Some("f".to_owned());
        let mut note = Note::begin(grounds.clone(), Some(Why::Unordered), began, cursor);
        assert_eq!(note.kept(), BTreeMap::new());
        let mut witness = Witness::default();
        witness.page(Count::Said(5), 0);
        witness.record(Side::Front, "a");
        witness.record(Side::Back, "y");
        witness.record(Side::Back, "z");
        witness.back_to("y");
        let done = Done {
            certificate: Certificate::default(),
            seen: 2,
            unreadable: 0,
            refused: Vec::new(),
        };
        note.done.insert(RecordKind::Schools, done.clone());
        let current = Current {
            witness,
            seen: 1,
            unreadable: 0,
            refused: Vec::new(),
        };
        note.current.insert(RecordKind::Users, current);
        let read =
            |note: &Note, grounds: &Grounds, now: &str| Note::read(&note.text(), grounds, at(now));
        let soon = "2026-09-14T13:00:00Z";
        let found = read(&note, &grounds, soon).unwrap();
        assert_eq!(found.text(), note.text());
        let ends = Kept::Ends {
            upto: "a".to_owned(),
            from: Some("y".to_owned()),
        };
        let kept = [(RecordKind::Schools, Kept::All), (RecordKind::Users, ends)];
        assert_eq!(found.kept(), BTreeMap::from(kept));
        assert_eq!(found.resumed().records, 3);
        assert_eq!(found.why, Some(Why::Unordered));
        let moved = Base {
            run: 4,
            ..base.clone()
        };
        for (other, what) in [
            (of("a", "x", Some("s"), &base), "another district"),
            (of("b", "d", Some("s"), &base), "another version of the API"),
            (of("a", "d", Some("t"), &base), "synced meanwhile"),
            (of("a", "d", None, &base), "it does not say when"),
            (of("a", "d", Some("s"), &moved), "another run"),
            (
                Grounds::of("a", "d", Some("s"), &RecordKind::ALL, &base),
                "other kinds",
            ),
        ] {
            assert!(read(&note, &other, soon).is_none(), "{what}");
        }
        assert!(read(&note, &grounds, "2026-09-14T18:00:01Z").is_none());
        assert!(read(&note, &grounds, "2026-09-14T11:59:59Z").is_none());
        let unknown = of("a", "d", None, &base);
        let without = Note::begin(unknown.clone(), None, began, None);
        assert!(read(&without, &unknown, soon).is_none());
        for current in note.current.values_mut() {
            current.witness.record(Side::Front, "a");
        }
        assert!(read(&note, &grounds, soon).is_none(), "unordered");
    }
}
