//! What writes the tries of many districts: for each store that they are in, one recorder.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Error;

use super::attempt::Recorder;
use crate::alerts::Alerts;
use crate::settings::{Places, StoreUrl};
use crate::ui::Ui;

/// The recorders of this process.
#[derive(Debug)]
pub(crate) struct Recorders {
    places: Places,
    /// A look writes nothing.
    is_look: bool,
    /// How long an ending waits for another that writes.
    patience: Duration,
    /// By the address, which shows no password.
    made: Mutex<BTreeMap<String, Arc<Recorder>>>,
}

impl Recorders {
    /// Writes to the stores of these places, unless it is a look. An ending waits for `patience` while another writes.
    pub(crate) fn new(places: Places, is_look: bool, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            places,
            is_look,
            patience,
            made: Mutex::default(),
        })
    }

    /// The recorder of a store.
    pub(crate) fn at(&self, url: &StoreUrl) -> Arc<Recorder> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let one = made.entry(url.to_string()).or_insert_with(|| {
            let url = (!self.is_look).then(|| url.clone());
            Recorder::new(url, self.patience)
        });
        Arc::clone(one)
    }

    /// Sends whoever is on call the alerts that are due of all stores.
    pub(crate) async fn alert(&self, alerts: &Alerts, sync: &str, ui: &Ui) {
        for place in self.places.all() {
            self.at(&place.url).alert(alerts, sync, ui).await;
        }
    }

    /// Keeps a try that ended before it was known which district it is of, where most districts of the credential begin.
    pub(crate) async fn failed(&self, credential: &str, error: &Error) {
        let url = self.places.of_credential(credential);
        self.at(&url).failed(credential, error).await;
    }
}
