//! How a district stands, in one word, and what follows from that.

use std::collections::BTreeMap;
use std::time::Duration;

use clever_model::{RecordKind, Timestamp};
use serde::Serialize;

use crate::report::attempt::Attempts;
use crate::report::measure::events_behind;
use crate::tell::status::DistrictStatus;
use crate::tell::tried::{self, NeverSynced};
use crate::tell::words::{age, pause};

/// What is to be said of a district in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// In step, and lately.
    Ok,
    /// The last attempts failed, one after the other.
    Failing,
    /// Part of the last run waits for approval.
    Held,
    /// Nothing is held, and the last success is too long ago; or no run at all came lately.
    Stale,
    /// In step with a district that shares nobody with the app.
    Empty,
    /// Somebody paused it: no run begins, and whatever else is so waits for that person.
    Paused,
}

impl Verdict {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failing => "failing",
            Self::Held => "held",
            Self::Stale => "stale",
            Self::Empty => "empty",
            Self::Paused => "paused",
        }
    }
}

/// A district's status, and what follows from it now.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Standing {
    #[serde(flatten)]
    /// How the district stands.
    pub status: DistrictStatus,
    /// That in one word.
    pub verdict: Verdict,
    /// Seconds since the last success; none where there never was one.
    pub lag_seconds: Option<i64>,
    /// Seconds from the event that was applied to the newest that was read; none where that is not known.
    pub events_behind_seconds: Option<i64>,
    /// What a person should do; none where nothing.
    pub next_step: Option<String>,
    /// The tries since the last one that wrote the store.
    pub attempts: Attempts,
}

impl Standing {
    /// Who paused it, and how the last tries ended if they did no good: each without a full stop.
    #[must_use]
    pub fn sentences(&self, now: Timestamp) -> Vec<String> {
        let paused = self.status.paused.iter();
        let mut all: Vec<String> = paused.map(|paused| pause(paused, now)).collect();
        all.extend(tried::sentences(&self.attempts, now));
        all
    }
}

/// What an alarm goes by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// The longest time without a success.
    pub max_age: Duration,
    /// How many tries may fail in a row.
    pub max_failures: u64,
}

/// Whom an attempt meant that failed, and of whom the store has no run.
#[must_use]
pub fn never_synced(
    all: &[DistrictStatus],
    attempts: &BTreeMap<String, Attempts>,
) -> Vec<NeverSynced> {
    let unknown = attempts.iter().filter(|(id, tries)| {
        let is_here = all.iter().any(|status| status.district_id == **id);
        !is_here && (tries.failed_in_a_row > 0 || tries.open.is_some())
    });
    unknown
        .map(|(id, attempts)| NeverSynced {
            district_id: Some(id.clone()).filter(|id| !id.is_empty()),
            attempts: attempts.clone(),
        })
        .collect()
}

/// What follows from how a district stands, and from the tries since. `sync` is the command that syncs it.
#[must_use]
pub fn standing(
    status: DistrictStatus,
    attempts: Attempts,
    now: Timestamp,
    limits: Limits,
    sync: &str,
) -> Standing {
    let max_age = i64::try_from(limits.max_age.as_secs()).unwrap_or(i64::MAX);
    let lag_seconds = status.last_done_at.map(|at| age(at, now));
    let last_run = age(status.last_run_at, now);
    let held = !status.holds.is_empty();
    let verdict = if status.paused.is_some() {
        Verdict::Paused
    } else if attempts.failed_in_a_row >= limits.max_failures {
        Verdict::Failing
    } else if last_run > max_age || (!held && lag_seconds.is_none_or(|lag| lag > max_age)) {
        Verdict::Stale
    } else if held {
        Verdict::Held
    } else if active(&status, RecordKind::Users) == 0 {
        Verdict::Empty
    } else {
        Verdict::Ok
    };
    let after_failure = tried::next_step(&attempts);
    let next_step = match (verdict, &status.held_hash) {
        // What failed says best why nothing came.
        (Verdict::Failing, _) => after_failure,
        (Verdict::Stale, _) if last_run > max_age && after_failure.is_some() => after_failure,
        (Verdict::Stale, _) if last_run > max_age => Some(format!(
            "no run came to its end lately: run `{sync}` and see what it says"
        )),
        (Verdict::Stale, _) => {
            Some("syncs finish, but none has been complete: see the doubts".to_owned())
        }
        (Verdict::Held, Some(hash)) => Some(format!(
            "look with `{sync} --dry-run --plan held.plan` and `cleverctl plan show held.plan`; ask the district \
             (`cleverctl status --letter` writes the text); if it is right, `{sync} --approve {hash}`"
        )),
        (Verdict::Empty, _) => Some(format!(
            "the district shares {} with the app: its admin chooses in Clever which schools and people are shared; \
             `cleverctl doctor` checks the connection, and `{sync}` brings what is shared",
            if active(&status, RecordKind::Schools) + active(&status, RecordKind::Sections) == 0 {
                "no school, user or section"
            } else {
                "no user"
            }
        )),
        (Verdict::Paused, _) => Some(format!(
            "`cleverctl resume {}` lets it go on",
            status.district_id
        )),
        (Verdict::Ok | Verdict::Held, _) => after_failure,
    };
    let (applied, newest) = (&status.event_cursor, &status.newest_event);
    let events_behind_seconds = events_behind(applied.as_deref(), newest.as_deref());
    Standing {
        events_behind_seconds,
        status,
        verdict,
        lag_seconds,
        next_step,
        attempts,
    }
}

/// How many active records of a kind the store has.
#[must_use]
pub fn active(status: &DistrictStatus, kind: RecordKind) -> u64 {
    let of = status.records.iter().filter(|(of, ..)| *of == kind);
    of.map(|(_, active, _)| *active).sum()
}
