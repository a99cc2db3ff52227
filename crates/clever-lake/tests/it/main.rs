//! The lake as its readers see it: a district that lives, a store that follows it, a table on a disk.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it skips"
)]

mod appending;
mod erasing;
mod evolving;
mod ground;
mod killed;
mod readers;
mod upkeep;
