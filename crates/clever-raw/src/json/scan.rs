//! Where the keys of a JSON object lie, found without decoding it. For text that a parser has already
//! accepted; on anything else the answer may be wrong, but it is an answer.
//!
//! A page of 10,000 records is split by this at every sync, so it looks at each byte once.

/// The values of an object's own `id` and `data`, as they stand; if a key is repeated, the last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) data: Option<&'a str>,
}

/// Finds the keys of the object `json`; `None` when it is no object.
pub(crate) fn keys(json: &str) -> Option<Keys<'_>> {
    let bytes = json.as_bytes();
    let mut at = spaces(bytes, 0);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    let mut keys = Keys::default();
    loop {
        at = spaces(bytes, at + 1);
        if bytes.get(at) != Some(&b'"') {
            return Some(keys);
        }
        let end = string(bytes, at);
        let key = json.get(at..end);
        let start = spaces(bytes, spaces(bytes, end) + 1);
        let end = value(bytes, start);
        match key {
            Some("\"id\"") => keys.id = json.get(start..end),
            Some("\"data\"") => keys.data = json.get(start..end),
            _ => {}
        }
        // A comma, or the end.
        at = spaces(bytes, end);
    }
}

/// The first place from `at` that is no white space.
fn spaces(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// The place after the string that opens at `at`.
fn string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            Some(found) if rest[found] == b'"' => return at + found + 1,
            // Whatever is escaped is one byte at least, and no quote of the string's own.
            Some(found) => at += found + 2,
            None => return bytes.len(),
        }
    }
}

/// The place after the value that begins at `start`.
fn value(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b' ' | b'\n' | b'\r' | b'\t' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_objects_own_keys_are_found_and_nested_ones_are_not() {
        let json = r#" { "a" : {"id":"no","data":[1]} , "x":"\"id\":7,}" ,"id" : "yes", "data":{"id":[]}, "n":-1.5e3 } "#;
        let keys = keys(json).unwrap();
        assert_eq!((keys.id, keys.data), (Some("\"yes\""), Some("{\"id\":[]}")));
        assert_eq!(super::keys("{}"), Some(Keys::default()));
        assert_eq!(super::keys("[1]"), None);
        assert_eq!(super::keys("7"), None);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            (-999_i32..999).prop_map(|n| Value::from(f64::from(n) / 8.0)),
            "[ -~]{0,8}|[\"\\\\{}\\[\\]:,é\u{1F600}]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("id|data|[a-z\"]{1,4}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_same_is_found_as_a_parser_finds(value in values(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let found = keys(&text);
            prop_assert_eq!(found.is_some(), value.is_object());
            let Some(found) = found else { return Ok(()) };
            for (name, found) in [("id", found.id), ("data", found.data)] {
                let found = found.map(|text| serde_json::from_str::<Value>(text).unwrap());
                prop_assert_eq!(found.as_ref(), value.get(name));
            }
        }

        #[test]
        fn any_text_gets_an_answer(text in "[{}\\[\\]\",:\\\\ a1id]{0,40}") {
            let _ = keys(&text);
        }
    }
}
