//! JSON that a terminal shows and does not obey: the same document, with every acting character as an escape.

use std::io::{self, Write};

use anyhow::Result;
use clever_model::is_hidden;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// Writes one document and a line feed.
pub(super) fn write(out: &mut impl Write, value: &impl Serialize) -> Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Escaping))?;
    out.write_all(b"\n")?;
    Ok(())
}

/// Writes compact JSON on one line.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        escape(out, text)
    }

    /// Writes a record as Clever sent it. Outside of strings, JSON has no hidden character but blanks.
    fn write_raw_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        for (at, line) in text.split(['\n', '\r', '\t']).enumerate() {
            if at > 0 {
                out.write_all(b" ")?;
            }
            escape(out, line)?;
        }
        Ok(())
    }
}

fn escape<W: ?Sized + Write>(out: &mut W, text: &str) -> io::Result<()> {
    let mut rest = text;
    while let Some(at) = rest.find(is_hidden) {
        let (plain, hidden) = rest.split_at(at);
        out.write_all(plain.as_bytes())?;
        let mut chars = hidden.chars();
        if let Some(c) = chars.next() {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        rest = chars.as_str();
    }
    out.write_all(rest.as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    fn written(value: &impl Serialize) -> String {
        let mut out = Vec::new();
        write(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn field_13_json_is_exact_and_acts_on_nothing() {
        let all: String = (0..0x2100)
            .chain(0xfe00..0x1_0000)
            .chain(0xe_0000..0xe_0200)
            .filter_map(char::from_u32)
            .collect();
        let value = json!({ (all.clone()): [all, "Zoë \" \\ 学校", 1.5, null] });
        let text = written(&value);
        assert!(!text.trim_end_matches('\n').contains(is_hidden));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn field_13_a_record_as_it_was_sent_stays_on_one_line() {
        let sent = "{\n\t\"a\": \"x\u{202e}\u{7f}\\u001b\\n\",\r\n\"b\": 1e2 }";
        let raw = RawValue::from_string(sent.to_owned()).unwrap();
        let text = written(&json!({ "after": 1 })) + &written(&[raw]);
        assert_eq!(text.lines().count(), 2);
        let line = text.lines().nth(1).unwrap();
        assert!(!line.contains(is_hidden), "{line}");
        let (read, was): (Value, Value) = (
            serde_json::from_str(line).unwrap(),
            serde_json::from_str(sent).unwrap(),
        );
        assert_eq!(read[0], was);
    }
}
