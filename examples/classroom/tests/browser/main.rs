//! The example app in a real browser, against the emulator.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails stops"
)]

mod console;
#[path = "../../../../tests/it/driver.rs"]
mod driver;
mod edges;
mod flows;
#[path = "../ground/mod.rs"]
mod ground;
mod layout;
mod scene;
