//! The report for programs.

use serde_json::{Value, json};

use super::Report;
use crate::finding::Verdict;

impl Report {
    /// The report as one JSON object, without pictures and without a version of its form.
    #[must_use]
    pub fn json(&self) -> Value {
        let checks: Vec<Value> = self
            .findings
            .iter()
            .map(|one| {
                json!({
                    "check": one.check, "title": one.check.title(), "verdict": one.verdict, "sent": one.sent,
                    "came_back": one.came_back, "expects": one.check.expects(), "mends": one.check.mends(),
                })
            })
            .collect();
        json!({
            "app": self.app, "began": self.began, "worst": self.worst(),
            "passed": self.count(Verdict::Passed), "failed": self.count(Verdict::Failed),
            "needs_work": self.count(Verdict::NeedsWork), "not_run": self.count(Verdict::NotRun),
            "checks": checks,
        })
    }
}
