//! What is tried in a browser: every way in, everybody of the certification district, and what follows a login.

mod entering;
mod leaving;
mod staying;

use crate::CertificationUser;

use crate::certify::app::AppUnderTest;
use crate::certify::browser::person::{Person, Sight};
use crate::certify::browser::{Browser, BrowserError};
use crate::certify::check::Check;
use crate::certify::clever::RehearsalClever;
use crate::certify::finding::{Finding, Outcome};

/// The checks that need a browser, in the order in which they are tried.
const CHECKS: [Check; 19] = [
    Check::WayButton,
    Check::WayPortal,
    Check::WayInstantLogin,
    Check::WayLibrary,
    Check::RoleStudent,
    Check::RoleTeacher,
    Check::RoleStaff,
    Check::RoleDistrictAdmin,
    Check::RoleContact,
    Check::TwoRoles,
    Check::MissingFields,
    Check::NameShown,
    Check::NamesInAnyScript,
    Check::LogOut,
    Check::SessionEnds,
    Check::SharedDevice,
    Check::SeveralTabs,
    Check::BackButton,
    Check::Referer,
];

/// What is tried in one browser.
pub(crate) struct People<'a> {
    person: Person<'a>,
    findings: Vec<Finding>,
    /// Who came in, and whether the page showed the name.
    came_in: Vec<(CertificationUser, bool)>,
    /// What left the browser.
    heard: leaving::Heard,
}

/// Tries everything that needs a browser, or says of each check why it was not run.
pub(crate) async fn run(
    app: &AppUnderTest,
    clever: &RehearsalClever,
    browser: Result<&Browser, String>,
) -> (Vec<Finding>, Vec<CertificationUser>) {
    let browser = match browser {
        Ok(browser) => browser,
        Err(why) => {
            let not_run = |check| Outcome::not_run(why.clone()).found(check, "nothing");
            return (CHECKS.map(not_run).into(), Vec::new());
        }
    };
    let mut people = People {
        person: Person {
            browser,
            app,
            clever,
        },
        findings: Vec::new(),
        came_in: Vec::new(),
        heard: leaving::Heard::default(),
    };
    people.ways().await;
    people.roles().await;
    people.names().await;
    people.log_out().await;
    people.shared_device().await;
    people.several_tabs().await;
    people.back_button().await;
    people.library().await;
    people.leaving();
    let known = people.came_in.iter().map(|(user, _)| *user).collect();
    (people.findings, known)
}

impl People<'_> {
    /// Adds what a check found, with a picture of the page at its end.
    async fn found(
        &mut self,
        check: Check,
        sent: impl Into<String>,
        outcome: Result<Outcome, BrowserError>,
    ) {
        let outcome = outcome.unwrap_or_else(|error| Outcome::failed(error.to_string()));
        let mut finding = outcome.found(check, sent);
        finding.picture = self.person.browser.picture().await.ok();
        self.findings.push(finding);
        self.listen().await;
    }

    /// Notes who came in.
    fn note(&mut self, user: CertificationUser, sight: &Sight) {
        if sight.is_in(user) && sight.wrong().is_empty() {
            self.came_in.push((user, sight.shows(user)));
        }
    }

    /// Whether the app's pages show who is signed in: else some things can't be judged.
    fn shows_names(&self) -> bool {
        self.came_in.iter().any(|(_, shown)| *shown)
    }
}
