//! A plan: what is staged, judged and put into numbers; written to a file, approved there, applied later.
//!
//! The file is text, one JSON value a line: first what the plan is made from and the hash of its rows, then
//! the rows. It holds personal data, and only its owner may read it.

mod apply;
mod file;
mod write;

pub use apply::apply_plan;
pub use file::{FieldChange, Plan, PlanSample};
pub(crate) use write::write;
