//! Spans of time as people write them on command lines: `90s`, `30m`, `6h`, `2d`.

use std::time::Duration;

/// Longest span, in seconds: a year.
const MAX: u64 = 366 * 86_400;

/// A text that is no span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It is not a number and a unit, or nothing.
    #[error("a time is written as in 90s, 30m, 6h or 2d")]
    Unreadable,
    /// It is more than a year.
    #[error("that is more than a year")]
    TooLong,
}

/// Reads a whole number with its unit: `s`, `m`, `h` or `d`. Nothing is no span.
///
/// # Errors
///
/// [`SpanError`] says how a span is written.
pub fn read_span(text: &str) -> Result<Duration, SpanError> {
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => return Err(SpanError::Unreadable),
    };
    let number: u64 = text
        .get(..text.len() - 1)
        .filter(|number| number.bytes().all(|digit| digit.is_ascii_digit()))
        .and_then(|number| number.parse().ok())
        .filter(|number| *number > 0)
        .ok_or(SpanError::Unreadable)?;
    number
        .checked_mul(unit)
        .filter(|seconds| *seconds <= MAX)
        .map(Duration::from_secs)
        .ok_or(SpanError::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_a_span_and_nothing_else_is() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("6h", 21_600), ("2d", 172_800)] {
            assert_eq!(read_span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "", "s", "30", "0s", "-1s", "+1s", "1.5h", "1w", "h1", "1 h", "1µ",
        ] {
            assert_eq!(read_span(text), Err(SpanError::Unreadable), "{text}");
        }
        for text in ["367d", "99999999999999999d"] {
            assert_eq!(read_span(text), Err(SpanError::TooLong), "{text}");
        }
    }
}
