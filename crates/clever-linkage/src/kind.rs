//! What sorts of fields there are, and in what degrees two values agree.

use serde::{Deserialize, Serialize};

/// How far two values agree: 0 where one is absent, 1 where they are equal, then further and further apart.
pub type Level = u8;

/// The level where a value is absent: it says nothing.
pub(crate) const ABSENT: Level = 0;
/// The level of equal values.
pub(crate) const EQUAL: Level = 1;
/// Most levels of a field.
pub(crate) const MAX_LEVELS: usize = 8;

/// The sort of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person's first name.
    GivenName,
    /// A person's last name, also of several words.
    FamilyName,
    /// A day, as a date of birth.
    Date,
    /// An id in the district's system. Give it a `scope`: two districts use the same ones.
    SisId,
    /// The number that a district gave a student. Give it a `scope`.
    StudentNumber,
    /// An id that a state gave. Give it a `scope` where there is more than one state.
    StateId,
    /// Any other id.
    Id,
    /// A mailbox. Held by two people it says nothing.
    Email,
    /// A school grade; people move up one a year.
    Grade,
    /// A word out of few: a school, a gender, a postcode.
    Code,
    /// Free text: a street, a town.
    Text,
}

impl Kind {
    /// The names of its levels: first that a value is absent, then that both are equal, last that they are furthest apart.
    #[must_use]
    pub const fn levels(self) -> &'static [&'static str] {
        match self {
            Self::GivenName => &[
                "absent", "equal", "nickname", "spelling", "short", "alike", "swapped", "differ",
            ],
            Self::FamilyName => &["absent", "equal", "part", "spelling", "alike", "differ"],
            Self::Date => &["absent", "equal", "turned", "digit", "digits", "differ"],
            Self::SisId | Self::StudentNumber | Self::StateId | Self::Id => {
                &["absent", "equal", "zeros", "digit", "differ"]
            }
            Self::Email => &["absent", "equal", "shared", "name", "differ"],
            Self::Grade => &["absent", "equal", "next", "differ"],
            Self::Code => &["absent", "equal", "spelling", "differ"],
            Self::Text => &["absent", "equal", "words", "spelling", "alike", "differ"],
        }
    }

    /// Where values this far apart contradict each other.
    #[must_use]
    pub const fn contradicts(self, level: Level) -> bool {
        let last = self.levels().len() - 1;
        match self {
            Self::GivenName | Self::FamilyName | Self::Date | Self::Grade => level as usize == last,
            Self::SisId | Self::StudentNumber | Self::StateId | Self::Id => {
                level as usize >= last - 1
            }
            Self::Email | Self::Code | Self::Text => false,
        }
    }

    /// Whether it names one person, not many.
    #[must_use]
    pub const fn is_id(self) -> bool {
        matches!(
            self,
            Self::SisId | Self::StudentNumber | Self::StateId | Self::Id
        )
    }

    /// Whether it is a part of a person's name.
    pub(crate) const fn is_name(self) -> bool {
        matches!(self, Self::GivenName | Self::FamilyName)
    }

    /// Shares of matching people at each level to begin the training with; those of [`ABSENT`] count nothing.
    pub(crate) const fn first_guess(self) -> &'static [f64] {
        match self {
            Self::GivenName => &[0.0, 0.85, 0.04, 0.04, 0.02, 0.02, 0.01, 0.02],
            Self::FamilyName => &[0.0, 0.88, 0.03, 0.04, 0.02, 0.03],
            Self::Date => &[0.0, 0.92, 0.01, 0.03, 0.02, 0.02],
            Self::SisId | Self::StudentNumber | Self::StateId | Self::Id => {
                &[0.0, 0.90, 0.02, 0.02, 0.06]
            }
            Self::Email => &[0.0, 0.75, 0.05, 0.05, 0.15],
            Self::Grade => &[0.0, 0.70, 0.25, 0.05],
            Self::Code => &[0.0, 0.85, 0.05, 0.10],
            Self::Text => &[0.0, 0.75, 0.05, 0.08, 0.05, 0.07],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_a_first_guess_and_they_are_shares() {
        for kind in [
            Kind::GivenName,
            Kind::FamilyName,
            Kind::Date,
            Kind::SisId,
            Kind::Email,
            Kind::Grade,
            Kind::Code,
            Kind::Text,
        ] {
            assert_eq!(kind.levels().len(), kind.first_guess().len(), "{kind:?}");
            assert!(kind.levels().len() <= MAX_LEVELS, "{kind:?}");
            let sum: f64 = kind.first_guess().iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{kind:?}: {sum}");
        }
    }
}
