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

mod apply;
mod canonical;
mod certificate;
mod columns;
mod diff;
mod findings;
mod guard;
mod progress;
mod report;
mod source;
mod store;
mod sync;

pub use certificate::{Certificate, Doubt};
pub use guard::{Cause, SyncPolicy};
pub use progress::Progress;
pub use report::{Enrollments, Finding, Hold, KindReport, Outcome, Part, SyncReport};
pub use source::RosterSource;
pub use store::queries::{Change, ChangeFilter, DistrictStatus};
pub use store::{SCHEMA_VERSION, SqliteStore, StoreError};
pub use sync::{SyncError, SyncOptions, sync};
