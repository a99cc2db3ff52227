//! What a rehearsal found, for people and for programs.

mod html;
mod json;
mod junit;

pub use json::Told;

use crate::certify::finding::{Finding, Verdict};

/// What a rehearsal found: each check once, in the order of [`Check::ALL`](crate::certify::Check::ALL).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The app's address.
    pub app: String,
    /// When the rehearsal began, as a person reads it.
    pub began: String,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many checks ended so.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        let ended = self.findings.iter().filter(|one| one.verdict == verdict);
        ended.count()
    }

    /// The worst verdict; a check that was not run is worse than one that passed.
    #[must_use]
    pub fn worst(&self) -> Verdict {
        let verdicts = self.findings.iter().map(|one| one.verdict);
        verdicts.max().unwrap_or(Verdict::NotRun)
    }
}
