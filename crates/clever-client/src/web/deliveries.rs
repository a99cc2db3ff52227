//! One answer for all deliveries of one callback.
//!
//! Browsers deliver a callback twice: at once, by reload, by the back button. The code is redeemed for the
//! first; the others wait for its answer. They get it, but a session is given only to a browser that asked
//! before it could have had it: what is remembered never gives a session back.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clever_auth::SafePath;
use clever_auth::login::DeliveryKey;
use clever_auth::login::cookies::SetCookie;
use clever_model::Timestamp;
use tokio::sync::watch;

use super::Notice;

/// How long an answer is remembered, in seconds.
const KEEP_S: i64 = 60;
/// How long an answer may be repeated with the session's secret, in seconds.
pub(super) const FRESH_S: i64 = 5;
/// Most answers remembered.
const MAX: usize = 10_000;
/// Longest wait for another delivery's answer.
const LONGEST_WAIT: Duration = Duration::from_secs(150);

/// How a callback ended.
#[derive(Clone)]
pub(super) enum Outcome {
    /// The session with this secret id is begun.
    SignedIn {
        to: SafePath,
        session: String,
        /// What else to set.
        cookies: Vec<SetCookie>,
    },
    /// A page.
    Notice(Notice),
}

/// An outcome, and when it was there.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) at: Timestamp,
}

type Answers = HashMap<DeliveryKey, (i64, watch::Receiver<Option<Answer>>)>;

/// The answers of late.
#[derive(Default)]
pub(super) struct Deliveries(Mutex<Answers>);

/// The answer that is owed to all deliveries of a callback.
pub(super) struct Owed(watch::Sender<Option<Answer>>);

impl Owed {
    pub(super) fn give(self, outcome: Outcome, at: Timestamp) {
        // Nobody may be waiting; those who come later find it.
        self.0.send_replace(Some(Answer { outcome, at }));
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
    ) -> impl Future<Output = Option<Answer>> + Send + use<> {
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
