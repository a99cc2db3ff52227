//! A frozen model: what each degree of agreement weighs, in millibits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::MatchConfig;
use crate::kind::{EQUAL, Kind};
use crate::pattern::Pattern;
use crate::people::{Lexicon, People, Symbol};

/// The only version of the file that there is.
const VERSION: u32 = 1;
/// A value that fewer records have is kept in no model: it could name somebody.
pub(crate) const LEAST_HOLDERS: u32 = 10;

/// Match weights of Fellegi and Sunter, with values' frequencies. Whole numbers only, so that a score is the
/// same on every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The version of the form.
    pub version: u32,
    /// The log-odds that two records picked at random are one person's, in millibits.
    pub prior: i32,
    /// The fields, in the configuration's order.
    pub fields: Vec<FieldModel>,
    /// On what it was trained.
    pub trained_on: Training,
}

/// One field's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldModel {
    /// The field's name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// The weight of each level, by the kind's names for them, in millibits.
    pub weights: BTreeMap<String, i32>,
    /// How often values occur; those of fewer than ten records are counted together.
    pub frequencies: Frequencies,
}

/// How often a field's values occur.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Frequencies {
    /// The share of matching people whose values are equal, as millibits: at most 0.
    pub equal_share: i32,
    /// Records with a value.
    pub records: u64,
    /// Records with a value that is not listed.
    pub rare_records: u64,
    /// How many values are not listed.
    pub rare_values: u64,
    /// Values and their records.
    pub common: BTreeMap<String, u32>,
}

/// What a model was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Training {
    /// Records of the left file.
    pub left: u64,
    /// Records of the right file.
    pub right: u64,
    /// Pairs that were compared.
    pub pairs: u64,
    /// How many matches there were, as far as the training could tell.
    pub matches: u64,
    /// Rounds until nothing changed.
    pub rounds: u32,
}

/// A model that can't be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ModelError {
    /// Made by another version.
    #[error("the model has version {0}, and only {VERSION} is known: train it again")]
    Version(u32),
    /// Made for other fields.
    #[error(
        "the model is for the fields {model}, and the configuration has {config}: train it again"
    )]
    Fields {
        /// The model's fields and kinds.
        model: String,
        /// The configuration's.
        config: String,
    },
    /// A level without a weight.
    #[error("the model has no weight for `{level}` of field `{field}`")]
    NoWeight {
        /// The field.
        field: String,
        /// The level.
        level: &'static str,
    },
}

impl Model {
    /// The version of the form that is written.
    pub(crate) const VERSION: u32 = VERSION;

    /// Makes it ready to score.
    pub(crate) fn scorer(&self, people: &People) -> Result<Scorer, ModelError> {
        if self.version != VERSION {
            return Err(ModelError::Version(self.version));
        }
        self.check_fields(&people.config)?;
        let mut fields = Vec::new();
        for (model, lexicon) in self.fields.iter().zip(&people.lexicons) {
            let mut weights = Vec::new();
            for level in model.kind.levels() {
                let weight = model.weights.get(*level).copied();
                weights.push(weight.ok_or_else(|| ModelError::NoWeight {
                    field: model.name.clone(),
                    level,
                })?);
            }
            let equal = if matches!(model.kind, Kind::Date | Kind::Grade) {
                Vec::new()
            } else {
                let mut all = vec![0; 1];
                all.extend(
                    lexicon
                        .symbols()
                        .map(|symbol| model.frequencies.weight(lexicon.value(symbol))),
                );
                all
            };
            fields.push(FieldScorer { weights, equal });
        }
        Ok(Scorer {
            prior: self.prior,
            fields,
        })
    }

    fn check_fields(&self, config: &MatchConfig) -> Result<(), ModelError> {
        let names = |all: Vec<(&str, Kind)>| {
            let all: Vec<String> = all
                .iter()
                .map(|(name, kind)| format!("{name} ({kind:?})"))
                .collect();
            all.join(", ")
        };
        let model: Vec<(&str, Kind)> = self
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.kind))
            .collect();
        let wanted: Vec<(&str, Kind)> = config
            .field
            .iter()
            .map(|field| (field.name.as_str(), field.kind))
            .collect();
        if model == wanted {
            return Ok(());
        }
        Err(ModelError::Fields {
            model: names(model),
            config: names(wanted),
        })
    }
}

impl Frequencies {
    /// Counts a field's values.
    pub(crate) fn count(lexicon: &Lexicon, equal_share: i32) -> Self {
        let mut all = Self {
            equal_share,
            ..Self::default()
        };
        for symbol in lexicon.symbols() {
            let records: u32 = lexicon.holders(symbol).iter().sum();
            all.records += u64::from(records);
            if records >= LEAST_HOLDERS {
                all.common.insert(lexicon.value(symbol).to_owned(), records);
            } else {
                all.rare_records += u64::from(records);
                all.rare_values += 1;
            }
        }
        all
    }

    /// What it weighs that both records have this value: more, the rarer it is, and never less than nothing.
    #[must_use]
    pub fn weight(&self, value: &str) -> i32 {
        let rarity = match self.common.get(value) {
            Some(records) => millibits(self.records.max(1)) - millibits(u64::from(*records).max(1)),
            // As if each unlisted value had as many records as the others.
            None => {
                millibits(self.records.max(1)) + millibits(self.rare_values.max(1))
                    - millibits(self.rare_records.max(1))
            }
        };
        rarity.saturating_add(self.equal_share).max(0)
    }
}

/// A model, ready to score.
#[derive(Debug)]
pub(crate) struct Scorer {
    prior: i32,
    fields: Vec<FieldScorer>,
}

#[derive(Debug)]
struct FieldScorer {
    weights: Vec<i32>,
    /// By value, if its frequency matters.
    equal: Vec<i32>,
}

impl Scorer {
    /// What one field adds.
    pub(crate) fn weight(&self, field: usize, pattern: Pattern, value: Symbol) -> i32 {
        let of = &self.fields[field];
        match pattern.level(field) {
            EQUAL => of
                .equal
                .get(value as usize)
                .copied()
                .unwrap_or(of.weights[EQUAL as usize]),
            level => of.weights.get(level as usize).copied().unwrap_or_default(),
        }
    }

    /// The log-odds that two records are one person's.
    pub(crate) fn score(&self, pattern: Pattern, left: &[Symbol]) -> i32 {
        let mut sum = self.prior;
        for (field, value) in left.iter().enumerate() {
            sum = sum.saturating_add(self.weight(field, pattern, *value));
        }
        sum
    }
}

/// The binary logarithm in thousandths, rounded down; 0 of 0. By whole numbers alone.
pub(crate) const fn millibits(number: u64) -> i32 {
    if number == 0 {
        return 0;
    }
    let whole = number.ilog2();
    // The mantissa, from 1 to 2, with 31 bits behind the point; squaring it yields one bit after another.
    let mut mantissa = if whole > 31 {
        number >> (whole - 31)
    } else {
        number << (31 - whole)
    };
    let mut bits = 0_u64;
    let mut round = 0;
    while round < 20 {
        mantissa = (mantissa * mantissa) >> 31;
        bits <<= 1;
        if mantissa >> 32 > 0 {
            mantissa >>= 1;
            bits |= 1;
        }
        round += 1;
    }
    whole as i32 * 1000 + ((bits * 1000) >> 20) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn millibits_are_binary_logarithms(number in 1_u64..) {
            let exact = (number as f64).log2() * 1000.0;
            prop_assert!((f64::from(millibits(number)) - exact).abs() < 1.1, "{number}: {exact}");
        }

        #[test]
        fn p29_a_rarer_value_weighs_no_less(a in 1_u32..1000, b in 1_u32..1000, share in -3000..=0) {
            let common = BTreeMap::from([("a".to_owned(), a.min(b)), ("b".to_owned(), a.max(b))]);
            let all = Frequencies { equal_share: share, records: 2000, rare_records: 1, rare_values: 1, common };
            prop_assert!(all.weight("a") >= all.weight("b"));
            prop_assert!(all.weight("b") >= 0);
        }
    }
}
