//! What must hold after every step, each by its name. Written without the engine's own code: a mistake there
//! is not repeated here.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;
use clever_sync::{RunPath, SyncPolicy, SyncReport};

use super::kept::{Entry, Held, Look};
use super::server::{Key, Meaning, Server};
use super::source::Sent;

/// A run that ended well, from outside.
pub(crate) struct Run<'a> {
    pub(crate) before: &'a Look,
    pub(crate) after: &'a Look,
    pub(crate) entries: &'a [Entry],
    pub(crate) report: &'a SyncReport,
    pub(crate) policy: &'a SyncPolicy,
    /// What was sent, and when the first and the last of it.
    pub(crate) sent: &'a Sent,
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// Whether somebody approved what was held.
    pub(crate) approved: bool,
}

fn keys<'a>(one: &'a Look, other: &'a Look) -> BTreeSet<&'a Key> {
    one.records.keys().chain(other.records.keys()).collect()
}

/// What happened to a record, in the feed's words.
fn op(before: Option<&Held>, after: Option<&Held>) -> Option<&'static str> {
    let active = |held: Option<&Held>| held.is_some_and(|held| held.active);
    match (active(before), active(after)) {
        (false, true) if before.is_some() => Some("restore"),
        (false, true) => Some("create"),
        (true, false) => Some("archive"),
        (true, true) if before.map(|held| &held.says) != after.map(|held| &held.says) => {
            Some("update")
        }
        _ => None,
    }
}

/// (2) The feed has exactly one entry for each record whose meaning changed, with what it was and is; numbers
/// have no gap; no row is deleted.
pub(crate) fn the_feed_tells_each_change_once(before: &Look, after: &Look, entries: &[Entry]) {
    assert!(
        entries
            .iter()
            .zip(before.seq + 1..)
            .all(|(entry, seq)| entry.seq == seq && entry.run == after.runs),
        "numbers have no gap, and are the run's"
    );
    assert_eq!(after.seq, before.seq + entries.len() as i64);
    let mut told: BTreeMap<&Key, &Entry> = BTreeMap::new();
    for entry in entries {
        assert!(
            told.insert(&entry.key, entry).is_none(),
            "twice in one run: {:?}",
            entry.key
        );
    }
    for key in keys(before, after) {
        let (was, is) = (before.records.get(key), after.records.get(key));
        assert!(is.is_some(), "{key:?} is deleted");
        let Some(op) = op(was, is) else {
            assert!(!told.contains_key(key), "nothing changed: {:?}", told[key]);
            continue;
        };
        let entry = told.remove(key);
        assert!(entry.is_some(), "the feed lacks {op} of {key:?}");
        let entry = entry.unwrap();
        assert_eq!(entry.op, op, "{key:?}");
        let json = |held: Option<&Held>| held.map(|held| held.json.to_string());
        assert_eq!(entry.before, json(was), "{key:?} as it was");
        if op == "archive" {
            assert_eq!(entry.after, None);
        } else {
            assert_eq!(entry.after, json(is), "{key:?} as it is");
        }
        assert_eq!(op == "update", op == "update" && entry.fields.len() > 2);
    }
    assert!(
        told.is_empty(),
        "the feed names records that are not there: {told:?}"
    );
}

/// (2) Replaying the whole feed gives the tables.
pub(crate) fn the_feed_replays_to_the_tables(entries: &[Entry], look: &Look) {
    let mut replayed: BTreeMap<&Key, &str> = BTreeMap::new();
    for entry in entries {
        let known = match &entry.after {
            Some(after) => replayed.insert(&entry.key, after),
            None => replayed.remove(&entry.key),
        };
        assert_eq!(
            known.is_some(),
            matches!(entry.op.as_str(), "update" | "archive"),
            "{entry:?}"
        );
    }
    let active = look.records.iter().filter(|(_, held)| held.active);
    let says: BTreeMap<&Key, Meaning> =
        active.map(|(key, held)| (key, held.says.clone())).collect();
    let replayed: BTreeMap<&Key, Meaning> = replayed
        .into_iter()
        .map(|(key, json)| (key, super::server::meaning(json)))
        .collect();
    assert_eq!(replayed, says);
}

/// (1) The store is what was sent, corrected by the events that came; only what is held or doubtful is as it
/// was.
pub(crate) fn the_store_is_what_was_told(run: &Run<'_>, server: &Server) {
    let held: BTreeSet<RecordKind> = run.report.holds.iter().map(|hold| hold.kind).collect();
    let doubtful = |kind: RecordKind| !run.report.kinds[&kind].certificate.proves_absence();
    for key in keys(run.before, run.after) {
        let (was, is) = (run.before.records.get(key), &run.after.records[key]);
        let was_active = was.is_some_and(|was| was.active);
        let changed = op(was, Some(is)).is_some();
        let may_wait = held.contains(&key.0);
        match run.report.path {
            RunPath::Snapshot => match run.sent.records.get(key) {
                // Came, and could not be read: as it was.
                Some(said) if said.is_empty() => assert!(!changed, "{key:?} could not be read"),
                Some(said) => {
                    let right = is.active && said.contains_key(&is.says);
                    assert!(
                        right || (may_wait && !changed),
                        "{key:?} is not what was sent"
                    );
                }
                None if changed => {
                    assert!(!is.active, "{key:?} was not sent");
                    assert!(!doubtful(key.0), "(5) {key:?} without a certificate");
                    if !run.sent.lied {
                        let said = server.said(key, run.from, run.to);
                        assert!(said.contains(&None), "{key:?} never left");
                    }
                }
                None => assert!(
                    !was_active || may_wait || doubtful(key.0),
                    "{key:?} is gone and stays"
                ),
            },
            _ => match run.sent.events.get(key) {
                Some(said) => {
                    let right = match said {
                        Some(said) => is.active && *said == is.says,
                        None => !is.active,
                    };
                    assert!(
                        right || (may_wait && !changed),
                        "{key:?} is not what was served"
                    );
                }
                None => assert!(!changed, "{key:?}: no event told it"),
            },
        }
    }
}

/// (5) Within the guard: without a person's word, no more than the policy's share is archived or updated,
/// nothing while the district is paused, nothing where a list came empty.
pub(crate) fn the_guard_held(run: &Run<'_>, paused: bool) {
    if run.approved {
        return;
    }
    for kind in RecordKind::ROSTER {
        let of = |op: &str| {
            let entries = run.entries.iter();
            let of_kind = entries.filter(|entry| entry.key.0 == kind && entry.op == op);
            of_kind.count() as u64
        };
        let records = run.before.records.iter();
        let active = records.filter(|(key, held)| key.0 == kind && held.active);
        let active = active.count() as u64;
        for (op, percent) in [
            ("archive", run.policy.max_archived_percent),
            ("update", run.policy.max_updated_percent),
        ] {
            let count = of(op);
            let too_many = if count < run.policy.floor {
                count > 2 && count * 2 > active && percent < 50
            } else {
                count * 100 > active * percent
            };
            assert!(!too_many, "{op} of {count} of {active} {kind}");
        }
        let none =
            paused || (run.report.path == RunPath::Snapshot && run.sent.empty.contains(&kind));
        assert!(!none || of("archive") == 0, "{kind}: paused or empty");
    }
}

/// (6) The cursor is not ahead: whatever an event up to it told, the store says that or something later.
pub(crate) fn the_cursor_is_not_ahead(
    look: &Look,
    server: &Server,
    lost: &BTreeSet<String>,
    sent: &BTreeMap<Key, Vec<(u32, Option<Meaning>)>>,
) {
    let Some(cursor) = &look.cursor else { return };
    let events: BTreeMap<Key, u32> = {
        let past = server.past.borrow();
        let read = past.events.range(..=cursor.clone());
        let read = read.filter(|(id, _)| !lost.contains(*id));
        read.map(|(_, (time, key))| (key.clone(), *time)).collect()
    };
    for (key, time) in events {
        let is = look.records.get(&key).filter(|held| held.active);
        let is = is.map(|held| held.says.clone());
        let since = server.said(&key, time, u32::MAX);
        let as_sent = sent.get(&key).is_some_and(|all| {
            let mut all = all.iter().filter(|(when, _)| *when >= time);
            all.any(|(_, said)| *said == is)
        });
        assert!(
            since.contains(&is) || as_sent,
            "{key:?}: an event before the cursor is not applied"
        );
    }
}

/// An undo puts back what was there before the run, and nothing else.
pub(crate) fn the_undo_put_back(before: &Look, after: &Look, earlier: &Look) {
    for key in keys(before, after) {
        let (was, is) = (before.records.get(key), after.records.get(key));
        if op(was, is).is_none() {
            continue;
        }
        let (is, then) = (is.unwrap(), earlier.records.get(key));
        match then.filter(|then| then.active) {
            Some(then) => assert!(is.active && is.says == then.says, "{key:?}"),
            None => assert!(!is.active, "{key:?} was not there before"),
        }
    }
    assert_eq!(after.cursor, None, "the next sync reads a snapshot");
}
