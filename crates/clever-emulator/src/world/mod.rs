//! A world: one district's records by kind and id, as Clever would write them.
//!
//! A world may begin with a base, whose records are made when they are read. What is changed lies over it as text; a
//! recorded world is all text. Readers see one ascending [`List`]. Nothing here knows how a world is served.
//!
//! Decision: a made-up world is a function of its seed and a position. The emulator keeps a few integers a person and writes
//! each record when it is read; dice are looked up by (seed, stream, number) and not thrown in turn. A cohort (the students
//! of one grade at one school) is dealt to a subject's sections by a step that has an inverse, so neither direction needs a
//! table. Only whole numbers decide, so that the bytes are the same on any machine.

mod base;
pub(crate) mod certification;
mod contacts;
pub(crate) mod dice;
mod employees;
pub(crate) mod events;
pub(crate) mod generate;
pub(crate) mod index;
pub(crate) mod journal;
mod layout;
mod list;
pub(crate) mod lot;
pub(crate) mod mapping;
mod names;
mod overlay;
pub(crate) mod past;
pub(crate) mod people;
mod profile;
pub(crate) mod recorded;
mod roles;
pub(crate) mod sftp;
mod sheet;
pub(crate) mod stamp;
mod state;
pub(crate) mod students;

pub use certification::CertificationUser;
pub use journal::Touched;
pub use list::{List, Record};
pub use recorded::RecordingError;
pub use sheet::{CsvError, CsvFault, Flaw};
pub use state::World;
