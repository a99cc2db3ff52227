//! What must hold of scores and evidence: symmetry, independence of order and threads, and what a model keeps.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ground;
mod scores;
mod surface;
