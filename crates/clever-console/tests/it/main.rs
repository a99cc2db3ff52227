//! The console over real stores: a district of the emulator, synced, held, judged; by requests, and in a browser.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod accounts;
mod api;
mod attacks;
mod browser;
#[path = "../../../../tests/it/driver.rs"]
mod driver;
mod exporting;
mod forgetting;
mod ground;
mod held;
mod openid;
mod pages;
mod paused;
mod plans;
mod schedule;
mod sessions;
mod several;
