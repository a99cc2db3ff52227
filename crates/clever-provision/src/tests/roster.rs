//! Accounts that follow a roster: single stories, and a year of a district's life.
//!
//! The roster is the emulator's, read by clever-sync without a socket. PostgreSQL takes part where
//! `CLEVER_TEST_POSTGRES` names a server, as `cargo xtask test` does.

mod ground;
mod stories;
mod truth;
mod year;
