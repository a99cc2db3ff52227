//! Trouble on command: which, for which requests, when.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clever_model::Timestamp;
use serde::{Deserialize, Serialize};

/// Declares the faults once: variant, name and what it does; those that are over with the answer, those that change
/// more, those of what is read before and beside the API.
macro_rules! faults {
    ($($fault:ident $name:literal $says:literal,)* ; $($lasting:ident $long:literal $tells:literal,)* ;
     $($site:ident $word:literal $means:literal,)*) => {
        /// A way in which an answer goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Fault {
            $(#[doc = $says] #[serde(rename = $name)] $fault,)*
            $(#[doc = $tells] #[serde(rename = $long)] $lasting,)*
            $(#[doc = $means] #[serde(rename = $word)] $site,)*
        }

        impl Fault {
            /// Every fault that is over with the answer that it befalls, for tests that try each.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$fault),*];

            /// The faults that change more than an answer.
            pub const LASTING: [Self; [$($long),*].len()] = [$(Self::$lasting),*];

            /// The faults for discovery, keys and sign-in.
            pub const OF_SIGN_IN: [Self; [$($word),*].len()] = [$(Self::$site),*];

            /// Its name, as on command lines and in the control API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$fault => $name,)*
                    $(Self::$lasting => $long,)*
                    $(Self::$site => $word,)*
                }
            }

            /// What it does, in a sentence.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$fault => $says,)*
                    $(Self::$lasting => $tells,)*
                    $(Self::$site => $means,)*
                }
            }
        }
    };
}

faults! {
    Cut "cut" "The connection breaks in the middle of the body.",
    Truncated "truncated" "The body ends early, and says that it is whole.",
    Reset "reset" "The connection breaks before the body.",
    Hang "hang" "No answer for a very long time.",
    RateLimited "rate-limited" "429 with the text that Clever sends.",
    RateLimitedJson "rate-limited-json" "429 with a JSON message.",
    ServerError "server-error" "500 with a JSON message.",
    Html404 "html404" "404 with an HTML page.",
    TokenRotated "token-rotated" "401, as a token gets that was rotated; the token is good again after it.",
    DistrictPaused "district-paused" "The district's record says that it is paused.",
    EmptyList "empty-list" "A list without records.",
    DuplicatedRecords "duplicated-records" "Every record of the page twice.",
    DuplicatedPage "duplicated-page" "The page before once more, and `next` leads to the right one.",
    RepeatedPage "repeated-page" "`next` leads to the page itself.",
    EarlyEnd "early-end" "`next` is missing although there is more.",
    Unordered "unordered" "The page's records in descending order.",
    ExpiredCursor "expired-cursor" "The cursor is too old: events begin anew from the oldest, and a page of submissions is refused.",
    ReorderedKeys "reordered-keys" "Keys in another order; the same content.",
    ShuffledMembers "shuffled-members" "Students, teachers, schools and relationships in another order at each answer, one of them twice; the same members.",
    UnknownEnum "unknown-enum" "A value that no description has: `gender` `Nonbinary`, `subject` `astronomy`.",
    UnknownField "unknown-field" "A field that no description has.",
    Nulls "nulls" "`null` in optional fields.",
    WrongType "wrong-type" "An object where an optional text belongs.",
    BrokenGzip "broken-gzip" "A compressed body with a wrong byte; without compression, the body as it is.",
    OddLinks "odd-links" "Beside the right links stand some that can't be read.",
    LinksObject "links-object" "`links` is an object and no list.",
    NextNowhere "next-nowhere" "`next` is there and has no address.",
    NoCount "no-count" "The answer does not say how many records there are, though it was asked.",
    OddCount "odd-count" "The answer says in words how many records there are.",
    NeverEnds "never-ends" "The last page leads on, to empty pages without end.",
    SamePage "same-page" "`next` leads to the same records again, at an address that is new each time.",
    Trickle "trickle" "A byte now and then, and no end.",
    EmptyBody "empty-body" "200 with nothing.",
    HtmlPage "html-page" "200 with an HTML page.",
    Html403 "html403" "403 with an HTML page, as what stands before an API answers.",
    Redirect "redirect" "302 to a page to sign in at, on another host.",
    FailedPage "failed-page" "200 with no records and an error.",
    NotUtf8 "not-utf8" "A byte in one name that is no UTF-8.",
    ByteOrderMark "byte-order-mark" "A mark of byte order before the body.",
    CodeReplay "code-replay" "The code of a sign-in was redeemed before.",
    MissingState "missing-state" "The way back from Clever's page brings no `state`.",
    ;
    RotateToken "rotate-token" "The district's token is rotated as the request comes: 401 from now on, and `/oauth/tokens` has the new one.",
    RotateKey "rotate-key" "A new key signs identities as the request comes, and the last one is no longer published.",
    ;
    Slow "slow" "The answer comes two seconds late.",
    Endless "endless" "A body of blanks that does not end.",
    OtherIssuer "other-issuer" "Discovery names another issuer.",
    EmptyKeys "empty-keys" "The set of keys is empty.",
}

/// A request as a rule looks at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
}

impl Asked<'_> {
    fn cursor(&self) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(name, _)| name == "starting_after" || name == "cursor")
            .map(|(_, value)| value.into_owned())
    }

    /// The query with other parameters in the cursor's place.
    fn with_cursor(&self, cursor: Option<(&str, &str)>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(self.query.as_bytes()) {
            if name != "starting_after" {
                query.append_pair(&name, &value);
            }
        }
        if let Some((name, value)) = cursor {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

impl Fault {
    /// Every fault there is.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .chain(Self::LASTING)
            .chain(Self::OF_SIGN_IN)
    }

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

    /// Says whether a request can meet it: a code is replayed nowhere but where codes are redeemed.
    fn concerns(self, asked: &Asked<'_>) -> bool {
        match self {
            Self::CodeReplay => asked.method == "POST" && asked.path == "/oauth/tokens",
            Self::MissingState => asked.path == "/oauth/authorize",
            Self::DistrictPaused => asked.path.contains("/districts"),
            Self::ExpiredCursor => {
                (asked.path.ends_with("/events") || asked.path.ends_with("/submissions"))
                    && asked.cursor().is_some()
            }
            Self::DuplicatedPage => {
                asked.cursor().is_some() && !asked.path.ends_with("/submissions")
            }
            Self::RotateToken => !asked.path.starts_with("/oauth"),
            // A list that is not paged would never lead on.
            Self::NeverEnds => !asked.path.contains("/districts"),
            Self::OtherIssuer => asked.path.starts_with("/.well-known/"),
            Self::EmptyKeys => asked.path == "/oauth/certs",
            _ => true,
        }
    }

    /// The query as which a request is misread, where that is the fault.
    pub(crate) fn misread(self, asked: &Asked<'_>) -> Option<String> {
        match self {
            Self::ExpiredCursor if asked.path.ends_with("/events") => Some(asked.with_cursor(None)),
            Self::DuplicatedPage => {
                // The least text above the cursor: the page that ends with it.
                let above = format!("{}0", asked.cursor()?);
                Some(asked.with_cursor(Some(("ending_before", &above))))
            }
            _ => None,
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
