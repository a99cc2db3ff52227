//! What is tried without a browser: callbacks that must be refused, a Clever in trouble, what an answer gives away.

mod callback;
mod exposure;
pub(crate) mod judge;
mod trouble;

use crate::CertificationUser;

use crate::certify::app::AppUnderTest;
use crate::certify::check::Check;
use crate::certify::clever::RehearsalClever;
use crate::certify::finding::{Finding, Outcome};
use crate::certify::visit::login::{self, Begun, Ended};
use crate::certify::visit::visitor::{Answer, VisitError};

/// The person whom the probes sign in: with an address, so that nothing else gets in the way.
pub(crate) const USER: CertificationUser = CertificationUser::Teacher;

/// Why what stands on a login was not tried.
const NO_LOGIN: &str = "no login could be followed without a browser";

/// The probes of one app.
pub(crate) struct Probes<'a> {
    app: &'a AppUnderTest,
    clever: &'a RehearsalClever,
    /// Answers of the app to something that went wrong.
    refusals: Vec<Answer>,
    findings: Vec<Finding>,
}

/// A login that went well without a browser.
pub(crate) struct Base {
    begun: Begun,
    ended: Ended,
}

/// Runs every probe.
pub(crate) async fn run(app: &AppUnderTest, clever: &RehearsalClever) -> Vec<Finding> {
    let mut probes = Probes {
        app,
        clever,
        refusals: Vec::new(),
        findings: Vec::new(),
    };
    probes.callbacks().await;
    let start = login::begin(app, clever, USER).await;
    let authorize = start
        .as_ref()
        .ok()
        .and_then(|start| start.authorize.clone());
    probes.redirect_uri(authorize.as_ref());
    let base = match start {
        Ok(start) => probes.base(start.begun).await,
        Err(error) => Err(error),
    };
    match base {
        Err(error) => probes.without_login(&error.to_string()),
        Ok(None) => probes.without_login(NO_LOGIN),
        Ok(Some(mut base)) => {
            probes.replayed(&mut base).await;
            // An app whose pages don't show who is signed in can be judged by its statuses alone.
            let shows = base.ended.is_in;
            probes.expired().await;
            probes.troubles(shows).await;
            probes.leaks(&base);
        }
    }
    probes.friendly();
    probes.findings
}

impl Probes<'_> {
    fn found(&mut self, check: Check, sent: impl Into<String>, outcome: Outcome) {
        self.findings.push(outcome.found(check, sent));
    }

    async fn begin(&self) -> Result<Option<Begun>, VisitError> {
        Ok(login::begin(self.app, self.clever, USER).await?.begun)
    }

    /// Ends a login, as the other probes stand on it.
    async fn base(&self, begun: Option<Begun>) -> Result<Option<Base>, VisitError> {
        let Some(mut begun) = begun else {
            return Ok(None);
        };
        let ended = begun.deliver(self.app).await?;
        Ok(Some(Base { begun, ended }))
    }

    /// Says of what stands on a login that it was not tried.
    fn without_login(&mut self, why: &str) {
        for check in [
            Check::ReplayedCode,
            Check::ExpiredCode,
            Check::Clever429,
            Check::Clever500,
            Check::CleverSlow,
            Check::NothingLeaks,
        ] {
            self.found(check, "a login without a browser", Outcome::not_run(why));
        }
    }

    /// Judges the pages of whatever went wrong.
    fn friendly(&mut self) {
        let own = |answer: &&Answer| self.app.is_own(&answer.url);
        let pages: Vec<&Answer> = self.refusals.iter().filter(own).collect();
        let outcome = judge::friendly(&pages);
        let sent = format!("the {} refusals of the other checks", pages.len());
        self.found(Check::FriendlyErrors, sent, outcome);
    }
}
