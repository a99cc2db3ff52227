//! Logins during which Clever is in trouble: a rate limit, a fault, a slow answer.

use crate::Fault;

use super::{NO_LOGIN, Probes, judge};
use crate::certify::check::Check;
use crate::certify::finding::{Outcome, Verdict};
use crate::certify::visit::visitor::VisitError;

/// Where a sign-in asks Clever; without the first, nobody can be signed in.
const STEPS: [&str; 3] = ["/oauth/tokens", "/me", "/users/"];

impl Probes<'_> {
    /// Each trouble at each step; `shows` says whether the app's pages show who is signed in.
    pub(super) async fn troubles(&mut self, shows: bool) {
        for (check, fault, what) in [
            (Check::Clever429, Fault::RateLimited, "429"),
            (Check::Clever500, Fault::ServerError, "500"),
        ] {
            let mut worst: Option<Outcome> = None;
            for step in STEPS {
                let outcome = self.trouble(fault, step, shows).await;
                self.clever.emulator().faults().clear();
                let outcome = outcome.unwrap_or_else(|error| Outcome::failed(error.to_string()));
                let told = format!("at {step}: {}", outcome.came_back);
                let outcome = Outcome {
                    came_back: told,
                    ..outcome
                };
                if worst
                    .as_ref()
                    .is_none_or(|worst| outcome.verdict > worst.verdict)
                {
                    worst = Some(outcome);
                }
            }
            let sent =
                format!("logins while Clever answers {what} to the exchange, to /me and to /users");
            if let Some(worst) = worst {
                self.found(check, sent, worst);
            }
        }
        let outcome = self.slow(shows).await;
        self.clever.emulator().faults().clear();
        let outcome = outcome.unwrap_or_else(|error| Outcome::failed(error.to_string()));
        self.found(
            Check::CleverSlow,
            "a login while each answer of Clever's comes two seconds late",
            outcome,
        );
    }

    async fn trouble(
        &mut self,
        fault: Fault,
        step: &str,
        shows: bool,
    ) -> Result<Outcome, VisitError> {
        let Some(mut begun) = self.begin().await? else {
            return Ok(Outcome::not_run(NO_LOGIN));
        };
        self.clever.emulator().faults().add(fault.on(step));
        let ended = begun.deliver(self.app).await?;
        self.clever.emulator().faults().clear();
        let answers = &ended.way.answers;
        let bad = answers.iter().filter(|one| one.status >= 400);
        self.refusals.extend(bad.cloned());
        let outcome = judge::trouble(answers, ended.is_in, step == STEPS[0]);
        if outcome.verdict != Verdict::Passed || !shows || ended.is_in {
            return Ok(outcome);
        }
        // The next login works.
        let begun = self.begin().await?;
        let next = match self.base(begun).await? {
            Some(base) => base.ended.is_in,
            None => false,
        };
        Ok(if next {
            outcome
        } else {
            Outcome::failed("the next login did not work, when Clever was well again")
        })
    }

    async fn slow(&mut self, shows: bool) -> Result<Outcome, VisitError> {
        let Some(mut begun) = self.begin().await? else {
            return Ok(Outcome::not_run(NO_LOGIN));
        };
        for step in STEPS {
            self.clever.emulator().faults().add(Fault::Slow.on(step));
        }
        let ended = begun.deliver(self.app).await?;
        let answers = &ended.way.answers;
        let bad = answers.iter().filter(|one| one.status >= 400);
        self.refusals.extend(bad.cloned());
        Ok(judge::slow(answers, shows.then_some(ended.is_in)))
    }
}
