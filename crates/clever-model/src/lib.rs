//! Shared words of the Clever toolkit: ids, roles, record kinds and time.
//!
//! Everything here is a plain value. The crate does no I/O, knows no runtime, and reads no clock by
//! itself: [`clock::Clock`] is passed in, so that every decision above it can be replayed.

pub mod clock;
pub mod date;
pub mod ids;
pub mod kind;
pub mod role;
pub mod span;
pub mod visible;

pub use clock::{Clock, SystemClock};
pub use ids::{
    CourseId, DistrictId, EventId, IdError, ResourceId, SchoolId, SectionId, TermId, UserId,
};
pub use kind::RecordKind;
pub use role::Role;
pub use visible::visible;

/// An instant in UTC, as Clever writes it (`2023-04-23T16:07:28.860Z`).
pub use jiff::Timestamp;
