//! Keeps the clones of one client within the limit of their common token.
//!
//! Clever counts requests per token in fixed windows and says in every answer what is left. The
//! governor holds requests back when nothing is left, instead of learning it from a 429.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What is known of the current window.
#[derive(Debug, Clone, Copy)]
struct Window {
    remaining: u64,
    ends: Instant,
}

/// The shared memory of one token's limit.
#[derive(Debug, Default)]
pub(crate) struct Governor(Mutex<Option<Window>>);

impl Governor {
    /// Takes one request from the window, or says how long to wait until there is one to take.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.as_mut() {
            Some(window) if now < window.ends => {
                if window.remaining == 0 {
                    return Err(window.ends - now);
                }
                window.remaining -= 1;
            }
            // No window known, or it is over: the next answer tells.
            _ => *known = None,
        }
        Ok(())
    }

    /// Learns from an answer what is left. Answers may overtake each other: within a window, the lowest
    /// count is the newest.
    pub(crate) fn learn(&self, remaining: u64, ends_in: Duration, now: Instant) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = now + ends_in;
        let remaining = match *known {
            // Headers have whole seconds: two ends less than 2 s apart are the same window.
            Some(window)
                if window.ends.max(ends) - window.ends.min(ends) < Duration::from_secs(2) =>
            {
                window.remaining.min(remaining)
            }
            _ => remaining,
        };
        *known = Some(Window { remaining, ends });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_left_means_waiting_for_the_windows_end() {
        let (governor, now) = (Governor::default(), Instant::now());
        assert_eq!(governor.take(now), Ok(()));
        governor.learn(1, Duration::from_secs(30), now);
        assert_eq!(governor.take(now), Ok(()));
        assert_eq!(governor.take(now), Err(Duration::from_secs(30)));
        assert_eq!(
            governor.take(now + Duration::from_secs(30)),
            Ok(()),
            "a new window"
        );
    }

    #[test]
    fn a_late_answer_gives_nothing_back() {
        let (governor, now) = (Governor::default(), Instant::now());
        governor.learn(0, Duration::from_secs(30), now);
        governor.learn(5, Duration::from_secs(29), now + Duration::from_secs(1));
        assert!(governor.take(now + Duration::from_secs(1)).is_err());
    }
}
