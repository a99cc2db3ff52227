//! The report for a build's server: JUnit XML.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::Report;
use crate::certify::finding::{Finding, Verdict};

impl Report {
    /// The report as JUnit XML: what needs work is an error there, what failed a failure, what was not run is skipped.
    #[must_use]
    pub fn junit(&self) -> String {
        let mut suite = TestSuite::new("Clever certification");
        suite.add_test_cases(self.findings.iter().map(case));
        let mut report = quick_junit::Report::new("cleverctl certify");
        report.add_test_suite(suite);
        // A report of texts can always be written.
        report.to_string().unwrap_or_default()
    }
}

fn case(finding: &Finding) -> TestCase {
    let status = match finding.verdict {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::NotRun => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(finding.came_back.as_str());
            status
        }
        verdict => {
            let kind = match verdict {
                Verdict::Failed => NonSuccessKind::Failure,
                _ => NonSuccessKind::Error,
            };
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(finding.came_back.as_str());
            status.set_type(verdict.word());
            let (sent, back) = (&finding.sent, &finding.came_back);
            let (expects, mends) = (finding.check.expects(), finding.check.mends());
            status.set_description(format!(
                "Sent: {sent}\nCame back: {back}\nClever expects: {expects}\nUsually mended: {mends}"
            ));
            status
        }
    };
    let mut case = TestCase::new(finding.check.word(), status);
    case.set_classname("certify");
    case
}
