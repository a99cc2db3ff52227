//! Where to go after a login: a path of our own site, or nothing.
//!
//! A return address that comes with a request is an attacker's to choose. Only a plain path passes;
//! it travels in the sealed cookie, never in a URL that Clever sends back.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// Longest path accepted, in bytes.
const MAX_LEN: usize = 1024;

/// A path below our own origin, with query and fragment if it has them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SafePath(Box<str>);

/// A text that is no path of our own site, or may be read as another site's by some browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a path of this site")]
pub struct UnsafePath;

impl SafePath {
    /// Takes `text` as a path.
    ///
    /// It starts with exactly one `/` and has visible ASCII only: no backslash, white space or control
    /// character, not even escaped, and no second slash that a proxy could fold into the first.
    ///
    /// # Errors
    ///
    /// [`UnsafePath`].
    pub fn new(text: &str) -> Result<Self, UnsafePath> {
        if text.len() > MAX_LEN || !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            return Err(UnsafePath);
        }
        let path = text.split(['?', '#']).next().unwrap_or_default();
        // Proxies decode: what is unsafe once decoded is unsafe. Twice is enough to see `%252f`.
        let once = decoded(path);
        for form in [path.as_bytes(), &once, &decoded_bytes(&once)] {
            let second_slash = form.windows(2).any(|pair| pair == b"//");
            let control = form.iter().any(|b| *b < 0x20 || *b == 0x7f || *b == b'\\');
            let dots = form
                .split(|b| *b == b'/')
                .any(|part| part == b"." || part == b"..");
            if form.first() != Some(&b'/') || second_slash || control || dots {
                return Err(UnsafePath);
            }
        }
        Ok(Self(text.into()))
    }

    /// The site's front page.
    #[must_use]
    pub fn root() -> Self {
        Self("/".into())
    }

    /// Returns the path's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Joins the path to `origin`; the result is of the same origin.
    #[must_use]
    pub fn on(&self, origin: &Url) -> Url {
        match origin.join(&self.0) {
            Ok(url) if url.origin() == origin.origin() => url,
            _ => origin.clone(),
        }
    }
}

impl Default for SafePath {
    fn default() -> Self {
        Self::root()
    }
}

impl fmt::Display for SafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SafePath {
    type Err = UnsafePath;

    fn from_str(text: &str) -> Result<Self, UnsafePath> {
        Self::new(text)
    }
}

fn decoded(text: &str) -> Vec<u8> {
    decoded_bytes(text.as_bytes())
}

/// Undoes percent escapes once; a broken escape stays as it is.
fn decoded_bytes(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| {
        text.get(at)
            .and_then(|b| char::from(*b).to_digit(16))
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ways_out_of_the_site_are_refused() {
        for text in [
            "",
            "classes",
            "//evil.example",
            "/\\evil.example",
            "/%5cevil.example",
            "/%2fevil.example",
            "/%252fevil.example",
            "https://evil.example",
            "/\tevil",
            "/%0d%0aSet-Cookie:a",
            "/a//b",
            "/a/../../b",
            "/é",
        ] {
            assert_eq!(SafePath::new(text), Err(UnsafePath), "{text:?}");
        }
        for text in [
            "/",
            "/classes/7?tab=a%20b#top",
            "/find?next=https://x.example//y",
        ] {
            assert_eq!(SafePath::new(text).unwrap().as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn p22_an_accepted_path_stays_on_our_origin(text in prop_oneof![
            "/[/\\\\a-z.:@%0-9?#]{0,16}",
            "(/|//|\\\\|%2f|%5c|%252f|https:|evil\\.example|@|\\.\\.|%09|\\?|#){1,8}",
            "\\PC{0,24}",
        ]) {
            let origin = Url::parse("https://app.example").unwrap();
            if let Ok(path) = SafePath::new(&text) {
                prop_assert_eq!(origin.join(path.as_str()).unwrap().origin(), origin.origin());
                prop_assert_eq!(path.on(&origin).origin(), origin.origin());
            }
        }
    }
}
