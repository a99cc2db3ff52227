//! A headless Chromium that is driven, and what somebody does in it.

mod driver;
pub(crate) mod person;
pub(crate) mod wire;

pub use driver::{Browser, BrowserError};
