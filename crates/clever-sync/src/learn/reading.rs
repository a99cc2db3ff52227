//! Reads a record's JSON as a value.
//!
//! A page is split without decoding its records, so what splits need not be a value: half of a pair of `\u`
//! escapes (an emoji cut in two by another system), a number beyond all numbers, a thousand arrays in each other. The first
//! is mended while reading; of the others the record is none that can be kept.
//!
//! Decision: a record that is no value is passed over. The store keeps what it has of it, no other record waits for it, and
//! no later run of events builds on the run that met it.

use clever_raw::tree::Tree;
use serde_json::Value;

/// Reads a record. `None` where it is no value even with its lone surrogates replaced.
pub(crate) fn value(json: &str) -> Option<Value> {
    serde_json::from_str(json)
        .ok()
        .or_else(|| serde_json::from_str(&mended(json)?).ok())
}

/// As [`value`], without a copy of what it says.
pub(crate) fn tree(json: &str) -> Option<Tree<'_>> {
    Tree::read(json).or_else(|| value(json).map(Tree::from))
}

/// The code unit that `\uXXXX` at `at` stands for.
fn unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

/// The text with each `\u` escape that is half of a pair replaced by that of U+FFFD; `None` where there is none.
fn mended(json: &str) -> Option<String> {
    let mut out = String::new();
    let (mut at, mut copied) = (0, 0);
    while let Some(found) = json.get(at..)?.find('\\') {
        at += found;
        match unit(json, at) {
            Some(0xD800..=0xDBFF) if matches!(unit(json, at + 6), Some(0xDC00..=0xDFFF)) => {
                at += 12;
            }
            Some(0xD800..=0xDFFF) => {
                out.push_str(json.get(copied..at)?);
                out.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            Some(_) => at += 6,
            // An escape of two characters; what follows may be of several bytes only in broken JSON.
            None => at += 2,
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(json.get(copied..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn half_a_pair_is_mended_and_whole_ones_are_left() {
        assert_eq!(
            value(r#"{"a":"x\ud83d"}"#),
            Some(json!({ "a": "x\u{fffd}" }))
        );
        assert_eq!(
            value(r#"{"a":"\udc00y"}"#),
            Some(json!({ "a": "\u{fffd}y" }))
        );
        assert_eq!(
            value(r#"{"a":"\ud83d\ude00\ud83d\u0041"}"#),
            Some(json!({ "a": "😀\u{fffd}A" }))
        );
        // An escaped backslash before a `u` is no escape of a character.
        assert_eq!(
            value(r#"{"a":"\\ud83d","b":"\ud83d"}"#),
            Some(json!({ "a": "\\ud83d", "b": "\u{fffd}" }))
        );
    }

    #[test]
    fn what_is_no_value_is_none() {
        assert_eq!(value(r#"{"a":1e999}"#), None);
        assert_eq!(
            value(&format!("{}{}", "[".repeat(500), "]".repeat(500))),
            None
        );
        assert_eq!(value(r#"{"a":"\ud83d""#), None);
    }

    proptest! {
        #[test]
        fn nothing_panics_and_good_json_is_itself(text in "\\PC{0,40}", cut in 0_usize..60) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(value(&json), Some(json!(text)));
            let broken: String = format!("{json}\\ud8{text}").chars().take(cut).collect();
            let _ = value(&broken);
        }

        #[test]
        fn any_units_read(units in prop::collection::vec(any::<u16>(), 0..12)) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let read = value(&format!("\"{escaped}\""));
            prop_assert_eq!(read, Some(json!(String::from_utf16_lossy(&units))));
        }
    }
}
