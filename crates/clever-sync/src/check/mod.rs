//! Checks what is staged: what is suspicious is held for a person, and the rest goes on.

pub(crate) mod evidence;
pub(crate) mod guard;
pub(crate) mod judge;
pub(crate) mod policy;
pub(crate) mod ties;
