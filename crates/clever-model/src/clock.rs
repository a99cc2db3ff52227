//! Time as a value that is passed in.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::Timestamp;

/// A source of the present instant.
pub trait Clock: Debug + Send + Sync {
    /// Returns the present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock. The only place in the toolkit that reads it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where time enters")]
    fn now(&self) -> Timestamp {
        // Milliseconds, as Clever writes instants; finer digits would only be noise to read.
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// A clock that moves only when told to, for tests, simulation and the emulator.
#[derive(Debug)]
pub struct ManualClock {
    /// Milliseconds since the Unix epoch.
    now_ms: AtomicI64,
}

impl ManualClock {
    /// Makes a clock that stands at `start`, to the millisecond.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self {
            now_ms: AtomicI64::new(start.as_millisecond()),
        }
    }

    /// Moves the clock by `seconds`; a negative number moves it back, as real clocks sometimes do.
    pub fn advance_seconds(&self, seconds: i64) {
        self.now_ms
            .fetch_add(seconds.saturating_mul(1000), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms.load(Ordering::SeqCst))
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at("2026-08-17T08:00:00Z".parse().unwrap());
        assert_eq!(clock.now(), clock.now());
        clock.advance_seconds(90);
        assert_eq!(clock.now().to_string(), "2026-08-17T08:01:30Z");
    }
}
