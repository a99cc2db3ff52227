//! The fleet as it is run: Temporal's own development server, workers that are processes, the emulator, both stores.
//!
//! If the engine's wheel can't be had, these tests say so and are skipped.

mod chaos;
mod engine;
mod ground;
mod holds;
mod killed;
mod moving;
mod runs;
mod secrets;
