//! Dry runs that somebody asked for: what a sync would do, kept while the console runs.
//!
//! Decision: a dry run reads all of a district, which takes longer than a request may. So it goes on by itself, and its page loads
//! again until it has ended. What it said is kept in memory, of one district the last one: it is a look, and no part of the roster.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use clever_model::Timestamp;
use clever_sync::SyncReport;

/// So many are kept; the oldest goes.
const MOST: usize = 64;

/// A dry run.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// When it began.
    pub(crate) began: Timestamp,
    /// How it ended; none while it runs.
    pub(crate) ended: Option<Seen>,
}

/// How a dry run ended.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// It saw what a sync would do.
    Report(Arc<SyncReport>),
    /// It failed; why, in a sentence.
    Failed(String),
}

/// The last dry run of each district.
#[derive(Default)]
pub(crate) struct Looks(Mutex<BTreeMap<String, Look>>);

impl Looks {
    /// Notes that one begins, unless one of the district runs.
    pub(crate) fn begin(&self, district: &str, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(district).is_some_and(|look| look.ended.is_none()) {
            return false;
        }
        let look = Look {
            began: now,
            ended: None,
        };
        all.insert(district.to_owned(), look);
        let ended = all.iter().filter(|(_, look)| look.ended.is_some());
        let oldest = ended.min_by_key(|(_, look)| look.began);
        if let Some(oldest) = oldest
            .filter(|_| all.len() > MOST)
            .map(|(id, _)| id.clone())
        {
            all.remove(&oldest);
        }
        true
    }

    /// Notes how one ended.
    pub(crate) fn end(&self, district: &str, seen: Seen) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = all.get_mut(district) {
            look.ended = Some(seen);
        }
    }

    /// The last one of a district.
    pub(crate) fn last(&self, district: &str) -> Option<Look> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(district).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_district_runs_at_a_time_and_old_ones_go() {
        let looks = Looks::default();
        let at = |second: i64| Timestamp::from_second(1_789_000_000 + second).unwrap();
        assert!(looks.begin("d", at(0)));
        assert!(!looks.begin("d", at(1)), "it runs");
        looks.end("d", Seen::Failed("no".to_owned()));
        assert!(looks.begin("d", at(2)), "again");
        looks.end("d", Seen::Failed("no".to_owned()));
        for number in 0..MOST {
            assert!(looks.begin(&format!("of {number}"), at(3)));
        }
        assert!(looks.last("d").is_none(), "the oldest that has ended");
        assert!(looks.last("of 0").is_some(), "what runs is kept");
    }
}
