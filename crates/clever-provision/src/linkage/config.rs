//! What to compare, and how sure to be: the columns of both files, blocking keys, thresholds.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::block::Key;
use super::kind::Kind;

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
    /// The second file: the people to find accounts for. Unused where one file is compared with itself.
    pub right: SideConfig,
    /// The fields, at most 16.
    pub field: Vec<FieldConfig>,
    /// Blocking keys: lists of field names whose values must all be equal for two records to be compared at
    /// all. Where none is given, every id and mailbox is one, and every two of the other fields; both names count
    /// by their letters, and with a date also by their first letters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<Vec<String>>,
    /// A block with more left records than this is not read.
    #[serde(default = "default_block_limit")]
    pub block_limit: u32,
    /// Columns that must be equal, and told, for a link without a person's word: who governs the account and
    /// who tells the roster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<ColumnPair>,
    /// How sure to be.
    #[serde(default)]
    pub decide: Thresholds,
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
    /// Values are equal only where these are equal too: the district of a district's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<ColumnPair>,
}

/// How sure to be, in millibits: 1,000 for each doubling of the odds that two records are one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// From here on a link needs no person's word: 20,000 are odds of a million to one.
    pub auto: i32,
    /// How far the best must lead over the next, on both sides.
    pub margin: i32,
    /// From here on a person is asked. Negative: odds against.
    pub review: i32,
    /// How many candidates are kept for each person.
    pub candidates: u8,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            auto: 24_000,
            margin: 6_000,
            review: -4_000,
            candidates: 5,
        }
    }
}

const fn default_block_limit() -> u32 {
    200
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
    /// A value out of range.
    #[error("`{name}` is {value}, and must be {range}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: i64,
        /// What it may be.
        range: &'static str,
    },
    /// No link at all could be proposed.
    #[error(
        "nothing to find pairs by: give an id, a mailbox, or two other fields, or name a [block]"
    )]
    NothingToBlockBy,
}

impl MatchConfig {
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
        let within = |name, value: i64, fine, range| {
            if fine {
                Ok(())
            } else {
                Err(ConfigError::OutOfRange { name, value, range })
            }
        };
        let decide = &self.decide;
        within(
            "block_limit",
            self.block_limit.into(),
            self.block_limit > 0,
            "at least 1",
        )?;
        within(
            "decide.candidates",
            decide.candidates.into(),
            (1..=20).contains(&decide.candidates),
            "from 1 to 20",
        )?;
        within(
            "decide.margin",
            decide.margin.into(),
            decide.margin >= 0,
            "at least 0",
        )?;
        within(
            "decide.auto",
            decide.auto.into(),
            decide.auto > decide.review,
            "above decide.review",
        )?;
        if self.blocks().is_empty() {
            return Err(ConfigError::NothingToBlockBy);
        }
        Ok(())
    }

    /// The columns that are read of a file: each field's, each scope's and the reach's.
    #[must_use]
    pub fn columns(&self, side: Side) -> Vec<&str> {
        let mut all = Vec::new();
        for field in &self.field {
            all.push(field.column(side));
            all.extend(field.scope.as_ref().map(|scope| scope.column(side)));
        }
        all.extend(self.reach.as_ref().map(|reach| reach.column(side)));
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
