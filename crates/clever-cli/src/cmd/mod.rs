//! The commands, one a file.

pub(crate) mod changes;
pub(crate) mod demo;
pub(crate) mod drift;
pub(crate) mod emulator;
pub(crate) mod status;
pub(crate) mod sync;
