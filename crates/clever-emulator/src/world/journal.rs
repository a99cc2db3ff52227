//! How records were before they were touched, and what that makes of each: created, updated or deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clever_model::RecordKind;
use serde::Serialize;

use super::overlay::Overlay;

/// How the records touched since the last publication were before.
pub(crate) type Journal = BTreeMap<(RecordKind, Box<str>), Before>;

/// How a record was before it was touched.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Before {
    /// It was not there.
    Absent,
    /// It was as the world's base makes it.
    Made,
    /// It was this text.
    Kept(Box<str>),
}

impl fmt::Debug for Before {
    /// Shows no content: it may be of a recorded district.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Made => "Made",
            Self::Kept(_) => "Kept(..)",
        })
    }
}

/// What was published as events, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feed {
    pub(super) enabled: bool,
    pub(super) events: Overlay,
    pub(super) made: u32,
}

/// The ids of the records of one kind that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Touched {
    /// Records that are there now and were not before.
    pub created: BTreeSet<String>,
    /// Records whose content changed.
    pub updated: BTreeSet<String>,
    /// Records that are gone.
    pub deleted: BTreeSet<String>,
}
