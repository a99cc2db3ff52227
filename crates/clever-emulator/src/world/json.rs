//! Writes the JSON of made-up records straight into a page: keys in the order of the alphabet, as an edited record
//! has them, and texts that need no escape.
//!
//! Pages are to be written faster than they are read: so a record's room is claimed at once, and nothing is looked up
//! or asked for again while it is filled.

use super::words::{Id, Word};

/// What a record's text is made of.
pub(crate) trait Text {
    fn write(&self, pen: &mut Pen<'_>);
}

impl Text for &str {
    #[inline(always)]
    fn write(&self, pen: &mut Pen<'_>) {
        pen.put(self);
    }
}

impl Text for Id {
    #[inline(always)]
    fn write(&self, pen: &mut Pen<'_>) {
        pen.bytes(&self.0, 24);
    }
}

impl<const N: usize> Text for Word<N> {
    #[inline(always)]
    fn write(&self, pen: &mut Pen<'_>) {
        pen.bytes(&self.bytes, usize::from(self.length));
    }
}

impl<T: Text> Text for &T {
    #[inline(always)]
    fn write(&self, pen: &mut Pen<'_>) {
        (*self).write(pen);
    }
}

/// Texts in a row are a text.
macro_rules! row {
    ($($part:ident),+) => {
        impl<$($part: Text),+> Text for ($($part,)+) {
            #[inline(always)]
            fn write(&self, pen: &mut Pen<'_>) {
                #[expect(non_snake_case, reason = "a type's name is the part's as well")]
                let ($($part,)+) = self;
                $($part.write(pen);)+
            }
        }
    };
}
row!(A, B);
row!(A, B, C);
row!(A, B, C, D);
row!(A, B, C, D, E);
row!(A, B, C, D, E, F);

/// Writes into room that was claimed for a record. All of it is to be inlined into what writes a record, which has it
/// as a value of its own: then the place where it writes is kept in the processor.
pub(crate) struct Pen<'a> {
    rest: &'a mut [u8],
}

/// Claims `room` bytes at the end of a page, lets a record be written there, and gives back what is left.
#[inline(always)]
pub(crate) fn write(page: &mut Vec<u8>, room: usize, record: impl FnOnce(Pen<'_>) -> Pen<'_>) {
    let start = page.len();
    page.resize(start + room, 0);
    let pen = record(Pen {
        rest: &mut page[start..],
    });
    let left = pen.rest.len();
    debug_assert!(left >= room / 8, "so many bytes are nearly too few");
    page.truncate(start + room - left);
}

impl Pen<'_> {
    /// Writes all `N` bytes, of which the next ones are written over all but `length`.
    #[inline(always)]
    fn bytes<const N: usize>(&mut self, bytes: &[u8; N], length: usize) {
        let rest = std::mem::take(&mut self.rest);
        rest[..N].copy_from_slice(bytes);
        self.rest = &mut rest[length..];
    }

    #[inline(always)]
    pub(crate) fn put(&mut self, text: &str) {
        let (to, rest) = std::mem::take(&mut self.rest).split_at_mut(text.len());
        to.copy_from_slice(text.as_bytes());
        self.rest = rest;
    }
}

/// A member's key as it is written, with the comma before it and a quote behind it.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":\"")
    };
}
pub(crate) use key;

/// An object in the making; [`Object::end`] closes it.
pub(crate) struct Object<'a, 'p> {
    pen: &'a mut Pen<'p>,
    first: bool,
}

impl<'a, 'p> Object<'a, 'p> {
    #[inline(always)]
    pub(crate) fn new(pen: &'a mut Pen<'p>) -> Self {
        pen.put("{");
        Self { pen, first: true }
    }

    /// Writes a [`key`] and the quote behind it, less the comma before the first one.
    #[inline(always)]
    fn quoted(&mut self, key: &'static str) -> &mut Pen<'p> {
        // Two calls, so that each writes a text of a length known to the compiler.
        if std::mem::take(&mut self.first) {
            self.pen.put(&key[1..]);
        } else {
            self.pen.put(key);
        }
        self.pen
    }

    /// Writes a [`key`]; its value is to follow.
    #[inline(always)]
    pub(crate) fn key(&mut self, key: &'static str) -> &mut Pen<'p> {
        self.quoted(&key[..key.len() - 1])
    }

    #[inline(always)]
    pub(crate) fn text(&mut self, key: &'static str, text: impl Text) {
        let pen = self.quoted(key);
        text.write(pen);
        pen.put("\"");
    }

    /// Writes a text where there is one.
    #[inline(always)]
    pub(crate) fn maybe(&mut self, key: &'static str, text: Option<impl Text>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// Writes a member, or none, as it stands in [`choices`]; not as the first one.
    #[inline(always)]
    pub(crate) fn member<const N: usize>(&mut self, member: &Word<N>) {
        debug_assert!(!self.first);
        member.write(self.pen);
    }

    /// Writes members that are a text already, each with the comma before it.
    #[inline(always)]
    pub(crate) fn ready(&mut self, members: &str) {
        let comma = usize::from(std::mem::take(&mut self.first));
        self.pen.put(&members[comma..]);
    }

    /// Writes a list of texts.
    #[inline(always)]
    pub(crate) fn list(&mut self, key: &'static str, texts: impl IntoIterator<Item = impl Text>) {
        let pen = self.key(key);
        pen.put("[");
        for (at, text) in texts.into_iter().enumerate() {
            pen.put(if at > 0 { ",\"" } else { "\"" });
            text.write(pen);
            pen.put("\"");
        }
        pen.put("]");
    }

    #[inline(always)]
    pub(crate) fn object(&mut self, key: &'static str) -> Object<'_, 'p> {
        Object::new(self.key(key))
    }

    #[inline(always)]
    pub(crate) fn end(self) {
        self.pen.put("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::words::choices;

    #[test]
    fn an_object_reads_back() {
        let mut out = b"before".to_vec();
        write(&mut out, 200, |mut pen| {
            let mut object = Object::new(&mut pen);
            object.text(key!("a"), ("x", Word::<16>::of(&["é"])));
            object.list(key!("b"), ["1", "2"]);
            object.object(key!("c")).end();
            object.maybe(key!("d"), None::<&str>);
            object.member(&choices!("e": _, "f")[1]);
            object.end();
            pen
        });
        let wanted = r#"before{"a":"xé","b":["1","2"],"c":{},"e":"f"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
