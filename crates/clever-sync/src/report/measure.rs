//! What a sync measures, by the `metrics` crate: nothing happens unless the program installs a recorder.
//!
//! Labels are a district's id and words of ours, so their number is bounded by the districts. No value is of a person.

use std::collections::BTreeMap;

use clever_model::Timestamp;
use metrics::{Unit, counter, gauge, histogram};

use crate::report::attempt::{Ending, Stage};
use crate::report::{Outcome, SyncReport};

const ATTEMPTS: &str = "clever_sync_attempts_total";
const FAILED_ATTEMPTS: &str = "clever_sync_failed_attempts";
const RUNS: &str = "clever_sync_runs_total";
const RECORDS: &str = "clever_sync_records_total";
const HELD: &str = "clever_sync_held_records";
const STAGE: &str = "clever_sync_stage_seconds";
const LAST_SUCCESS: &str = "clever_sync_last_success_timestamp_seconds";
const EVENTS_BEHIND: &str = "clever_sync_events_behind_seconds";
const PAUSED: &str = "clever_sync_paused";

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name, which stays.
    pub name: &'static str,
    /// Whether it is counted, a level, or times in buckets.
    pub kind: MetricKind,
    /// The labels that it has.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows while the process lives.
    Counter,
    /// It is as it was set last.
    Gauge,
    /// Times, of which there are many.
    Histogram,
}

/// Everything that a sync measures.
pub const METRICS: [Metric; 9] = [
    Metric {
        name: ATTEMPTS,
        kind: MetricKind::Counter,
        labels: &["ending"],
        help: "Attempts to sync, by how they ended: done, held, failed, refused, stopped",
    },
    Metric {
        name: FAILED_ATTEMPTS,
        kind: MetricKind::Gauge,
        labels: &["district"],
        help: "Attempts that failed since the last one that wrote the store; an empty district if it is not known",
    },
    Metric {
        name: RUNS,
        kind: MetricKind::Counter,
        labels: &["district", "outcome", "path"],
        help: "Runs that wrote the store, by outcome (done, held) and by path (snapshot, events)",
    },
    Metric {
        name: RECORDS,
        kind: MetricKind::Counter,
        labels: &["district", "kind", "operation"],
        help: "Records that were written, by kind and by operation: create, update, archive, restore",
    },
    Metric {
        name: HELD,
        kind: MetricKind::Gauge,
        labels: &["district", "kind"],
        help: "Records whose change waits for approval",
    },
    Metric {
        name: STAGE,
        kind: MetricKind::Histogram,
        labels: &["stage"],
        help: "Seconds of a run in each stage: open, learn, check, settle, apply",
    },
    Metric {
        name: LAST_SUCCESS,
        kind: MetricKind::Gauge,
        labels: &["district"],
        help: "When the store was last wholly in step, in seconds since 1970; the lag is the time since",
    },
    Metric {
        name: EVENTS_BEHIND,
        kind: MetricKind::Gauge,
        labels: &["district"],
        help: "Seconds from the event that was applied last to the newest that was read",
    },
    Metric {
        name: PAUSED,
        kind: MetricKind::Gauge,
        labels: &["district"],
        help: "1 if somebody paused the district, so that no run begins; else 0",
    },
];

/// Tells the recorder what each metric says.
pub fn describe() {
    for metric in METRICS {
        let unit = if metric.name.ends_with("_seconds") {
            Unit::Seconds
        } else {
            Unit::Count
        };
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.help),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, unit, metric.help),
        }
    }
}

/// A try ended.
pub(crate) fn ended(ending: Ending) {
    counter!(ATTEMPTS, "ending" => ending.as_str()).increment(1);
}

/// So many tries of a district failed in a row.
#[expect(clippy::cast_precision_loss, reason = "no count of tries reaches 2^53")]
pub(crate) fn failed_in_a_row(district: &str, count: u64) {
    gauge!(FAILED_ATTEMPTS, "district" => district.to_owned()).set(count as f64);
}

/// A stage of a run took so long.
pub(crate) fn stage(stage: Stage, began: Timestamp, ended: Timestamp) {
    let took = ended.duration_since(began).as_secs_f64().max(0.0);
    histogram!(STAGE, "stage" => stage.as_str()).record(took);
}

/// A run was committed.
#[expect(
    clippy::cast_precision_loss,
    reason = "no count of records reaches 2^53"
)]
pub(crate) fn run(report: &SyncReport, cursor: Option<&str>) {
    let district = || report.district_id.clone();
    let (outcome, path) = (report.outcome.as_str(), report.path.as_str());
    counter!(RUNS, "district" => district(), "outcome" => outcome, "path" => path).increment(1);
    for (kind, of_kind) in &report.kinds {
        for (operation, count) in [
            ("create", of_kind.created),
            ("update", of_kind.updated),
            ("archive", of_kind.archived),
            ("restore", of_kind.restored),
        ] {
            counter!(RECORDS, "district" => district(), "kind" => kind.as_str(), "operation" => operation)
                .increment(count);
        }
        gauge!(HELD, "district" => district(), "kind" => kind.as_str()).set(of_kind.held as f64);
    }
    if report.whole && report.outcome == Outcome::Done {
        last_success(&report.district_id, report.finished_at);
    }
    let newest = report.events.as_ref().and_then(|of| of.last.as_deref());
    if let Some(behind) = events_behind(cursor, newest) {
        behind_by(&report.district_id, behind);
    }
}

/// A district was last wholly in step then.
#[expect(clippy::cast_precision_loss, reason = "no time reaches 2^53 seconds")]
pub(crate) fn last_success(district: &str, at: Timestamp) {
    gauge!(LAST_SUCCESS, "district" => district.to_owned()).set(at.as_second() as f64);
}

/// The events that were applied are so many seconds behind those that were read.
#[expect(clippy::cast_precision_loss, reason = "no time reaches 2^53 seconds")]
pub(crate) fn behind_by(district: &str, seconds: i64) {
    gauge!(EVENTS_BEHIND, "district" => district.to_owned()).set(seconds as f64);
}

/// The district is paused, or goes on.
pub fn paused(district: &str, is_paused: bool) {
    gauge!(PAUSED, "district" => district.to_owned()).set(f64::from(u8::from(is_paused)));
}

/// So many records of a kind are held.
#[expect(
    clippy::cast_precision_loss,
    reason = "no count of records reaches 2^53"
)]
pub(crate) fn held(district: &str, kinds: &BTreeMap<clever_model::RecordKind, u64>) {
    for (kind, count) in kinds {
        gauge!(HELD, "district" => district.to_owned(), "kind" => kind.as_str()).set(*count as f64);
    }
}

/// Seconds from the event that was applied to the newest that was read; none if that is not known.
#[must_use]
pub fn events_behind(applied: Option<&str>, newest: Option<&str>) -> Option<i64> {
    let times = applied
        .and_then(event_time)
        .zip(newest.and_then(event_time));
    times.map(|(applied, newest)| newest.saturating_sub(applied).max(0))
}

/// When an event was made, in seconds since 1970: Clever's ids of 24 hex digits begin with it.
fn event_time(id: &str) -> Option<i64> {
    let seconds = id.get(..8).filter(|_| id.len() == 24)?;
    u32::from_str_radix(seconds, 16).ok().map(i64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_id_tells_when_it_was() {
        assert_eq!(event_time("5a25ffb0c1bc2a0036000001"), Some(1_512_439_728));
        for odd in ["", "5a25ffb0", "zz25ffb0c1bc2a0036000001", "ééééééééé"] {
            assert_eq!(event_time(odd), None, "{odd}");
        }
    }
}
