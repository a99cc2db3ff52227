//! One pass over a page that checks that it is JSON and finds its records at once.
//!
//! It accepts only what the parser accepts, and finds the same there; whatever is rare (a list that is no
//! array, an escaped key of the envelope, deep nesting) it leaves to the parser by saying nothing. So the
//! answer `None` means "ask the parser", never "this is no page".

use std::ops::Range;

use crate::json::plain;

/// Deeper values than this are left to the parser.
const DEPTH: u32 = 60;

/// Where the parts of a page lie.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) elements: Vec<Element>,
    /// Mostly one; a key may be repeated.
    pub(crate) links: Vec<Range<usize>>,
    pub(crate) count: Vec<Range<usize>>,
}

/// Where a list's element lies, and the values in it that tell which record it is. Of a key that is
/// repeated, the last counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) whole: Range<usize>,
    /// Whether it is an object.
    pub(crate) object: bool,
    pub(crate) id: Option<Range<usize>>,
    pub(crate) data: Option<Inner>,
}

/// The value of an element's own `data`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Inner {
    pub(crate) whole: Range<usize>,
    /// Whether it is an object.
    pub(crate) object: bool,
    pub(crate) id: Option<Range<usize>>,
}

/// Splits a page that is written as pages mostly are; `None` leaves it to the parser.
pub(crate) fn split(text: &str) -> Option<Parts> {
    let bytes = text.as_bytes();
    let mut parts = Parts::default();
    let mut listed = false;
    let end = object(bytes, spaces(bytes, 0), |key, at| {
        if key.contains(&b'\\') {
            return None;
        }
        match key {
            b"data" if !listed => {
                listed = true;
                array(bytes, at, |at| {
                    let (element, end) = element(bytes, at)?;
                    parts.elements.push(element);
                    Some(end)
                })
            }
            // Two lists, or an answer that says that it failed.
            b"data" | b"resources" | b"error" | b"errors" => None,
            _ => {
                let end = value(bytes, at)?;
                match key {
                    b"links" => parts.links.push(at..end),
                    b"count" => parts.count.push(at..end),
                    _ => {}
                }
                Some(end)
            }
        }
    })?;
    (listed && spaces(bytes, end) == bytes.len()).then_some(parts)
}

fn element(bytes: &[u8], at: usize) -> Option<(Element, usize)> {
    let mut element = Element::default();
    let end = if bytes.get(at) == Some(&b'{') {
        element.object = true;
        object(bytes, at, |key, at| match key {
            b"data" => {
                let (inner, end) = inner(bytes, at)?;
                element.data = Some(inner);
                Some(end)
            }
            b"id" => {
                let end = value(bytes, at)?;
                element.id = Some(at..end);
                Some(end)
            }
            _ => value(bytes, at),
        })?
    } else {
        value(bytes, at)?
    };
    element.whole = at..end;
    Some((element, end))
}

fn inner(bytes: &[u8], at: usize) -> Option<(Inner, usize)> {
    let mut inner = Inner::default();
    let end = if bytes.get(at) == Some(&b'{') {
        inner.object = true;
        object(bytes, at, |key, at| {
            let end = value(bytes, at)?;
            if key == b"id" {
                inner.id = Some(at..end);
            }
            Some(end)
        })?
    } else {
        value(bytes, at)?
    };
    inner.whole = at..end;
    Some((inner, end))
}

/// Walks the object that opens at `at`; `each` gets a key, as written, and where its value begins, and says
/// where that ends. Returns the place after the object.
fn object<'a>(
    bytes: &'a [u8],
    at: usize,
    mut each: impl FnMut(&'a [u8], usize) -> Option<usize>,
) -> Option<usize> {
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    let mut at = spaces(bytes, at + 1);
    if bytes.get(at) == Some(&b'}') {
        return Some(at + 1);
    }
    loop {
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let end = string(bytes, at)?;
        let key = bytes.get(at + 1..end - 1)?;
        at = each(key, colon(bytes, end)?)?;
        at = spaces(bytes, at);
        match bytes.get(at) {
            Some(b',') => at = spaces(bytes, at + 1),
            Some(b'}') => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Walks the array that opens at `at`; `each` says where the element that begins at a place ends.
fn array(bytes: &[u8], at: usize, mut each: impl FnMut(usize) -> Option<usize>) -> Option<usize> {
    if bytes.get(at) != Some(&b'[') {
        return None;
    }
    let mut at = spaces(bytes, at + 1);
    if bytes.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        at = spaces(bytes, each(at)?);
        match bytes.get(at) {
            Some(b',') => at = spaces(bytes, at + 1),
            Some(b']') => return Some(at + 1),
            _ => return None,
        }
    }
}

/// The place after the value that begins at `at`.
fn value(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string(bytes, at),
        b'{' | b'[' => nested(bytes, at),
        _ => scalar(bytes, at),
    }
}

/// The place after the object or array that opens at `at`. What is open is a bit each: 1 is an object.
fn nested(bytes: &[u8], mut at: usize) -> Option<usize> {
    let (mut open, mut depth) = (0_u64, 0_u32);
    loop {
        let byte = *bytes.get(at)?;
        if byte == b'"' {
            at = string(bytes, at)?;
        } else if byte == b'{' || byte == b'[' {
            if depth == DEPTH {
                return None;
            }
            let object = byte == b'{';
            at = spaces(bytes, at + 1);
            if bytes.get(at) == Some(if object { &b'}' } else { &b']' }) {
                at += 1;
            } else {
                open = (open << 1) | u64::from(object);
                depth += 1;
                if object {
                    at = key(bytes, at)?;
                }
                continue;
            }
        } else {
            at = scalar(bytes, at)?;
        }
        // After a value: the next one, or the end of what holds it.
        loop {
            if depth == 0 {
                return Some(at);
            }
            at = spaces(bytes, at);
            match (*bytes.get(at)?, open & 1) {
                (b',', 1) => {
                    at = key(bytes, spaces(bytes, at + 1))?;
                    break;
                }
                (b',', _) => {
                    at = spaces(bytes, at + 1);
                    break;
                }
                (b'}', 1) | (b']', 0) => {
                    open >>= 1;
                    depth -= 1;
                    at += 1;
                }
                _ => return None,
            }
        }
    }
}

/// The place of the value whose key opens at `at`.
fn key(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    colon(bytes, string(bytes, at)?)
}

fn colon(bytes: &[u8], at: usize) -> Option<usize> {
    let at = spaces(bytes, at);
    (bytes.get(at) == Some(&b':')).then(|| spaces(bytes, at + 1))
}

/// The first place from `at` that is no white space.
fn spaces(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// The place after the string that opens at `at`.
fn string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at = plain::end(bytes, at)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = escape(bytes, at)?,
            _ => return None,
        }
    }
}

/// The place after the escape at `at`.
fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => {
            let digits = bytes.get(at + 2..at + 6)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 6)
        }
        _ => None,
    }
}

/// The place after the number or word at `at`.
fn scalar(bytes: &[u8], at: usize) -> Option<usize> {
    let known: &[u8] = match bytes.get(at)? {
        b't' => b"true",
        b'f' => b"false",
        b'n' => b"null",
        _ => return number(bytes, at),
    };
    let end = at + known.len();
    (bytes.get(at..end)? == known).then_some(end)
}

fn number(bytes: &[u8], mut at: usize) -> Option<usize> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    let whole = digits(bytes, at);
    // A leading zero stands alone.
    if whole == at || (bytes.get(at) == Some(&b'0') && whole > at + 1) {
        return None;
    }
    at = whole;
    if bytes.get(at) == Some(&b'.') {
        let end = digits(bytes, at + 1);
        if end == at + 1 {
            return None;
        }
        at = end;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let start = at + 1 + sign;
        let end = digits(bytes, start);
        if end == start {
            return None;
        }
        at = end;
    }
    Some(at)
}

fn digits(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b'0'..=b'9')) {
        at += 1;
    }
    at
}
