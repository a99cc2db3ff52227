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

mod audit;
mod canonical;
mod certificate;
mod check;
mod columns;
mod diff;
mod events;
mod evidence;
mod explain;
mod export;
mod feed;
pub mod fleet;
mod guard;
mod plan;
mod policy;
mod progress;
mod reading;
mod report;
mod resume;
mod source;
mod store;
mod sync;
mod ties;
mod undo;

pub use audit::mark_edited;
pub use certificate::{Certificate, Doubt};
pub use clever_sql::{Address, AddressError, DatabaseError, Open};
pub use events::{EventCounts, Why};
pub use explain::{Explanation, FieldOrigin, explain};
pub use export::{ExportError, ExportFormat, Exported, export};
pub use feed::{ChangeLog, Feed, Record, changes};
pub use guard::Cause;
pub use plan::{FieldChange, Plan, PlanError, PlanSample, apply_plan};
pub use policy::{PolicyError, SyncPolicies, SyncPolicy};
pub use progress::Progress;
pub use report::{
    Enrollments, Finding, Hold, KindReport, Outcome, Part, Refused, Resumed, RunPath, Size,
    SyncReport, UndoCounts, Unit,
};
pub use source::{End, RosterSource};
#[cfg(feature = "postgres")]
pub use store::PostgresStore;
pub use store::queries::{Change, ChangeFilter, RecordRow};
pub use store::status::{DistrictStatus, StandingHold};
pub use store::{
    ABSENT, AnyStore, Base, Commit, Hash, Left, Op, SchoolLimits, SchoolTally, SqlStore,
    SqliteStore, Staged, State, Store, StoreError, Stored, Tally,
};
pub use sync::{Admit, SyncError, SyncOptions, Way, sync};
pub use undo::{Only, UndoError, UndoRequest, undo};
