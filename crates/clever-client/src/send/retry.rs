//! What may be tried again, and how long to wait first. Pure: time and chance are passed in.

use std::time::Duration;

use clever_model::Timestamp;
use http::{HeaderMap, StatusCode};

use super::failure::Failure;
use super::governor::Standing;

/// When and how often to try again. A call that changes something is sent again only if it certainly had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a call is tried in all; at least once.
    pub max_attempts: u32,
    /// The wait before the second attempt; it doubles with each further one.
    pub base_delay: Duration,
    /// The longest such wait.
    pub max_delay: Duration,
    /// The longest wait for a rate limit's window to end.
    pub max_rate_wait: Duration,
}

/// How often a service is called that refuses connections and has never answered: a wrong address or a
/// stopped server doesn't get better by waiting.
pub(crate) const FIRST_CONTACT_ATTEMPTS: u32 = 2;

/// How often a call is tried that is refused, where the same token opened something a moment ago: what stands before
/// Clever's API refuses for seconds and means nothing by it.
pub(crate) const REFUSED_ATTEMPTS: u32 = 3;

/// How often an answer is tried that came too slowly, where less of it can be asked for.
pub(crate) const SLOW_ATTEMPTS: u32 = 2;

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 6,
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            max_rate_wait: Duration::from_secs(120),
        }
    }
}

impl RetryPolicy {
    /// For calls that a person waits for in front of a browser: a sign-in is over within half a minute, if only with
    /// a page that says to try later.
    #[must_use]
    pub const fn for_a_person() -> Self {
        Self {
            max_attempts: 3,
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(2),
            max_rate_wait: Duration::from_secs(5),
        }
    }

    /// The wait after `attempt` (from 1) failed: exponential, with `chance` in 0..1 spreading it over
    /// its upper half, so that many clients do not return at once.
    #[must_use]
    pub fn delay(&self, attempt: u32, chance: f64) -> Duration {
        let doubled = self.base_delay.saturating_mul(
            1_u32
                .checked_shl(attempt.saturating_sub(1))
                .unwrap_or(u32::MAX),
        );
        doubled
            .min(self.max_delay)
            .mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

/// How often a call is worth to be tried; what is not named here is the same for every call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chances {
    /// Whether it may change something at Clever: then only what certainly had no effect is sent again.
    pub(crate) changes: bool,
    /// How often at most if something that is not Clever's API answers.
    pub(crate) strange: u32,
    /// How often at most if Clever refuses.
    pub(crate) refused: u32,
    /// How often at most if an answer comes too slowly.
    pub(crate) slow: u32,
}

/// What the world is like after an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Whether the service has ever answered.
    pub(crate) answered: bool,
    /// The time.
    pub(crate) now: Timestamp,
    /// A number in 0..1, by which many clients do not return at once.
    pub(crate) chance: f64,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Next {
    /// Another attempt after a wait.
    Again {
        /// How long it is waited first.
        wait: Duration,
        /// How many attempts there are at most.
        of: u32,
    },
    /// Nothing: the rate limit is used up for longer than the policy waits.
    Limited(Duration),
    /// Nothing: no further attempt helps.
    Stop,
}

/// Decides what follows `attempt` (from 1), which failed.
pub(crate) fn next(
    policy: &RetryPolicy,
    failure: &Failure,
    attempt: u32,
    chances: Chances,
    moment: Moment,
) -> Next {
    let pace = policy.delay(attempt, moment.chance);
    let (wait, most) = match failure {
        Failure::Limited(wait) => return Next::Limited(*wait),
        Failure::TooLarge => return Next::Stop,
        Failure::Answer(answer) => match verdict_of(answer.status, answer.is_html()) {
            Verdict::RateLimited => {
                let wait = rate_wait(&answer.headers, moment.now, moment.chance);
                if wait > policy.max_rate_wait {
                    return Next::Limited(wait);
                }
                // If Clever gives the window's end wrongly, all tries together still outlast a window.
                (wait.max(pace * 4), policy.max_attempts)
            }
            _ if chances.changes => return Next::Stop,
            Verdict::Transient => (pace, policy.max_attempts),
            Verdict::Strange => (pace, chances.strange),
            Verdict::Refused => (pace, chances.refused),
            Verdict::Success | Verdict::TooLarge | Verdict::Final => return Next::Stop,
        },
        Failure::Network { error, .. } if error.is_builder() => return Next::Stop,
        Failure::Network { error, .. } if error.is_connect() => {
            let most = if moment.answered {
                policy.max_attempts
            } else {
                FIRST_CONTACT_ATTEMPTS
            };
            (pace, most)
        }
        Failure::Network { .. } | Failure::Undecodable(_) if chances.changes => return Next::Stop,
        Failure::Network { error, received } if error.is_timeout() && *received > 0 => {
            (pace, chances.slow)
        }
        Failure::Network { .. } | Failure::Undecodable(_) => (pace, policy.max_attempts),
    };
    let of = most.min(policy.max_attempts.max(1));
    if attempt < of {
        Next::Again { wait, of }
    } else {
        Next::Stop
    }
}

/// What a status means for the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Read the body.
    Success,
    /// Wait for the window's end, then try again.
    RateLimited,
    /// Try again after a while.
    Transient,
    /// Not Clever's API: a web page or a redirect, from whatever stands before it.
    Strange,
    /// The token or the path is refused, if it is Clever who says so.
    Refused,
    /// Ask for less.
    TooLarge,
    /// Trying again changes nothing.
    Final,
}

/// The one place that says which status may be tried again (facts: Clever's table of status codes).
pub(crate) fn verdict(status: StatusCode) -> Verdict {
    match status.as_u16() {
        200..=299 => Verdict::Success,
        300..=399 => Verdict::Strange,
        401 | 403 | 404 => Verdict::Refused,
        413 => Verdict::TooLarge,
        429 => Verdict::RateLimited,
        // 501 and 505 are answers to what was asked; from 520 on, networks in between have words of their own.
        501 | 505 => Verdict::Final,
        408 | 500..=599 => Verdict::Transient,
        _ => Verdict::Final,
    }
}

/// The same for an answer that may be a web page, which Clever's API never is.
pub(crate) fn verdict_of(status: StatusCode, html: bool) -> Verdict {
    match verdict(status) {
        Verdict::Success | Verdict::Refused | Verdict::Final if html => Verdict::Strange,
        verdict => verdict,
    }
}

/// Says whether an answer is a refusal by Clever itself, which says so in JSON.
pub(crate) fn is_refusal(status: StatusCode, html: bool, body: &[u8]) -> bool {
    let json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    match status.as_u16() {
        401 => !html,
        403 | 404 => !html && json,
        _ => false,
    }
}

/// The longest wait that a header is believed, in seconds: a nonsense number must not overflow a sum.
const LONGEST_S: u64 = 24 * 3600;

/// How long Clever's windows are, in seconds: none ends later than this.
const WINDOW_S: u64 = 60;

/// How long a 429 asks us to wait: `Retry-After`, else the latest `x-ratelimit-reset`, else a minute,
/// which is the length of Clever's window. A `chance` in 0..1 lets many clients return one by one.
pub(crate) fn rate_wait(headers: &HeaderMap, now: Timestamp, chance: f64) -> Duration {
    let named = numbers(headers, "retry-after")
        .max()
        .map(|seconds| seconds.min(LONGEST_S))
        .or_else(|| reset_in(headers, now).map(|wait| wait.as_secs()))
        .unwrap_or(60);
    let wait = Duration::from_secs(named);
    wait + (wait / 8 + Duration::from_millis(20)).mul_f64(chance.clamp(0.0, 1.0))
}

/// How many requests remain in the most exhausted bucket, of how many, and how long its window still lasts.
pub(crate) fn window(headers: &HeaderMap, now: Timestamp) -> Option<Standing> {
    Some(Standing {
        remaining: numbers(headers, "x-ratelimit-remaining").min()?,
        limit: numbers(headers, "x-ratelimit-limit").min(),
        ends_in: reset_in(headers, now)?,
    })
}

/// Time until the last of the named windows ends, by the clock of whoever names it: the answer's own date, or ours where
/// it has none. What is over gives zero; what lies further ahead than a window lasts comes of a clock that is wrong.
fn reset_in(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let reset = i64::try_from(numbers(headers, "x-ratelimit-reset").max()?).unwrap_or(i64::MAX);
    let now = date(headers).unwrap_or(now);
    let seconds = u64::try_from(reset.saturating_sub(now.as_second())).unwrap_or(0);
    Some(Duration::from_secs(seconds.min(WINDOW_S)))
}

/// The answer's own date.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(http::header::DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(date.timestamp())
}

/// The numbers of a header, which may be a comma-separated list, one for each bucket.
fn numbers<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = u64> + use<'a> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|number| number.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::failure::Received;
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_most_restrictive_bucket_counts() {
        let two = headers(&[
            ("x-ratelimit-remaining", "200, 3"),
            ("x-ratelimit-reset", "1000, 1030"),
        ]);
        let standing = Standing {
            remaining: 3,
            limit: None,
            ends_in: Duration::from_secs(30),
        };
        assert_eq!(window(&two, at(1000)), Some(standing));
        assert_eq!(rate_wait(&two, at(1000), 0.0), Duration::from_secs(30));
        assert_eq!(window(&headers(&[]), at(0)), None);
    }

    #[test]
    fn retry_after_goes_before_the_reset_and_a_minute_stands_in_for_both() {
        let both = headers(&[("retry-after", "7"), ("x-ratelimit-reset", "1050")]);
        assert_eq!(rate_wait(&both, at(1000), 0.0), Duration::from_secs(7));
        assert_eq!(
            rate_wait(&headers(&[]), at(1000), 0.0),
            Duration::from_secs(60)
        );
        assert_eq!(
            rate_wait(&headers(&[("x-ratelimit-reset", "900")]), at(1000), 0.0),
            Duration::ZERO
        );
    }

    #[test]
    fn what_may_be_retried() {
        for (status, expected) in [
            (200, Verdict::Success),
            (400, Verdict::Final),
            (302, Verdict::Strange),
            (401, Verdict::Refused),
            (404, Verdict::Refused),
            (413, Verdict::TooLarge),
            (429, Verdict::RateLimited),
            (500, Verdict::Transient),
            (501, Verdict::Final),
            (503, Verdict::Transient),
            (522, Verdict::Transient),
            (451, Verdict::Final),
        ] {
            assert_eq!(
                verdict(StatusCode::from_u16(status).unwrap()),
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn field_17_a_reset_is_read_against_the_answers_own_date() {
        const DATE: &str = "Sun, 06 Sep 2026 12:00:00 GMT";
        let there: Timestamp = "2026-09-06T12:00:00Z".parse().unwrap();
        let reset = (there.as_second() + 5).to_string();
        for ours in [-86_400, -3600, 0, 3600, 86_400] {
            let headers: HeaderMap = [("date", DATE), ("x-ratelimit-reset", reset.as_str())]
                .into_iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            let now = at(there.as_second() + ours);
            assert_eq!(
                rate_wait(&headers, now, 0.0),
                Duration::from_secs(5),
                "{ours}"
            );
        }
        // Without a date, a clock that is wrong costs a window at most; so does a reset that is none.
        for (date, reset) in [
            (None, "4600"),
            (None, "1000000"),
            (None, "18446744073709551615"),
            (Some("soon"), "4600"),
            (Some(DATE), "1788699905000"),
        ] {
            let headers: HeaderMap = date
                .map(|date| ("date", date))
                .into_iter()
                .chain([("x-ratelimit-reset", reset)])
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            let wait = rate_wait(&headers, at(1000), 0.0);
            assert_eq!(wait, Duration::from_secs(60), "{date:?} {reset}");
        }
    }

    #[test]
    fn field_03_a_web_page_is_no_refusal() {
        let of = |status, html, body: &str| {
            let status = StatusCode::from_u16(status).unwrap();
            (
                verdict_of(status, html),
                is_refusal(status, html, body.as_bytes()),
            )
        };
        for status in [200, 301, 302, 400, 401, 403, 404, 451, 501] {
            assert_eq!(
                of(status, true, "<h1>"),
                (Verdict::Strange, false),
                "{status}"
            );
        }
        assert_eq!(of(503, true, "<h1>"), (Verdict::Transient, false));
        assert_eq!(of(429, true, "<h1>"), (Verdict::RateLimited, false));
        assert_eq!(of(401, false, ""), (Verdict::Refused, true));
        assert_eq!(of(403, false, "{}"), (Verdict::Refused, true));
        assert_eq!(of(403, false, "Blocked"), (Verdict::Refused, false));
        assert_eq!(of(404, false, "{}"), (Verdict::Refused, true));
    }

    #[test]
    fn a_write_is_sent_again_only_if_it_had_no_effect_and_a_long_limit_is_not_waited_for() {
        let policy = RetryPolicy::default();
        let after = |status: u16, wait: &'static str, changes: bool, attempt: u32| {
            let failure = Failure::Answer(Received {
                status: StatusCode::from_u16(status).unwrap(),
                headers: headers(&[("retry-after", wait)]),
                body: bytes::Bytes::new(),
            });
            let chances = Chances {
                changes,
                strange: 0,
                refused: 2,
                slow: 1,
            };
            let moment = Moment {
                answered: true,
                now: at(0),
                chance: 0.0,
            };
            next(&policy, &failure, attempt, chances, moment)
        };
        let again = |wait| Next::Again {
            wait: Duration::from_secs(wait),
            of: policy.max_attempts,
        };
        for changes in [false, true] {
            assert_eq!(after(429, "7", changes, 1), again(7), "{changes}");
            let most = policy.max_rate_wait.as_secs();
            assert_eq!(
                after(429, "600", changes, 1),
                Next::Limited(Duration::from_secs(600))
            );
            assert_eq!(after(429, "120", changes, 1), again(most));
            assert_eq!(after(429, "7", changes, policy.max_attempts), Next::Stop);
        }
        assert_eq!(after(503, "", true, 1), Next::Stop);
        assert!(
            matches!(after(503, "", false, 1), Next::Again { of, .. } if of == policy.max_attempts)
        );
        assert!(matches!(
            after(401, "", false, 1),
            Next::Again { of: 2, .. }
        ));
        assert_eq!(after(401, "", false, 2), Next::Stop);
        assert_eq!(after(400, "", false, 1), Next::Stop);
        assert_eq!(after(302, "", false, 1), Next::Stop);
    }

    proptest! {
        #[test]
        fn delays_are_bounded_whatever_the_attempt(attempt in any::<u32>(), chance in -1.0..2.0_f64) {
            let policy = RetryPolicy::default();
            let delay = policy.delay(attempt, chance);
            prop_assert!(delay <= policy.max_delay && delay >= policy.base_delay / 2);
        }

        #[test]
        fn any_header_is_survived(value in "[ -~]{0,30}") {
            let headers: HeaderMap =
                [("x-ratelimit-reset".parse().unwrap(), value.parse().unwrap())].into_iter().collect();
            let _ = rate_wait(&headers, at(1000), 0.5);
        }

        #[test]
        fn any_number_is_survived(retry in any::<u64>(), reset in any::<u64>()) {
            let headers: HeaderMap = [("retry-after", retry), ("x-ratelimit-reset", reset), ("x-ratelimit-remaining", 0)]
                .into_iter()
                .map(|(name, number)| (name.parse().unwrap(), number.to_string().parse().unwrap()))
                .collect();
            prop_assert!(rate_wait(&headers, at(1000), 1.0) <= Duration::from_secs(LONGEST_S * 2));
            if let Some(standing) = window(&headers, at(1000)) {
                let _ = tokio::time::Instant::now() + standing.ends_in;
            }
        }
    }
}
