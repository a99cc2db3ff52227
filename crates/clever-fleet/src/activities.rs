//! What a worker does when the engine asks it: the [`Runner`]'s work, with signs of life and an ear for a stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clever_sync::details::Again;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::error::ApplicationFailure;
use tokio::sync::watch;

use crate::connect::Engine;
use crate::payload::{Applied, Cadence, Job, Synced};
use crate::runner::{Failure, Runner};
use crate::schedules;

/// The longest time between two signs of life.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// So many signs of life fit in the time after which a run is given to another worker.
const BEATS: u32 = 4;

/// The work of a worker.
pub(crate) struct Activities {
    pub(crate) runner: Arc<dyn Runner>,
}

#[activities]
impl Activities {
    #[activity(name = "sync")]
    pub(crate) async fn sync(
        self: Arc<Self>,
        ctx: ActivityContext,
        job: Job,
    ) -> Result<Synced, ActivityError> {
        let pages = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = watch::channel(false);
        let timeout = ctx.info().heartbeat_timeout;
        let beat = timeout.map_or(LONGEST_SILENCE, |timeout| {
            (timeout / BEATS).min(LONGEST_SILENCE)
        });
        let mut running = self.runner.sync(job, Arc::clone(&pages), stopped);
        loop {
            tokio::select! {
                ended = &mut running => return match ended {
                    Err(_) if *stop.borrow() => Err(ActivityError::cancelled()),
                    ended => ended.map_err(failed),
                },
                // The run ends by itself, and says so in the store.
                () = ctx.cancelled(), if !*stop.borrow() => drop(stop.send_replace(true)),
                () = tokio::time::sleep(beat) => {
                    ctx.record_heartbeat(pages.load(Ordering::Relaxed)).await?;
                }
            }
        }
    }

    #[activity(name = "held")]
    pub(crate) async fn held(
        self: Arc<Self>,
        _ctx: ActivityContext,
        district: String,
    ) -> Result<Option<String>, ActivityError> {
        self.runner.held(district).await.map_err(failed)
    }

    #[activity(name = "apply")]
    pub(crate) async fn apply(
        self: Arc<Self>,
        ctx: ActivityContext,
        cadence: Cadence,
    ) -> Result<Applied, ActivityError> {
        let listed = self.runner.districts().await.map_err(failed)?;
        let engine = Engine {
            client: ctx.client(),
            queue: ctx.info().task_queue.clone(),
        };
        engine
            .apply(&cadence, &listed, false)
            .await
            .map_err(|error: schedules::ApplyError| ApplicationFailure::new(error.code()).into())
    }
}

/// What the engine keeps of a failure: its word, and when to try again.
fn failed(failure: Failure) -> ActivityError {
    let Failure { code, again } = failure;
    let word = code.clone();
    let failure = ApplicationFailure::builder(code).type_name(word);
    ActivityError::application(match again {
        Again::AtOnce => failure.next_retry_delay(Duration::from_millis(1)).build(),
        Again::Later => failure.build(),
        Again::Never => failure.non_retryable(true).build(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_its_word_and_when_to_try_again() {
        let of = |again| {
            let failure = Failure {
                code: "store_moved".to_owned(),
                again,
            };
            let ActivityError::Application(kept) = failed(failure) else {
                panic!("it is one of ours");
            };
            assert_eq!(kept.to_string(), "store_moved");
            assert_eq!(kept.type_name(), Some("store_moved"));
            (kept.is_non_retryable(), kept.next_retry_delay().is_some())
        };
        assert_eq!(of(Again::Never), (true, false));
        assert_eq!(of(Again::AtOnce), (false, true));
        assert_eq!(of(Again::Later), (false, false));
    }
}
