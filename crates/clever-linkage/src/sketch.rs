//! A number for each id and each address, that says of most pairs in what degree they agree, so that their text is not read.
//!
//! Ids of a million people are far apart in memory, and nearly all pairs of them have nothing in common.

use xxhash_rust::xxh3::xxh3_64;

use crate::kind::{ABSENT, Kind, Level};

/// What parts an id from the scope before it.
const SCOPE: char = '\u{1f}';
/// Bits for the digits: two for each.
const DIGITS: u32 = 20;

/// The sketch of a value of this kind; `None` of kinds whose values are not sketched.
pub(crate) fn sketch(kind: Kind, value: &str) -> Option<u32> {
    if kind == Kind::Email {
        return Some(low(xxh3_64(mailbox(value).as_bytes())));
    }
    if !kind.is_id() {
        return None;
    }
    let (scope, id) = value.rsplit_once(SCOPE).unwrap_or(("", value));
    // Three of a digit are as many as more are.
    let digits = id.bytes().filter(u8::is_ascii_digit).fold(0, |all, c| {
        let place = 2 * u32::from(c - b'0');
        if all >> place & 3 < 3 {
            all + (1 << place)
        } else {
            all
        }
    });
    Some(low(xxh3_64(scope.as_bytes())) << DIGITS | digits)
}

#[expect(clippy::cast_possible_truncation, reason = "half of a digest is one")]
const fn low(digest: u64) -> u32 {
    digest as u32
}

/// The part of an address before the host.
pub(crate) fn mailbox(address: &str) -> &str {
    &address[..address.find('@').unwrap_or(address.len())]
}

/// The level of two different values with these sketches, as far as those say it.
pub(crate) fn level(kind: Kind, a: u32, b: u32) -> Option<Level> {
    let last = Level::try_from(kind.levels().len() - 1).ok()?;
    if kind == Kind::Email {
        return (a != b).then_some(last);
    }
    if a >> DIGITS != b >> DIGITS {
        // Of two scopes.
        return Some(ABSENT);
    }
    let (mut lacks_a, mut lacks_b, mut is_other) = (0, 0, false);
    for digit in 0..10 {
        let (of_a, of_b) = (a >> (2 * digit) & 3, b >> (2 * digit) & 3);
        lacks_b += of_a.saturating_sub(of_b);
        lacks_a += of_b.saturating_sub(of_a);
        is_other |= digit > 0 && of_a != of_b;
    }
    // More than one slip, and not only leading zeros.
    (is_other && lacks_a.max(lacks_b) > 1).then_some(last)
}
