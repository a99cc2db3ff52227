//! What comes back to the redirect address, read strictly.

use std::fmt;

use secrecy::SecretString;

/// Longest query read, in bytes.
const MAX_QUERY: usize = 8 * 1024;
/// Longest code or state read, in bytes.
const MAX_VALUE: usize = 2 * 1024;

/// A callback's parameters. Unknown ones are ignored; a known one that comes twice is an error.
#[derive(Default)]
pub(crate) struct Callback {
    pub(crate) code: Option<SecretString>,
    pub(crate) state: Option<String>,
    /// There is no `state` at all; an empty one is one that nobody began.
    pub(crate) stateless: bool,
    pub(crate) issuer: Option<String>,
    pub(crate) error: Option<ErrorCode>,
}

/// The query is not what a login service sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The `error` of a callback: a short word, or nothing that we repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCode(Box<str>);

impl ErrorCode {
    fn new(text: &str) -> Self {
        let word = text.len() <= 40
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-'));
        Self(if word { text } else { "other" }.into())
    }

    /// Returns the word, such as `access_denied` or `unauthorized-user`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the query of a callback, without its `?`.
pub(crate) fn parse(query: &str) -> Result<Callback, Malformed> {
    if query.len() > MAX_QUERY {
        return Err(Malformed);
    }
    let mut callback = Callback::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if !matches!(&*name, "code" | "state" | "iss" | "error") {
            continue;
        }
        if value.len() > MAX_VALUE {
            return Err(Malformed);
        }
        let twice = match &*name {
            "code" => callback
                .code
                .replace(SecretString::from(value.into_owned()))
                .is_some(),
            "state" => callback.state.replace(value.into_owned()).is_some(),
            "iss" => callback.issuer.replace(value.into_owned()).is_some(),
            _ => callback.error.replace(ErrorCode::new(&value)).is_some(),
        };
        if twice {
            return Err(Malformed);
        }
    }
    callback.stateless = callback.state.is_none();
    let empty = |code: &SecretString| secrecy::ExposeSecret::expose_secret(code).is_empty();
    callback.code = callback.code.filter(|code| !empty(code));
    if callback.code.is_none() && callback.error.is_none() {
        return Err(Malformed);
    }
    Ok(callback)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_no_login_service_sends_is_malformed() {
        for query in [
            "",
            "state=a",
            "code=",
            "code=a&code=b",
            "code=a&state=b&state=b",
        ] {
            assert!(parse(query).is_err(), "{query}");
        }
        assert!(parse(&format!("code={}", "a".repeat(3000))).is_err());
        let callback = parse("code=a&scope=x&scope=y&state=").unwrap();
        assert_eq!(callback.state.as_deref(), Some(""));
        assert!(!callback.stateless && parse("code=a").unwrap().stateless);
        let said = |query| parse(query).unwrap().error.unwrap().to_string();
        assert_eq!(said("error=access_denied"), "access_denied");
        assert_eq!(said("error=<script>"), "other");
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "\\PC{0,80}") {
            let _ = parse(&query);
        }
    }
}
