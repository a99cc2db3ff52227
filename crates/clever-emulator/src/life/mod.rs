//! What happens in a district: days of school life, and happenings by name.

pub(crate) mod attendance;
pub(crate) mod days;
pub(crate) mod happenings;
pub(crate) mod resources;
mod roster;
mod upheaval;
