//! Record linkage: which records of two files of people, or of one, may be the same person's?
//!
//! Values are normalised, records with an equal blocking key compared field by field, and the degrees of
//! agreement weighed as Fellegi and Sunter do, with the values' frequencies; the weights are trained without
//! labels and then frozen, in whole millibits. What comes out depends neither on the order of the records nor
//! on the number of threads.
//!
//! A [`Comparison`] has scores and evidence, and never a verdict: a high score is no proof, as whoever types a child's
//! name into a sign-up form gets one. `clever-provision` decides, by what governs an account.
//!
//! ```
//! use clever_linkage::{Linkage, MatchConfig, PeopleBuilder, Run, Side};
//!
//! let config: MatchConfig = toml::from_str(
//!     r#"
//!     left = { id = "account" }
//!     right = { id = "clever_id" }
//!     field = [
//!         { name = "sis", kind = "sis_id" },
//!         { name = "first", kind = "given_name" },
//!         { name = "last", kind = "family_name" },
//!         { name = "born", kind = "date" },
//!     ]
//!     "#,
//! )?;
//! let mut people = PeopleBuilder::new(config)?;
//! people.push(Side::Left, "a1", ["1511", "Bill", "Núñez", "2010-01-31"])?;
//! people.push(Side::Left, "a2", ["1512", "Ann", "Lee", "2011-05-06"])?;
//! people.push(Side::Right, "u1", ["1511", "William", "Nunez", "1/31/2010"])?;
//! let linkage = Linkage::new(people.finish()?);
//! let model = linkage.train(&Run::default());
//! let comparison = linkage.compare(&model, &Run::default())?;
//! let best = &comparison.all[0].pairs[0];
//! assert_eq!(comparison.ids(best), ["a1", "u1"]);
//! let said: Vec<&str> = comparison.agreements(best).map(|one| one.word()).collect();
//! assert_eq!(said, ["equal", "nickname", "equal", "equal"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
// docs.rs says at each item which feature brings it.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod block;
mod compare;
mod comparison;
mod config;
mod date;
mod kin;
mod kind;
mod model;
mod names;
mod namesakes;
mod nicknames;
mod pattern;
mod people;
mod placeholder;
mod places;
mod reading;
mod sketch;
mod text;
mod train;
mod walk;

use std::num::NonZeroUsize;

pub use comparison::{Agreement, Comparison, Matches, Pair};
pub use config::{ColumnPair, ConfigError, FieldConfig, MatchConfig, Side, SideConfig};
pub use date::DateForm;
pub use kind::{Kind, Level};
pub use model::{Model, ModelError};
pub use names::{compare_names, is_surely_one, name_key, names_agree};
pub use nicknames::Nicknames;
pub use people::{FileError, People, PeopleBuilder};
pub use placeholder::{is_no_birthday, is_placeholder};
pub use reading::ColumnReading;

use people::Table;

/// Two files, or one with itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    TwoFiles,
    OneFile,
}

impl Shape {
    const fn right(self, people: &People) -> &Table {
        match self {
            Self::TwoFiles => &people.right,
            Self::OneFile => &people.left,
        }
    }

    /// How many pairs there are.
    fn pairs(self, people: &People) -> f64 {
        let (left, right) = (people.left.len() as f64, self.right(people).len() as f64);
        match self {
            Self::TwoFiles => left * right,
            Self::OneFile => left * (left - 1.0) / 2.0,
        }
    }

    /// Whether a pair is one, and the only one of its two rows.
    const fn counts(self, left: usize, right: usize) -> bool {
        match self {
            Self::TwoFiles => true,
            Self::OneFile => left < right,
        }
    }
}

/// How to work: on how many threads, and whom to tell how many records are done.
pub struct Run<'a> {
    /// Threads. Results don't depend on it.
    pub threads: NonZeroUsize,
    /// Told of each few records that are done.
    pub progress: &'a (dyn Fn(usize) + Sync),
}

impl Default for Run<'_> {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            progress: &|_| (),
        }
    }
}

/// The records, and the names that go together.
#[derive(Debug)]
pub struct Linkage {
    people: People,
    nicknames: Nicknames,
}

impl Linkage {
    /// With the common nicknames.
    #[must_use]
    pub fn new(people: People) -> Self {
        Self::with_nicknames(people, Nicknames::default())
    }

    /// With other nicknames.
    #[must_use]
    pub const fn with_nicknames(people: People, nicknames: Nicknames) -> Self {
        Self { people, nicknames }
    }

    /// The records.
    #[must_use]
    pub const fn people(&self) -> &People {
        &self.people
    }

    /// Trains a model on both files, without labels.
    #[must_use]
    pub fn train(&self, run: &Run<'_>) -> Model {
        train::train(&self.people, &self.nicknames, Shape::TwoFiles, run)
    }

    /// Trains a model on the left file alone, to find who is in it twice.
    #[must_use]
    pub fn train_within(&self, run: &Run<'_>) -> Model {
        train::train(&self.people, &self.nicknames, Shape::OneFile, run)
    }

    /// Compares each right record with the left ones that have a blocking key in common.
    ///
    /// # Errors
    ///
    /// Returns an error if the model is not for these fields.
    pub fn compare(&self, model: &Model, run: &Run<'_>) -> Result<Comparison<'_>, ModelError> {
        comparison::compare(&self.people, &self.nicknames, model, Shape::TwoFiles, run)
    }

    /// Compares the left file's records with each other.
    ///
    /// # Errors
    ///
    /// Returns an error if the model is not for these fields.
    pub fn compare_within(
        &self,
        model: &Model,
        run: &Run<'_>,
    ) -> Result<Comparison<'_>, ModelError> {
        comparison::compare(&self.people, &self.nicknames, model, Shape::OneFile, run)
    }
}

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
