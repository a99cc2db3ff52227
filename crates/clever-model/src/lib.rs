//! Shared words of the Clever toolkit: ids, roles, record kinds and time.
//!
//! Everything here is a plain value. The crate does no I/O, knows no runtime, and reads no clock by
//! itself: [`Clock`] is passed in, so that every decision above it can be replayed.
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
mod date;
mod ids;
mod kind;
mod role;
#[cfg(feature = "schema")]
pub mod schema;
mod span;
mod visible;

pub use clock::{Clock, ManualClock, SystemClock};
pub use date::read_date;
pub use ids::{
    CourseId, DistrictId, EventId, IdError, MAX_LEN, ResourceId, SchoolId, SectionId, TermId,
    UserId, check_id,
};
pub use kind::{RecordKind, UnknownKind};
pub use role::{Role, UnknownRole};
pub use span::{SpanError, read_span};
pub use visible::{is_hidden, is_id, is_word, visible};

/// An instant in UTC, as Clever writes it (`2023-04-23T16:07:28.860Z`).
pub use jiff::Timestamp;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
