//! The fleet as it is run: Temporal's own development server, workers that are processes, the emulator, both stores.
//!
//! If the engine's wheel can't be had, these tests say so and are skipped.

mod chaos;
mod cut_off;
mod encrypted;
mod engine;
mod ground;
mod holds;
mod killed;
#[cfg(feature = "lake")]
mod lake;
mod moving;
mod process;
mod runs;
mod scale;
mod secrets;
mod shares;
mod way;
