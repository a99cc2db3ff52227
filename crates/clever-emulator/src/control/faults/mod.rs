//! Trouble on command: which, for which requests, and what it makes of an answer.

mod fault;
mod rules;
mod spoil;

pub(crate) use fault::Asked;
pub use fault::Fault;
pub use rules::{FaultRule, Faults, NumberedRule};
