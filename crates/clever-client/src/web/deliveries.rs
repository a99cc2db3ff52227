//! One answer for all deliveries of one callback.
//!
//! Browsers deliver a callback twice: at once, by reload, by the back button. The code is redeemed for the
//! first; the others wait for its answer and get the same.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clever_auth::SafePath;
use clever_auth::login::DeliveryKey;
use clever_model::Timestamp;
use tokio::sync::watch;

use super::Notice;

/// How long an answer is remembered, in seconds; it holds a session's secret.
const KEEP_S: i64 = 60;
/// Most answers remembered.
const MAX: usize = 10_000;
/// Longest wait for another delivery's answer.
const LONGEST_WAIT: Duration = Duration::from_secs(150);

/// What a callback's browser is told.
#[derive(Clone)]
pub(super) enum Outcome {
    /// The way on, with the cookies to set.
    SignedIn { to: SafePath, cookies: [String; 2] },
    /// A page.
    Notice(Notice),
}

type Answers = HashMap<DeliveryKey, (i64, watch::Receiver<Option<Outcome>>)>;

/// The answers of late.
#[derive(Default)]
pub(super) struct Deliveries(Mutex<Answers>);

/// The answer that is owed to all deliveries of a callback.
pub(super) struct Owed(watch::Sender<Option<Outcome>>);

impl Owed {
    pub(super) fn give(self, outcome: Outcome) {
        // Nobody may be waiting; those who come later find it.
        self.0.send_replace(Some(outcome));
    }
}

impl Deliveries {
    /// Notes a first delivery.
    pub(super) fn begin(&self, delivery: DeliveryKey, now: Timestamp) -> Owed {
        let now = now.as_second();
        let (owed, answer) = watch::channel(None);
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|_, (at, _)| now - *at < KEEP_S);
        if answers.len() < MAX {
            answers.insert(delivery, (now, answer));
        }
        Owed(owed)
    }

    /// Waits for the answer to a delivery; `None` when it is forgotten, or will never come.
    pub(super) fn answer(
        &self,
        delivery: &DeliveryKey,
        now: Timestamp,
    ) -> impl Future<Output = Option<Outcome>> + Send + use<> {
        let answer = {
            let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            answers
                .get(delivery)
                .filter(|(at, _)| now.as_second() - at < KEEP_S)
                .map(|(_, answer)| answer.clone())
        };
        async move {
            let mut answer = answer?;
            let come = answer.wait_for(Option::is_some);
            let come = tokio::time::timeout(LONGEST_WAIT, come).await.ok()?.ok()?;
            come.clone()
        }
    }
}
