//! What crosses the engine, where everybody who may look at it sees it: ids, names of credentials, hashes, numbers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A run of a district that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The district's id.
    pub district: String,
    /// The name of the credential that opens it; it is the tenant, too.
    pub credential: String,
    /// Whether the district was never wholly loaded: such a run yields to those of every night.
    #[serde(default)]
    pub first: bool,
    /// After how many seconds without a sign of life the run is given to another worker.
    pub heartbeat_s: u32,
    /// When it was due, in seconds since 1970; none where somebody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// The hash of what is held and may be let through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve: Option<String>,
}

impl Job {
    /// The id that every run of this district has: the engine lets one of them go on at a time.
    #[must_use]
    pub fn run_id(&self) -> String {
        run_id(&self.district)
    }
}

/// The id of a district's runs.
pub(crate) fn run_id(district: &str) -> String {
    format!("sync/{district}")
}

/// The id of what waits for a decision about a district.
pub(crate) fn hold_id(district: &str) -> String {
    format!("hold/{district}")
}

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// Everything was applied.
    Done,
    /// Everything was applied that could be read for sure.
    Doubtful,
    /// A part waits for approval.
    Held,
    /// Nothing was done: somebody paused the district in the store.
    Paused,
}

impl Ended {
    /// The end in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Doubtful => "doubtful",
            Self::Held => "held",
            Self::Paused => "paused",
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synced {
    /// How it ended.
    pub ended: Ended,
    /// The hash of what is held now; none where nothing is.
    pub held: Option<String>,
    /// Whether something was held before it.
    pub was_held: bool,
    /// How many records it changed.
    pub changed: u64,
}

/// What a schedule did with its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ticked {
    Started,
    /// A run of the district goes on.
    Skipped,
}

/// What waits for a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// The run that held it.
    pub(crate) job: Job,
    /// The hash of what is held.
    pub(crate) hash: String,
    /// Whether somebody decided against it.
    pub(crate) rejected: bool,
}

/// How what waited ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Settled {
    /// It was approved, and a run applied it.
    Approved,
    /// A run no longer holds anything.
    Superseded,
}

/// How often the districts are synced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cadence {
    /// The seconds between two runs of a district.
    pub every_s: u64,
    /// Up to how many seconds later a run starts, at random.
    pub jitter_s: u64,
    /// See [`Job::heartbeat_s`].
    pub heartbeat_s: u32,
    /// How many seconds lie between two looks for new districts.
    pub discover_s: u64,
}

impl Cadence {
    /// A schedule of a run `every` so often.
    #[must_use]
    pub fn new(every: Duration, jitter: Duration, heartbeat: Duration, discover: Duration) -> Self {
        Self {
            every_s: every.as_secs().max(1),
            jitter_s: jitter.as_secs(),
            heartbeat_s: u32::try_from(heartbeat.as_secs())
                .unwrap_or(u32::MAX)
                .max(1),
            discover_s: discover.as_secs().max(1),
        }
    }
}

/// A district that a credential opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDistrict {
    /// Its id.
    pub district: String,
    /// The first credential that opens it, by name.
    pub credential: String,
    /// Whether the store was never wholly in step with it.
    pub first: bool,
}

/// Which districts the credentials open now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// The districts, each once.
    pub districts: Vec<ListedDistrict>,
    /// The names of the credentials whose districts could not be listed.
    pub unread: Vec<String>,
}

/// What became of the schedules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// How many schedules are as they were.
    pub kept: usize,
    /// The districts that got a schedule.
    pub created: Vec<String>,
    /// The districts whose schedule was changed.
    pub updated: Vec<String>,
    /// The districts that no credential lists any more; their schedules stay.
    pub gone: Vec<String>,
    /// The districts whose schedule was taken away, as somebody asked.
    pub deleted: Vec<String>,
    /// The credentials whose districts could not be listed; their schedules stay.
    pub unread: Vec<String>,
}
