//! How many records a list has, by the answer's own word.

use serde_json::Value;

/// Largest number that a floating one tells exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What an answer says of its list's length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Count {
    /// Nothing: no key, `null`, `""`, or a word that the parameter `count` itself may have.
    #[default]
    Absent,
    /// So many.
    Said(u64),
    /// Something that is no number of records. It may contradict what came, so it is not absence.
    Unreadable,
}

impl Count {
    /// Reads a value of `count`: a whole number, which may be written as text.
    pub(crate) fn read(json: &str) -> Self {
        match serde_json::from_str(json) {
            Ok(Value::Null | Value::Bool(_)) => Self::Absent,
            Ok(Value::String(text)) => match text.trim() {
                // The parameter's own words come back as they were asked.
                "" | "true" | "false" | "undefined" => Self::Absent,
                text => Self::number(text),
            },
            Ok(Value::Number(number)) => Self::number(&number.to_string()),
            _ => Self::Unreadable,
        }
    }

    fn number(text: &str) -> Self {
        if let Ok(count) = text.parse() {
            return Self::Said(count);
        }
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+'));
        match text.parse::<f64>() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, not below zero, and small enough to be exact"
            )]
            Ok(count) if plain && count.fract() == 0.0 && (0.0..EXACT).contains(&count) => {
                Self::Said(count as u64)
            }
            _ => Self::Unreadable,
        }
    }

    /// Adds what a repeated key says: two words that differ are none.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Absent, one) | (one, Self::Absent) => one,
            (one, other) if one == other => one,
            _ => Self::Unreadable,
        }
    }

    /// The number, if one is said.
    #[must_use]
    pub fn said(self) -> Option<u64> {
        match self {
            Self::Said(count) => Some(count),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_01_a_count_that_can_not_be_read_is_not_absent() {
        for (json, count) in [
            ("7", Count::Said(7)),
            ("0", Count::Said(0)),
            ("7.0", Count::Said(7)),
            ("1e3", Count::Said(1000)),
            (r#""7""#, Count::Said(7)),
            (r#"" 7 ""#, Count::Said(7)),
            ("null", Count::Absent),
            (r#""""#, Count::Absent),
            ("true", Count::Absent),
            (r#""undefined""#, Count::Absent),
            ("-1", Count::Unreadable),
            ("7.5", Count::Unreadable),
            ("1e999", Count::Unreadable),
            (r#""many""#, Count::Unreadable),
            (r#""inf""#, Count::Unreadable),
            (r#""1,000""#, Count::Unreadable),
            ("[7]", Count::Unreadable),
            (r#"{"total":7}"#, Count::Unreadable),
        ] {
            assert_eq!(Count::read(json), count, "{json}");
        }
    }

    #[test]
    fn two_counts_that_differ_say_nothing() {
        let (one, other) = (Count::Said(1), Count::Said(2));
        assert_eq!(one.and(one), one);
        assert_eq!(one.and(Count::Absent), one);
        assert_eq!(one.and(other), Count::Unreadable);
    }
}
