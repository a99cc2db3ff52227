//! What the models of all versions are made of: how a field is read whatever was sent (`de`, `scalar`, `open_enum`), what an
//! event is, and what the documents declare of a model (`shape`).

pub mod de;
pub mod event;
#[rustfmt::skip]
mod event_type;
mod open_enum;
pub mod scalar;
pub mod shape;
