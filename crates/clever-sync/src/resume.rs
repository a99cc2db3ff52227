//! Going on where a run stopped that was killed, cut off or failed while it read the lists.
//!
//! With each page that is staged the store keeps a note: how far the walks came, and what they stood on. A later
//! run goes on from there only where that is provably the same walk: the same district in the same version of
//! the store, not synced by Clever since, and begun not long ago. The cursor of events is the one from before
//! the first page, so what happened in between is told. Anything else is thrown away, and read anew.

use std::collections::BTreeMap;

use clever_model::{RecordKind, Timestamp};
use clever_raw::drift::Drift;
use serde::{Deserialize, Serialize};

use crate::certificate::{Certificate, Witness};
use crate::report::Resumed;
use crate::store::Base;

/// The version of the note.
const FORMAT: u32 = 2;

/// A walk that began longer ago than this, in seconds, is begun anew.
const MAX_AGE_SECONDS: i64 = 6 * 3600;

/// How far the walks of a run came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Note {
    format: u32,
    /// What was read, by its own name.
    source: String,
    district_id: String,
    /// The district's last sync at Clever when the walk began.
    last_sync: Option<String>,
    run: u64,
    base_cursor: Option<String>,
    snapshot_at: Option<Timestamp>,
    /// When the walk began.
    began_at: Timestamp,
    /// The newest event before the first page.
    pub(crate) cursor: Option<String>,
    /// Kinds that were walked to their ends.
    pub(crate) done: BTreeMap<RecordKind, Done>,
    /// The kind whose walk was under way.
    pub(crate) current: Option<Current>,
    pub(crate) drift: Drift,
}

/// A walk that came to its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) certificate: Certificate,
    pub(crate) seen: u64,
    pub(crate) unreadable: u64,
}

/// A walk that did not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Current {
    pub(crate) kind: RecordKind,
    pub(crate) witness: Witness,
    pub(crate) seen: u64,
    pub(crate) unreadable: u64,
}

impl Note {
    /// The note of a walk that begins.
    pub(crate) fn begin(
        source: &str,
        district_id: &str,
        last_sync: Option<&str>,
        base: &Base,
        began_at: Timestamp,
        cursor: Option<String>,
    ) -> Self {
        Self {
            format: FORMAT,
            source: source.to_owned(),
            district_id: district_id.to_owned(),
            last_sync: last_sync.map(ToOwned::to_owned),
            run: base.run,
            base_cursor: base.cursor.clone(),
            snapshot_at: base.snapshot_at,
            began_at,
            cursor,
            done: BTreeMap::new(),
            current: None,
            drift: Drift::default(),
        }
    }

    /// Reads a note that a run left, if the walk may go on from it: it is of the walk that would begin now.
    pub(crate) fn read(
        text: &str,
        source: &str,
        district_id: &str,
        last_sync: Option<&str>,
        base: &Base,
        now: Timestamp,
    ) -> Option<Self> {
        let note: Self = serde_json::from_str(text).ok()?;
        let age = now.as_second().saturating_sub(note.began_at.as_second());
        let same = note.format == FORMAT
            && note.source == source
            && note.district_id == district_id
            // A district that does not say when it was synced can't prove that it was not.
            && last_sync.is_some()
            && note.last_sync.as_deref() == last_sync
            && note.run == base.run
            && note.base_cursor == base.cursor
            && note.snapshot_at == base.snapshot_at;
        // Out of order, more than what comes later may be staged.
        let ordered = note
            .current
            .as_ref()
            .is_none_or(|current| current.witness.last_in_order().is_some());
        (same && ordered && (0..=MAX_AGE_SECONDS).contains(&age)).then_some(note)
    }

    /// Up to which record everything is staged; `None` where nothing is.
    pub(crate) fn place(&self) -> Option<(RecordKind, String)> {
        match &self.current {
            Some(current) => Some((
                current.kind,
                current
                    .witness
                    .last_in_order()
                    .unwrap_or_default()
                    .to_owned(),
            )),
            None => {
                let last = self.done.keys().next_back()?;
                // Before all of the next kind: no id is empty, and as ids may be any text, none comes after all others.
                let next = RecordKind::ALL.into_iter().find(|kind| kind > last)?;
                Some((next, String::new()))
            }
        }
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
            records: done + self.current.as_ref().map_or(0, |current| current.seen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut note = Note::begin("a", "d", Some("s"), &base, began, Some("f".to_owned()));
        let mut witness = Witness::default();
        witness.page(Some(3), 0);
        witness.record("a");
        note.done.insert(
            RecordKind::Schools,
            Done {
                certificate: Certificate::default(),
                seen: 2,
                unreadable: 0,
            },
        );
        note.current = Some(Current {
            kind: RecordKind::Users,
            witness,
            seen: 1,
            unreadable: 0,
        });
        let read =
            |note: &Note, district: &str, last_sync: Option<&str>, base: &Base, now: &str| {
                Note::read(&note.text(), "a", district, last_sync, base, at(now))
            };
        let soon = "2026-09-14T13:00:00Z";
        let found = read(&note, "d", Some("s"), &base, soon).unwrap();
        assert_eq!(found.text(), note.text());
        assert_eq!(found.place(), Some((RecordKind::Users, "a".to_owned())));
        assert_eq!(found.resumed().records, 3);
        let moved = Base {
            run: 4,
            ..base.clone()
        };
        assert!(read(&note, "x", Some("s"), &base, soon).is_none());
        let elsewhere = Note::read(&note.text(), "b", "d", Some("s"), &base, at(soon));
        assert!(elsewhere.is_none(), "another version of the API");
        assert!(read(&note, "d", Some("t"), &base, soon).is_none());
        assert!(read(&note, "d", None, &base, soon).is_none());
        assert!(read(&note, "d", Some("s"), &moved, soon).is_none());
        assert!(read(&note, "d", Some("s"), &base, "2026-09-14T18:00:01Z").is_none());
        assert!(read(&note, "d", Some("s"), &base, "2026-09-14T11:59:59Z").is_none());
        let without = Note::begin("a", "d", None, &base, began, None);
        assert!(read(&without, "d", None, &base, soon).is_none());
        if let Some(current) = &mut note.current {
            current.witness.record("a");
        }
        assert!(
            read(&note, "d", Some("s"), &base, soon).is_none(),
            "unordered"
        );
        note.current = None;
        assert_eq!(note.place(), Some((RecordKind::Terms, String::new())));
    }
}
