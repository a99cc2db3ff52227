//! Text from outside, made safe to look at.
//!
//! A name or an id that a district sends may hold characters that act instead of being shown: a terminal obeys
//! them, or draws the rest of the line in another order. What people read shows their numbers instead.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns `text` as one line that shows everything that is in it.
///
/// A character that would act, or that would leave no mark, is written as its number, as in `\u{1b}`; line feed,
/// carriage return and tab are written `\n`, `\r` and `\t`. What has none of these comes back as it is. This is for
/// people: `\n` in the result may also be a backslash and an n that came.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) => {
                // Writing to a String can't fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Says whether a character acts on what is shown around it, or is itself not seen.
///
/// These are the controls (C0, DEL, C1), the separators of lines and paragraphs, every mark, embedding, override and
/// isolate of the bidirectional algorithm, and the characters that Unicode lets a reader ignore: joiners, fillers,
/// the byte order mark, annotations, tags. Left as they are: accents, and the selectors of emoji and of their colour.
/// Source: Unicode 16, `General_Category` Cc, Zl, Zp; UAX #9, 2.1 to 2.6; `Default_Ignorable_Code_Point`.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}'
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Longest text that passes for a word or an id, in bytes.
const MAX_WORD: usize = 64;

/// Says whether `text` can be one of Clever's words, such as an event's type: ASCII letters, digits, `_`, `-`, `.`, at
/// most 64. Anything else in the place of a word may be personal data, and is not to be shown.
#[must_use]
pub fn is_word(text: &str) -> bool {
    let of_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MAX_WORD).contains(&text.len()) && text.bytes().all(of_word)
}

/// Says whether `text` can be an id: a word with a digit in it. A name that stands where an id belongs is not to be
/// shown.
#[must_use]
pub fn is_id(text: &str) -> bool {
    is_word(text) && text.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_shown_by_its_number_and_the_rest_stays() {
        let shown = |text: &str| visible(text).into_owned();
        assert_eq!(
            shown("\u{1b}[31mX\u{1b}]0;t\u{7}"),
            r"\u{1b}[31mX\u{1b}]0;t\u{7}"
        );
        assert_eq!(shown("a\nhint: b\r\tc"), r"a\nhint: b\r\tc");
        assert_eq!(shown("abc\u{202e}fed\u{2066}"), r"abc\u{202e}fed\u{2066}");
        assert_eq!(shown("\u{9b}2J\u{7f}\u{0}"), r"\u{9b}2J\u{7f}\u{0}");
        for plain in [
            "",
            "Springfield Unified",
            "Zoë Nguyễn",
            "Zoe\u{308}",
            "O’Neill–Łukasz",
            "学校",
            "مدرسة",
            "בית ספר",
            "❤\u{fe0f}",
            "a\\b",
            "· ╭─╮",
        ] {
            assert!(
                matches!(visible(plain), Cow::Borrowed(same) if same == plain),
                "{plain}"
            );
        }
    }

    #[test]
    fn names_and_addresses_are_no_words() {
        for word in ["users.created", "zz", "5a25ffb0c1bc2a0036000001", "a-1_b"] {
            assert!(is_word(word), "{word}");
        }
        let long = "a1".repeat(40);
        for other in [
            "",
            "Ada One",
            "ada@example.org",
            "12 Elm St",
            "x\u{1b}",
            "Zoë",
            long.as_str(),
        ] {
            assert!(!is_word(other) && !is_id(other), "{other}");
        }
        assert!(is_id("u1") && !is_id("Ada"));
    }

    /// Every range by both of its ends and their neighbours, so that an edge that moves is seen.
    #[test]
    fn field_13_each_sort_of_acting_character_is_known() {
        let acting = [
            (0x00, 0x1f),
            (0x7f, 0x9f),
            (0xad, 0xad),
            (0x61c, 0x61c),
            (0x200b, 0x200f),
            (0x2028, 0x202e),
            (0x2060, 0x206f),
            (0xfeff, 0xfeff),
            (0xfff9, 0xfffb),
            (0xe0001, 0xe007f),
            (0xe0100, 0xe01ef),
        ];
        for (from, to) in acting {
            for code in from..=to {
                let c = char::from_u32(code).unwrap();
                assert!(is_hidden(c), "{code:x}");
                let text = format!("a{c}b");
                assert!(!visible(&text).contains(c), "{code:x}");
            }
        }
        for plain in [
            0x20, 0x7e, 0xa0, 0xac, 0xae, 0x61b, 0x200a, 0x2010, 0x2027, 0x202f, 0x205f, 0x2070,
            0xfe0f, 0xfffd,
        ] {
            assert!(!is_hidden(char::from_u32(plain).unwrap()), "{plain:x}");
        }
    }
}
