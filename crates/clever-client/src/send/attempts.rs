//! The one loop over attempts: whatever is called goes through it, so that how often, how fast and how loudly is said
//! once.

use tokio::time::sleep;
use tracing::debug;

use super::failure::Failure;
use super::retry::{self, Chances, Moment, Next};
use super::wire::Wire;
use crate::notice::Notice;

/// One call: how it is attempted.
pub(crate) trait Call: Send {
    /// What the call is made for.
    type Answer;

    /// Makes one attempt.
    fn attempt(&mut self) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;

    /// How often the call is worth to be tried after `failure`.
    fn chances(&self, failure: &Failure) -> Chances;
}

/// A call that no further attempt helps.
pub(crate) struct GivenUp {
    /// What the last attempt came to.
    pub(crate) failure: Failure,
    /// How often the call was tried.
    pub(crate) attempts: u32,
}

impl Wire {
    /// Tries a call until it has its answer, or until no further attempt helps. `path` names it, without a query.
    ///
    /// A rate limit that lasts longer than the policy waits ends in [`Failure::Limited`].
    pub(crate) async fn tried<C: Call>(
        &self,
        path: &str,
        call: &mut C,
    ) -> Result<C::Answer, GivenUp> {
        let service = self.service.as_str();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failure = match call.attempt().await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let moment = Moment {
                answered: self.has_answered(),
                now: self.options.clock.now(),
                chance: fastrand::f64(),
            };
            let chances = call.chances(&failure);
            let next = retry::next(&self.options.retry, &failure, attempts, chances, moment);
            let failure = match next {
                Next::Again { wait, of } => {
                    debug!(
                        attempt = attempts,
                        wait_ms = wait.as_millis(),
                        "will try again"
                    );
                    metrics::counter!("clever_retries_total", "service" => service).increment(1);
                    self.options.watch.notice(&Notice::Again {
                        path: path.to_owned(),
                        cause: failure.cause(),
                        attempt: attempts + 1,
                        of,
                        wait,
                    });
                    sleep(wait).await;
                    continue;
                }
                Next::Limited(wait) => Failure::Limited(wait),
                Next::Stop => failure,
            };
            metrics::counter!("clever_given_up_total", "service" => service).increment(1);
            return Err(GivenUp { failure, attempts });
        }
    }
}
