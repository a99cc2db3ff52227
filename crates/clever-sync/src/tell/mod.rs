//! Tells people and programs what runs did: how districts stand, what changed, why a record is as it is.

pub(crate) mod browse;
pub(crate) mod explain;
pub(crate) mod feed;
pub(crate) mod holds;
pub(crate) mod standing;
pub(crate) mod status;
pub(crate) mod tables;
pub(crate) mod tried;
pub(crate) mod words;
