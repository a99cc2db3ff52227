//! The rows of a store, and of a run's staging area.

use std::collections::BTreeMap;
use std::fmt;

use clever_model::RecordKind;
use serde::{Deserialize, Serialize};

/// A hash of a record's bytes, or of its meaning.
pub type Hash = [u8; 16];

/// The meaning of a record that is not there: what an undo puts aside when it brings a record back.
pub(crate) const ABSENT: Hash = [0; 16];

/// What is done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Op {
    /// Not in the store.
    Create = 0,
    /// Says something else than before.
    Update = 1,
    /// In the store, and gone from the roster.
    Archive = 2,
    /// Was archived, and is here again.
    Restore = 3,
    /// Other bytes, same meaning.
    Touch = 4,
    /// Was erased at somebody's request, with the values that the feed had of it. No run of a sync does it.
    Forget = 5,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Op {
    /// Every operation.
    pub const ALL: [Self; 6] = [
        Self::Create,
        Self::Update,
        Self::Archive,
        Self::Restore,
        Self::Touch,
        Self::Forget,
    ];

    pub(crate) fn of(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|op| *op as i64 == number)
    }

    /// The operation in one word, as in the feed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Archive => "archive",
            Self::Restore => "restore",
            Self::Touch => "touch",
            Self::Forget => "forget",
        }
    }

    /// Reads the word of an operation that the feed tells.
    pub(crate) fn told(word: &str) -> Option<Self> {
        let told = Self::ALL.into_iter().filter(|op| op.is_told());
        told.into_iter().find(|op| op.as_str() == word)
    }

    /// Says whether the feed tells it: a touch changes nothing that a record says.
    #[must_use]
    pub const fn is_told(self) -> bool {
        !matches!(self, Self::Touch)
    }
}

/// One row of the narrow state: which bytes a record had when last seen.
#[derive(Debug, Clone)]
pub struct State {
    /// The record.
    pub id: String,
    /// The hash of its bytes.
    pub hash: Hash,
    /// Whether it is archived.
    pub archived: bool,
    /// The meaning that an undo put aside.
    pub refused: Option<Hash>,
}

/// A record as the store has it. `Debug` shows no JSON, which may be of a child.
#[derive(Clone)]
pub struct Stored {
    /// Its state.
    pub state: State,
    /// Its JSON.
    pub record: String,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What is to be done to one record. `old` is the hash of the bytes that the store has, `hash` that of the new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The store does not have the record.
    Create {
        /// The hash of the new bytes.
        hash: Hash,
    },
    /// The record says something else than before.
    Update {
        /// The hash of the bytes that the store has.
        old: Hash,
        /// The hash of the new bytes.
        hash: Hash,
        /// The hash of what the new record means, whatever order its keys and members come in.
        meaning: Option<Hash>,
        /// The paths that differ, as a JSON list.
        fields: String,
        /// How many places in a section it takes away.
        lost: u64,
        /// Of a user or a section: the schools that the store has it at.
        schools: Vec<String>,
    },
    /// The record left the roster.
    Archive {
        /// The hash of the bytes that the store has.
        hash: Hash,
    },
    /// The record was archived, and is here again.
    Restore {
        /// The hash of the bytes that the store has.
        old: Hash,
        /// The hash of the new bytes.
        hash: Hash,
        /// The hash of what the new record means.
        meaning: Option<Hash>,
        /// The paths that differ, as a JSON list.
        fields: String,
    },
    /// The bytes are others, and mean the same.
    Touch {
        /// The hash of the bytes that the store has.
        old: Hash,
        /// The hash of the new bytes.
        hash: Hash,
    },
}

impl Edit {
    /// The edit in one word.
    #[must_use]
    pub const fn op(&self) -> Op {
        match self {
            Self::Create { .. } => Op::Create,
            Self::Update { .. } => Op::Update,
            Self::Archive { .. } => Op::Archive,
            Self::Restore { .. } => Op::Restore,
            Self::Touch { .. } => Op::Touch,
        }
    }

    /// The hash of the bytes that the record has afterwards.
    #[must_use]
    pub const fn hash(&self) -> &Hash {
        match self {
            Self::Create { hash }
            | Self::Update { hash, .. }
            | Self::Archive { hash }
            | Self::Restore { hash, .. }
            | Self::Touch { hash, .. } => hash,
        }
    }

    /// The hash of the bytes that the store has; none for a record that it does not have.
    #[must_use]
    pub const fn old(&self) -> Option<&Hash> {
        match self {
            Self::Create { .. } => None,
            Self::Archive { hash } => Some(hash),
            Self::Update { old, .. } | Self::Restore { old, .. } | Self::Touch { old, .. } => {
                Some(old)
            }
        }
    }

    /// The paths that differ, as a JSON list; none for a record that is new, or gone.
    #[must_use]
    pub fn fields(&self) -> Option<&str> {
        match self {
            Self::Update { fields, .. } | Self::Restore { fields, .. } => Some(fields),
            _ => None,
        }
    }

    /// The hash of what the new record means, if it takes the place of another.
    pub(crate) const fn meaning(&self) -> Option<&Hash> {
        match self {
            Self::Update { meaning, .. } | Self::Restore { meaning, .. } => meaning.as_ref(),
            _ => None,
        }
    }

    /// How many places in a section it takes away.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        match self {
            Self::Update { lost, .. } => *lost,
            _ => 0,
        }
    }

    /// The schools that the store has an updated record at.
    pub(crate) fn schools(&self) -> &[String] {
        match self {
            Self::Update { schools, .. } => schools,
            _ => &[],
        }
    }
}

/// One staged row: what is to be done to one record. `Debug` shows no JSON, which may be of a child.
#[derive(Clone, PartialEq, Eq)]
pub struct Staged {
    /// The kind of record.
    pub kind: RecordKind,
    /// The record.
    pub id: String,
    /// What is to be done.
    pub edit: Edit,
    /// The new JSON; none for an archiving, and where a reader did not ask for it.
    pub record: Option<String>,
    /// The event that told it.
    pub event: Option<String>,
    /// The meaning to put aside with it: set by an undo.
    pub refused: Option<Hash>,
    /// Whether it waits for approval.
    pub held: bool,
}

impl Staged {
    /// What is to be done, in one word.
    #[must_use]
    pub const fn op(&self) -> Op {
        self.edit.op()
    }
}

#[cfg(test)]
impl Staged {
    /// A row for tests, which name what they are about.
    pub(crate) fn sample(kind: RecordKind, id: impl Into<String>, op: Op) -> Self {
        let (old, hash) = ([1; 16], [1; 16]);
        let fields = "[]".to_owned();
        let meaning = None;
        let edit = match op {
            Op::Create => Edit::Create { hash },
            Op::Archive => Edit::Archive { hash },
            Op::Touch => Edit::Touch { old, hash },
            Op::Forget => unreachable!("no run stages it"),
            Op::Restore => Edit::Restore {
                old,
                hash,
                meaning,
                fields,
            },
            Op::Update => Edit::Update {
                old,
                hash,
                meaning,
                fields,
                lost: 0,
                schools: Vec::new(),
            },
        };
        Self {
            kind,
            id: id.into(),
            edit,
            record: Some("{}".to_owned()),
            event: None,
            refused: None,
            held: false,
        }
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("edit", &self.edit)
            .field("event", &self.event)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

/// How many staged rows there are of each kind, operation and standing (`true` is held), and the places in
/// sections that they take away.
pub type Tally = BTreeMap<(RecordKind, Op, bool), (u64, u64)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_record() {
        let record = r#"{"name":{"last":"Secret"}}"#.to_owned();
        let state = State {
            id: "u1".to_owned(),
            hash: ABSENT,
            archived: false,
            refused: None,
        };
        let staged = Staged {
            record: Some(record.clone()),
            ..Staged::sample(RecordKind::Users, "u1", Op::Create)
        };
        let value = crate::store::sql::Sql::from(record.as_str());
        let stored = Stored {
            state,
            record: record.clone(),
        };
        let shown = format!("{stored:?} {staged:?} {value:?}");
        assert!(shown.contains("u1") && !shown.contains("Secret"), "{shown}");
    }
}
