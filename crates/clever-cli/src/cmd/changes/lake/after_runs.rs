//! The lake of a worker of the fleet: what a run wrote is appended after it.
//!
//! Decision: a table that can't be written for a while fails no run. The cursor is in the table, so the district's next run appends
//! what this one could not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clever_lake::{AppendError, AppendRequest, Lake, PER_COMMIT, append};
use clever_model::SystemClock;
use clever_sync::AnyStore;
use tokio::sync::{Mutex, watch};

use super::written::CONSUMER;

/// How long to wait before each further try.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

/// A table in a folder, to which one run of this process appends at a time. Other processes may do so beside it.
#[derive(Debug)]
pub(crate) struct AfterRuns {
    folder: PathBuf,
    /// None after a failure, until it is opened again.
    lake: Mutex<Option<Lake>>,
}

impl AfterRuns {
    /// Opens the table, and makes it if there is none: what can't be used ends the command while somebody looks.
    pub(crate) async fn open(folder: &Path) -> Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            lake: Mutex::new(Some(opened(folder).await?)),
        })
    }

    /// Appends what the table has not got of a district, unless it is asked to stop; gives how many changes that were.
    pub(crate) async fn append(
        &self,
        store: &mut AnyStore,
        district: &str,
        stopped: &watch::Receiver<bool>,
    ) -> Result<u64> {
        let mut pauses = PAUSES.iter();
        loop {
            if *stopped.borrow() {
                return Ok(0);
            }
            let error = match self.once(store, district, stopped).await {
                Ok(changes) => return Ok(changes),
                Err(error) => error,
            };
            match pauses.next().filter(|_| may_pass(&error)) {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return Err(error),
            }
        }
    }

    async fn once(
        &self,
        store: &mut AnyStore,
        district: &str,
        stopped: &watch::Receiver<bool>,
    ) -> Result<u64> {
        let mut kept = self.lake.lock().await;
        // Taken out, so that a handle which failed is not used again.
        let mut lake = match kept.take() {
            Some(lake) => lake,
            None => opened(&self.folder).await?,
        };
        let request = AppendRequest {
            district_id: district.to_owned(),
            consumer: CONSUMER.to_owned(),
            pruned_is_fine: false,
            per_commit: PER_COMMIT,
        };
        let mut goes_on = |_| !*stopped.borrow();
        let appended = append(&mut lake, store, &request, &SystemClock, &mut goes_on).await?;
        *kept = Some(lake);
        Ok(appended.changes)
    }
}

async fn opened(folder: &Path) -> Result<Lake> {
    Lake::open(folder)
        .await
        .with_context(|| format!("could not open the lake in {}", folder.display()))
}

/// Says whether it may be otherwise in a moment. A feed that does not go with the table needs somebody.
fn may_pass(error: &anyhow::Error) -> bool {
    !matches!(
        error.downcast_ref(),
        Some(
            AppendError::Pruned { .. } | AppendError::Ahead { .. } | AppendError::OtherStore { .. }
        )
    )
}
