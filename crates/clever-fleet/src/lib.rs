//! Thousands of districts on many machines: their schedules, their runs and what waits for an approval, kept by Temporal.
//!
//! A worker is a process that asks the engine for work, and does it with the [`Runner`] that it was given: the function that
//! syncs one district, the same one that a process alone uses. This crate syncs nothing itself.
//!
//! | workflow | id | what it does |
//! | --- | --- | --- |
//! | `Tick` | by its schedule | starts the run of a district, if none goes on |
//! | `SyncDistrict` | `sync/DISTRICT` | one run; says at its end what is held |
//! | `Hold` | `hold/DISTRICT` | waits for a decision, for days; then runs what was approved |
//! | `Discover` | by its schedule | compares the schedules with the districts that the credentials open |
//!
//! Decision: the engine says who runs when, and may say it twice. That a district is written by one run at a time is not its
//! word but the store's: a run that another one overtook can't commit. So a worker that hangs, is cut off or is woken from the
//! dead does no harm, and no lease of ours is needed.
//!
//! Decision: an id of a scheduled workflow gets a timestamp, whatever is asked for, so a schedule alone does not keep two runs
//! of a district apart. `Tick` starts a child with an id that never changes, and everybody else who wants a run uses that id.
//!
//! What crosses the engine is a district's id, a credential's name, a hash and a few numbers. No token, no row of a roster and
//! no name does: whoever may look at the engine may see all of it.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "a test makes its own files")
)]
#![forbid(unsafe_code)]

mod activities;
mod attributes;
mod connect;
mod control;
mod meter;
mod payload;
#[cfg(test)]
mod replay;
mod runner;
mod schedules;
mod status;
mod worker;
mod workflows;

pub use connect::{ConnectError, Engine, connect};
pub use control::{Asked, ControlError};
pub use payload::{Applied, Cadence, Ended, Job, Listed, ListedDistrict, Synced};
pub use runner::{Failure, Pending, Runner};
pub use schedules::ApplyError;
pub use status::{DistrictLine, FleetStatus, StatusError};
pub use worker::{WorkerError, WorkerSettings, work};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
