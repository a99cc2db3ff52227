//! Clever's ids, one type for each kind of thing.
//!
//! Clever documents 24 lower-case hex digits (an ObjectID) and asks that they be treated as opaque
//! text, compared exactly. So a shorter or stranger id is accepted as long as it can't change the
//! meaning of a URL path, a log line or a sort order: ASCII letters, digits, `-` and `_`, at most
//! [`MAX_LEN`] bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Longest id accepted, in bytes; Clever's own are 24.
pub const MAX_LEN: usize = 64;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is empty; in a path, an empty id would address the whole list.
    #[error("an id can't be empty")]
    Empty,
    /// The text is longer than [`MAX_LEN`].
    #[error("an id of {length} bytes is longer than the {MAX_LEN} allowed")]
    TooLong {
        /// Length of the refused text, in bytes.
        length: usize,
    },
    /// A byte that has a meaning in a URL, a log or a sort order.
    #[error("an id can't contain {found:?} (at byte {at})")]
    BadCharacter {
        /// The first refused character.
        found: char,
        /// Its position, in bytes.
        at: usize,
    },
}

/// Says whether `text` may stand as an id in a path.
///
/// # Errors
///
/// [`IdError`] names the first thing wrong.
pub fn check_id(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_LEN {
        return Err(IdError::TooLong { length: text.len() });
    }
    match text
        .char_indices()
        .find(|(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
    {
        Some((at, found)) => Err(IdError::BadCharacter { found, at }),
        None => Ok(()),
    }
}

/// Reads the Unix time, in seconds, that an ObjectID carries in its first eight hex digits.
fn object_id_seconds(text: &str) -> Option<i64> {
    if text.len() != 24 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    i64::from_str_radix(text.get(..8)?, 16).ok()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes `text` as an id.
            ///
            /// # Errors
            ///
            /// [`IdError`] when the text could change the meaning of a path or a log line.
            pub fn new(text: impl Into<Box<str>>) -> Result<Self, IdError> {
                let text = text.into();
                check_id(&text)?;
                Ok(Self(text))
            }

            /// Returns the id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns when the id was made, to the second, if it is an ObjectID.
            #[must_use]
            pub fn made_at(&self) -> Option<Timestamp> {
                Timestamp::from_second(object_id_seconds(&self.0)?).ok()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )+};
}

ids! {
    /// A district: the tenant, and the unit of work, isolation and sharding.
    DistrictId,
    /// A school of a district.
    SchoolId,
    /// A dated teaching period; not stable across changes of its data.
    TermId,
    /// A course, which sections teach.
    CourseId,
    /// One taught group; the only link between students and teachers.
    SectionId,
    /// A person as Clever knows them (API v3): the key of every account link.
    UserId,
    /// A piece of an app's content, mapped to courses.
    ResourceId,
    /// An event; ids ascend in feed order and carry their time.
    EventId,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_object_id_is_an_id_and_carries_its_time() {
        let id = EventId::new("64206e4431f12f05cc490775").unwrap();
        assert_eq!(id.made_at().unwrap().to_string(), "2023-03-26T16:09:40Z");
        assert_eq!(UserId::new("teacher-7").unwrap().made_at(), None);
    }

    #[test]
    fn what_could_change_a_path_is_refused_by_name() {
        assert_eq!(UserId::new(""), Err(IdError::Empty));
        for (text, found, at) in [
            ("..", '.', 0),
            ("a/b", '/', 1),
            ("a?b", '?', 1),
            ("é", 'é', 0),
        ] {
            assert_eq!(
                UserId::new(text),
                Err(IdError::BadCharacter { found, at }),
                "{text}"
            );
        }
        assert_eq!(
            UserId::new("a".repeat(65)),
            Err(IdError::TooLong { length: 65 })
        );
    }

    proptest! {
        #[test]
        fn an_accepted_id_is_one_path_segment_and_reads_back(text in "\\PC{0,70}") {
            if let Ok(id) = SectionId::new(text.as_str()) {
                prop_assert!(!id.as_str().contains(['/', '.', '?', '#', '%', '\\']));
                prop_assert_eq!(String::from(id), text);
            }
        }
    }
}
