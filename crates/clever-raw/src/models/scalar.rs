//! Dates and instants that keep their text: Clever writes them in several ways.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::models::de::{self, Tolerant};

/// Year, month, day.
pub type YearMonthDay = (i32, u8, u8);

macro_rules! scalars {
    ($($(#[$doc:meta])* $name:ident),+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text, as it came.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The day that the text names, in any form that Clever uses: `2023-04-23…`, `4/23/2023`.
            #[must_use]
            pub fn date(&self) -> Option<YearMonthDay> {
                date(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Debug for $name {
            /// A day may be a birthday: it is not shown.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                de::text(deserializer).map(|text| Self(text.into()))
            }
        }

        impl Tolerant for $name {
            fn read(json: &str) -> Option<Self> {
                String::read(json).map(|text| Self(text.into()))
            }
        }
    )+};
}

scalars! {
    /// An instant, as `2023-04-23T16:07:28.860Z`; some come without a time of day.
    Timestamp,
    /// A day, as `2021-03-10`; some come with a time of day.
    Date
}

/// Reads the day that a text begins with.
fn date(text: &str) -> Option<YearMonthDay> {
    let day = text.split(['T', ' ']).next()?;
    let (year, month, day) = if let Some((month, rest)) = day.split_once('/') {
        let (day, year) = rest.split_once('/')?;
        (year, month, day)
    } else {
        let (year, rest) = day.split_once('-')?;
        let (month, day) = rest.split_once('-')?;
        (year, month, day)
    };
    let (year, month, day) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_was_seen_reads() {
        for text in [
            "2012-08-01",
            "2012-08-01T00:00:00.000Z",
            "2012-08-01 00:00:00.000000",
            "8/1/2012",
            "08/01/2012",
        ] {
            assert_eq!(Timestamp::from(text).date(), Some((2012, 8, 1)), "{text}");
        }
        for text in ["", "soon", "2012-13-01", "1/2", "--"] {
            assert_eq!(Date::from(text).date(), None, "{text}");
        }
        assert_eq!(Date::from("odd").as_str(), "odd", "the text is kept");
    }
}
