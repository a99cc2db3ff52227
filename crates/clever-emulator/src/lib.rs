//! A Clever on loopback: a recorded or a generated district, its days of life, and trouble on command.
//!
//! [`start`] serves a *world* over HTTP on a local port. The crate shares only words with the code that
//! it exists to test (`clever-model`), so the two can't share a mistake.
//!
//! ```no_run
//! # async fn example() -> Result<(), clever_emulator::StartError> {
//! use clever_emulator::{EmulatorConfig, Fault, WorldSource};
//!
//! let config = EmulatorConfig {
//!     world: WorldSource::Generated { seed: 7, students: 300 },
//!     ..EmulatorConfig::default()
//! };
//! let emulator = clever_emulator::start(config).await?;
//! emulator.faults().add(Fault::RateLimited.on("/users").nth(3));
//! let day = emulator.advance_days(1);
//! assert!(day.total() > 0);
//! emulator.stop().await;
//! # Ok(())
//! # }
//! ```

mod ahead;
mod attendance;
#[cfg(feature = "cli")]
pub mod cli;
mod clock;
mod control;
mod dispatch;
mod districts;
mod faults;
mod feed;
mod happenings;
mod identity;
mod library;
mod life;
mod limiter;
mod listing;
mod lms;
mod lot;
mod me;
mod openid;
mod outlet;
mod page;
mod pages;
mod related;
mod reply;
mod resources;
mod roster;
mod routes;
mod server;
mod tokens;
mod upheaval;
mod versions;
pub mod world;

pub use faults::{Fault, FaultRule, Faults, NumberedRule};
pub use happenings::Happening;
pub use life::DaySummary;
pub use lms::LmsType;
pub use server::{ConnectedDistrict, Emulator, EmulatorConfig, StartError, WorldSource, start};
pub use world::events::Touched;
