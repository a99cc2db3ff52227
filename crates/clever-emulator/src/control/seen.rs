//! The last requests, for whoever watches.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::faults::Fault;

/// Requests that are remembered.
const REMEMBERED: usize = 100;

/// The last requests. No token and no query is kept: it may hold a code.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<VecDeque<SeenRequest>>);

/// One request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SeenRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) milliseconds: u64,
    pub(crate) fault: Option<Fault>,
}

impl Seen {
    pub(crate) fn add(&self, request: SeenRequest) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == REMEMBERED {
            all.pop_front();
        }
        all.push_back(request);
    }

    pub(crate) fn all(&self) -> Vec<SeenRequest> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .rev()
            .cloned()
            .collect()
    }
}
