//! The lake of a worker in a build without the lake: there is none, and whoever asks for it hears so.

use std::path::Path;

use anyhow::Result;
use clever_sync::AnyStore;
use tokio::sync::watch;

/// A lake that no program of this build has.
#[derive(Debug)]
pub(crate) enum AfterRuns {}

#[expect(clippy::unused_async, reason = "as where it is built")]
impl AfterRuns {
    /// Says that this build has no lake.
    pub(crate) async fn open(_: &Path) -> Result<Self> {
        Err(crate::cmd::not_built::NotBuilt::new("the lake", "lake").into())
    }

    /// Nobody comes here.
    pub(crate) async fn append(
        &self,
        _: &mut AnyStore,
        _: &str,
        _: &watch::Receiver<bool>,
    ) -> Result<u64> {
        match *self {}
    }
}
