//! Each try of a sync becomes a row of the store, however it ends: also if the run wrote nothing else.
//!
//! The rows are written over a connection of their own, as the run's may be within a transaction. It is there only while
//! it is used, or while runs say how far they are: a pooler may have one connection, and the run needs it. A store that
//! can't be written takes no sync with it for that: the run says what is wrong with the store, and this only logs it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Error;
use clever_model::{Clock, DistrictId, RecordKind, SystemClock, Timestamp};
use clever_sync::look::Paused;
use clever_sync::report::attempt::{Ending, Reached, Stage};
use clever_sync::store::attempts::Ended;
use clever_sync::{AnyStore, DatabaseError, Outcome, Progress, StoreError, SyncReport};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::alerts::Alerts;
use crate::diagnostics::{self, Exit};
use crate::settings::StoreUrl;
use crate::ui::Ui;

/// How often a try that goes on says how far it is.
const BEAT: Duration = Duration::from_secs(5);
/// How long a beginning waits for another that writes.
const BEGIN_PATIENCE: Duration = Duration::from_secs(2);

/// Writes the tries of this process.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// None for a look, which writes nothing.
    url: Option<StoreUrl>,
    /// How long an ending waits for another that writes.
    patience: Duration,
    store: tokio::sync::Mutex<Option<AnyStore>>,
    /// How many runs say how far they are.
    beats: AtomicUsize,
}

/// One of the runs that say how far they are.
#[derive(Debug)]
struct Beating(Arc<Recorder>);

impl Beating {
    fn new(recorder: &Arc<Recorder>) -> Self {
        recorder.beats.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(recorder))
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.beats.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Recorder {
    /// Writes to the store at this address; a look (`None`) is no try. An ending waits for `patience` while another
    /// writes.
    pub(crate) fn new(url: Option<StoreUrl>, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            url,
            patience,
            store: tokio::sync::Mutex::new(None),
            beats: AtomicUsize::new(0),
        })
    }

    /// Asks something of the store, if there is one.
    async fn ask<T>(
        &self,
        patience: Duration,
        ask: impl AsyncFnOnce(&mut AnyStore) -> Result<T, StoreError>,
    ) -> Option<T> {
        let url = self.url.as_ref()?;
        let mut slot = self.store.lock().await;
        if slot.is_none() {
            match url.open_existing().await {
                Ok(store) => *slot = Some(store),
                // No run came far enough to make one.
                Err(StoreError::Database(DatabaseError::Missing { .. })) => return None,
                Err(error) => {
                    warn!(%error, "the attempt is not written");
                    return None;
                }
            }
        }
        let store = slot.as_mut()?;
        let asked = match store.wait_for_others(patience) {
            Ok(()) => ask(store).await,
            Err(error) => Err(error),
        };
        // A connection that broke is made again.
        if asked.is_err() || self.beats.load(Ordering::SeqCst) == 0 {
            *slot = None;
        }
        asked
            .inspect_err(|error| warn!(%error, "the attempt is not written"))
            .ok()
    }

    /// The pause of a district, if somebody paused it. A look is no run, and where no store is yet, nobody is paused.
    pub(crate) async fn paused(&self, district: &str) -> Option<Paused> {
        let asked = self.ask(BEGIN_PATIENCE, async |store| store.paused(district).await);
        asked.await.flatten()
    }

    /// Sends whoever is on call the alerts that are due.
    pub(crate) async fn alert(&self, alerts: &Alerts, sync: &str, ui: &Ui) {
        if !alerts.are_wanted() {
            return;
        }
        let told = self.ask(self.patience, async |store| {
            alerts.check_quietly(store, sync, ui).await;
            Ok(())
        });
        told.await;
    }

    /// Keeps a try that ended before it was known which district it is of: its credential can't be used.
    pub(crate) async fn failed(self: &Arc<Self>, credential: &str, error: &Error) {
        let mut attempt = Attempt::begin(self, None, Some(credential)).await;
        attempt.end(&Err(error)).await;
    }
}

/// What a try has reached, as its run says.
#[derive(Debug, Clone, Default)]
struct Heard {
    district: Option<String>,
    reached: Reached,
    /// The lists that are read.
    lists: BTreeSet<RecordKind>,
}

impl Heard {
    /// Of the lists that are read at once, the first is the one that holds the others up.
    fn holds_up(&mut self) {
        if let Some(kind) = self.lists.first() {
            self.reached.kind = Some(*kind);
        }
    }
}

/// Hears of the steps of a run, and passes them on.
#[derive(Debug)]
pub(crate) struct Steps<'a, P> {
    heard: Arc<Mutex<Heard>>,
    on: &'a P,
}

impl<P> Steps<'_, P> {
    fn hear(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<P: Progress> Progress for Steps<'_, P> {
    fn opened(&self, district: &DistrictId) {
        self.hear(|heard| heard.district = Some(district.to_string()));
        self.on.opened(district);
    }

    fn lists(&self, kinds: &[RecordKind]) {
        self.on.lists(kinds);
    }

    fn stage(&self, stage: Stage) {
        self.hear(|heard| heard.reached.stage = stage);
        self.on.stage(stage);
    }

    fn reading(&self, kind: RecordKind) {
        self.hear(|heard| {
            // The district's own record is read before the lists are.
            heard.lists.remove(&RecordKind::Districts);
            heard.lists.insert(kind);
            heard.holds_up();
        });
        self.on.reading(kind);
    }

    fn read(&self, kind: RecordKind) {
        self.hear(|heard| {
            heard.lists.remove(&kind);
            heard.holds_up();
        });
        self.on.read(kind);
    }

    fn page(&self, kind: RecordKind, records: usize, bytes: usize, total: Option<u64>) {
        self.hear(|heard| {
            heard.reached.pages += 1;
            heard.reached.records += records as u64;
        });
        self.on.page(kind, records, bytes, total);
    }

    fn events(&self, events: usize) {
        self.hear(|heard| {
            heard.reached.pages += 1;
            heard.reached.records += events as u64;
        });
        self.on.events(events);
    }

    fn applying(&self, done: u64, total: u64) {
        self.on.applying(done, total);
    }
}

/// One try.
#[derive(Debug)]
pub(crate) struct Attempt {
    recorder: Arc<Recorder>,
    district: Option<String>,
    credential: Option<String>,
    started: Timestamp,
    /// Its number; none while there is no row.
    number: Option<i64>,
    heard: Arc<Mutex<Heard>>,
    beat: Option<Beat>,
}

/// Says every few seconds how far a run is, until it is dropped.
#[derive(Debug)]
struct Beat {
    task: JoinHandle<()>,
    _beating: Beating,
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Attempt {
    /// Begins a try of a district, if it is known which, with the credential of this name, if it has one.
    pub(crate) async fn begin(
        recorder: &Arc<Recorder>,
        district: Option<&str>,
        credential: Option<&str>,
    ) -> Self {
        let mut attempt = Self {
            recorder: Arc::clone(recorder),
            district: district.map(str::to_owned),
            credential: credential.map(str::to_owned),
            started: SystemClock.now(),
            number: None,
            heard: Arc::default(),
            beat: None,
        };
        attempt.written(BEGIN_PATIENCE).await;
        attempt.beat();
        attempt
    }

    /// Makes the row in the run's own store, if there was none before.
    pub(crate) async fn stored(&mut self, store: &mut AnyStore) {
        if self.number.is_some() || self.recorder.url.is_none() {
            return;
        }
        match self.row(store).await {
            Ok(number) => self.number = Some(number),
            Err(error) => warn!(%error, "the attempt is not written"),
        }
        self.beat();
    }

    /// Makes the row.
    async fn written(&mut self, patience: Duration) {
        let row = self
            .recorder
            .ask(patience, async |store| self.row(store).await);
        self.number = row.await;
    }

    async fn row(&self, store: &mut AnyStore) -> Result<i64, StoreError> {
        // A token does not say whose it is; in a store of one district it is hardly another's.
        let known = store.districts().await?;
        let district = match (self.district.as_deref(), known.as_slice()) {
            (None, [only]) => Some(only.as_str()),
            (district, _) => district,
        };
        store
            .begin_attempt(district, self.credential.as_deref(), self.started)
            .await
    }

    /// Says from now on how far the run is.
    fn beat(&mut self) {
        let Some(number) = self.number else { return };
        let (recorder, heard) = (Arc::clone(&self.recorder), Arc::clone(&self.heard));
        let task = tokio::spawn(async move {
            let mut said = Reached::default();
            loop {
                tokio::time::sleep(BEAT).await;
                let now = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if now.reached == said {
                    continue;
                }
                let note = recorder.ask(Duration::ZERO, async |store| {
                    store
                        .note_attempt(number, &now.reached, SystemClock.now())
                        .await
                });
                // While another writes, or has the only connection, a later beat says it.
                if let Ok(Some(())) = tokio::time::timeout(BEAT, note).await {
                    said = now.reached;
                }
            }
        });
        self.beat = Some(Beat {
            task,
            _beating: Beating::new(&self.recorder),
        });
    }

    /// Hears of a run's steps, and passes them on.
    pub(crate) fn steps<'a, P: Progress>(&self, on: &'a P) -> Steps<'a, P> {
        Steps {
            heard: Arc::clone(&self.heard),
            on,
        }
    }

    /// Writes how it ended: with a report, or with an error.
    pub(crate) async fn end(&mut self, result: &Result<&SyncReport, &Error>) {
        let (ending, exit, run) = match result {
            Ok(report) if report.outcome == Outcome::Held => (Ending::Held, Exit::Held, report.run),
            Ok(report) => (Ending::Done, Exit::Done, report.run),
            Err(error) => match diagnostics::exit(error) {
                exit @ Exit::Refused => (Ending::Refused, exit, None),
                exit => (Ending::Failed, exit, None),
            },
        };
        let failure = result.err().map(diagnostics::kept);
        self.ended(Ended {
            district_id: None,
            at: SystemClock.now(),
            ending,
            exit: Some(exit as u8),
            failure,
            reached: Reached::default(),
            run,
        })
        .await;
    }

    /// Writes that somebody stopped it.
    pub(crate) async fn stopped(&mut self) {
        self.ended(Ended {
            district_id: None,
            at: SystemClock.now(),
            ending: Ending::Stopped,
            exit: None,
            failure: None,
            reached: Reached::default(),
            run: None,
        })
        .await;
    }

    async fn ended(&mut self, ended: Ended) {
        self.beat = None;
        let patience = self.recorder.patience;
        if self.number.is_none() {
            self.written(patience).await;
        }
        let Some(number) = self.number else { return };
        let heard = self
            .heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let ended = Ended {
            district_id: heard.district,
            reached: heard.reached,
            ..ended
        };
        let write = self.recorder.ask(patience, async |store| {
            store.end_attempt(number, &ended).await
        });
        write.await;
    }
}
