//! A district's roster reconciled into a database: nothing lost, nothing wrecked.
//!
//! A snapshot is one way to learn the *desired* roster; [`sync`] compares it with the store, plans the
//! difference, checks the plan and applies what is safe in one transaction. Nothing is ever deleted:
//! what left the roster is archived, and only when the walk that missed it was provably complete.
//!
//! ```no_run
//! # async fn example(district: clever_client::District) -> Result<(), Box<dyn std::error::Error>> {
//! use clever_model::SystemClock;
//! use clever_sync::{SqliteStore, SyncOptions, SyncPolicy, sync};
//!
//! let mut store = SqliteStore::open("roster.db".as_ref())?;
//! let report =
//!     sync(&district, &mut store, &SyncPolicy::default(), &SyncOptions::default(), &SystemClock, &()).await?;
//! for hold in &report.holds {
//!     println!("{}: {} of {} held: {}", hold.kind, hold.count, hold.of, hold.cause);
//! }
//! # Ok(())
//! # }
//! ```

mod act;
mod check;
mod error;
mod export;
pub mod fleet;
mod learn;
mod progress;
mod report;
mod run;
mod store;
mod tell;

pub use act::audit::mark_edited;
pub use act::plan::{FieldChange, Plan, PlanSample, apply_plan};
pub use act::undo::{Only, UndoError, UndoRequest, undo};
pub use check::policy::{PolicyError, SyncPolicies, SyncPolicy};
pub use clever_sql::{Address, AddressError, DatabaseError, Open};
pub use error::{PlanError, SyncError};
pub use export::{ExportError, ExportFormat, Exported, export};
pub use learn::source::{End, RosterSource};
pub use progress::Progress;
pub use report::{
    Cause, Certificate, Doubt, Enrollments, EventCounts, Finding, Hold, KindReport, Outcome, Part,
    Refused, Resumed, RunPath, Size, SyncReport, UndoCounts, Unit, Why,
};
pub use run::{Admit, SyncOptions, Way, sync};
#[cfg(feature = "postgres")]
pub use store::PostgresStore;
pub use store::changes::{Change, ChangeFilter};
pub use store::{
    AnyStore, Base, Commit, Edit, Hash, Known, LastSync, Left, Op, Run, SchoolLimits, SchoolTally,
    SqliteStore, Staged, Staging, State, Store, StoreError, Stored, Tally, Which,
};
pub use tell::explain::{Explanation, FieldOrigin, explain};
pub use tell::feed::{ChangeLog, Feed, Record, changes};
pub use tell::status::{DistrictStatus, StandingHold};
