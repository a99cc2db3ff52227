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

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SeenRequest {
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// The answer's status.
    pub status: u16,
    /// How long the answer took.
    pub milliseconds: u64,
    /// The fault that befell the answer.
    pub fault: Option<Fault>,
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
