//! The lake: the feed of changes as a [Delta table](https://delta.io), for analysts and their engines.
//!
//! [`append`] writes what the table has not got of a district's feed. Each commit has rows and the number of the last one, so that
//! a replay adds nothing and a kill costs nothing. [`compact`] and [`vacuum`] are its upkeep; [`erase`] takes out of it whom the
//! store has forgotten. No server and no SQL engine is part of it: DuckDB, Spark or Python read the folder.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use clever_lake::{AppendRequest, Lake, PER_COMMIT, append};
//! use clever_model::SystemClock;
//! use clever_sync::SqliteStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut store = SqliteStore::open(Path::new("roster.db"))?;
//! let mut lake = Lake::open(Path::new("lake")).await?;
//! let request = AppendRequest {
//!     district_id: "5a25ffb0c1bc2a0036000001".to_owned(),
//!     consumer: "lake".to_owned(),
//!     pruned_is_fine: false,
//!     per_commit: PER_COMMIT,
//! };
//! let appended = append(&mut lake, &mut store, &request, &SystemClock, &mut |_| true).await?;
//! println!("{} changes, up to {}", appended.changes, appended.position);
//! # Ok(())
//! # }
//! ```

mod append;
mod columns;
mod erase;
mod rewrite;
mod table;
mod upkeep;

pub use append::{AppendError, AppendRequest, Appended, PER_COMMIT, append};
pub use erase::{Erased, erase};
pub use table::{Lake, TableError};
pub use upkeep::{Compacted, FILE_SIZE, compact, vacuum};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
