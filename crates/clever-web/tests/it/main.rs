//! The adapter between sign-in and accounts, over HTTP on loopback: an app, a browser and the emulator.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

mod browser;
mod flows;
mod library;
mod sessions;
mod site;
