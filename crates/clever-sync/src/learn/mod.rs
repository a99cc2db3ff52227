//! Learns what the roster should be, and stages how the store differs from it.

pub(crate) mod canonical;
pub(crate) mod certificate;
pub(crate) mod columns;
pub(crate) mod derived;
pub(crate) mod diff;
pub(crate) mod district;
pub(crate) mod events;
pub(crate) mod kept_out;
pub(crate) mod lists;
pub(crate) mod reading;
pub(crate) mod resume;
pub(crate) mod snapshot;
pub(crate) mod source;
