//! The report for programs.

use serde::Serialize;

use super::Report;
use crate::certify::check::Check;
use crate::certify::finding::Verdict;

/// The report for programs, without pictures and without a version of its form.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Told<'a> {
    app: &'a str,
    /// When the rehearsal began, as a person reads it.
    began: &'a str,
    worst: Verdict,
    passed: usize,
    failed: usize,
    needs_work: usize,
    not_run: usize,
    checks: Vec<ToldCheck<'a>>,
}

/// A check and what it found.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ToldCheck<'a> {
    check: Check,
    title: &'static str,
    verdict: Verdict,
    /// What was done to the app.
    sent: &'a str,
    /// What the app did.
    came_back: &'a str,
    /// What Clever expects.
    expects: &'static str,
    /// What mends it.
    mends: &'static str,
}

impl Told<'_> {
    /// The version of the shape; another shape has another.
    pub const VERSION: u32 = 2;

    /// As one line of JSON.
    #[cfg(feature = "cli")]
    #[must_use]
    pub fn line(&self) -> String {
        crate::cli::line(Self::VERSION, self)
    }
}

impl Report {
    /// The report as an object for programs.
    #[must_use]
    pub fn told(&self) -> Told<'_> {
        let checks = self.findings.iter().map(|one| ToldCheck {
            check: one.check,
            title: one.check.title(),
            verdict: one.verdict,
            sent: &one.sent,
            came_back: &one.came_back,
            expects: one.check.expects(),
            mends: one.check.mends(),
        });
        Told {
            app: &self.app,
            began: &self.began,
            worst: self.worst(),
            passed: self.count(Verdict::Passed),
            failed: self.count(Verdict::Failed),
            needs_work: self.count(Verdict::NeedsWork),
            not_run: self.count(Verdict::NotRun),
            checks: checks.collect(),
        }
    }
}
