//! What a sync did, in values that a person or a script can read. Counts and ids; nothing of a person.

use std::collections::BTreeMap;
use std::fmt;

use clever_model::{DistrictId, RecordKind, Timestamp};
use clever_raw::drift::Drift;
use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::events::{EventCounts, Why};
use crate::guard::Cause;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
    /// The word in the store.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
}

impl RunPath {
    /// The word in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Events => "events",
            Self::Plan => "plan",
            Self::Undo => "undo",
        }
    }
}

/// What a run did to one kind, in records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// Active records in the store afterwards.
    pub total: u64,
    /// Changed fields of updated records, with how many records changed in each.
    pub fields: BTreeMap<String, u64>,
    /// Whether the walk was provably complete.
    pub certificate: Certificate,
}

/// A record that came and is no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its id.
    pub id: String,
    /// What is wrong with it.
    pub reason: String,
    /// Where on its page it is wrong, in bytes from 0.
    pub at: Option<usize>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.reason)?;
        match self.at {
            Some(at) => write!(f, " (at byte {at} of its page)"),
            None => Ok(()),
        }
    }
}

/// Which part of a kind's changes is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The archiving.
    Archive,
    /// The updates.
    Update,
    /// Changes that an undo took back, and that Clever still tells.
    Reapply,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Archive => "archiving",
            Self::Update => "updating",
            Self::Reapply => "applying again",
        })
    }
}

/// What a hold counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Records of the kind.
    #[default]
    Records,
    /// Places in sections.
    Places,
}

/// A part of the plan that waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The kind of record.
    pub kind: RecordKind,
    /// What is held.
    pub part: Part,
    /// The school, where only what is of one school is held.
    #[serde(default)]
    pub school: Option<String>,
    /// What is counted.
    #[serde(default)]
    pub unit: Unit,
    /// How many it concerns.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// The share that is let through, in percent.
    pub limit_percent: u64,
    /// What probably caused it.
    pub cause: Cause,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            part,
            unit,
            count,
            of,
            limit_percent,
            cause,
            ..
        } = self;
        match &self.school {
            Some(school) if *kind == RecordKind::Schools => {
                write!(f, "{part} school {school}, one of {of}; {cause}")
            }
            Some(school) => write!(
                f,
                "{part} {count} of {of} {kind} of school {school} (limit {limit_percent} %); {cause}"
            ),
            None if *unit == Unit::Places => write!(
                f,
                "taking away {count} of {of} places in {kind} (limit {limit_percent} %); {cause}"
            ),
            // It is held for what it is, not for a share.
            None if *part == Part::Reapply || matches!(cause, Cause::StillNamed(_)) => {
                write!(f, "{part} {count} of {of} {kind}; {cause}")
            }
            None => write!(
                f,
                "{part} {count} of {of} {kind} (limit {limit_percent} %); {cause}"
            ),
        }
    }
}

/// The scope for resources, and the field of the finding that an app lost it.
pub(crate) const RESOURCES_SCOPE: &str = "read:resources";

/// The field of the finding that nothing is shared.
pub(crate) const SHARES: &str = "shared";

/// The kinds without which there is no roster.
pub(crate) const SHARED: [RecordKind; 3] =
    [RecordKind::Schools, RecordKind::Users, RecordKind::Sections];

/// Something odd in the roster that stops nothing: a reference that leads nowhere, or a list that was read once and is
/// closed to the app now (its field is the scope, and the count that of the records which stay).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The kind of the records that refer.
    pub kind: RecordKind,
    /// The field that refers.
    pub field: String,
    /// The kind of what they refer to.
    pub target: RecordKind,
    /// How many references lead nowhere.
    pub count: u64,
    /// Up to three ids that do not exist in the roster; none that has not the form of an id.
    pub samples: Vec<String>,
}

impl Finding {
    /// Says whether it is that the district shares nothing without which there is no roster.
    #[must_use]
    pub fn is_of_sharing(&self) -> bool {
        self.field == SHARES && self.kind == RecordKind::Districts
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            field,
            target,
            count,
            samples,
        } = self;
        if field == RESOURCES_SCOPE {
            return write!(
                f,
                "{kind}: the app may no longer read them (scope {field}); {count} in the store stay as they were"
            );
        }
        if self.is_of_sharing() {
            return f.write_str("the district shares no school, user or section with the app");
        }
        let times = if *count == 1 { "time" } else { "times" };
        write!(
            f,
            "{kind}.{field} names {target} that the roster lacks, {count} {times}"
        )?;
        match samples.first() {
            Some(sample) => write!(f, ", as {sample}"),
            None => Ok(()),
        }
    }
}

/// Places of active users in active sections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Enrollments {
    /// Students' places.
    pub students: u64,
    /// Teachers' places.
    pub teachers: u64,
}

/// How large a kind was when something of it was first held. What is applied beside a hold must not dilute it:
/// else so many new records would let the same archiving through on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Active records.
    pub active: u64,
    /// Places in sections.
    pub enrolled: u64,
    /// Records that came since, with the hold's first run: what is gone may have come again as these.
    pub created: u64,
}

/// What one sync did.
#[derive(Debug, Clone, Serialize)]
#[must_use = "a report may hold something for approval"]
pub struct SyncReport {
    /// The run's number, from 1; none for a plan that was not applied.
    pub run: Option<u64>,
    /// The district's id.
    pub district_id: String,
    /// The district's name.
    pub district_name: String,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the store is in step with Clever: everything was applied, and every list was provably complete.
    pub whole: bool,
    /// How it learnt what the roster should be.
    pub path: RunPath,
    /// Why it read a snapshot, where it did.
    pub why: Option<Why>,
    /// From where it went on, where an earlier run had stopped on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumed>,
    /// Whether what an earlier run had left could not be read, and was thrown away.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub discarded: bool,
    /// What came over the events feed, where it was read.
    pub events: Option<EventCounts>,
    /// What an undo left alone, where it was one.
    pub undo: Option<UndoCounts>,
    /// What it did, by kind, in reading order.
    pub kinds: BTreeMap<RecordKind, KindReport>,
    /// Places in sections afterwards.
    pub enrollments: Enrollments,
    /// Active users afterwards, by role; a person with two roles counts in both.
    pub roles: BTreeMap<String, u64>,
    /// What waits for approval.
    pub holds: Vec<Hold>,
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

/// What a run did not read again, as an earlier one had staged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Resumed {
    /// When the earlier run began to read.
    pub began_at: Timestamp,
    /// How many records it had read.
    pub records: u64,
}

/// What an undo found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UndoCounts {
    /// The run that was taken back.
    pub run: u64,
    /// Records that were changed again later, and so were left as they are.
    pub left: u64,
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
            sizes: BTreeMap::new(),
            plan_hash: String::new(),
            findings: Vec::new(),
            drift: Drift::default(),
        }
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
