//! What a sync did, in values that a person or a script can read. Counts and ids; nothing of a person.

use std::collections::BTreeMap;
use std::fmt;

use clever_model::{DistrictId, RecordKind, Timestamp};
use clever_raw::drift::Drift;
use serde::{Deserialize, Serialize};

pub mod attempt;
mod finding;
mod hold;
mod list;
pub mod measure;

pub use finding::Finding;
pub(crate) use finding::{RESOURCES_SCOPE, SHARED, SHARES};
pub use hold::{Cause, HeldSample, Hold, Part, Size, Unit};
pub use list::{Certificate, Doubt, EventCounts, Refused, Resumed, Why};

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RunPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything was applied.
    Done,
    /// Part of the plan waits for approval; the rest was applied.
    Held,
    /// Nothing was applied, as asked.
    Planned,
}

impl Outcome {
    /// Every outcome.
    pub(crate) const ALL: [Self; 3] = [Self::Done, Self::Held, Self::Planned];

    /// The outcome in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Held => "held",
            Self::Planned => "planned",
        }
    }
}

/// How a run learnt what the roster should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RunPath {
    /// Every list was read.
    Snapshot,
    /// The events since the last run were read.
    Events,
    /// A plan's file was applied.
    Plan,
    /// Earlier changes were taken back.
    Undo,
    /// Nothing was learnt: a person or the district was erased.
    Forget,
}

impl RunPath {
    /// Every way.
    pub(crate) const ALL: [Self; 5] = [
        Self::Snapshot,
        Self::Events,
        Self::Plan,
        Self::Undo,
        Self::Forget,
    ];

    /// The way in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Events => "events",
            Self::Plan => "plan",
            Self::Undo => "undo",
            Self::Forget => "forget",
        }
    }
}

/// What a run did to one kind, in records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KindReport {
    /// Records that came.
    pub seen: u64,
    /// Records that were as known, byte for byte or in meaning.
    pub unchanged: u64,
    /// Records that were new.
    pub created: u64,
    /// Records that said something else.
    pub updated: u64,
    /// Records that were gone.
    pub archived: u64,
    /// Records that were gone and came back.
    pub restored: u64,
    /// Records whose change waits for approval; counted nowhere else.
    pub held: u64,
    /// Records that were missing from a walk which proves nothing, and so were kept.
    pub kept: u64,
    /// Records that came and can't be read as values: what the store has of them stays.
    pub unreadable: u64,
    /// The first of those that are no text, and where it is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// Active records in the store afterwards.
    pub total: u64,
    /// Changed fields of updated records, with how many records changed in each.
    pub fields: BTreeMap<String, u64>,
    /// Whether the walk was provably complete.
    pub certificate: Certificate,
}

/// Places of active users in active sections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Enrollments {
    /// Students' places.
    pub students: u64,
    /// Teachers' places.
    pub teachers: u64,
}

/// What one sync did.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[must_use = "a report may hold something for approval"]
pub struct SyncReport {
    /// The run's number, from 1; none for a plan that was not applied.
    pub run: Option<u64>,
    /// The district's id.
    pub district_id: String,
    /// The district's name.
    pub district_name: String,
    /// When the run began.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub started_at: Timestamp,
    /// When it ended.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub finished_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the store is in step with Clever: everything was applied, and every list was provably complete.
    pub whole: bool,
    /// How it learnt what the roster should be.
    pub path: RunPath,
    /// Why it read a snapshot, if it did.
    pub why: Option<Why>,
    /// From where it went on, if an earlier run had stopped on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumed>,
    /// Whether what an earlier run had left could not be read, and was thrown away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub discarded: bool,
    /// What came over the events feed, if it was read.
    pub events: Option<EventCounts>,
    /// What an undo left alone, if it was one.
    pub undo: Option<UndoCounts>,
    /// What it did, by kind, in reading order.
    pub kinds: BTreeMap<RecordKind, KindReport>,
    /// Places in sections afterwards.
    pub enrollments: Enrollments,
    /// Active users afterwards, by role; a person with two roles counts in both.
    pub roles: BTreeMap<String, u64>,
    /// What waits for approval.
    pub holds: Vec<Hold>,
    /// Some of the records that wait, by their ids: up to 20 of each kind and operation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_samples: Vec<HeldSample>,
    /// The hash of what was held and let through, because somebody had approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<String>,
    /// By which sizes the holds were judged, by kind.
    pub sizes: BTreeMap<RecordKind, Size>,
    /// The hash of the held part, or of the whole plan where nothing is held. The same difference from
    /// the same records has the same hash.
    pub plan_hash: String,
    /// References that lead nowhere.
    pub findings: Vec<Finding>,
    /// What came and the models do not know.
    pub drift: Drift,
}

/// What an undo found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UndoCounts {
    /// The run that was taken back.
    pub run: u64,
    /// Records that were changed again later, and so were left as they are.
    pub left: u64,
    /// Changes that were forgotten since, and so can't be taken back.
    #[serde(default)]
    pub forgotten: u64,
}

impl SyncReport {
    /// A report of a run that did nothing yet.
    pub(crate) fn new(
        district: &DistrictId,
        started_at: Timestamp,
        path: RunPath,
        kinds: &[RecordKind],
    ) -> Self {
        let kinds = kinds.iter().map(|kind| (*kind, KindReport::default()));
        Self {
            run: None,
            district_id: district.to_string(),
            district_name: String::new(),
            started_at,
            finished_at: started_at,
            outcome: Outcome::Done,
            whole: false,
            path,
            why: None,
            resumed: None,
            discarded: false,
            events: None,
            undo: None,
            kinds: kinds.collect(),
            enrollments: Enrollments::default(),
            roles: BTreeMap::new(),
            holds: Vec::new(),
            held_samples: Vec::new(),
            approved: None,
            sizes: BTreeMap::new(),
            plan_hash: String::new(),
            findings: Vec::new(),
            drift: Drift::default(),
        }
    }

    /// Reads a report as a store keeps it; `None` where somebody made something else of it.
    pub(crate) fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// Places of sections that are for somebody who is not here: findings, which no count of places includes. `field` is
    /// `students` or `teachers`.
    pub(crate) fn places_of_nobody(&self, field: &str) -> u64 {
        let all = self.findings.iter();
        let of_nobody =
            all.filter(|found| found.kind == RecordKind::Sections && found.field == field);
        of_nobody.map(|found| found.count).sum()
    }

    /// Says whether every list was provably complete, and every record of it could be read. A list that the app may
    /// not read does not count: no run would do better.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.kinds
            .values()
            .filter(|kind| !kind.certificate.is_closed())
            .all(|kind| kind.certificate.proves_absence() && kind.unreadable == 0)
    }

    /// Says whether the roster was as known.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.kinds.values().all(|kind| {
            kind.created + kind.updated + kind.archived + kind.restored + kind.held == 0
        })
    }
}
