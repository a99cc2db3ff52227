//! The commands, one a file.

pub(crate) mod accounts;
pub(crate) mod alerts;
#[cfg(feature = "certify")]
pub(crate) mod certify;
pub(crate) mod changes;
pub(crate) mod config;
#[cfg(feature = "console")]
pub(crate) mod console;
pub(crate) mod credential;
pub(crate) mod demo;
pub(crate) mod districts;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod emulator;
pub(crate) mod explain;
pub(crate) mod export;
#[cfg(feature = "fleet")]
pub(crate) mod fleet;
pub(crate) mod forget;
pub(crate) mod holds;
pub(crate) mod login;
pub(crate) mod man;
pub(crate) mod matching;
pub(crate) mod me;
#[cfg(not(all(feature = "full", feature = "lake")))]
pub(crate) mod not_built;
pub(crate) mod pause;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod relocate;
pub(crate) mod review;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod undo;
