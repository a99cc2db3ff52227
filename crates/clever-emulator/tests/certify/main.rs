//! The proof: a sound app passes, and of each app with one rule broken that fault is found, and nothing else.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

mod app;
mod faults;
mod python;
mod roster;
