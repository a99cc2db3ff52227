//! The cookies of a sign-in: how they are named, how a browser's are read, how they are set.
//!
//! Each begun login has a cookie of its own, named after its `state`, so that tabs which begin at once do
//! not push each other's logins out. How many there may be is bounded: browsers and proxies refuse a
//! request whose cookies grow too long.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clever_model::Timestamp;
use sha2::{Digest, Sha256};

use super::pending;

/// Letters of a login's cookie that come from its `state`.
const TAG: usize = 8;
/// Most begun logins that a browser keeps.
const MAX_BEGUN: usize = 8;
/// Most bytes that the cookies of begun logins take. Proxies commonly refuse a line of 8 KiB, and the
/// application has cookies too.
const MAX_BYTES: usize = 6000;

/// The cookies of one request, by name.
#[derive(Clone, Default)]
pub struct Cookies<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Cookies<'a> {
    /// Reads the values of a request's `Cookie` headers.
    pub fn read(headers: impl IntoIterator<Item = &'a str>) -> Self {
        headers
            .into_iter()
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .collect()
    }

    /// Returns the value of the one cookie of this name. Two of them count as none, since one may be planted.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let mut found = self.0.iter().filter(|(found, _)| *found == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) if !value.is_empty() => Some(value),
            _ => None,
        }
    }

    /// Returns all values that came under a name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(found, _)| *found == name);
        found.map(|(_, value)| *value)
    }

    /// Says whether a cookie of this name came at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(found, _)| *found == name)
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Cookies<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// A cookie to set. Its `Debug` hides the value.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// The name.
    pub name: String,
    /// The value, secret.
    pub value: String,
    /// How long the browser keeps it, in seconds; without it, until the browser closes.
    life_s: Option<i64>,
    secure: bool,
}

impl SetCookie {
    /// The `Set-Cookie` header's value.
    #[must_use]
    pub fn header(&self) -> String {
        let Self { name, value, .. } = self;
        let life = self
            .life_s
            .map_or(String::new(), |life| format!("; Max-Age={life}"));
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/{life}{secure}; HttpOnly; SameSite=Lax")
    }
}

/// What an app's cookies are called, and how browsers must treat them.
///
/// Over HTTPS their names begin with `__Host-`: browsers accept them from this host alone. If the app's
/// redirect address is `http` (this machine only), they begin with `local-` and lack `Secure`, because
/// Safari keeps no `Secure` cookie of `http://localhost`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieNames {
    secure: bool,
    suffix: String,
}

/// A suffix that can't be part of a cookie's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cookie's suffix is 1 to 20 letters, digits and `-`")]
pub struct BadSuffix;

impl CookieNames {
    /// Names the cookies of an app with this redirect address.
    #[must_use]
    pub fn of(redirect: &str) -> Self {
        let scheme = redirect.split(':').next().unwrap_or_default();
        Self {
            secure: !scheme.eq_ignore_ascii_case("http"),
            suffix: String::new(),
        }
    }

    /// Tells this app's cookies from those of another app on the same host. Ports don't: browsers send a
    /// host's cookies to all of them.
    ///
    /// # Errors
    ///
    /// [`BadSuffix`].
    pub fn with_suffix(mut self, suffix: &str) -> Result<Self, BadSuffix> {
        let fine = (1..=20).contains(&suffix.len())
            && suffix
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !fine {
            return Err(BadSuffix);
        }
        self.suffix = format!("_{suffix}");
        Ok(self)
    }

    fn name(&self, what: &str) -> String {
        let prefix = if self.secure { "__Host-" } else { "local-" };
        format!("{prefix}clever_{what}{}", self.suffix)
    }

    /// The name of the session's cookie.
    #[must_use]
    pub fn session(&self) -> String {
        self.name("session")
    }

    /// The cookie that holds a session's secret id until the browser closes.
    #[must_use]
    pub fn set_session(&self, id: &str) -> SetCookie {
        self.set(self.session(), id.to_owned(), None)
    }

    /// The cookie that removes another one.
    #[must_use]
    pub fn remove(&self, name: &str) -> SetCookie {
        self.set(name.to_owned(), String::new(), Some(0))
    }

    /// The removal of every login that the browser has begun.
    #[must_use]
    pub fn remove_logins(&self, cookies: &Cookies<'_>) -> Vec<SetCookie> {
        let restarted = self.restarted();
        let mut names: Vec<&str> = self.begun(cookies).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        if cookies.has(&restarted) {
            names.push(&restarted);
        }
        names.into_iter().map(|name| self.remove(name)).collect()
    }

    /// The name of the cookie that notes a restart.
    pub(crate) fn restarted(&self) -> String {
        self.name("restarted")
    }

    /// The name of the cookie of the login with this `state`.
    pub(crate) fn login(&self, state: &str) -> String {
        let tag = URL_SAFE_NO_PAD.encode(Sha256::digest(state.as_bytes()));
        format!("{}_{}", self.name("login"), &tag[..TAG])
    }

    pub(crate) fn set(&self, name: String, value: String, life_s: Option<i64>) -> SetCookie {
        SetCookie {
            name,
            value,
            life_s,
            secure: self.secure,
        }
    }

    /// The cookies of begun logins. Another suffix on the same host makes names of another length.
    fn begun<'a>(&self, cookies: &Cookies<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
        let prefix = format!("{}_", self.name("login"));
        let found = cookies.0.clone().into_iter();
        found.filter(move |(name, _)| {
            name.strip_prefix(&*prefix)
                .is_some_and(|tag| tag.len() == TAG)
        })
    }

    /// Which begun logins must go to make room for a cookie of `size` bytes: those that are over, then the
    /// oldest.
    pub(crate) fn crowded_out(
        &self,
        cookies: &Cookies<'_>,
        size: usize,
        now: Timestamp,
    ) -> Vec<SetCookie> {
        let mut begun: Vec<(Option<i64>, &str, usize)> = self
            .begun(cookies)
            .map(|(name, value)| (pending::born(value, now), name, name.len() + value.len()))
            .collect();
        // Whatever is over or not ours has no birth and comes first.
        begun.sort_unstable();
        let mut bytes: usize = size + begun.iter().map(|(_, _, size)| size).sum::<usize>();
        let mut left = begun.len();
        let mut gone = Vec::new();
        for (born, name, size) in begun {
            if born.is_some() && left < MAX_BEGUN && bytes <= MAX_BYTES {
                break;
            }
            gone.push(self.remove(name));
            left -= 1;
            bytes -= size;
        }
        gone
    }
}

impl fmt::Debug for Cookies<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetCookie({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(redirect: &str) -> CookieNames {
        CookieNames::of(redirect)
    }

    #[test]
    fn two_cookies_of_one_name_are_none() {
        let cookies = Cookies::read(["a=1; b=2; c=", "b=3;d = 4"]);
        assert_eq!(cookies.get("a"), Some("1"));
        assert_eq!(cookies.get("b"), None, "one of them is planted");
        assert!(cookies.has("b") && !cookies.has("e"));
        assert_eq!(cookies.get("c"), None);
    }

    #[test]
    fn cookies_are_bound_to_the_host_and_plain_on_this_machine_alone() {
        let live = names("https://app.example/callback");
        assert_eq!(
            live.set_session("s").header(),
            "__Host-clever_session=s; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        let local = names("http://localhost:3000/callback");
        assert_eq!(
            local.set_session("s").header(),
            "local-clever_session=s; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            local.remove("local-x").header(),
            "local-x=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            format!("{:?}", live.set_session("canary")),
            "SetCookie(__Host-clever_session)"
        );
    }

    #[test]
    fn two_apps_on_one_host_do_not_see_each_others_logins() {
        let one = names("https://app.example/a/callback");
        let other = one.clone().with_suffix("math").unwrap();
        assert_ne!(one.session(), other.session());
        let (mine, its) = (one.login("state"), other.login("state"));
        let cookies: Cookies<'_> = [(&*mine, "x"), (&*its, "y")].into_iter().collect();
        for (names, own) in [(&one, &mine), (&other, &its)] {
            let gone = names.remove_logins(&cookies);
            assert_eq!(gone.len(), 1);
            assert_eq!(gone[0].name, **own);
        }
        for bad in ["", "a b", "a;b", "a_b", &"a".repeat(21)] {
            assert_eq!(one.clone().with_suffix(bad), Err(BadSuffix), "{bad}");
        }
    }

    #[test]
    fn field_f6_the_number_and_size_of_begun_logins_is_bounded_and_the_oldest_goes() {
        let names = names("https://app.example/callback");
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let cookie = |age: i64, size: usize| {
            let born = now.as_second() - age;
            (
                names.login(&format!("state {age}")),
                format!("{born:x}.{}", "s".repeat(size)),
            )
        };
        let gone = |all: &[(String, String)]| -> Vec<String> {
            let cookies = all.iter().map(|(n, v)| (&**n, &**v)).collect();
            let gone = names.crowded_out(&cookies, 300, now);
            gone.into_iter().map(|cookie| cookie.name).collect()
        };
        let many: Vec<_> = (1..=30).map(|age| cookie(age, 250)).collect();
        let dropped = gone(&many);
        assert_eq!(dropped.len(), 23, "seven, and the new one");
        assert_eq!(dropped[0], many[29].0, "the oldest first");
        assert!(!dropped.contains(&many[0].0));
        let large: Vec<_> = (1..=5).map(|age| cookie(age, 1600)).collect();
        assert_eq!(gone(&large).len(), 2);
        // Whatever is over goes at once, also without need.
        let over = [cookie(1, 9), cookie(600, 9), cookie(-5, 9)];
        assert_eq!(gone(&over), [over[1].0.clone(), over[2].0.clone()]);
        assert!(gone(&many[..7]).is_empty());
    }
}
