//! Whose turn it is: many districts, a few at a time, and nobody before another who has waited longer.
//!
//! Pure: the same turns, running set and instant give the same answer. The caller decides who runs the syncs, and on which
//! threads.
//!
//! ```
//! use clever_sync::turns::{Next, Turn, Turns, next};
//!
//! let now: clever_model::Timestamp = "2026-09-14T12:00:00Z".parse()?;
//! let mut turns = Turns::new();
//! let hours_ago = |hours: i64| now.checked_sub(jiff::SignedDuration::from_hours(hours));
//! turns.insert("a".to_owned(), Turn { last_success: Some(hours_ago(2)?), ..Turn::due(now) });
//! turns.insert("b".to_owned(), Turn { last_success: Some(hours_ago(9)?), ..Turn::due(now) });
//! // The one whose last success is longer ago; then nobody, for the only slot is taken.
//! assert_eq!(next(&turns, &[].into(), 1, now), Next::Start("b".to_owned()));
//! assert_eq!(next(&turns, &["b".to_owned()].into(), 1, now), Next::Wait(None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clever_model::Timestamp;
use jiff::SignedDuration;

/// When a district is due, and what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// From when on it may start.
    pub due: Timestamp,
    /// When it last started; none where it has not yet.
    pub last_start: Option<Timestamp>,
    /// When its last success was; none where there was none.
    pub last_success: Option<Timestamp>,
}

/// The districts whose turns are taken, by id.
pub type Turns = BTreeMap<String, Turn>;

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Start this district.
    Start(String),
    /// Nothing before this instant, or before one of those that run has ended; none where only an end helps.
    Wait(Option<Timestamp>),
}

impl Turn {
    /// A district that is due at an instant, and of which nothing else is known.
    #[must_use]
    pub fn due(at: Timestamp) -> Self {
        Self {
            due: at,
            last_start: None,
            last_success: None,
        }
    }

    /// Notes that it starts, and when it is due again: `every` after this start, and up to `jitter` later by
    /// `chance`, a number from 0 to 1.
    pub fn start(&mut self, now: Timestamp, every: Duration, jitter: Duration, chance: f64) {
        self.last_start = Some(now);
        self.due = later(now, every + jitter.mul_f64(chance.clamp(0.0, 1.0)));
    }
}

/// An instant some time after another, or the last that there is.
#[must_use]
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| at.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Says who starts next, with at most `slots` at once and no district beside itself.
///
/// Of those that are due, the one whose last start is longest ago; among those that have not started, the one
/// whose last success is longest ago. So a district that always fails does not come before one that waits.
#[must_use]
pub fn next(turns: &Turns, running: &BTreeSet<String>, slots: usize, now: Timestamp) -> Next {
    if running.len() >= slots {
        return Next::Wait(None);
    }
    let free = || turns.iter().filter(|(id, _)| !running.contains(*id));
    let first = free()
        .filter(|(_, turn)| turn.due <= now)
        .min_by_key(|(id, turn)| (turn.last_start, turn.last_success, *id));
    match first {
        Some((id, _)) => Next::Start(id.clone()),
        None => Next::Wait(free().map(|(_, turn)| turn.due).min()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_789_387_200 + second).unwrap()
    }

    /// Runs districts of which district `n` takes `takes[n]` seconds; gives each start: when, and who.
    fn live(takes: &[i64], slots: usize, every: u64, until: i64) -> Vec<(i64, usize)> {
        let mut turns: Turns = (0..takes.len())
            .map(|number| (format!("{number:03}"), Turn::due(at(0))))
            .collect();
        let mut running: BTreeMap<String, i64> = BTreeMap::new();
        let mut starts = Vec::new();
        for second in 0..until {
            running.retain(|_, end| *end > second);
            loop {
                let ids: BTreeSet<String> = running.keys().cloned().collect();
                assert!(ids.len() <= slots, "the bound");
                let Next::Start(id) = next(&turns, &ids, slots, at(second)) else {
                    break;
                };
                assert!(!ids.contains(&id), "a district beside itself");
                let number: usize = id.parse().unwrap();
                let turn = turns.get_mut(&id).unwrap();
                turn.start(at(second), Duration::from_secs(every), Duration::ZERO, 0.0);
                starts.push((second, number));
                running.insert(id, second + takes[number]);
            }
        }
        starts
    }

    proptest! {
        #[test]
        fn nobody_starts_twice_while_another_waits(
            takes in prop::collection::vec(1_i64..40, 1..12), slots in 1_usize..5, every in 1_u64..60,
        ) {
            let starts = live(&takes, slots, every, 400);
            for (place, (second, number)) in starts.iter().enumerate() {
                let Some((again, _)) = starts[place + 1..].iter().find(|(_, other)| other == number) else {
                    continue;
                };
                for other in (0..takes.len()).filter(|other| other != number) {
                    let of_other: Vec<i64> = starts.iter().filter(|(_, one)| *one == other).map(|(at, _)| *at).collect();
                    let before = of_other.iter().filter(|at| **at <= *second).max();
                    let between = of_other.iter().any(|at| *second <= *at && *at <= *again);
                    // It was due and not running before the first of the two, and yet did not start until the second.
                    let waited = before.is_none_or(|at| at + takes[other] <= *second && at + (every as i64) <= *second);
                    prop_assert!(!waited || between, "{other} waits while {number} starts at {second} and {again}");
                }
            }
        }

        #[test]
        fn one_that_hangs_takes_its_slot_and_nothing_else(
            takes in prop::collection::vec(1_i64..5, 1..10), slots in 2_usize..4,
        ) {
            let mut takes = takes;
            takes.push(1_000_000);
            let starts = live(&takes, slots, 10, 300);
            for number in 0..takes.len() - 1 {
                let times = starts.iter().filter(|(_, one)| *one == number).count();
                // With one slot left, a round takes at most as long as all of them together.
                prop_assert!(times >= 300 / (10 + takes.len() * 5), "{number}: {times} times");
            }
            prop_assert_eq!(starts.iter().filter(|(_, one)| *one == takes.len() - 1).count(), 1);
        }
    }

    #[test]
    fn nobody_due_is_waited_for_and_jitter_is_bounded() {
        let mut turn = Turn::due(at(0));
        turn.start(at(5), Duration::from_secs(60), Duration::from_secs(10), 0.5);
        assert_eq!(turn.due, at(70));
        let turns: Turns = [("a".to_owned(), turn)].into();
        assert_eq!(next(&turns, &[].into(), 1, at(6)), Next::Wait(Some(at(70))));
        assert_eq!(next(&Turns::new(), &[].into(), 1, at(6)), Next::Wait(None));
        assert_eq!(later(Timestamp::MAX, Duration::MAX), Timestamp::MAX);
    }
}
