//! How a sync tells what it is doing.

use std::sync::{Mutex, PoisonError};

use clever_model::{Clock, DistrictId, RecordKind, Timestamp};

use crate::report::attempt::Stage;
use crate::report::measure;

/// Hears of a sync's steps. `()` hears nothing.
pub trait Progress: Sync {
    /// The source opens this district, which may be brought into the store.
    fn opened(&self, district: &DistrictId) {
        let _ = district;
    }

    /// These lists are read if a snapshot is, in this order; the first one is the district's own record.
    fn lists(&self, kinds: &[RecordKind]) {
        let _ = kinds;
    }

    /// A stage begins.
    fn stage(&self, stage: Stage) {
        let _ = stage;
    }

    /// The list of a kind is about to be read. Several may be read at once.
    fn reading(&self, kind: RecordKind) {
        let _ = kind;
    }

    /// The list of a kind was read to its end.
    fn read(&self, kind: RecordKind) {
        let _ = kind;
    }

    /// A page was read: so many records that no page before it had, so many bytes; `total` is the list's length where known.
    fn page(&self, kind: RecordKind, records: usize, bytes: usize, total: Option<u64>) {
        let _ = (kind, records, bytes, total);
    }

    /// A page of events was read, with so many on it.
    fn events(&self, events: usize) {
        let _ = events;
    }

    /// So many of so many changes were written.
    fn applying(&self, done: u64, total: u64) {
        let _ = (done, total);
    }
}

impl Progress for () {}

/// Measures how long each stage takes, and passes everything on.
pub(crate) struct Timed<'a> {
    clock: &'a dyn Clock,
    on: &'a dyn Progress,
    since: Mutex<(Stage, Timestamp)>,
}

impl<'a> Timed<'a> {
    /// Begins with the first stage.
    pub(crate) fn begin(on: &'a dyn Progress, clock: &'a dyn Clock, now: Timestamp) -> Self {
        Self {
            clock,
            on,
            since: Mutex::new((Stage::default(), now)),
        }
    }
}

impl Progress for Timed<'_> {
    fn opened(&self, district: &DistrictId) {
        self.on.opened(district);
    }

    fn lists(&self, kinds: &[RecordKind]) {
        self.on.lists(kinds);
    }

    fn stage(&self, stage: Stage) {
        let now = self.clock.now();
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended, began) = std::mem::replace(&mut *since, (stage, now));
        measure::stage(ended, began, now);
        self.on.stage(stage);
    }

    fn reading(&self, kind: RecordKind) {
        self.on.reading(kind);
    }

    fn read(&self, kind: RecordKind) {
        self.on.read(kind);
    }

    fn page(&self, kind: RecordKind, records: usize, bytes: usize, total: Option<u64>) {
        self.on.page(kind, records, bytes, total);
    }

    fn events(&self, events: usize) {
        self.on.events(events);
    }

    fn applying(&self, done: u64, total: u64) {
        self.on.applying(done, total);
    }
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        let since = self.since.get_mut().unwrap_or_else(PoisonError::into_inner);
        measure::stage(since.0, since.1, self.clock.now());
    }
}
