//! What to compare: the columns of both files, and blocking keys.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::kind::Kind;

/// Most fields of a comparison.
const MAX_FIELDS: usize = 16;

/// A comparison of two files of people, or of one with itself. As TOML:
///
/// ```toml
/// left = { id = "account" }
/// right = { id = "clever_id" }
///
/// [[field]]
/// name = "sis"
/// kind = "sis_id"
/// left = "student_code"
/// right = "sis_id"
/// scope = { left = "district", right = "district" }
///
/// [[field]]
/// name = "first"
/// kind = "given_name"
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchConfig {
    /// The first file: the app's accounts.
    pub left: SideConfig,
    /// The second file: the people to find accounts for. Unused if one file is compared with itself.
    pub right: SideConfig,
    /// The fields, at most 16.
    pub field: Vec<FieldConfig>,
    /// Blocking keys: lists of field names whose values must all be equal for two records to be compared at
    /// all. If none is given, every id and mailbox is one, and every two of the other fields; both names count
    /// by their letters, and with a date also by their first letters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<Vec<String>>,
    /// A block with more left records than this is not read.
    #[serde(default = "default_block_limit")]
    pub block_limit: u32,
    /// The lowest score that is evidence, in millibits: two records with less are taken for strangers. Negative: odds
    /// against.
    #[serde(default = "default_least")]
    pub least: i32,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideConfig {
    /// The column with the record's id, unique in the file.
    pub id: String,
}

/// A column of each file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnPair {
    /// The left file's column.
    pub left: String,
    /// The right file's column.
    pub right: String,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldConfig {
    /// What it is called.
    pub name: String,
    /// What sort of value it is.
    pub kind: Kind,
    /// The left file's column; else the field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// The right file's column; else the field's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<String>,
    /// Values are equal only if these are equal too: the district of a district's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ColumnPair>,
}

const fn default_block_limit() -> u32 {
    MatchConfig::BLOCK_LIMIT
}

const fn default_least() -> i32 {
    MatchConfig::LEAST
}

/// A configuration that can't be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// No fields.
    #[error("no field to compare: add a [[field]] with a name and a kind")]
    NoField,
    /// Too many fields.
    #[error("{0} fields, and at most {MAX_FIELDS} can be compared")]
    TooManyFields(usize),
    /// A name twice.
    #[error("two fields are named `{0}`")]
    DuplicateField(String),
    /// A kind twice of which there can be one.
    #[error("two fields are of kind {0:?}, of which a person has one")]
    DuplicateKind(Kind),
    /// A blocking key of an unknown field.
    #[error("a block names `{0}`, which is no field")]
    UnknownField(String),
    /// An empty blocking key, which would compare everybody with everybody.
    #[error("a block is empty: everybody would be compared with everybody")]
    EmptyBlock,
    /// Blocks of which none could be read.
    #[error("`block_limit` is 0, and must be at least 1")]
    NoBlockLimit,
    /// No link at all could be proposed.
    #[error(
        "nothing to find pairs by: give an id, a mailbox, or two other fields, or name a [block]"
    )]
    NothingToBlockBy,
}

/// What two records must have in common to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// These fields.
    Fields(Vec<usize>),
    /// All letters of both names, in whatever order and words, and the date if one is named: given and family
    /// name may have changed places, `von der Heide` may be one word.
    Letters {
        names: [usize; 2],
        date: Option<usize>,
    },
    /// The first letters of both names, and the date: a name may be written quite otherwise.
    Initials { names: [usize; 2], date: usize },
}

impl MatchConfig {
    /// The largest block that is read, if no other limit is named.
    pub const BLOCK_LIMIT: u32 = 200;
    /// The lowest score that is evidence, if no other is named.
    pub const LEAST: i32 = -4_000;

    /// Whether it can be used.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with it.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.field.is_empty() {
            return Err(ConfigError::NoField);
        }
        if self.field.len() > MAX_FIELDS {
            return Err(ConfigError::TooManyFields(self.field.len()));
        }
        let mut names = BTreeSet::new();
        let mut kinds = BTreeSet::new();
        for field in &self.field {
            if !names.insert(field.name.as_str()) {
                return Err(ConfigError::DuplicateField(field.name.clone()));
            }
            let one_each = matches!(field.kind, Kind::GivenName | Kind::FamilyName | Kind::Grade);
            if one_each && !kinds.insert(field.kind) {
                return Err(ConfigError::DuplicateKind(field.kind));
            }
        }
        for block in &self.block {
            if block.is_empty() {
                return Err(ConfigError::EmptyBlock);
            }
            if let Some(name) = block.iter().find(|name| !names.contains(name.as_str())) {
                return Err(ConfigError::UnknownField(name.clone()));
            }
        }
        if self.block_limit == 0 {
            return Err(ConfigError::NoBlockLimit);
        }
        if self.blocks().is_empty() {
            return Err(ConfigError::NothingToBlockBy);
        }
        Ok(())
    }

    /// The columns that are read of a file: each field's, and after it its scope's.
    #[must_use]
    pub fn columns(&self, side: Side) -> Vec<&str> {
        let mut all = Vec::new();
        for field in &self.field {
            all.push(field.column(side));
            all.extend(field.scope.as_ref().map(|scope| scope.column(side)));
        }
        all
    }

    /// The blocking keys.
    pub(crate) fn blocks(&self) -> Vec<Key> {
        let place = |name: &String| self.field.iter().position(|field| field.name == *name);
        if !self.block.is_empty() {
            return self
                .block
                .iter()
                .map(|names| Key::Fields(names.iter().filter_map(place).collect()))
                .collect();
        }
        let alone = |field: &FieldConfig| field.kind.is_id() || field.kind == Kind::Email;
        let mut blocks = Vec::new();
        for (at, field) in self.field.iter().enumerate() {
            if alone(field) {
                blocks.push(Key::Fields(vec![at]));
                continue;
            }
            for (other, with) in self.field.iter().enumerate().skip(at + 1) {
                let kinds = [field.kind, with.kind];
                // A grade parts nobody, and two codes together hardly; names have keys of their own.
                if !alone(with)
                    && !kinds.contains(&Kind::Grade)
                    && kinds != [Kind::Code; 2]
                    && !kinds.iter().all(|kind| kind.is_name())
                {
                    blocks.push(Key::Fields(vec![at, other]));
                }
            }
        }
        let first = |kind| self.field.iter().position(|field| field.kind == kind);
        if let (Some(given), Some(family)) = (first(Kind::GivenName), first(Kind::FamilyName)) {
            let names = [given, family];
            blocks.push(Key::Letters { names, date: None });
            if let Some(date) = first(Kind::Date) {
                blocks.push(Key::Letters {
                    names,
                    date: Some(date),
                });
                blocks.push(Key::Initials { names, date });
            }
        }
        blocks
    }
}

impl FieldConfig {
    /// Its column in a file.
    #[must_use]
    pub fn column(&self, side: Side) -> &str {
        let own = match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        };
        own.as_deref().unwrap_or(&self.name)
    }
}

impl ColumnPair {
    /// Its column in a file.
    #[must_use]
    pub fn column(&self, side: Side) -> &str {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The accounts.
    Left,
    /// The people to find accounts for.
    Right,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::Right => "right",
        })
    }
}
