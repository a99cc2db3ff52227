//! The report for people: one page that needs nothing beside itself, for the screen and for paper, light and dark.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Report;
use crate::certify::finding::{Finding, Verdict};

/// The stylesheet.
const STYLE: &str = include_str!("style.css");

/// Verdicts in the order in which a reader needs them.
const ORDER: [Verdict; 4] = [
    Verdict::Failed,
    Verdict::NeedsWork,
    Verdict::NotRun,
    Verdict::Passed,
];

impl Report {
    /// The report as one HTML page, without scripts; pictures are in it.
    #[must_use]
    pub fn html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { "Rehearsal of Clever's certification: " (self.app) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { "Rehearsal of Clever's certification" }
                        p { "App: " strong { (self.app) } ", " (self.began) }
                        p { (self.summary()) }
                        p.small {
                            "Made with an emulated Clever and people who don't exist. Clever's own review asks more: \
                             how accounts are matched, what is logged, who hears of a sync that fails."
                        }
                    }
                    main {
                        @for verdict in ORDER {
                            @if self.count(verdict) > 0 {
                                section {
                                    h2 { (heading(verdict)) " (" (self.count(verdict)) ")" }
                                    @for one in self.findings.iter().filter(|one| one.verdict == verdict) { (shown(one)) }
                                }
                            }
                        }
                    }
                    footer { "cleverctl certify " (env!("CARGO_PKG_VERSION")) }
                }
            }
        };
        page.into_string()
    }

    /// The counts in a sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let all = ORDER
            .into_iter()
            .map(|verdict| (self.count(verdict), verdict));
        let some = all.filter(|(count, verdict)| *count > 0 || *verdict == Verdict::Passed);
        let parts: Vec<String> = some
            .map(|(count, verdict)| format!("{count} {}", verdict.word()))
            .collect();
        format!("{} checks: {}.", self.findings.len(), parts.join(", "))
    }
}

fn heading(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failed => "Failed",
        Verdict::NeedsWork => "Needs work",
        Verdict::NotRun => "Not run",
        Verdict::Passed => "Passed",
    }
}

fn shown(finding: &Finding) -> Markup {
    let check = finding.check;
    let is_fine = finding.verdict == Verdict::Passed;
    html! {
        article class=(finding.verdict.word().replace(' ', "-")) id=(check.word()) {
            h3 { (check.title()) " " code { (check.word()) } }
            dl {
                dt { "What was done" } dd { (finding.sent) }
                dt { @if finding.verdict == Verdict::NotRun { "Why it was not run" } @else { "What came back" } }
                dd dir="auto" { (finding.came_back) }
                @if !is_fine {
                    dt { "What Clever expects" } dd { (check.expects()) }
                    dt { "How apps usually mend it" } dd { (check.mends()) }
                }
            }
            @if let Some(picture) = &finding.picture {
                img loading="lazy" alt={ "The browser at the end of: " (check.title()) } width="640"
                    src={ "data:image/png;base64," (STANDARD.encode(picture)) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify::check::Check;
    use crate::certify::finding::Outcome;

    fn report() -> Report {
        let bad = Outcome::failed("the page says <b>“error”</b>");
        let mut bad = bad.found(Check::RoleStaff, "signed in as somebody of the staff");
        bad.picture = Some(vec![1, 2, 3]);
        Report {
            app: "http://127.0.0.1:3000/".to_owned(),
            began: "2026-11-29".to_owned(),
            findings: vec![
                Outcome::passed("in").found(Check::WayButton, "clicked"),
                bad,
                Outcome::not_run("no Chromium").found(Check::LogOut, "nothing"),
            ],
        }
    }

    #[test]
    fn the_page_says_of_a_failure_all_four_things_and_stands_alone() {
        let html = report().html();
        for part in [
            "signed in as somebody of the staff",
            "the page says &lt;b&gt;“error”&lt;/b&gt;",
            "What Clever expects",
            "How apps usually mend it",
            "data:image/png;base64,AQID",
            "3 checks: 1 failed, 1 not run, 1 passed.",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(
            !html.contains("<script") && !html.contains("http://") | html.contains("127.0.0.1")
        );
        assert!(html.contains("prefers-color-scheme") && html.contains("@media print"));
    }

    #[test]
    fn programs_read_the_same() {
        let report = report();
        let json = serde_json::to_value(report.told()).unwrap();
        assert_eq!(json["worst"], "failed");
        assert_eq!(json["checks"][1]["check"], "role-staff");
        let xml = report.junit();
        assert!(
            xml.contains("failures=\"1\"") && xml.contains("skipped=\"1\""),
            "{xml}"
        );
        assert!(xml.contains("Clever expects: "), "{xml}");
    }
}
