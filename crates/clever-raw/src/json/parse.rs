//! Reads JSON into a tree by hand: structure, plain texts and whole numbers. What is rarer, as escapes and fractions, the
//! parser of `serde_json` reads, part by part.
//!
//! It takes and refuses what that parser does, with the same bound on nesting: a property test compares the two. It is there as
//! a first load spends a fifth of its time with trees, of which the general parser needs three times as much.

use std::borrow::Cow;

use serde_json::Number;

use crate::json::plain;
use crate::json::tree::Tree;

/// So deep the parser of `serde_json` goes.
const DEPTH: u32 = 127;

/// Digits of a number that fits into 64 bits whatever they are.
const DIGITS: usize = 18;

/// Room for the first fields of an object; most have fewer than twice as many.
const FIELDS: usize = 8;

struct Reader<'a> {
    json: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Tree<'a> {
    /// Reads a text of JSON as a whole; `None` for what is none, or nests too deep.
    #[must_use]
    pub fn read(json: &'a str) -> Option<Self> {
        let mut reader = Reader {
            json,
            at: 0,
            depth: 0,
        };
        let tree = reader.value()?;
        reader.space();
        (reader.at == json.len()).then_some(tree)
    }
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Passes a byte that must come next.
    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self) -> Option<Tree<'a>> {
        self.space();
        match self.peek()? {
            b'"' => self.text().map(Tree::Text),
            b'{' => self.object(),
            b'[' => self.list(),
            b't' => self.word("true", Tree::Bool(true)),
            b'f' => self.word("false", Tree::Bool(false)),
            b'n' => self.word("null", Tree::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, tree: Tree<'a>) -> Option<Tree<'a>> {
        let rest = self.json.as_bytes().get(self.at..)?;
        rest.starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            tree
        })
    }

    /// Enters an object or a list.
    fn enter(&mut self) -> Option<()> {
        self.depth += 1;
        self.at += 1;
        (self.depth <= DEPTH).then(|| self.space())
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    fn object(&mut self) -> Option<Tree<'a>> {
        self.enter()?;
        if self.peek()? == b'}' {
            self.leave();
            return Some(Tree::Object(Vec::new()));
        }
        let mut fields = Vec::with_capacity(FIELDS);
        loop {
            self.space();
            let key = self.text()?;
            self.space();
            self.pass(b':')?;
            fields.push((key, self.value()?));
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        self.leave();
        Some(Tree::Object(fields))
    }

    fn list(&mut self) -> Option<Tree<'a>> {
        self.enter()?;
        if self.peek()? == b']' {
            self.leave();
            return Some(Tree::List(Vec::new()));
        }
        let mut all = Vec::new();
        loop {
            all.push(self.value()?);
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return None,
            }
        }
        self.leave();
        Some(Tree::List(all))
    }

    fn text(&mut self) -> Option<Cow<'a, str>> {
        let begin = self.at;
        self.pass(b'"')?;
        let end = plain::end(self.json.as_bytes(), self.at)?;
        if self.json.as_bytes().get(end) == Some(&b'"') {
            let text = self.json.get(self.at..end)?;
            self.at = end + 1;
            return Some(Cow::Borrowed(text));
        }
        self.at = end;
        self.escaped(begin)
    }

    /// Reads a text with escapes from its first quote on; `at` is at its first backslash.
    fn escaped(&mut self, begin: usize) -> Option<Cow<'a, str>> {
        loop {
            self.at = plain::end(self.json.as_bytes(), self.at)?;
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => return None,
            }
        }
        self.at += 1;
        let text = serde_json::from_str(self.json.get(begin..self.at)?).ok()?;
        Some(Cow::Owned(text))
    }

    fn number(&mut self) -> Option<Tree<'a>> {
        let rest = self.json.as_bytes().get(self.at..)?;
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        let token = self.json.get(self.at..self.at + length)?;
        self.at += length;
        let is_whole = matches!(token.as_bytes(), [b'0'] | [b'1'..=b'9', ..]);
        let is_short = is_whole && length <= DIGITS;
        match token.parse::<u64>().ok().filter(|_| is_short) {
            Some(number) => Some(Tree::Number(Number::from(number))),
            None => serde_json::from_str(token).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(text: &str) -> bool {
        Tree::read(text) == serde_json::from_str::<Tree<'_>>(text).ok()
    }

    #[test]
    fn it_takes_and_refuses_what_the_general_parser_does() {
        let texts = [
            "",
            " ",
            "{}",
            "[]",
            "{ }",
            "[ ]",
            " [ 1 , 2 ] ",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{\"a\" : \"b\" , \"c\":null}",
            "{a:1}",
            "{\"a\"1}",
            "{\"a\":}",
            "[1 2]",
            "true",
            "tru",
            "truex",
            "null null",
            "false",
            "nul",
            "\"\"",
            "\"a",
            "\"a\\",
            "\"a\\\"",
            "\"a\\\"b\"",
            "\"\\u00e9\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\x\"",
            "\"a\nb\"",
            "\"a\tb\"",
            "\"1234567\"",
            "\"12345678\"",
            "\"123456789\"",
            "\"é1234567é\\n\"",
            "\"\u{7f}\u{80}\u{ff}\"",
            "0",
            "-0",
            "00",
            "01",
            "-1",
            "-",
            "+1",
            "1.",
            "1.5",
            ".5",
            "1e5",
            "1E+5",
            "1e999",
            "-1e999",
            "999999999999999999",
            "9999999999999999999",
            "18446744073709551616",
            "-9223372036854775809",
            "1-1",
            "1e",
            "{\"a\":{\"a\":[[{}]]},\"a\":2}",
            "{\"\\u0061\":1}",
            "\u{feff}1",
            "[1]]",
            "[\u{a0}1]",
            "{\"a\":\"é\\",
        ];
        for text in texts {
            assert!(same(text), "{text}: {:?}", Tree::read(text));
        }
        for depth in [1, 100, 126, 127, 128, 129, 500] {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            assert!(same(&format!("{open}{close}")), "{depth}");
            let (open, close) = ("{\"a\":".repeat(depth), "}".repeat(depth));
            assert!(same(&format!("{open}1{close}")), "{depth}");
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_alike(text in "([ \\[\\]{}:,0-9.eE+\"\\\\ntrufalsé\n-]|\"a\"|\\\\u00|true|null){0,24}") {
            prop_assert!(same(&text), "{text}");
        }

        #[test]
        fn any_text_within_quotes_reads_alike(text in "\\PC{0,30}", escaped in any::<bool>()) {
            let json = if escaped { serde_json::to_string(&text).unwrap() } else { format!("\"{text}\"") };
            prop_assert!(same(&json), "{json}");
            prop_assert!(same(&format!("{{{json}:[{json},1]}}")), "{json}");
        }
    }
}
