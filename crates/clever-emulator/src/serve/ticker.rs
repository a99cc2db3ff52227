//! How often a day passes by itself.

use std::time::Duration;

use tokio::sync::watch;

/// How long a day takes; none while the clock stands.
#[derive(Debug)]
pub(crate) struct Ticker(watch::Sender<Option<Duration>>);

impl Ticker {
    pub(crate) fn new(every: Option<Duration>) -> Self {
        Self(watch::Sender::new(every.filter(|every| !every.is_zero())))
    }

    pub(crate) fn every(&self) -> Option<Duration> {
        *self.0.borrow()
    }

    /// Lets a day pass every so often, the first one that much later; none stops the clock.
    pub(crate) fn set(&self, every: Option<Duration>) {
        self.0.send_replace(every.filter(|every| !every.is_zero()));
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Option<Duration>> {
        self.0.subscribe()
    }
}
