//! What `sync --all` prints as JSON.

use clever_model::Timestamp;
use clever_sync::SyncReport;
use serde::Serialize;

use crate::diagnostics;
use crate::ui::Document;

/// How the run of a district ended, or why a credential can't be used.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct DistrictRun {
    pub(super) credential: String,
    /// The district; the credential's name, if its districts can't be listed.
    pub(super) district: String,
    /// The exit code that it would have alone.
    pub(super) exit: u8,
    pub(super) seconds: u64,
    /// What the run did; none if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) report: Option<Box<SyncReport>>,
    /// Why it failed, or that it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<diagnostics::Told>,
}

// A line of a schedule.
impl Document for DistrictRun {
    const NAME: &'static str = "sync-all-run";
    const VERSION: u32 = 2;
}

/// A district of the store that no credential lists.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Unlisted<'a> {
    pub(super) district: &'a str,
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub(super) last_success: Option<Timestamp>,
}

/// How the runs of all districts ended.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct AllRuns<'a> {
    pub(super) districts: Vec<&'a DistrictRun>,
    pub(super) unlisted: Vec<Unlisted<'a>>,
    /// The exit code of the command.
    pub(super) exit: u8,
}

impl Document for AllRuns<'_> {
    const NAME: &'static str = "sync-all";
    const VERSION: u32 = 2;
}
