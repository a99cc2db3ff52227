//! Clever's rate limit: so many requests a minute for each token, in fixed windows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use clever_model::Timestamp;

/// Seconds in a window.
const WINDOW: i64 = 60;

/// What one answer says of the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// When the window ends, in Unix seconds.
    pub(crate) reset: i64,
    /// The request is over the limit.
    pub(crate) exceeded: bool,
}

/// Counts requests by token.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: u64,
    used: Mutex<BTreeMap<String, (i64, u64)>>,
}

impl Limiter {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            used: Mutex::default(),
        }
    }

    /// Counts one request of `token` at `now`.
    pub(crate) fn count(&self, token: &str, now: Timestamp) -> Standing {
        let window = now.as_second().div_euclid(WINDOW);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = used.entry(token.to_owned()).or_insert((window, 0));
        if *since != window {
            (*since, *count) = (window, 0);
        }
        *count += 1;
        Standing {
            limit: self.limit,
            remaining: self.limit.saturating_sub(*count),
            reset: (window + 1) * WINDOW,
            exceeded: *count > self.limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_fills_and_a_new_one_is_empty() {
        let limiter = Limiter::new(2);
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(limiter.count("a", at(60)).remaining, 1);
        assert!(!limiter.count("a", at(61)).exceeded);
        let over = limiter.count("a", at(119));
        assert!(over.exceeded && over.reset == 120 && over.remaining == 0);
        assert!(!limiter.count("b", at(119)).exceeded, "tokens count apart");
        assert!(!limiter.count("a", at(120)).exceeded);
    }
}
