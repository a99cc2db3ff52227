//! The app's accounts, as an export of its own shows them, and what becomes of them while the roster changes.

mod judge;
mod roster;
mod source;

pub use source::{AccountSource, Accounts, ReadAccounts, Shell};

pub(crate) use roster::run;
