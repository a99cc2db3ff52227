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

mod api;
#[cfg(feature = "certify")]
pub mod certify;
#[cfg(feature = "cli")]
pub mod cli;
mod control;
mod districts;
mod life;
mod reply;
mod serve;
mod sign_in;
mod versions;
mod world;

pub use api::lms::LmsType;
pub use control::faults::{Fault, FaultRule, Faults, NumberedRule};
pub use control::seen::SeenRequest;
pub use life::days::DaySummary;
pub use life::happenings::Happening;
pub use serve::config::{EmulatorConfig, StartError, WorldSource};
pub use serve::doors::ControlToken;
pub use serve::emulator::{ConnectedDistrict, Emulator, start};
pub use world::{
    CertificationUser, CsvError, CsvFault, Flaw, List, Record, RecordingError, Touched, World,
};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
