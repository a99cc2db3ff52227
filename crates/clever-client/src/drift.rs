//! What a client met that Clever's documents don't declare.

use std::sync::{Mutex, PoisonError};

use clever_model::RecordKind;
use clever_raw::drift::Drift;
use serde_json::Value;

/// What all clones of a client have met that Clever's documents don't declare.
#[derive(Debug, Default)]
pub(crate) struct DriftCount(Mutex<Drift>);

impl DriftCount {
    pub(crate) fn observe(&self, kind: RecordKind, record: &Value) {
        let mut drift = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drift.observe(kind.as_str(), record);
    }

    pub(crate) fn so_far(&self) -> Drift {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
