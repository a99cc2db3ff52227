//! Trouble on command: which, for which requests, when.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// A way in which an answer goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// The connection breaks in the middle of the body.
    Cut,
    /// The body ends early, and says that it is whole.
    Truncated,
    /// The connection breaks before the body.
    Reset,
    /// No answer for a very long time.
    Hang,
    /// 429 with the text that Clever sends.
    RateLimited,
    /// 429 with a JSON message.
    RateLimitedJson,
    /// 500 with a JSON message.
    ServerError,
    /// 404 with an HTML page.
    Html404,
    /// 401, as after the token was rotated.
    TokenRotated,
    /// A list without records.
    EmptyList,
    /// Every record of the page twice.
    DuplicatedRecords,
    /// `next` leads to the page itself.
    RepeatedPage,
    /// `next` is missing although there is more.
    EarlyEnd,
    /// The page's records in descending order.
    Unordered,
    /// Keys in another order; the same content.
    ReorderedKeys,
    /// A value that no description has: `gender` `Nonbinary`, `subject` `astronomy`.
    UnknownEnum,
    /// A field that no description has.
    UnknownField,
    /// `null` in optional fields.
    Nulls,
    /// An object where an optional text belongs.
    WrongType,
}

/// A fault with the requests that it befalls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a rule does nothing until it is added"]
pub struct FaultRule {
    fault: Fault,
    path: Option<String>,
    skip: u64,
    times: Option<u64>,
    /// So many of a hundred, and what chooses them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chance: Option<(u8, u64)>,
}

impl Fault {
    /// Every fault, for tests that try each.
    pub const ALL: [Self; 19] = [
        Self::Cut,
        Self::Truncated,
        Self::Reset,
        Self::Hang,
        Self::RateLimited,
        Self::RateLimitedJson,
        Self::ServerError,
        Self::Html404,
        Self::TokenRotated,
        Self::EmptyList,
        Self::DuplicatedRecords,
        Self::RepeatedPage,
        Self::EarlyEnd,
        Self::Unordered,
        Self::ReorderedKeys,
        Self::UnknownEnum,
        Self::UnknownField,
        Self::Nulls,
        Self::WrongType,
    ];

    /// Befalls requests whose path and query contain `part`.
    pub fn on(self, part: impl Into<String>) -> FaultRule {
        FaultRule {
            fault: self,
            path: Some(part.into()),
            skip: 0,
            times: None,
            chance: None,
        }
    }

    /// Befalls every request.
    pub fn everywhere(self) -> FaultRule {
        FaultRule {
            fault: self,
            path: None,
            skip: 0,
            times: None,
            chance: None,
        }
    }
}

impl FaultRule {
    /// Befalls only the `n`th matching request, counted from 1.
    pub fn nth(mut self, n: u64) -> Self {
        self.skip = n.saturating_sub(1);
        self.times = Some(1);
        self
    }

    /// Befalls so many of a hundred matching requests; the same seed befalls the same ones.
    pub fn percent(mut self, percent: u8, seed: u64) -> Self {
        self.chance = Some((percent, seed));
        self
    }

    /// Befalls at most `n` requests.
    pub fn times(mut self, n: u64) -> Self {
        self.times = Some(n);
        self
    }
}

impl std::str::FromStr for FaultRule {
    type Err = String;

    /// Reads `fault[@path][#nth][%percent]`: `rate-limited@/users#3`, `server-error%5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, percent) = cut(text, '%')?;
        let (rest, nth) = cut(rest, '#')?;
        let (name, path) = match rest.split_once('@') {
            Some((name, path)) => (name, Some(path)),
            None => (rest, None),
        };
        let fault: Fault = serde_json::from_value(serde_json::Value::from(name)).map_err(|_| {
            let names = Fault::ALL.map(|fault| {
                serde_json::json!(fault)
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            });
            format!(
                "there is no fault `{name}`; there are: {}",
                names.join(", ")
            )
        })?;
        let mut rule = match path {
            Some(path) => fault.on(path),
            None => fault.everywhere(),
        };
        if let Some(nth) = nth {
            rule = rule.nth(nth);
        }
        if let Some(percent) = percent {
            let percent = u8::try_from(percent).ok().filter(|percent| *percent <= 100);
            rule = rule.percent(percent.ok_or("after % comes a number from 1 to 100")?, 1);
        }
        Ok(rule)
    }
}

/// Cuts a number off that follows a mark.
fn cut(text: &str, mark: char) -> Result<(&str, Option<u64>), String> {
    let Some((rest, number)) = text.rsplit_once(mark) else {
        return Ok((text, None));
    };
    let number = number.parse().ok().filter(|number| *number > 0);
    number
        .map(|number| (rest, Some(number)))
        .ok_or_else(|| format!("after {mark} comes a number from 1"))
}

/// The rules in force. Rules are looked at in the order in which they were added; the first wins.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<FaultRule>>);

impl Faults {
    /// Adds a rule.
    pub fn add(&self, rule: FaultRule) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(rule);
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The rules in force, as far as they have not befallen enough.
    #[must_use]
    pub fn rules(&self) -> Vec<FaultRule> {
        let rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rules
            .iter()
            .filter(|rule| rule.times != Some(0))
            .cloned()
            .collect()
    }

    /// The fault that befalls a request, if any; counts it.
    pub(crate) fn befall(&self, target: &str) -> Option<Fault> {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in rules.iter_mut() {
            if rule.times == Some(0)
                || rule
                    .path
                    .as_ref()
                    .is_some_and(|part| !target.contains(part))
            {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if let Some((percent, state)) = &mut rule.chance {
                // SplitMix64: a number for each matching request, from the seed alone.
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                if (z ^ (z >> 31)) % 100 >= u64::from(*percent) {
                    continue;
                }
            }
            if let Some(times) = &mut rule.times {
                *times -= 1;
            }
            return Some(rule.fault);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_befalls_what_it_names_when_it_is_due() {
        let faults = Faults::default();
        faults.add(Fault::Cut.on("/users").nth(2));
        faults.add(Fault::Hang.on("/terms").times(2));
        let seen: Vec<_> = ["/users", "/terms", "/users", "/users", "/terms", "/terms"]
            .map(|path| faults.befall(path))
            .into();
        assert_eq!(
            seen,
            [
                None,
                Some(Fault::Hang),
                Some(Fault::Cut),
                None,
                Some(Fault::Hang),
                None
            ]
        );
        faults.add(Fault::Reset.everywhere());
        assert_eq!(faults.befall("/x"), Some(Fault::Reset));
        faults.clear();
        assert_eq!(faults.befall("/x"), None);
    }

    #[test]
    fn a_rule_reads_as_it_is_written() {
        let read = |text: &str| text.parse::<FaultRule>();
        assert_eq!(read("cut"), Ok(Fault::Cut.everywhere()));
        assert_eq!(
            read("rate-limited@/users#3"),
            Ok(Fault::RateLimited.on("/users").nth(3))
        );
        assert_eq!(
            read("server-error%5"),
            Ok(Fault::ServerError.everywhere().percent(5, 1))
        );
        for (wrong, said) in [
            ("no", "there is no fault `no`"),
            ("cut#0", "after # comes"),
            ("cut%x", "after % comes"),
            ("cut%101", "from 1 to 100"),
        ] {
            assert!(read(wrong).unwrap_err().contains(said), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_kept_and_the_seed_says_whom_it_befalls() {
        let befallen = |seed| -> Vec<bool> {
            let faults = Faults::default();
            faults.add(Fault::Cut.on("/users").percent(20, seed));
            (0..1000)
                .map(|_| faults.befall("/users").is_some())
                .collect()
        };
        let one = befallen(1);
        assert_eq!(one, befallen(1));
        assert_ne!(one, befallen(2));
        let count = one.iter().filter(|befallen| **befallen).count();
        assert!((150..250).contains(&count), "{count}");
    }
}
