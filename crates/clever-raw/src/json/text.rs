//! A body as text, whatever its bytes are.
//!
//! A mark of byte order before the JSON is skipped. What is no UTF-8 is replaced and its places are remembered, so that a
//! wrong byte in one name costs one record and not its page.

use bytes::Bytes;

use super::fault::PageError;

/// The mark of byte order in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// More wrong places than this are no text with faults, but something else.
const MAX_WRONG: usize = 10_000;

/// A body as text.
#[derive(Debug, Default)]
pub struct Text {
    /// The text; U+FFFD stands in for what is no UTF-8.
    pub text: String,
    /// What is no UTF-8, in order.
    pub wrong: Vec<Wrong>,
}

/// Bytes that are no UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    /// Where what stands in for them lies in the text.
    pub at: usize,
    /// Where the first of them lay in the body, as sent.
    pub sent: usize,
}

impl Text {
    /// Reads a body. Text without faults is not copied where nobody else has the bytes.
    ///
    /// # Errors
    ///
    /// [`PageError::NotUtf8`] where hardly anything of it is text.
    pub fn of(body: Bytes) -> Result<Self, PageError> {
        let skipped = marked(&body);
        let body = if skipped > 0 {
            body.slice(skipped..)
        } else {
            body
        };
        match String::from_utf8(body.into()) {
            Ok(text) => Ok(Self {
                text,
                wrong: Vec::new(),
            }),
            Err(error) => Self::mended(error.as_bytes(), skipped),
        }
    }

    fn mended(bytes: &[u8], skipped: usize) -> Result<Self, PageError> {
        let mut mended = Self::default();
        mended.text.reserve(bytes.len() + 16);
        let mut sent = skipped;
        for chunk in bytes.utf8_chunks() {
            mended.text.push_str(chunk.valid());
            sent += chunk.valid().len();
            if chunk.invalid().is_empty() {
                continue;
            }
            let at = mended.text.len();
            mended.wrong.push(Wrong { at, sent });
            mended.text.push(char::REPLACEMENT_CHARACTER);
            sent += chunk.invalid().len();
            if mended.wrong.len() > MAX_WRONG {
                return Err(PageError::NotUtf8 {
                    at: mended.wrong[0].sent,
                });
            }
        }
        Ok(mended)
    }

    /// What an error of a parser is, if it is the wrong bytes that it met.
    pub(crate) fn fault(&self, error: PageError) -> PageError {
        match self.wrong.first() {
            Some(wrong) => PageError::NotUtf8 { at: wrong.sent },
            None => error,
        }
    }

    /// The first wrong place in a part of the text.
    #[must_use]
    pub fn wrong_in(&self, part: &std::ops::Range<usize>) -> Option<Wrong> {
        let after = self.wrong.partition_point(|wrong| wrong.at < part.start);
        let first = self.wrong.get(after).copied();
        first.filter(|wrong| wrong.at < part.end)
    }
}

/// How many bytes of a mark of byte order a body begins with.
fn marked(body: &[u8]) -> usize {
    if body.starts_with(MARK) {
        MARK.len()
    } else {
        0
    }
}

/// A body without its mark of byte order.
#[must_use]
pub fn without_mark(body: &[u8]) -> &[u8] {
    &body[marked(body)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_skipped_and_wrong_bytes_are_remembered() {
        let text = Text::of(Bytes::from_static(b"\xef\xbb\xbf{}")).unwrap();
        assert_eq!((text.text.as_str(), text.wrong.len()), ("{}", 0));
        let text = Text::of(Bytes::from_static(b"\xef\xbb\xbfJos\xe9 \xf0\x9f!")).unwrap();
        assert_eq!(text.text, "Jos\u{fffd} \u{fffd}!");
        assert_eq!(
            text.wrong,
            [Wrong { at: 3, sent: 6 }, Wrong { at: 7, sent: 8 }]
        );
        assert_eq!(text.wrong_in(&(4..8)), Some(Wrong { at: 7, sent: 8 }));
        assert_eq!(text.wrong_in(&(4..7)), None);
        let noise = Text::of(Bytes::from(vec![0xff; MAX_WRONG + 1]));
        assert_eq!(noise.unwrap_err(), PageError::NotUtf8 { at: 0 });
    }
}
