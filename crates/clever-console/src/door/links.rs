//! One-time links: whoever has one comes in, once, within ten minutes.

use std::sync::{Mutex, PoisonError};

use clever_auth::seal::{NoRandomness, SystemRandomness, random_text};
use clever_model::Timestamp;

use crate::who::Person;

/// How long a link is good, in seconds.
const LASTS: i64 = 600;
/// The most wrong keys in a minute; beyond them no key is looked at.
const MOST_WRONG: u32 = 10;

/// A link that nobody used yet.
struct Link {
    digest: blake3::Hash,
    person: Person,
    made: Timestamp,
}

#[derive(Default)]
struct State {
    open: Vec<Link>,
    wrong: u32,
    /// The minute in which those were wrong.
    minute: i64,
}

/// The links of one console.
#[derive(Default)]
pub(crate) struct Links(Mutex<State>);

/// Why a key opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It is wrong, used or too old.
    Wrong,
    /// Too many were wrong.
    TooOften,
}

impl Links {
    /// Makes a link's key.
    pub(crate) fn make(&self, person: Person, now: Timestamp) -> Result<String, NoRandomness> {
        let key = random_text(&SystemRandomness)?;
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.open.retain(|link| is_good(link, now));
        state.open.push(Link {
            digest: blake3::hash(key.as_bytes()),
            person,
            made: now,
        });
        Ok(key)
    }

    /// Uses a key up.
    pub(crate) fn open(&self, key: &str, now: Timestamp) -> Result<Person, Closed> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_second().div_euclid(60);
        if state.minute != minute {
            (state.minute, state.wrong) = (minute, 0);
        }
        if state.wrong >= MOST_WRONG {
            return Err(Closed::TooOften);
        }
        let digest = blake3::hash(key.as_bytes());
        // Hashes of blake3 are compared in constant time.
        let found = state.open.iter().position(|link| link.digest == digest);
        let link = found.map(|at| state.open.swap_remove(at));
        match link.filter(|link| is_good(link, now)) {
            Some(link) => Ok(link.person),
            None => {
                state.wrong += 1;
                Err(Closed::Wrong)
            }
        }
    }
}

fn is_good(link: &Link, now: Timestamp) -> bool {
    (0..LASTS).contains(&(now.as_second() - link.made.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::who::Role;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_789_000_020 + second).unwrap()
    }

    fn person() -> Person {
        Person {
            name: "kim".to_owned(),
            role: Role::Admin,
            district: None,
        }
    }

    #[test]
    fn a_link_opens_once_and_for_ten_minutes() {
        let links = Links::default();
        let key = links.make(person(), at(0)).unwrap();
        assert_eq!(links.open(&key, at(599)), Ok(person()));
        assert_eq!(links.open(&key, at(599)), Err(Closed::Wrong));
        let key = links.make(person(), at(0)).unwrap();
        assert_eq!(links.open(&key, at(600)), Err(Closed::Wrong));
    }

    #[test]
    fn whoever_guesses_is_slowed_down() {
        let links = Links::default();
        let key = links.make(person(), at(0)).unwrap();
        for _ in 0..MOST_WRONG {
            assert_eq!(links.open("guess", at(0)), Err(Closed::Wrong));
        }
        assert_eq!(links.open(&key, at(1)), Err(Closed::TooOften));
        assert_eq!(links.open(&key, at(61)), Ok(person()));
    }
}
