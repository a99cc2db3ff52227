//! Rules: which fault befalls which requests, and when.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clever_model::Timestamp;
use serde::Serialize;

use super::fault::{Asked, Fault};

impl Fault {
    /// Befalls requests whose path and query contain `part`.
    pub fn on(self, part: impl Into<String>) -> FaultRule {
        FaultRule {
            path: Some(part.into()),
            ..self.everywhere()
        }
    }

    /// Befalls every request that it can befall.
    pub fn everywhere(self) -> FaultRule {
        FaultRule {
            fault: self,
            path: None,
            skip: 0,
            times: None,
            seconds: None,
            since: None,
            chance: None,
        }
    }
}

/// A fault with the requests that it befalls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use = "a rule does nothing until it is added"]
pub struct FaultRule {
    fault: Fault,
    path: Option<String>,
    skip: u64,
    times: Option<u64>,
    /// How long, from the first request that it meets.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u32>,
    #[serde(skip)]
    since: Option<Timestamp>,
    /// So many of a hundred, and what chooses them.
    #[serde(skip_serializing_if = "Option::is_none")]
    chance: Option<(u8, u64)>,
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

    /// Befalls requests for so many seconds from the first that it meets, and none later.
    pub fn seconds(mut self, seconds: u32) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Says whether the rule is about such a request, whatever it did before.
    fn matches(&self, asked: &Asked<'_>) -> bool {
        self.fault.concerns(asked)
            && self.path.as_ref().is_none_or(|part| {
                asked.path.contains(part)
                    || format!("{}?{}", asked.path, asked.query).contains(part)
            })
    }

    /// Counts a request that matches; says whether it is befallen.
    fn meets(&mut self, now: Timestamp) -> bool {
        if self.times == Some(0) {
            return false;
        }
        if let Some(seconds) = self.seconds {
            let since = *self.since.get_or_insert(now);
            if now.as_second() - since.as_second() >= i64::from(seconds) {
                self.times = Some(0);
                return false;
            }
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if let Some((percent, state)) = &mut self.chance {
            // SplitMix64: a number for each matching request, from the seed alone.
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            if (z ^ (z >> 31)) % 100 >= u64::from(*percent) {
                return false;
            }
        }
        if let Some(times) = &mut self.times {
            *times -= 1;
        }
        true
    }
}

impl fmt::Display for FaultRule {
    /// Writes what is still to come of a rule as it reads from a command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fault.name())?;
        if let Some(path) = &self.path {
            write!(f, "@{path}")?;
        }
        match (self.skip, self.times) {
            (skip, Some(1)) => write!(f, "#{}", skip + 1)?,
            (_, Some(times)) => write!(f, "*{times}")?,
            (_, None) => {}
        }
        if let Some(seconds) = self.seconds {
            write!(f, "~{seconds}")?;
        }
        match self.chance {
            Some((percent, _)) => write!(f, "%{percent}"),
            None => Ok(()),
        }
    }
}

impl std::str::FromStr for FaultRule {
    type Err = String;

    /// Reads `fault[@path][#nth|*times][~seconds][%percent]`: `rate-limited@/users#3`, `server-error~10%5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, percent) = cut(text, '%')?;
        let (rest, seconds) = cut(rest, '~')?;
        let (rest, times) = cut(rest, '*')?;
        let (rest, nth) = cut(rest, '#')?;
        let (name, path) = match rest.split_once('@') {
            Some((name, path)) => (name, Some(path)),
            None => (rest, None),
        };
        let fault = Fault::every().find(|fault| fault.name() == name);
        let fault = fault.ok_or_else(|| {
            let names: Vec<&str> = Fault::every().map(Fault::name).collect();
            format!(
                "there is no fault `{name}`; there are: {}",
                names.join(", ")
            )
        })?;
        let mut rule = match path {
            Some(path) => fault.on(path),
            None => fault.everywhere(),
        };
        if let Some(times) = times {
            rule = rule.times(times);
        }
        if let Some(nth) = nth {
            rule = rule.nth(nth);
        }
        if let Some(seconds) = seconds {
            let seconds = u32::try_from(seconds).map_err(|_| "that is too long")?;
            rule = rule.seconds(seconds);
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
pub struct Faults(Mutex<Rules>);

#[derive(Debug, Default)]
struct Rules {
    made: u64,
    all: Vec<NumberedRule>,
}

/// A rule with the number by which it can be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NumberedRule {
    /// Counted from 1; never used again.
    pub id: u64,
    /// What it does.
    #[serde(flatten)]
    pub rule: FaultRule,
}

impl Faults {
    fn locked(&self) -> MutexGuard<'_, Rules> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a rule; returns its number.
    pub fn add(&self, rule: FaultRule) -> u64 {
        let mut rules = self.locked();
        rules.made += 1;
        let id = rules.made;
        rules.all.push(NumberedRule { id, rule });
        id
    }

    /// Removes the rule with this number; says whether it was there.
    pub fn remove(&self, id: u64) -> bool {
        let mut rules = self.locked();
        let before = rules.all.len();
        rules.all.retain(|one| one.id != id);
        rules.all.len() < before
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.locked().all.clear();
    }

    /// The rules in force, as far as they have not befallen enough.
    #[must_use]
    pub fn rules(&self) -> Vec<NumberedRule> {
        let rules = self.locked();
        let left = rules.all.iter().filter(|one| one.rule.times != Some(0));
        left.cloned().collect()
    }

    /// The fault that befalls a request, if any; counts it.
    pub(crate) fn befall(&self, asked: &Asked<'_>, now: Timestamp) -> Option<Fault> {
        let mut rules = self.locked();
        let mut matching = rules.all.iter_mut().filter(|one| one.rule.matches(asked));
        matching.find_map(|one| one.rule.meets(now).then_some(one.rule.fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn befall(faults: &Faults, path: &str) -> Option<Fault> {
        at(faults, path, 0)
    }

    fn at(faults: &Faults, target: &str, second: i64) -> Option<Fault> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asked = Asked {
            method: "GET",
            path,
            query,
        };
        faults.befall(&asked, Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_rule_befalls_what_it_names_when_it_is_due() {
        let faults = Faults::default();
        faults.add(Fault::Cut.on("/users").nth(2));
        faults.add(Fault::Hang.on("/terms").times(2));
        let seen: Vec<_> = ["/users", "/terms", "/users", "/users", "/terms", "/terms"]
            .map(|path| befall(&faults, path))
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
        assert_eq!(befall(&faults, "/x"), Some(Fault::Reset));
        faults.clear();
        assert_eq!(befall(&faults, "/x"), None);
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
        assert_eq!(
            read("reset@/terms*2~30%50"),
            Ok(Fault::Reset
                .on("/terms")
                .times(2)
                .seconds(30)
                .percent(50, 1))
        );
        for text in ["cut", "rate-limited@/users#3", "reset@/terms*2~30%50"] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
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
                .map(|_| befall(&faults, "/users").is_some())
                .collect()
        };
        let one = befallen(1);
        assert_eq!(one, befallen(1));
        assert_ne!(one, befallen(2));
        let count = one.iter().filter(|befallen| **befallen).count();
        assert!((150..250).contains(&count), "{count}");
    }

    #[test]
    fn a_rule_ends_after_its_time_and_goes_by_its_number() {
        let faults = Faults::default();
        faults.add(Fault::ServerError.on("/users").seconds(30));
        let reset = faults.add(Fault::Reset.on("/terms"));
        let seen = [(100, true), (129, true), (130, false), (131, false)];
        for (second, befallen) in seen {
            assert_eq!(
                at(&faults, "/users", second).is_some(),
                befallen,
                "{second}"
            );
        }
        assert_eq!(faults.rules().len(), 1, "what is over is no longer listed");
        assert!(faults.remove(reset) && !faults.remove(reset));
        assert_eq!(at(&faults, "/terms", 0), None);
    }

    #[test]
    fn a_rule_waits_for_a_request_that_it_can_befall() {
        let faults = Faults::default();
        for fault in [
            Fault::CodeReplay,
            Fault::MissingState,
            Fault::ExpiredCursor,
            Fault::DistrictPaused,
        ] {
            faults.add(fault.everywhere().times(1));
        }
        for target in [
            "/v3.1/users?starting_after=x",
            "/v3.1/events",
            "/oauth/tokens",
        ] {
            assert_eq!(befall(&faults, target), None, "{target}");
        }
        for (target, fault) in [
            ("/v3.1/events?starting_after=x", Fault::ExpiredCursor),
            ("/v3.1/districts", Fault::DistrictPaused),
            ("/oauth/authorize?state=s", Fault::MissingState),
        ] {
            assert_eq!(befall(&faults, target), Some(fault));
        }
        assert_eq!(faults.rules().len(), 1);
    }

    #[test]
    fn names_are_those_of_the_control_api() {
        for fault in Fault::every() {
            assert_eq!(serde_json::json!(fault), fault.name());
            assert!(fault.description().len() > 10);
        }
    }
}
