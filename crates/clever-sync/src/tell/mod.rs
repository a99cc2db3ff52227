//! Tells people and programs what runs did: how districts stand, what changed, why a record is as it is.

pub(crate) mod explain;
pub(crate) mod feed;
pub(crate) mod status;
pub(crate) mod tables;
