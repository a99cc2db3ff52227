//! What a worker does its work with: whoever starts one brings it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use clever_sync::details::Again;
use tokio::sync::watch;

use crate::payload::{Job, Listed, Synced};

/// A future of a [`Runner`].
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// Why work was not done: a word that names the cause, and whether trying again helps. It holds nothing else, as it is kept by
/// the engine; what a person needs stands with the attempt in the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct Failure {
    /// The word, as `cleverctl --json` gives it.
    pub code: String,
    /// When to try again.
    pub again: Again,
}

/// Syncs districts: the work of a worker.
pub trait Runner: Send + Sync + 'static {
    /// Takes a district through one run. `pages` counts the pages that were read; `stop` becomes true when the run is to stop
    /// where it is, with nothing written.
    fn sync(&self, job: Job, pages: Arc<AtomicU64>, stop: watch::Receiver<bool>)
    -> Pending<Synced>;

    /// The hash of what a district's last run held; none where it held nothing.
    fn held(&self, district: String) -> Pending<Option<String>>;

    /// Lists the districts that the credentials open now.
    fn districts(&self) -> Pending<Listed>;
}
