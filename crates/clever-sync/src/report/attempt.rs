//! What is known of each try of a sync, however it ended. No token and nothing of a person.

use std::fmt;

use clever_model::{RecordKind, Timestamp};
use serde::{Deserialize, Serialize};

/// The stages of a try, in order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The store and the district are opened.
    #[default]
    Open,
    /// The roster is read and compared.
    Learn,
    /// What is suspicious is looked for.
    Check,
    /// What may be applied is settled.
    Settle,
    /// What was settled is written.
    Apply,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::Learn,
        Self::Check,
        Self::Settle,
        Self::Apply,
    ];

    /// The stage in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Learn => "learn",
            Self::Check => "check",
            Self::Settle => "settle",
            Self::Apply => "apply",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Everything was applied.
    Done,
    /// Part waits for approval; the rest was applied.
    Held,
    /// It failed, and a later one may do better.
    Failed,
    /// Clever refused the token or the request.
    Refused,
    /// Somebody stopped it.
    Stopped,
    /// It ended without a word, as a process does that is killed: the next try found it so.
    Lost,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Self; 6] = [
        Self::Done,
        Self::Held,
        Self::Failed,
        Self::Refused,
        Self::Stopped,
        Self::Lost,
    ];

    /// The ending in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
        }
    }

    /// Says whether the store was written: whatever failed before is over.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Done | Self::Held)
    }

    /// Says whether somebody should hear of it. A try that was stopped is neither a success nor a failure.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Refused | Self::Lost)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far a try came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reached {
    /// The stage that it came to.
    pub stage: Stage,
    /// The list that was read last; none before the first.
    pub kind: Option<RecordKind>,
    /// Pages that were read, of lists and of events.
    pub pages: u64,
    /// Records and events on them.
    pub records: u64,
}

/// Why a try failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failure {
    /// A word for scripts, as in `unauthorized`.
    pub code: String,
    /// What Clever answered, as an HTTP status; none if it was not an answer that failed.
    pub status: Option<u16>,
    /// Clever's id of the request, to quote to their support.
    pub request_id: Option<String>,
    /// What went wrong, in a sentence of ours.
    pub says: String,
    /// What to do, as it was known then.
    pub next_step: Option<String>,
}

/// One try of a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attempt {
    /// Its number in the store.
    pub number: i64,
    /// The district; none if it ended before anybody knew which it is of.
    pub district_id: Option<String>,
    /// The credential that it used, by name; none if it was a token alone.
    pub credential: Option<String>,
    /// When it began.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub started_at: Timestamp,
    /// When it ended, or when the next try found that it had; none while it runs.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub ended_at: Option<Timestamp>,
    /// When it last gave a sign of life.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub seen_at: Timestamp,
    /// How it ended; none while it runs.
    pub ending: Option<Ending>,
    /// The exit code of its process, or the one that it would have had; none if it ended without a word.
    pub exit: Option<u8>,
    /// Why it failed; none if it did not, or without a word.
    pub failure: Option<Failure>,
    /// How far it came.
    pub reached: Reached,
    /// The run that it wrote.
    pub run: Option<u64>,
}

/// The tries since a district's last success.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attempts {
    /// The last one that ended.
    pub last: Option<Attempt>,
    /// The one that runs, or ended without a word and was not yet found so.
    pub open: Option<Attempt>,
    /// How many failed since the last success.
    pub failed_in_a_row: u64,
    /// The last of them.
    pub last_failure: Option<Attempt>,
}

impl Attempts {
    /// Takes note of the next try, in their order.
    pub(crate) fn push(&mut self, attempt: Attempt) {
        let Some(ending) = attempt.ending else {
            self.open = Some(attempt);
            return;
        };
        if ending.is_success() {
            *self = Self::default();
        } else if ending.is_failure() {
            self.failed_in_a_row += 1;
            self.last_failure = Some(attempt.clone());
        }
        self.last = Some(attempt);
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(number: i64, ending: Option<Ending>) -> Attempt {
        let at: Timestamp = "2026-09-14T03:00:00Z".parse().unwrap();
        Attempt {
            number,
            district_id: None,
            credential: None,
            started_at: at,
            ended_at: ending.map(|_| at),
            seen_at: at,
            ending,
            exit: None,
            failure: None,
            reached: Reached::default(),
            run: None,
        }
    }

    #[test]
    fn failures_in_a_row_end_with_a_success_and_not_with_a_stop() {
        let mut all = Attempts::default();
        let endings = [
            Ending::Done,
            Ending::Failed,
            Ending::Stopped,
            Ending::Lost,
            Ending::Refused,
        ];
        for (number, ending) in (1..).zip(endings) {
            all.push(ended(number, Some(ending)));
        }
        assert_eq!(all.failed_in_a_row, 3);
        all.push(ended(6, Some(Ending::Stopped)));
        all.push(ended(7, None));
        assert_eq!(all.last_failure.as_ref().map(|one| one.number), Some(5));
        assert_eq!(all.last.as_ref().map(|one| one.number), Some(6));
        assert_eq!(all.open.as_ref().map(|one| one.number), Some(7));
        all.push(ended(8, Some(Ending::Held)));
        assert_eq!((all.failed_in_a_row, &all.last_failure), (0, &None));
        assert_eq!(all.open, None);
    }
}
