//! Where the plain part of a JSON string ends.

/// Every byte one.
const ONES: u64 = u64::MAX / 255;
/// Every byte's highest bit.
const HIGH: u64 = ONES << 7;

/// The place of the next `"`, `\` or control character from `at` on; `None` if the text ends before.
#[inline]
pub(super) fn end(bytes: &[u8], mut at: usize) -> Option<usize> {
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = ends(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(at + (found.trailing_zeros() >> 3) as usize);
        }
        at += size_of::<u64>();
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
    Some(at + bytes.get(at..)?.iter().position(ends)?)
}

/// The bytes of a word that end a plain text, each by its highest bit. A byte that is zero, or below a space, borrows from there: the
/// lowest such bit is right, and those above it may not be.
const fn ends(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let slash = word ^ (ONES * b'\\' as u64);
    let found = (quote.wrapping_sub(ONES) & !quote)
        | (slash.wrapping_sub(ONES) & !slash)
        | (word.wrapping_sub(ONES * 0x20) & !word);
    found & HIGH
}
