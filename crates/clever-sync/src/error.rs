//! Why a run did nothing: the words of its errors.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use clever_model::{DistrictId, IdError, RecordKind};

use crate::report::Why;
use crate::store::{Paused, StoreError};

/// Why a plan's file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The file can't be read or written.
    #[error("could not use the plan {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no plan, or of another version.
    #[error("{} is not a plan of this version (line {line})", .path.display())]
    NotAPlan {
        /// The file.
        path: PathBuf,
        /// The line that says so, from 1.
        line: u64,
    },
    /// The rows are not those that were written.
    #[error("the plan {} was changed after it was made: its rows have the hash {found}, not {said}", .path.display())]
    Tampered {
        /// The file.
        path: PathBuf,
        /// The hash that the plan names.
        said: String,
        /// The hash of its rows.
        found: String,
    },
    /// The store moved since the plan was made.
    #[error(
        "the plan was made from run {made_from} of this district, and the store is at run {now}"
    )]
    Stale {
        /// The run that the plan was made from.
        made_from: u64,
        /// The store's last run.
        now: u64,
    },
}

/// Why a sync did nothing. Whatever the error, the store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// A list could not be read to its end.
    #[error("could not read {kind}; the roster is unchanged")]
    Fetch {
        /// The kind of record.
        kind: RecordKind,
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The events feed could not be read.
    #[error("could not read the events; the roster is unchanged")]
    Events {
        /// What went wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Events were asked for, and can't be relied on.
    #[error("cannot sync from events alone: {why}")]
    EventsAlone {
        /// What is missing.
        why: Why,
    },
    /// The district's record has no usable id.
    #[error("the district's own record can't be used")]
    District(#[source] IdError),
    /// The district's record can't be read.
    #[error("the district's own record can't be read: {reason}")]
    DistrictRecord {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A list said that it ended, and its last record is one that never came.
    #[error("the list of {kind} ended before its last record; the roster is unchanged")]
    EndedEarly {
        /// The kind of record.
        kind: RecordKind,
    },
    /// The token opens no district, or several.
    #[error("the token opens {found} districts where it must open exactly one")]
    NotOneDistrict {
        /// How many.
        found: usize,
    },
    /// The source opens another district than the one that was asked for.
    #[error("the token opens the district {opened}, not {wanted}; nothing was written")]
    OtherDistrict {
        /// The one that it opens.
        opened: DistrictId,
        /// The one that was asked for.
        wanted: DistrictId,
    },
    /// The source opens a district that the store does not have, and the store has others.
    #[error(
        "the token opens the district {opened}, which is new to the store; the store has {}; nothing was written",
        known.join(", ")
    )]
    NewDistrict {
        /// The one that it opens.
        opened: DistrictId,
        /// Those that the store has.
        known: Vec<String>,
    },
    /// Somebody paused the district.
    #[error("the district {district} is paused since {}, by {}: {}; no run begins", .paused.since.strftime("%F %H:%M UTC"), .paused.by, .paused.reason)]
    Paused {
        /// The district.
        district: DistrictId,
        /// Who paused it, when and why.
        paused: Box<Paused>,
    },
    /// The plan that was approved is not the plan that was made.
    #[error("the approved plan {approved} is not what is held now ({held})")]
    OtherPlan {
        /// The hash that was approved.
        approved: String,
        /// The hash of what is held, or `nothing`.
        held: String,
    },
    /// The plan's file can't be used.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store failed.
    #[error("the store could not be used; the roster is unchanged")]
    Store(#[from] StoreError),
}
