//! Decisions over the evidence of files: who is linked, who is asked about, and that doubt only grows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../clever-linkage/tests/it/ground.rs"]
mod ground;

mod decisions;
mod rare;
mod twins;
