//! Sessions, in memory: a console that starts again signs everybody out, and nothing of a session lies anywhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use clever_auth::seal::{NoRandomness, SystemRandomness, random_text};
use clever_model::Timestamp;
use subtle::ConstantTimeEq as _;

use crate::who::Person;

/// How long a session lasts, in seconds: a working day.
const LASTS: i64 = 10 * 3600;
/// The most sessions at once; beyond them the oldest ends.
const MOST: usize = 1000;

/// Somebody who is in, with what the person's forms must bring.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) person: Person,
    /// The token of the session's forms.
    pub(crate) form: String,
    /// The key of the form that was sent: sent twice, it is one row of the audit.
    pub(crate) key: Option<String>,
}

impl Visitor {
    /// Somebody who has a token of the API, which has no forms.
    pub(crate) fn of_token(person: Person) -> Self {
        Self {
            person,
            form: String::new(),
            key: None,
        }
    }

    /// Says whether a form is of this session.
    pub(crate) fn sent(&self, form: &str) -> bool {
        self.form.as_bytes().ct_eq(form.as_bytes()).into()
    }
}

struct Session {
    visitor: Visitor,
    since: Timestamp,
}

/// The sessions of one console.
pub(crate) struct Sessions {
    /// The cookie's name: two consoles of one host have two.
    cookie: String,
    /// What tokens of forms are made with if an app signs people in.
    secret: [u8; 32],
    open: Mutex<BTreeMap<String, Session>>,
}

impl Sessions {
    pub(crate) fn new() -> Result<Self, NoRandomness> {
        let secret = *blake3::hash(random_text(&SystemRandomness)?.as_bytes()).as_bytes();
        let name = blake3::keyed_hash(&secret, b"cookie").to_hex();
        Ok(Self {
            cookie: format!("clever_console_{}", name.get(..8).unwrap_or_default()),
            secret,
            open: Mutex::default(),
        })
    }

    /// Begins a session; returns the cookie that is it.
    pub(crate) fn begin(
        &self,
        person: Person,
        now: Timestamp,
        attributes: &str,
    ) -> Result<String, NoRandomness> {
        let id = random_text(&SystemRandomness)?;
        let visitor = Visitor {
            person,
            form: random_text(&SystemRandomness)?,
            key: None,
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, session| is_good(session, now));
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, one)| one.since)
        {
            let oldest = oldest.0.clone();
            open.remove(&oldest);
        }
        let session = Session {
            visitor,
            since: now,
        };
        // The id itself is nowhere but in the browser.
        open.insert(self.digest(&id), session);
        Ok(format!("{}={id}; {attributes}", self.cookie))
    }

    /// Whose session the headers name.
    pub(crate) fn of(&self, headers: &HeaderMap, now: Timestamp) -> Option<Visitor> {
        let id = self.id(headers)?;
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let session = open.get(&self.digest(id))?;
        is_good(session, now).then(|| session.visitor.clone())
    }

    /// Somebody whom an app let in.
    pub(crate) fn of_gate(&self, person: Person) -> Visitor {
        let form = blake3::keyed_hash(&self.secret, person.name.as_bytes());
        Visitor {
            form: form.to_hex().to_string(),
            key: None,
            person,
        }
    }

    /// Ends the session that the headers name; returns the cookie that clears it.
    pub(crate) fn end(&self, headers: &HeaderMap, attributes: &str) -> String {
        if let Some(id) = self.id(headers) {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.remove(&self.digest(id));
        }
        format!("{}=; Max-Age=0; {attributes}", self.cookie)
    }

    /// The name of the cookie of a sign-in that is under way.
    pub(crate) fn begun(&self) -> String {
        format!("{}_begun", self.cookie)
    }

    fn id<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        cookie(headers, &self.cookie)
    }
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).into_iter();
    let mut pairs = all
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, id)| id)
}

impl Sessions {
    fn digest(&self, id: &str) -> String {
        blake3::keyed_hash(&self.secret, id.as_bytes())
            .to_hex()
            .to_string()
    }
}

fn is_good(session: &Session, now: Timestamp) -> bool {
    (0..LASTS).contains(&(now.as_second() - session.since.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::who::Role;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_789_000_000 + second).unwrap()
    }

    fn headers(cookie: &str) -> HeaderMap {
        let pair = cookie.split(';').next().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, format!("other=1; {pair}").parse().unwrap());
        headers
    }

    #[test]
    fn a_session_ends_with_the_day_and_is_of_one_console() {
        let (one, other) = (Sessions::new().unwrap(), Sessions::new().unwrap());
        let person = Person {
            name: "kim".to_owned(),
            role: Role::Viewer,
            district: None,
        };
        let cookie = one.begin(person.clone(), at(0), "HttpOnly").unwrap();
        let sent = headers(&cookie);
        assert_eq!(one.of(&sent, at(60)).unwrap().person, person);
        assert!(other.of(&sent, at(60)).is_none());
        assert!(one.of(&sent, at(LASTS)).is_none());
        assert!(one.of(&sent, at(-1)).is_none());
        let visitor = one.of(&sent, at(1)).unwrap();
        assert!(visitor.sent(&visitor.form) && !visitor.sent("") && !visitor.sent("x"));
        one.end(&sent, "");
        assert!(one.of(&sent, at(1)).is_none());
    }
}
