//! Ids and instants as Clever writes them.

use std::fmt;

use clever_model::Timestamp;
use serde::{Serialize, Serializer};

/// An ObjectID: 24 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id([u8; 24]);

impl Id {
    /// The id of `number` after sixteen digits of a world's own.
    pub(super) fn new(prefix: [u8; 16], number: u32) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut id = [0; 24];
        id[..16].copy_from_slice(&prefix);
        for (at, digit) in id[16..].iter_mut().enumerate() {
            *digit = DIGITS[(number >> (28 - 4 * at)) as usize % 16];
        }
        Self(id)
    }

    pub(crate) fn as_str(&self) -> &str {
        // Digits are text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Writes an ObjectID: the Unix time, what tells this world's ids from others', and a number.
#[must_use]
pub(crate) fn object_id(time: Timestamp, seed: u64, number: u32) -> String {
    let seconds = u32::try_from(time.as_second()).unwrap_or(u32::MAX);
    format!(
        "{seconds:08x}{:08x}{number:08x}",
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
    )
}

/// Writes an instant as Clever does: `2023-04-23T16:07:28.860Z`.
pub(crate) fn stamp(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_with_their_number_and_carry_their_time() {
        let time = "2023-03-26T16:09:40Z".parse().unwrap();
        let (a, b) = (object_id(time, 7, 9), object_id(time, 7, 10));
        assert!(a < b && a.len() == 24 && a.starts_with("64206e44"));
    }

    #[test]
    fn an_id_has_the_digits_that_the_standard_library_writes() {
        for number in (0..5_000).map(|number| number * 858_599).chain([u32::MAX]) {
            let id = Id::new(*b"0123456789abcdef", number);
            assert_eq!(id.as_str(), format!("0123456789abcdef{number:08x}"));
        }
    }
}
