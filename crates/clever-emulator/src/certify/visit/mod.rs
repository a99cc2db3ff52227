//! Visits to an app without a browser: requests one by one, with cookies, and each answer is kept.

pub(crate) mod login;
pub(crate) mod page;
pub(crate) mod secrets;
pub(crate) mod visitor;
