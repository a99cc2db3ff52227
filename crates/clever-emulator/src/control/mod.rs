//! Control: faults, the control API, and the page with the buttons.

pub(crate) mod answer;
pub(crate) mod faults;
mod operations;
mod page;
pub(crate) mod seen;
mod state;
