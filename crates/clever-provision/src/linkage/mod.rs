//! Record linkage: which records of two files, or of one, are the same person's?
//!
//! Values are normalised, records with an equal blocking key compared field by field, and the degrees of
//! agreement weighed as Fellegi and Sunter do, with the values' frequencies; the weights are trained without
//! labels and then frozen, in whole millibits. What comes out depends neither on the order of the records nor
//! on the number of threads.
//!
//! A score is no proof: [`crate::decide`] takes it as one evidence among others, inside reach only.
//!
//! ```
//! use clever_provision::linkage::{Linkage, MatchConfig, PeopleBuilder, Run, Side, Verdict};
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
//! let links = linkage.link(&model, &Run::default())?;
//! let best = &links.all[0].candidates[0];
//! assert_eq!(links.left_id(best), "a1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block;
mod cluster;
mod compare;
mod config;
mod date;
mod evidence;
mod kin;
mod kind;
mod link;
mod model;
mod nicknames;
mod people;
mod reading;
mod train;
mod walk;

use std::num::NonZeroUsize;

pub use cluster::{Cluster, Clusters, Pair};
pub use config::{ColumnPair, ConfigError, FieldConfig, MatchConfig, Side, SideConfig, Thresholds};
pub use date::DateForm;
pub use kind::{ABSENT, EQUAL, Kind, Level};
pub use link::{Candidate, Doubt, Link, Links, Verdict};
pub use model::{FieldModel, Frequencies, Model, ModelError, Training};
pub use nicknames::Nicknames;
pub use people::{FileError, People, PeopleBuilder};
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

    /// Finds an account for each right record.
    ///
    /// # Errors
    ///
    /// Returns an error where the model is not for these fields.
    pub fn link(&self, model: &Model, run: &Run<'_>) -> Result<Links<'_>, ModelError> {
        link::link(&self.people, &self.nicknames, model, run)
    }

    /// Finds who is in the left file more than once: joins pairs from `least` millibits on that nothing speaks
    /// against, and lists the others for a person.
    ///
    /// # Errors
    ///
    /// Returns an error where the model is not for these fields.
    pub fn clusters(
        &self,
        model: &Model,
        least: i32,
        run: &Run<'_>,
    ) -> Result<Clusters<'_>, ModelError> {
        cluster::clusters(&self.people, &self.nicknames, model, least, run)
    }
}
