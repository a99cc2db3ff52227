//! The address that Clever sends people back to, letter by letter as it is registered.
//!
//! Clever compares it as text (RFC 6749, §3.1.2.3). A parsed URL is another text: it gains a slash, loses `:443`,
//! folds `..`. So the text is kept and sent, and the URL beside it only says where it leads.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::address;

/// A redirect address as it stands in Clever's dashboard.
#[derive(Clone, PartialEq, Eq)]
pub struct RedirectUri {
    text: Box<str>,
    url: Url,
}

/// Why a text is no redirect address. Holds nothing of the text, which may have a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// It has white space or control characters, perhaps at an end.
    #[error("the redirect address has white space or a control character")]
    Blank,
    /// It is no whole address: scheme, `://`, host.
    #[error("the redirect address is no whole address such as https://app.example/callback")]
    Form,
    /// It is neither HTTPS nor on this machine.
    #[error("the redirect address must be https (http is accepted for this machine only)")]
    Scheme,
    /// It has a fragment, which OAuth forbids (RFC 6749, §3.1.2).
    #[error("the redirect address has a fragment (`#`)")]
    Fragment,
    /// It has a user's name or password.
    #[error("the redirect address has a user or password before its host")]
    User,
}

impl RedirectUri {
    /// The text as it was given: what Clever compares.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it leads.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The path that it leads to.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }
}

impl FromStr for RedirectUri {
    type Err = RedirectError;

    fn from_str(text: &str) -> Result<Self, RedirectError> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(RedirectError::Blank);
        }
        // What browsers forgive is another address to Clever: `https:host`, `https:///host`, `https:\\host`.
        let (scheme, rest) = text.split_once("://").ok_or(RedirectError::Form)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() || rest.contains('\\') {
            return Err(RedirectError::Form);
        }
        if rest.contains('#') {
            return Err(RedirectError::Fragment);
        }
        if authority.contains('@') {
            return Err(RedirectError::User);
        }
        if !["https", "http"]
            .map(|one| scheme.eq_ignore_ascii_case(one))
            .contains(&true)
        {
            return Err(RedirectError::Scheme);
        }
        let url: Url = text.parse().map_err(|_| RedirectError::Form)?;
        if address::check(&url, false).is_err() {
            return Err(RedirectError::Scheme);
        }
        Ok(Self {
            text: text.into(),
            url,
        })
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedirectUri({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_f9_the_text_stays_as_it_is_registered() {
        for text in [
            "http://localhost",
            "http://localhost/",
            "http://127.0.0.1:80/callback",
            "https://app.example:443/callback",
            "https://app.example/a/../callback",
            "https://app.example/a/./callback/",
            "https://App.Example/Callback",
            "HTTPS://app.example/callback",
            "https://app.example./callback",
            "https://schüle.example/zurück",
            "https://xn--schle-lva.example/callback",
            "https://app.example/%7euser/%2F/callback?",
            "https://app.example/callback?school=1&x=%20",
            "https://app.example//callback",
            "http://[::1]:8080/callback",
            "http://[0:0:0:0:0:0:0:1]/callback",
            "http://127.1/callback",
        ] {
            let redirect: RedirectUri = text.parse().unwrap();
            assert_eq!(redirect.as_str(), text);
            assert_eq!(redirect.to_string(), text);
        }
    }

    #[test]
    fn field_f9_what_no_dashboard_takes_is_refused_by_its_reason() {
        use RedirectError::{Blank, Form, Fragment, Scheme, User};
        for (text, reason) in [
            ("", Form),
            ("/callback", Form),
            ("app.example/callback", Form),
            ("https:app.example/callback", Form),
            ("https:/app.example/callback", Form),
            ("https:///app.example/callback", Form),
            ("https://", Form),
            ("https://?x", Form),
            (r"https:\\app.example\callback", Form),
            (r"https://app.example\callback", Form),
            ("https://app.example:99999/callback", Form),
            ("https://app.example/callback#", Fragment),
            ("https://app.example#top", Fragment),
            ("https://user@app.example/callback", User),
            ("https://user:secret@app.example/callback", User),
            ("https://:secret@app.example/callback", User),
            ("https://@app.example/callback", User),
            (" https://app.example/callback", Blank),
            ("https://app.example/callback ", Blank),
            ("https://app.example/callback\n", Blank),
            ("https://app.example/call\tback", Blank),
            ("https://app.example/call back", Blank),
            ("https://app.example/call\u{a0}back", Blank),
            ("https://app.example/call\u{7f}back", Blank),
            ("http://app.example/callback", Scheme),
            ("http://127.0.0.1.app.example/callback", Scheme),
            ("ftp://app.example/callback", Scheme),
            ("myapp://callback", Scheme),
            ("javascript://app.example/%0aalert(1)", Scheme),
        ] {
            assert_eq!(text.parse::<RedirectUri>(), Err(reason), "{text:?}");
        }
    }
}
