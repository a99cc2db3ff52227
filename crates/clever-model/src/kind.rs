//! The kinds of record that a district's roster is made of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of record, in the order in which a snapshot reads them: parents before children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// The district itself.
    Districts,
    /// Its schools.
    Schools,
    /// Its terms.
    Terms,
    /// Its courses.
    Courses,
    /// Its people, of every role.
    Users,
    /// Its sections, which carry the enrollments.
    Sections,
    /// The app's content as mapped by the district; needs an extra scope.
    Resources,
}

/// A text that names no kind of record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown record kind {0:?}; known are districts, schools, terms, courses, users, sections, resources"
)]
pub struct UnknownKind(pub String);

impl RecordKind {
    /// Every kind, in reading order.
    pub const ALL: [Self; 7] = [
        Self::Districts,
        Self::Schools,
        Self::Terms,
        Self::Courses,
        Self::Users,
        Self::Sections,
        Self::Resources,
    ];

    /// The kinds of an ordinary roster: all but [`RecordKind::Resources`].
    pub const ROSTER: [Self; 6] = [
        Self::Districts,
        Self::Schools,
        Self::Terms,
        Self::Courses,
        Self::Users,
        Self::Sections,
    ];

    /// Returns the plural that Clever uses in paths and event types, which is also the table's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Districts => "districts",
            Self::Schools => "schools",
            Self::Terms => "terms",
            Self::Courses => "courses",
            Self::Users => "users",
            Self::Sections => "sections",
            Self::Resources => "resources",
        }
    }

    /// Returns the word for one record of the kind.
    #[must_use]
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Districts => "district",
            Self::Schools => "school",
            Self::Terms => "term",
            Self::Courses => "course",
            Self::Users => "user",
            Self::Sections => "section",
            Self::Resources => "resource",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RecordKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownKind(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in RecordKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("students".parse::<RecordKind>().is_err());
    }
}
