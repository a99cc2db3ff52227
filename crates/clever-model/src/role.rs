//! The parts a person may play, as Clever names them in API v3.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A role of a user. Teacher, staff and district admin may meet in one user; student and contact
/// never share a user with any other role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A pupil.
    Student,
    /// Someone who teaches sections.
    Teacher,
    /// School staff who do not teach (API v2: school admin).
    Staff,
    /// Someone who acts for the whole district.
    DistrictAdmin,
    /// A parent, guardian or other adult of a student.
    Contact,
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}; known are student, teacher, staff, district_admin, contact")]
pub struct UnknownRole(pub String);

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::Student,
        Self::Teacher,
        Self::Staff,
        Self::DistrictAdmin,
        Self::Contact,
    ];

    /// Returns Clever's name of the role: a key of `roles`, a value of the `role` parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Teacher => "teacher",
            Self::Staff => "staff",
            Self::DistrictAdmin => "district_admin",
            Self::Contact => "contact",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("admin".parse::<Role>().is_err());
    }
}
