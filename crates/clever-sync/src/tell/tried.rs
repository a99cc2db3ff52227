//! What is said of the tries of a sync: how the last one ended, why, and what to do.

use clever_model::Timestamp;
use serde::Serialize;

use crate::report::attempt::{Attempt, Attempts, Ending, Stage};
use crate::tell::words::{counted, since};

/// A district that was tried and never synced, or a credential of which nobody knows the districts.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NeverSynced {
    /// The district; none if no try came so far as to know it.
    pub district_id: Option<String>,
    /// The tries.
    pub attempts: Attempts,
}

/// Says how the last try ended if it did no good, or that one is on its way.
#[must_use]
pub fn sentences(attempts: &Attempts, now: Timestamp) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(failed) = &attempts.last_failure {
        all.push(of_failure(failed, attempts.failed_in_a_row, now));
    }
    if let Some(last) = &attempts.last
        && last.ending == Some(Ending::Stopped)
    {
        let at = since(last.ended_at, now);
        all.push(format!("last attempt was stopped {at}{}", came(last)));
    }
    if let Some(open) = &attempts.open {
        let (began, seen) = (
            since(Some(open.started_at), now),
            since(Some(open.seen_at), now),
        );
        all.push(format!(
            "an attempt that began {began} has not ended; its last sign of life came {seen}{}",
            came(open)
        ));
    }
    all
}

/// What the last failure advises.
#[must_use]
pub fn next_step(attempts: &Attempts) -> Option<String> {
    let failed = attempts.last_failure.as_ref()?;
    match &failed.failure {
        Some(failure) => failure.next_step.clone(),
        None => Some(
            "its process was killed, or its machine went down: look for that in the system's log; the next run goes on \
             from there"
                .to_owned(),
        ),
    }
}

fn of_failure(failed: &Attempt, in_a_row: u64, now: Timestamp) -> String {
    let at = failed.ended_at.unwrap_or(failed.seen_at);
    let mut text = match failed.ending {
        Some(Ending::Lost) => format!(
            "an attempt that began {} ended without a word",
            since(Some(failed.started_at), now)
        ),
        _ => format!(
            "last attempt failed {} ({})",
            since(Some(at), now),
            at.strftime("%H:%M UTC")
        ),
    };
    if let Some(failure) = &failed.failure {
        text += &format!(": {}", failure.says);
        if let Some(id) = &failure.request_id {
            text += &format!(" (request {id})");
        }
    }
    text += &came(failed);
    if let (None, Some(credential)) = (&failed.district_id, &failed.credential) {
        text += &format!("; it used the credential {credential}");
    }
    if in_a_row > 1 {
        text += &format!("; {in_a_row} failed in a row");
    }
    text
}

/// How far a try came, if it came further than to open the district.
fn came(attempt: &Attempt) -> String {
    let reached = &attempt.reached;
    let read = counted(reached.records, "record", "records");
    match (reached.stage, reached.kind) {
        (Stage::Open, _) => String::new(),
        (Stage::Learn, Some(kind)) => format!("; it was reading {kind}, after {read}"),
        (Stage::Learn, None) => format!("; it was reading, after {read}"),
        (Stage::Check | Stage::Settle, _) => format!("; it was checking {read}"),
        (Stage::Apply, _) => format!("; it was writing, after {read}"),
    }
}
