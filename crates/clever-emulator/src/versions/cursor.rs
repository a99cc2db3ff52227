//! Reads a record's text member by member, where a tree of values would cost more than all else.
//!
//! What is in a world reads as JSON, so nothing is checked here: of other texts, members are missing.

use std::borrow::Cow;

/// A place in a JSON text, between two of its parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'t> {
    text: &'t str,
    at: usize,
    key_at: usize,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            key_at: 0,
        }
    }

    /// Where the key that was read last begins.
    pub(crate) fn key_at(&self) -> usize {
        self.key_at
    }

    /// How many bytes are behind the cursor.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes into the object that comes next; says whether one does.
    pub(crate) fn open(&mut self) -> bool {
        self.enter(b'{')
    }

    /// Goes into the list that comes next; says whether one does.
    pub(crate) fn open_list(&mut self) -> bool {
        self.enter(b'[')
    }

    fn enter(&mut self, bracket: u8) -> bool {
        let enters = self.peek() == Some(bracket);
        self.at += usize::from(enters);
        enters
    }

    /// The key of the object's next member, whose value comes next; `None` behind the object.
    pub(crate) fn key(&mut self) -> Option<Cow<'t, str>> {
        let next = self.next()?;
        self.key_at = self.at;
        let raw = match next {
            b'"' => self.string(),
            _ => {
                self.at += 1;
                return None;
            }
        };
        if self.peek() == Some(b':') {
            self.at += 1;
        }
        Some(match raw {
            (raw, false) => Cow::Borrowed(raw),
            (raw, true) => unescaped(raw),
        })
    }

    /// The list's next item; `None` behind the list.
    pub(crate) fn item(&mut self) -> Option<&'t str> {
        if self.next()? == b']' {
            self.at += 1;
            return None;
        }
        Some(self.value()).filter(|item| !item.is_empty())
    }

    /// The value that comes next, as it stands there.
    pub(crate) fn value(&mut self) -> &'t str {
        let start = self.peek().map_or(self.at, |_| self.at);
        match self.peek() {
            Some(b'"') => {
                self.string();
            }
            Some(b'{' | b'[') => self.skip_nested(),
            _ => {
                let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                let end = rest.iter().position(|byte| {
                    matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace()
                });
                self.at += end.unwrap_or(rest.len());
            }
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The first byte that is neither white nor a comma.
    fn next(&mut self) -> Option<u8> {
        while self.peek()? == b',' {
            self.at += 1;
        }
        self.peek()
    }

    /// The next byte that is not white.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at)?.is_ascii_whitespace() {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Skips the string that begins here; what is between its quotes, and whether a part of that is escaped.
    fn string(&mut self) -> (&'t str, bool) {
        let bytes = self.text.as_bytes();
        let (start, mut escaped) = (self.at + 1, false);
        let mut at = start;
        while let Some(found) = mark(bytes.get(at..).unwrap_or_default()) {
            at += found;
            if bytes[at] == b'"' {
                self.at = at + 1;
                return (self.text.get(start..at).unwrap_or_default(), escaped);
            }
            escaped = true;
            at += 2;
        }
        self.at = bytes.len();
        ("", false)
    }

    fn skip_nested(&mut self) {
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}

/// Where the first quote or backslash is. Strings are short: eight bytes at a time are looked at on the spot.
#[inline]
fn mark(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let is = |word: u64, byte: u8| {
        let word = word ^ (ONES * u64::from(byte));
        word.wrapping_sub(ONES) & !word & (ONES << 7)
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A byte above the first hit may be taken for one as well; the first is right.
        let hits = is(word, b'"') | is(word, b'\\');
        if hits != 0 {
            return Some(8 * at + hits.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    Some(8 * words.len() + found?)
}

/// What a JSON text says, where it is a string.
pub(crate) fn word(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    Some(unescaped(inside))
}

/// What stands between the quotes of a JSON string.
fn unescaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let read = serde_json::from_str(&format!("\"{raw}\""));
    read.map_or(Cow::Borrowed(raw), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    /// Reads a value through cursors alone.
    fn read(text: &str) -> Value {
        let mut cursor = Cursor::new(text);
        if cursor.open() {
            let mut map = Map::new();
            while let Some(key) = cursor.key() {
                map.insert(key.into_owned(), read(cursor.value()));
            }
            return Value::Object(map);
        }
        if cursor.open_list() {
            return std::iter::from_fn(|| cursor.item()).map(read).collect();
        }
        match word(text.trim()) {
            Some(word) => json!(word),
            None => serde_json::from_str(text).unwrap(),
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            r#"["\\{}\[\],:a ]{0,8}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("\\PC{0,4}", inner, 0..5)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_first_mark_is_found(bytes in prop::collection::vec(
            prop_oneof![Just(b'"'), Just(b'\\'), Just(b'#'), Just(b']'), any::<u8>(), Just(b'a'), Just(b'b')], 0..40,
        )) {
            let wanted = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(mark(&bytes), wanted);
        }

        #[test]
        fn what_a_cursor_reads_is_what_is_written(value in value()) {
            prop_assert_eq!(read(&value.to_string()), value.clone());
            prop_assert_eq!(read(&serde_json::to_string_pretty(&value).unwrap()), value);
        }

        #[test]
        fn no_text_holds_a_cursor_up(text in r#"["\\{}\[\],: a1é]{0,24}"#) {
            let mut cursor = Cursor::new(&text);
            cursor.open();
            for _ in 0..=text.len() {
                if cursor.key().is_none() {
                    break;
                }
                cursor.value();
            }
            let mut list = Cursor::new(&text);
            list.open_list();
            prop_assert!(std::iter::from_fn(|| list.item()).count() <= text.len());
        }
    }
}
