//! Callbacks that must be refused: without `state`, with another's, with a made-up, a replayed or an old code.

use url::Url;

use super::{Base, NO_LOGIN, Probes, USER, judge};
use crate::certify::check::Check;
use crate::certify::finding::Outcome;
use crate::certify::visit::visitor::{Answer, VisitError, Visitor};

/// A `state` that no app ever gave.
const FORGED: &str = "REHEARSAL_STATE_THAT_NOBODY_GAVE";
/// A code that Clever never gave.
const MADE_UP: &str = "rehearsal-code-that-clever-never-gave";
/// How far the clock is put forward for a code to be too old, in seconds.
const TOO_OLD: i64 = 180;

impl Probes<'_> {
    /// The callbacks of a browser that the app has never seen.
    pub(super) async fn callbacks(&mut self) {
        let sent = "GET the callback with a good code and no `state`, without cookies";
        let outcome = self.good_code(None).await;
        self.found(Check::WithoutState, sent, outcome);
        let sent = "GET the callback with a good code and a forged `state`, without cookies";
        let outcome = self.good_code(Some(FORGED)).await;
        self.found(Check::ForgedState, sent, outcome);
        let mut url = self.app.callback.clone();
        url.query_pairs_mut()
            .append_pair("code", MADE_UP)
            .append_pair("state", FORGED);
        let outcome = match self.stranger(&url).await {
            Ok(answer) => judge::made_up_code(&answer),
            Err(error) => Outcome::failed(error.to_string()),
        };
        let sent = "GET the callback with a made-up code and a forged `state`, without cookies";
        self.found(Check::InvalidCode, sent, outcome);
    }

    /// Delivers a code that Clever gave for the portal, in a browser that the app has never seen.
    async fn good_code(&mut self, state: Option<&str>) -> Outcome {
        let code = match self.portal_callback().await {
            Ok(Some(url)) => url,
            Ok(None) => {
                return Outcome::not_run(
                    "Clever's portal did not lead to the callback: is it the one that the app has?",
                );
            }
            Err(error) => return Outcome::failed(error.to_string()),
        };
        let mut url = code;
        if let Some(state) = state {
            url.query_pairs_mut().append_pair("state", state);
        }
        let counter = self.clever.counter();
        match self.stranger(&url).await {
            Ok(answer) => judge::refused(&answer, counter.tried()),
            Err(error) => Outcome::failed(error.to_string()),
        }
    }

    /// The callback as the portal sends it.
    async fn portal_callback(&self) -> Result<Option<Url>, VisitError> {
        let mut visitor = Visitor::new()?;
        let launch = self.clever.door("/portal/launch", USER);
        let way = visitor
            .walk(&launch, |url| self.app.is_callback(url))
            .await?;
        Ok(way.stopped_at)
    }

    async fn stranger(&mut self, url: &Url) -> Result<Answer, VisitError> {
        let answer = Visitor::new()?.get(url).await?;
        self.refusals.push(answer.clone());
        Ok(answer)
    }

    /// The callback of a login that went well, once more and in another browser.
    pub(super) async fn replayed(&mut self, base: &mut Base) {
        let outcome = self.replay(base).await;
        let outcome = outcome.unwrap_or_else(|error| Outcome::failed(error.to_string()));
        let sent = "GET the callback of a login that went well once more, in the same browser and in another one";
        self.found(Check::ReplayedCode, sent, outcome);
    }

    async fn replay(&mut self, base: &mut Base) -> Result<Outcome, VisitError> {
        let counter = self.clever.counter();
        let again = base.begun.deliver(self.app).await?;
        let redeemed = counter.tried();
        let callback = base.begun.callback.clone();
        let mut other = Visitor::new()?;
        let stops = |url: &Url| !self.app.is_own(url);
        let elsewhere = other.walk(&callback, stops).await?;
        let home = other.walk(&self.app.url, stops).await?;
        let shows =
            |answer: &Answer| crate::certify::visit::page::shows(&answer.page.text, USER.name());
        let got_in = home.answers.iter().chain(&elsewhere.answers).any(shows);
        let bad = again.way.answers.iter().chain(&elsewhere.answers);
        self.refusals
            .extend(bad.filter(|one| one.status >= 400).cloned());
        Ok(judge::replayed(
            &again.way.answers,
            redeemed,
            &elsewhere.answers,
            got_in,
        ))
    }

    /// A login whose code is too old when it comes.
    pub(super) async fn expired(&mut self) {
        let outcome = self.too_old().await;
        self.clever.ahead(0);
        let outcome = outcome.unwrap_or_else(|error| Outcome::failed(error.to_string()));
        let sent =
            "a login whose callback comes three minutes late: Clever refuses the code with 400";
        self.found(Check::ExpiredCode, sent, outcome);
    }

    async fn too_old(&mut self) -> Result<Outcome, VisitError> {
        let Some(mut begun) = self.begin().await? else {
            return Ok(Outcome::not_run(NO_LOGIN));
        };
        self.clever.ahead(TOO_OLD);
        // The login may begin again by itself; that one is a new login.
        let first = begun.callback.clone();
        let answer = begun.visitor.get(&first).await?;
        let outcome = judge::exchange_refused(&answer);
        self.refusals.push(answer);
        Ok(outcome)
    }
}
