//! What a run learnt of each list, and of the feed of events: how much came, and whether it proves anything.

use std::collections::BTreeMap;
use std::fmt;

use clever_model::{RecordKind, Timestamp};
use serde::{Deserialize, Serialize};

/// A reason why a walk proves nothing about what it did not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "doubt")]
#[non_exhaustive]
pub enum Doubt {
    /// Ids did not ascend: the list is not in the order that the walk relies on.
    #[error("ids did not ascend")]
    Unordered,
    /// Clever counted another number of records than came.
    #[error("{counted} records were counted and {came} came")]
    CountDiffers {
        /// What Clever counted.
        counted: u64,
        /// What came.
        came: u64,
    },
    /// Clever said how many records there are, and nobody can read what it said: it may contradict what came.
    #[error("how many records were counted can't be read")]
    CountUnreadable,
    /// Nothing says that the list ended where the walk did: there was no count, and the source does not know its last
    /// record.
    #[error("nothing proves that the list ended there")]
    EndUnproven,
    /// The list's last record is another one than the last that came.
    #[error("the list's last record is not the last one that came")]
    EndDiffers,
    /// Elements had no usable id, so which records they were is unknown.
    #[error("{count} elements had no usable id")]
    Refused {
        /// How many.
        count: u64,
    },
    /// The app may not read the list: the scope for it is missing, or was taken away.
    #[error("the app may not read it")]
    Closed,
    /// The district's data changed while it was read.
    #[error("Clever synced the district again while it was read")]
    Moved,
}

/// Whether the walk over one kind was provably complete.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Certificate {
    /// Why it is not; empty when it is.
    pub doubts: Vec<Doubt>,
}

impl Certificate {
    /// Says whether absence from the walk proves absence from the roster.
    #[must_use]
    pub fn proves_absence(&self) -> bool {
        self.doubts.is_empty()
    }

    /// Says whether there was no walk, as the app may not read the list.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.doubts.contains(&Doubt::Closed)
    }

    /// Of a list that the app may not read.
    pub(crate) fn closed() -> Self {
        Self {
            doubts: vec![Doubt::Closed],
        }
    }
}

/// Why a run read a snapshot where events may have done, or could not use events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "why")]
#[non_exhaustive]
pub enum Why {
    /// It was asked for.
    #[error("a snapshot was asked for")]
    Asked,
    /// No snapshot was wholly applied since the last doubt, so there is no place to start from.
    #[error("there is no snapshot to start from, or the last one was not wholly applied")]
    NoStart,
    /// The last snapshot is older than the policy allows.
    #[error("the last snapshot is of {at}: one is due")]
    Due {
        /// When it was applied.
        #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
        at: Timestamp,
    },
    /// The feed holds no event: events are not switched on, or nothing happened for 30 days.
    #[error("the events feed is empty: events are probably not switched on for the app")]
    NoEvents,
    /// The feed begins after the last event that was applied: there may be events that nobody can read now.
    #[error("the events after {cursor} are no longer all kept: the feed begins at {oldest}")]
    Gap {
        /// The last event that was applied.
        cursor: String,
        /// The oldest event still kept.
        oldest: String,
    },
    /// Events came in another order than their ids.
    #[error("events came out of order")]
    Unordered,
    /// Events of the roster could not be read.
    #[error("{count} events could not be read")]
    Unreadable {
        /// How many.
        count: u64,
    },
    /// The policy asks for a kind that the run before left out: events tell what happens to its records, not which
    /// there are.
    #[error("{kind} were not read before")]
    Unread {
        /// The kind.
        kind: RecordKind,
    },
    /// The district was synced, and no event tells it.
    #[error("the district was synced at {last_sync} and no event tells it")]
    Untold {
        /// The district's last sync.
        last_sync: String,
    },
}

impl Why {
    /// Says whether the feed itself is in doubt, and not only older than it should be, or passed by.
    pub(crate) fn is_of_the_feed(&self) -> bool {
        matches!(
            self,
            Self::NoEvents
                | Self::Gap { .. }
                | Self::Unordered
                | Self::Unreadable { .. }
                | Self::Untold { .. }
        )
    }
}

/// What came over the feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventCounts {
    /// Events that were read.
    pub read: u64,
    /// Events about the roster.
    pub used: u64,
    /// Events of types or kinds that are not synced, by type.
    pub skipped: BTreeMap<String, u64>,
    /// The last event that was read.
    pub last: Option<String>,
}

/// A record that came and is no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refused {
    /// Its id.
    pub id: String,
    /// What is wrong with it.
    pub reason: String,
    /// Where on its page it is wrong, in bytes from 0.
    pub at: Option<usize>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.reason)?;
        match self.at {
            Some(at) => write!(f, " (at byte {at} of its page)"),
            None => Ok(()),
        }
    }
}

/// What a run did not read again, as an earlier one had staged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resumed {
    /// When the earlier run began to read.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub began_at: Timestamp,
    /// How many records it had read.
    pub records: u64,
}
