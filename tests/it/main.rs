//! Whole-system stories, in reading order: emulator, client and store together, over HTTP on loopback.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod audited;
mod browser;
mod classroom;
mod connection;
mod control;
mod driver;
mod events;
mod examples;
mod feed;
mod fuzz;
mod ground;
mod id_tokens;
mod keys;
mod life;
mod lists;
mod login;
mod once;
mod openid;
mod own_store;
mod promises;
mod raw;
mod resources;
mod resume;
mod rights;
mod sceptic;
mod sets;
mod simulation;
mod spawned;
mod stores;
mod takeback;
mod trouble;
mod tutorial;
mod users;
mod walk;
