//! What a run changed, as far as what is counted and found of the roster depends on it.
//!
//! Decision: the cost of a run follows what it changed. Totals are those of the last run, moved by the changes; people who
//! are missing are found through two partial indices; references to schools, courses and terms are checked again only if
//! one of those came or went.

use std::collections::{BTreeMap, BTreeSet};

use clever_model::RecordKind;

/// By how much a run changes what is counted of the roster.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Active records.
    pub(crate) kinds: BTreeMap<RecordKind, i64>,
    /// Places of students in active sections.
    pub(crate) students: i64,
    /// Places of teachers in active sections.
    pub(crate) teachers: i64,
    /// Roles of active users.
    pub(crate) roles: BTreeMap<String, i64>,
}

/// What a run changed, as far as references care.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// How many records said something new.
    pub(crate) records: u64,
    /// How many records went into tables where the district had none.
    pub(crate) filled: u64,
    /// Kinds of which a record may refer to others than before.
    pub(crate) referring: BTreeSet<RecordKind>,
    /// Kinds of which a record came or went.
    pub(crate) moved: BTreeSet<RecordKind>,
    /// Schools, courses and terms that records of a kind name, by that kind and theirs; nothing where the district had
    /// no record of the kind that names.
    pub(crate) named: BTreeMap<(RecordKind, RecordKind), BTreeSet<String>>,
    /// What it changed of the totals.
    pub(crate) totals: Totals,
}
