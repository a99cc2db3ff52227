//! A district's roster reconciled into a database: nothing lost, nothing wrecked.
//!
//! [`sync`] learns the roster that the district should have, checks how the store would change, settles what may be
//! applied, and applies it in one transaction. Nothing is ever deleted: what left the roster is archived, and only if
//! the walk that missed it was provably complete.
//!
//! ```no_run
//! # async fn example(district: clever_sync::given::District) -> Result<(), Box<dyn std::error::Error>> {
//! use clever_sync::given::SystemClock;
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
//!
//! # The road
//!
//! The folders are the stages of a run, in this order. A file uses those of its own stage and of stages before it, never
//! of a later one; `cargo xtask tidy` holds this.
//!
//! 1. [`report`]: the words of what a run says. They stand before the road, because every stage fills its part.
//! 2. [`store`]: persistence alone. A [`store::Store`] begins a [`store::Run`], which owns the district and the staging
//!    area.
//! 3. `learn`: the source is read, by a snapshot of all lists or by events, and how the store differs is staged.
//! 4. `check`: what is suspicious is held for a person.
//! 5. `act`: what is let through is settled, in numbers and a hash, and applied; plans, undo and audit.
//! 6. `tell`: how districts stand, what changed, why a record is as it is.
//! 7. `export`, and `run.rs`, which is [`sync`].
//!
//! Beside the road stands [`carry`]: a district moves to another store.
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    feature = "document-features",
    doc = "\n# Features\n",
    doc = document_features::document_features!()
)]
#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "a test makes its own files")
)]

mod act;
mod again;
pub mod carry;
mod check;
mod error;
mod export;
mod learn;
mod progress;
pub mod report;
mod run;
pub mod store;
mod tell;
pub mod turns;

/// What the tables of a store are, for whoever reads them without this crate.
pub mod tables {
    pub use crate::tell::tables::{Described, DescribedColumn, SchemaForm, described, schema};
}

/// What a sync is given: where Clever is, whose roster, from where its lists are read, and the time.
pub mod given {
    pub use crate::learn::source::Begin;
    pub use clever_client::{ClientOptions, District, DistrictAppToken, TokenError};
    pub use clever_model::{Clock, SystemClock};
}

/// Erasing for good, which no run of a sync does: what somebody asks to be forgotten, and what a policy says is too old.
pub mod erase {
    pub use crate::act::forget::{
        Broken, ForgetError, ForgetRequest, Forgotten, NotesKey, forget, sweep,
    };
    pub use crate::act::prune::{PruneError, PruneRequest, Pruned, prune};
    pub use crate::store::forgotten::{Note, Subject};
}

/// The words that the command line and pages share: how a district stands, what is held, how tries
/// ended.
pub mod words {
    pub use crate::tell::holds::{Holds, Schools, noticed};
    pub use crate::tell::standing::{Limits, Standing, Verdict, active, never_synced, standing};
    pub use crate::tell::tried::{NeverSynced, next_step, sentences};
    pub use crate::tell::words::{counted, for_people, grouped, masked, pause, percent, since};
}

/// What is looked through a page at a time, and what people judged.
pub mod look {
    pub use crate::store::answers::Before;
    pub use crate::store::judged::{Approval, ApproveError, Deed, Judged};
    pub use crate::store::pauses::Paused;
    pub use crate::store::tokens::Token;
    pub use crate::tell::browse::{
        ChangeLine, ChangePage, Consumer, Looked, Night, PlaceLine, RunLine, Size,
    };
}

/// The parts of plans, explanations, statuses, exports and errors.
pub mod details {
    pub use crate::act::plan::{FieldChange, PlanSample};
    pub use crate::again::Again;
    pub use crate::export::packed::export_packed;
    pub use crate::tell::explain::{Explanation, FieldOrigin};
    pub use crate::tell::status::StandingHold;
}

pub use act::audit::mark_edited;
pub use act::plan::{Plan, apply_plan};
pub use act::undo::{Only, UndoError, UndoRequest, undo};
pub use check::policy::{PolicyError, SyncPolicies, SyncPolicy};
pub use clever_sql::{DatabaseError, Open};
pub use error::{PlanError, SyncError};
pub use export::{ExportError, ExportFormat, Exported, export};
pub use learn::source::{End, RosterSource};
pub use progress::Progress;
pub use report::{Outcome, RunPath, SyncReport};
pub use run::{Admit, SyncOptions, Way, sync};
#[cfg(feature = "postgres")]
pub use store::PostgresStore;
pub use store::changes::{Change, ChangeFilter};
pub use store::{AnyStore, SqliteStore, StoreError};
pub use tell::explain::explain;
pub use tell::feed::{ChangeLog, Feed, Record, changes};
pub use tell::status::DistrictStatus;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
