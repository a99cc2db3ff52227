//! Writes the JSON of made-up records straight into a page: keys in the order of the alphabet, as an edited record
//! has them, and texts that need no escape.

/// An ObjectID as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id([u8; 24]);

impl Id {
    /// The id of `number` after sixteen digits of a world's own.
    pub(super) fn new(prefix: [u8; 16], number: u32) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut id = [0; 24];
        id[..16].copy_from_slice(&prefix);
        for (at, digit) in id[16..].iter_mut().enumerate() {
            *digit = DIGITS[(number >> (28 - 4 * at) & 15) as usize];
        }
        Self(id)
    }

    pub(crate) fn as_str(&self) -> &str {
        // Digits are text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A member's key as it is written, with the comma before it.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}
pub(crate) use key;

/// An object in the making; [`Object::end`] closes it.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn new(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// Writes a [`key`]; its value is to follow.
    #[inline(always)]
    pub(crate) fn key(&mut self, key: &'static str) -> &mut String {
        // Two calls, so that each writes a text of a length known to the compiler.
        if std::mem::take(&mut self.first) {
            self.out.push_str(&key[1..]);
        } else {
            self.out.push_str(key);
        }
        self.out
    }

    #[inline(always)]
    pub(crate) fn text(&mut self, key: &'static str, text: &str) {
        self.texts(key, &[text]);
    }

    /// Writes a text of several parts.
    #[inline(always)]
    pub(crate) fn texts(&mut self, key: &'static str, parts: &[&str]) {
        let out = self.key(key);
        out.push('"');
        for part in parts {
            debug_assert!(!part.contains(['"', '\\']) && !part.contains(char::is_control));
            out.push_str(part);
        }
        out.push('"');
    }

    /// Writes a text where there is one.
    #[inline(always)]
    pub(crate) fn maybe(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// Writes a list of texts.
    #[inline(always)]
    pub(crate) fn list<'b>(&mut self, key: &'static str, texts: impl IntoIterator<Item = &'b str>) {
        let out = self.key(key);
        out.push('[');
        for (at, text) in texts.into_iter().enumerate() {
            out.push_str(if at > 0 { ",\"" } else { "\"" });
            out.push_str(text);
            out.push('"');
        }
        out.push(']');
    }

    #[inline(always)]
    pub(crate) fn object(&mut self, key: &'static str) -> Object<'_> {
        Object::new(self.key(key))
    }

    pub(crate) fn end(self) {
        self.out.push('}');
    }
}

/// A number's digits, on the stack.
pub(crate) struct Digits {
    bytes: [u8; 20],
    from: usize,
}

impl Digits {
    pub(crate) fn new(number: u64) -> Self {
        Self::padded(number, 1)
    }

    /// At least `width` digits, with zeros in front.
    pub(crate) fn padded(mut number: u64, width: usize) -> Self {
        let (mut bytes, mut from) = ([0; 20], 20);
        while number > 0 || bytes.len() - from < width {
            from -= 1;
            bytes[from] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        Self { bytes, from }
    }

    pub(crate) fn as_str(&self) -> &str {
        // Digits are text.
        std::str::from_utf8(&self.bytes[self.from..]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_ids_are_what_the_standard_library_writes() {
        for number in [0, 7, 10, 1_000_000, u64::MAX] {
            assert_eq!(Digits::new(number).as_str(), number.to_string());
        }
        assert_eq!(Digits::padded(42, 5).as_str(), "00042");
        let id = Id::new(*b"0123456789abcdef", 0xfe01);
        assert_eq!(id.as_str(), "0123456789abcdef0000fe01");
    }

    #[test]
    fn an_object_reads_back() {
        let mut out = String::new();
        let mut object = Object::new(&mut out);
        object.texts(key!("a"), &["x", "é"]);
        object.list(key!("b"), ["1", "2"]);
        object.object(key!("c")).end();
        object.maybe(key!("d"), None);
        object.end();
        assert_eq!(out, r#"{"a":"xé","b":["1","2"],"c":{}}"#);
    }
}
