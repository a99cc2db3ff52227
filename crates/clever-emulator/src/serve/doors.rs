//! Who may ask: under which host names, and with which token for the control API.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use axum::http::{HeaderMap, header};

use crate::sign_in::parameters::parameters;

/// Names of this machine, as a `Host` header has them.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
/// The cookie with which a browser shows the control token.
const COOKIE: &str = "emulator_control";

/// The token of the control API.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlToken(String);

impl ControlToken {
    /// The token's text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ControlToken {
    fn from(token: &str) -> Self {
        Self(token.to_owned())
    }
}

impl fmt::Debug for ControlToken {
    /// Shows no token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ControlToken(..)")
    }
}

/// Who may ask.
#[derive(Debug)]
pub(crate) struct Doors {
    /// Host names beside those of this machine, in lower case.
    hosts: Vec<String>,
    /// What the control API asks for; none where only this machine can ask.
    control_token: Option<ControlToken>,
}

impl Doors {
    pub(crate) fn new(hosts: &[String], control_token: Option<ControlToken>) -> Self {
        Self {
            hosts: hosts.iter().map(|host| host.to_lowercase()).collect(),
            control_token,
        }
    }

    /// The token of the control API, if it asks for one.
    pub(crate) fn control_token(&self) -> Option<&str> {
        self.control_token.as_ref().map(ControlToken::expose)
    }

    /// Whether a request asks for a name that is ours. A page of another site reaches this machine under a name of its
    /// own only, which its owner can point anywhere (DNS rebinding): such a request is refused.
    pub(crate) fn answer_to(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
        else {
            return false;
        };
        let name = match host.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((name, port)) if !port.ends_with(']') => name,
            _ => host,
        };
        let name = name.to_lowercase();
        LOOPBACK.contains(&name.as_str()) || self.hosts.contains(&name)
    }

    /// Whether a request may control the emulator: with the token as a bearer's or in the page's cookie.
    pub(crate) fn open_control_to(&self, headers: &HeaderMap) -> bool {
        let Some(token) = self.control_token() else {
            return true;
        };
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text(header::AUTHORIZATION).and_then(|value| value.split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let cookies = text(header::COOKIE).unwrap_or_default().split(';');
        let mut cookies = cookies.filter_map(|pair| pair.trim().split_once('='));
        let cookie = cookies.find(|(name, _)| *name == COOKIE);
        let mut shown = [bearer, cookie].into_iter().flatten();
        shown.any(|(_, value)| is_same(token, value.trim()))
    }

    /// The cookie for a browser whose address has the token, as in `/?token=…`.
    pub(crate) fn cookie_for(&self, query: &str) -> Option<String> {
        let token = self.control_token()?;
        let shown = parameters(query).remove("token")?;
        is_same(token, &shown)
            .then(|| format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"))
    }
}

fn is_same(token: &str, shown: &str) -> bool {
    verify_slices_are_equal(token.as_bytes(), shown.as_bytes()).is_ok()
}

/// A token of 32 hexadecimal digits that nobody can guess.
pub(super) fn random_token() -> Result<ControlToken, Unspecified> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)?;
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    Ok(ControlToken(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let all = all.iter().map(|(name, value)| {
            let name = header::HeaderName::from_static(name);
            (name, value.parse().unwrap())
        });
        all.collect()
    }

    #[test]
    fn only_names_of_this_machine_and_allowed_ones_are_answered_to() {
        let doors = Doors::new(&["Emulator.test".to_owned()], None);
        for host in [
            "127.0.0.1",
            "127.0.0.1:80",
            "LOCALHOST:8787",
            "[::1]",
            "[::1]:80",
            "emulator.test:8787",
        ] {
            assert!(doors.answer_to(&headers(&[("host", host)])), "{host}");
        }
        for host in [
            "",
            "evil.example:80",
            "x.emulator.test",
            "127.0.0.1.evil.example",
        ] {
            assert!(!doors.answer_to(&headers(&[("host", host)])), "{host}");
        }
        assert!(!doors.answer_to(&headers(&[])));
    }

    #[test]
    fn control_opens_to_its_token_alone() {
        let doors = Doors::new(&[], Some("s3cret".into()));
        let opens = |all: &[(&'static str, &str)]| doors.open_control_to(&headers(all));
        assert!(opens(&[("authorization", "Bearer s3cret")]));
        assert!(opens(&[("cookie", "a=b; emulator_control=s3cret")]));
        assert!(!opens(&[]) && !opens(&[("authorization", "Bearer s3cre")]));
        assert!(!opens(&[("authorization", "Basic s3cret")]));
        assert!(!opens(&[("cookie", "clever_session=s3cret")]));
        assert!(doors.cookie_for("token=other").is_none() && doors.cookie_for("").is_none());
        assert!(
            doors
                .cookie_for("token=s3cret")
                .unwrap()
                .starts_with("emulator_control=s3cret;")
        );
        assert!(!format!("{doors:?}").contains("s3cret"));
        assert!(Doors::new(&[], None).open_control_to(&headers(&[])));
        assert_ne!(random_token().unwrap(), random_token().unwrap());
    }
}
