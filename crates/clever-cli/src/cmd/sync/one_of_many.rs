//! One run of one district among many: the same for `sync --all`, which decides itself whose turn it is, and for a worker of
//! the fleet, for which the engine does.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clever_client::ClientOptions;
use clever_sync::report::measure;
use clever_sync::{Admit, SyncError, SyncPolicies, SyncReport};
use tokio::sync::watch;

use super::args::SyncArgs;
use super::attempt::Attempt;
use super::listed::Target;
use super::once;
use super::recorders::Recorders;
use crate::progress::Watch;
use crate::settings::StoreUrl;

/// How long a district waits for another that writes: SQLite has one writer, and a first load may take minutes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// A run of a district that is one of many.
pub(crate) struct OneOfMany {
    pub(crate) args: Arc<SyncArgs>,
    pub(crate) policies: Arc<SyncPolicies>,
    /// What writes the tries; a look is none.
    pub(crate) recorders: Arc<Recorders>,
    /// The district that is meant; another one that the token opens is refused.
    pub(crate) district: String,
    /// The name of its credential.
    pub(crate) credential: String,
    /// The way into it, or why there is none.
    pub(crate) target: Result<Target>,
    pub(crate) watch: Arc<Watch>,
    /// Becomes true when the run is to stop where it is.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// Somebody stopped a run: nothing of it is written.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Stopped;

impl OneOfMany {
    /// Runs, and writes how the try ended, whatever became of it. A paused district is not tried: no secret is used, and Clever is
    /// not asked.
    pub(crate) async fn run(mut self) -> Result<SyncReport> {
        // Asked again for each run: the district may have moved since the last one.
        let places = self.args.store.places()?;
        let url = places.of(&self.district, Some(&self.credential)).await?.url;
        let recorder = self.recorders.at(&url);
        if let Some(paused) = recorder.paused(&self.district).await {
            measure::paused(&self.district, true);
            let refused = SyncError::Paused {
                district: self.district.parse()?,
                paused: Box::new(paused),
            };
            return Err(refused.into());
        }
        let names = (Some(self.district.as_str()), Some(self.credential.as_str()));
        let mut attempt = Attempt::begin(&recorder, names.0, names.1).await;
        let target = match self.target {
            Ok(target) => target,
            Err(error) => {
                attempt.end(&Err(&error)).await;
                return Err(error);
            }
        };
        let result = tokio::select! {
            _ = self.stopped.wait_for(|stopped| *stopped) => None,
            result = one(&self.args, &url, &self.policies, &self.district, target, self.watch, &attempt) => Some(result),
        };
        let Some(result) = result else {
            attempt.stopped().await;
            return Err(Stopped.into());
        };
        attempt.end(&result.as_ref()).await;
        result
    }
}

/// Runs on a thread of its own: a store may block while another one writes. A run that panics has failed.
pub(crate) async fn aside<T: Send + 'static, R: Future<Output = Result<T>>>(
    run: impl FnOnce() -> R + Send + 'static,
) -> Result<T> {
    let runtime = tokio::runtime::Handle::current();
    let running = tokio::task::spawn_blocking(move || runtime.block_on(run()));
    running.await.unwrap_or_else(|_| {
        // What it said of itself is on standard error; nothing of the run was written.
        Err(anyhow::anyhow!(
            "the run broke off: this is a fault of cleverctl"
        ))
    })
}

/// Syncs one district once: the one that was listed, or none.
async fn one(
    args: &SyncArgs,
    url: &StoreUrl,
    policies: &SyncPolicies,
    listed: &str,
    target: Target,
    watch: Arc<Watch>,
    attempt: &Attempt,
) -> Result<SyncReport> {
    let options = ClientOptions {
        page_limit: args.page_size,
        watch: Arc::clone(&watch) as _,
        ..args.service.options()
    };
    let district = target.way.open(options).await?;
    let mut store = once::open(url, args.dry_run).await?;
    store.wait_for_others(PATIENCE)?;
    let admit = Admit::Only(listed.parse()?);
    once::reconcile(
        args, policies, admit, &district, &mut store, &watch, attempt,
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{self, Exit};

    #[tokio::test]
    async fn a_run_that_panics_has_failed_and_frees_its_slot() {
        let running = aside(async || -> Result<()> {
            // As a broken invariant would, in the middle of a run.
            tokio::task::yield_now().await;
            std::panic::panic_any("on purpose");
        });
        let ended = tokio::time::timeout(Duration::from_secs(20), running).await;
        assert_eq!(
            diagnostics::exit(&ended.unwrap().unwrap_err()),
            Exit::Failed
        );
    }
}
