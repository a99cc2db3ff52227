//! Keeps the clones of one client within the limit of their common token.
//!
//! Clever counts requests per token in fixed windows and says in every answer how many remain. The
//! governor holds requests back when none remain, instead of learning it from a 429.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The last tenth of a window's requests is spread over the rest of its time: other programs may use the
/// same token, and an even pace meets the limit later than a burst.
const SLOW_SHARE: u64 = 10;
/// Longest pause between two requests of that tenth.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What an answer says of its token's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Requests left in the window.
    pub(crate) remaining: u64,
    /// Requests that a window has, if the answer says.
    pub(crate) limit: Option<u64>,
    /// Time until the window ends.
    pub(crate) ends_in: Duration,
}

/// What is known of the current window.
#[derive(Debug, Clone, Copy)]
struct Window {
    remaining: u64,
    limit: Option<u64>,
    ends: Instant,
    /// When the last request that was slowed down may go.
    slowed_to: Instant,
}

/// The shared memory of one token's limit.
#[derive(Debug, Default)]
pub(crate) struct Governor(Mutex<Option<Window>>);

impl Governor {
    /// Takes one request from the window and says how long to pause before it; or, as an error, how long
    /// to wait until there is one to take.
    pub(crate) fn take(&self, now: Instant) -> Result<Duration, Duration> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.as_mut() {
            Some(window) if now < window.ends => {
                let left = window.remaining;
                if left == 0 {
                    return Err(window.ends - now);
                }
                window.remaining -= 1;
                let scarce = |limit| left.saturating_mul(SLOW_SHARE) <= limit;
                if !window.limit.is_some_and(scarce) {
                    return Ok(Duration::ZERO);
                }
                let parts = u32::try_from(left).unwrap_or(u32::MAX).saturating_add(1);
                let gap = ((window.ends - now) / parts).min(LONGEST_PAUSE);
                window.slowed_to = window.slowed_to.max(now) + gap;
                return Ok(window.slowed_to - now);
            }
            // No window known, or it is over: the next answer tells.
            _ => *known = None,
        }
        Ok(Duration::ZERO)
    }

    /// Learns from an answer how many requests remain. Answers may overtake each other: within a window, the lowest
    /// count is the newest.
    pub(crate) fn learn(&self, standing: Standing, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = now + standing.ends_in;
        let (remaining, slowed_to) = match *known {
            // Headers have whole seconds: two ends less than 2 s apart are the same window.
            Some(window)
                if window.ends.max(ends) - window.ends.min(ends) < Duration::from_secs(2) =>
            {
                (window.remaining.min(standing.remaining), window.slowed_to)
            }
            _ => (standing.remaining, now),
        };
        *known = Some(Window {
            remaining,
            limit: standing.limit,
            ends,
            slowed_to,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(remaining: u64, seconds: u64) -> Standing {
        Standing {
            remaining,
            limit: None,
            ends_in: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn nothing_left_means_waiting_for_the_windows_end() {
        let (governor, now) = (Governor::default(), Instant::now());
        assert_eq!(governor.take(now), Ok(Duration::ZERO));
        governor.learn(standing(1, 30), now);
        assert_eq!(governor.take(now), Ok(Duration::ZERO));
        assert_eq!(governor.take(now), Err(Duration::from_secs(30)));
        assert_eq!(
            governor.take(now + Duration::from_secs(30)),
            Ok(Duration::ZERO),
            "a new window"
        );
    }

    #[test]
    fn a_late_answer_gives_nothing_back() {
        let (governor, now) = (Governor::default(), Instant::now());
        governor.learn(standing(0, 30), now);
        governor.learn(standing(5, 29), now + Duration::from_secs(1));
        assert!(governor.take(now + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn the_last_tenth_goes_slowly_and_in_turn() {
        let (governor, now) = (Governor::default(), Instant::now());
        let of = |remaining| Standing {
            limit: Some(1200),
            ..standing(remaining, 30)
        };
        governor.learn(of(121), now);
        assert_eq!(governor.take(now), Ok(Duration::ZERO), "above a tenth");
        let first = governor.take(now).unwrap();
        let second = governor.take(now).unwrap();
        assert!(first > Duration::from_millis(200) && first < Duration::from_millis(300));
        assert!(second > first + first / 2, "clones go one after the other");
        governor.learn(of(3), now + Duration::from_millis(1));
        let pause = governor.take(now + Duration::from_secs(1)).unwrap();
        assert_eq!(pause, LONGEST_PAUSE);
    }
}
