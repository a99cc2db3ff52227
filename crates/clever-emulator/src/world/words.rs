//! Short texts that records are made of: ids, numbers, names, whole members. Each has a room of a fixed size, so that it
//! is copied by a few moves, whatever its length.

/// An ObjectID as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(pub(super) [u8; 24]);

impl Id {
    /// The id of `number` after sixteen digits of a world's own.
    #[inline(always)]
    pub(super) fn new(prefix: [u8; 16], number: u32) -> Self {
        let mut id = [0; 24];
        id[..16].copy_from_slice(&prefix);
        id[16..].copy_from_slice(&hexadecimal(number));
        Self(id)
    }

    pub(crate) fn as_str(&self) -> &str {
        // Digits are text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The eight hexadecimal digits of a number, all at once.
#[inline(always)]
fn hexadecimal(number: u32) -> [u8; 8] {
    const ONES: u64 = u64::MAX / 255;
    let spread = u64::from(number);
    let spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF;
    let spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF;
    let digits = (spread | spread << 4) & (ONES * 0x0F);
    // Six more than a digit above nine has its fifth bit set.
    let letters = ((digits + ONES * 6) >> 4) & ONES;
    (digits + ONES * u64::from(b'0') + letters * u64::from(b'a' - b'9' - 1)).to_be_bytes()
}

/// The eight decimal digits of a number below a hundred million, the first one in the lowest byte.
#[inline(always)]
fn decimal(number: u32) -> u64 {
    // Halves, quarters and eighths, each divided in its own part of the word.
    let halves = u64::from(number / 10_000) | u64::from(number % 10_000) << 32;
    let high = ((halves * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let quarters = high | (halves - high * 100) << 16;
    let high = ((quarters * 103) >> 10) & 0x000F_000F_000F_000F;
    high | (quarters - high * 10) << 8
}

/// A short text with room behind it, so that it is copied by a few moves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<const N: usize> {
    pub(super) bytes: [u8; N],
    pub(super) length: u8,
}

impl<const N: usize> Word<N> {
    /// Nothing at all.
    pub(crate) const NONE: Self = Self {
        bytes: [0; N],
        length: 0,
    };

    /// A word of several texts. They have to fit in, which those of a table are found to do when it is compiled.
    pub(crate) const fn of(texts: &[&str]) -> Self {
        let mut word = Self::NONE;
        let mut text = 0;
        while text < texts.len() {
            let (bytes, mut at) = (texts[text].as_bytes(), 0);
            while at < bytes.len() {
                word.bytes[word.length as usize] = bytes[at];
                word.length += 1;
                at += 1;
            }
            text += 1;
        }
        word
    }

    /// A word of each text.
    pub(crate) const fn table<const M: usize>(texts: &[&str]) -> [Self; M] {
        let mut words = [Self::NONE; M];
        let mut at = 0;
        while at < M {
            words[at] = Self::of(&[texts[at]]);
            at += 1;
        }
        words
    }

    /// The letters of a text that a mail address or a user name has.
    pub(crate) const fn plain(text: &str) -> Self {
        let mut word = Self::NONE;
        let (bytes, mut at) = (text.as_bytes(), 0);
        while at < bytes.len() {
            if bytes[at].is_ascii_alphabetic() {
                word.bytes[word.length as usize] = bytes[at].to_ascii_lowercase();
                word.length += 1;
            }
            at += 1;
        }
        word
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(crate) fn as_str(&self) -> &str {
        // Made of texts.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

/// A number's digits.
pub(crate) type Digits = Word<24>;

impl Digits {
    #[inline(always)]
    pub(crate) fn new(number: u64) -> Self {
        Self::padded(number, 1)
    }

    /// At least `width` digits, of which eight may be zeros in front.
    #[inline(always)]
    pub(crate) fn padded(number: u64, width: usize) -> Self {
        match u32::try_from(number) {
            Ok(number) if number < 100_000_000 => {
                let digits = decimal(number);
                let zeros = digits.trailing_zeros() as usize / 8;
                let skipped = zeros.min(8 - width.clamp(1, 8));
                let text = (digits | 0x3030_3030_3030_3030) >> (8 * skipped);
                let mut word = Self::NONE;
                word.bytes[..8].copy_from_slice(&text.to_le_bytes());
                word.length = 8 - skipped as u8;
                word
            }
            _ => Self::of(&[&number.to_string()]),
        }
    }
}

/// A list of members with the same key, and of no member where the value is `_`: one is drawn and written whole.
macro_rules! choices {
    ($name:literal: $($value:tt),+ $(,)?) => {{
        const MEMBERS: &[&[&str]] = &[$($crate::world::words::choices!(@ $name, $value)),+];
        const ROOM: usize = $crate::world::words::longest(MEMBERS);
        static WORDS: [$crate::world::words::Word<ROOM>; MEMBERS.len()] = {
            let mut words = [$crate::world::words::Word::NONE; MEMBERS.len()];
            let mut at = 0;
            while at < MEMBERS.len() {
                words[at] = $crate::world::words::Word::of(MEMBERS[at]);
                at += 1;
            }
            words
        };
        &WORDS
    }};
    (@ $name:literal, _) => { &[] };
    (@ $name:literal, $value:literal) => { &[$crate::world::json::key!($name), $value, "\""] };
}
pub(crate) use choices;

/// The length of the longest of some words, rounded up to whole moves.
pub(super) const fn longest(words: &[&[&str]]) -> usize {
    let (mut most, mut word) = (0, 0);
    while word < words.len() {
        let (mut length, mut part) = (0, 0);
        while part < words[word].len() {
            length += words[word][part].len();
            part += 1;
        }
        if length > most {
            most = length;
        }
        word += 1;
    }
    most.next_multiple_of(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_ids_are_what_the_standard_library_writes() {
        let powers = (0..20).map(|power| 10_u64.pow(power));
        let around =
            powers.flat_map(|power| [power - 1, power, power + 1, power.saturating_mul(7)]);
        let some = (0..5_000).map(|number| number * 20_011);
        for number in around.chain(some).chain([u64::MAX]) {
            assert_eq!(Digits::new(number).as_str(), number.to_string());
            assert_eq!(Digits::padded(number, 5).as_str(), format!("{number:05}"));
            assert_eq!(Digits::padded(number, 8).as_str(), format!("{number:08}"));
            let number = number as u32;
            let id = Id::new(*b"0123456789abcdef", number);
            assert_eq!(id.as_str(), format!("0123456789abcdef{number:08x}"));
        }
    }

    #[test]
    fn a_word_is_its_text() {
        let all = choices!("k": "", "one", _, "seventeen letters");
        let all: Vec<&str> = all.iter().map(Word::as_str).collect();
        assert_eq!(
            all,
            [
                r#","k":"""#,
                r#","k":"one""#,
                "",
                r#","k":"seventeen letters""#
            ]
        );
        assert_eq!(Word::<16>::plain("María O'Neill").as_str(), "maraoneill");
    }
}
