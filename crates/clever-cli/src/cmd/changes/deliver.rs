//! `changes --webhook`: each change at least once, in order within a district. A district whose receiver fails waits, and
//! keeps no other from being delivered.

use std::time::Duration;

use anyhow::{Context, Result};
use clever_model::{Clock, SystemClock};
use clever_sync::{AnyStore, Change, ChangeFilter, DatabaseError, StoreError};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::{ChangesArgs, PATIENCE};
use crate::diagnostics::{self, Exit};
use crate::signals::Stop;
use crate::ui::{Document, Ui, counted};
use crate::webhook::{NotDelivered, Webhook};

/// Changes in one message.
const BATCH: u32 = 100;
/// So often a message is tried by a command that does not follow: about a minute.
const TRIES: u32 = 6;
/// The first wait after a failure; each one after it is twice as long, and at most [`MAX_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_secs(300);

/// How many changes a webhook took.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Delivered {
    delivered: u64,
}

impl Document for Delivered {
    const NAME: &'static str = "delivered";
}

/// A message that is on its way: the same whenever it is sent again.
struct Message {
    id: String,
    body: Vec<u8>,
    last: u64,
    changes: u64,
}

/// A district's way to the receiver.
struct Lane {
    district: String,
    /// Which of the stores it is in.
    store: usize,
    position: u64,
    message: Option<Message>,
    tries: u32,
    due: Instant,
}

/// Delivers what a consumer has not had yet, and if asked what comes later.
pub(super) async fn deliver(
    stores: &mut [AnyStore],
    consumer: &str,
    webhook: &Webhook,
    args: &ChangesArgs,
    ui: &Ui,
) -> Result<Exit> {
    let mut stop = Stop::listen();
    let mut random = fastrand::Rng::new();
    let mut lanes: Vec<Lane> = Vec::new();
    let mut delivered = 0;
    let mut failed = false;
    loop {
        open_lanes(stores, consumer, args, &mut lanes).await?;
        let mut is_idle = true;
        let mut at = 0;
        while let Some(lane) = lanes.get_mut(at) {
            at += 1;
            let Some(store) = stores.get_mut(lane.store) else {
                continue;
            };
            if lane.due > Instant::now() {
                continue;
            }
            if lane.message.is_none() {
                lane.message = next(store, lane, args).await?;
            }
            let Some(message) = &lane.message else {
                continue;
            };
            is_idle = false;
            let sent = tokio::select! {
                // What may have arrived is sent again by whoever comes next as this consumer.
                () = stop.asked() => return Ok(Exit::Done),
                sent = webhook.send(&message.id, &message.body) => sent,
            };
            match sent {
                Ok(()) => {
                    acknowledge(store, &lane.district, consumer, message.last).await?;
                    delivered += message.changes;
                    (lane.position, lane.message, lane.tries) = (message.last, None, 0);
                }
                Err(error @ NotDelivered::Gone(_)) => return Err(error.into()),
                Err(error) => {
                    lane.tries += 1;
                    let wait = FIRST_WAIT.saturating_mul(1 << lane.tries.min(10) >> 1);
                    let wait = wait.min(MAX_WAIT).mul_f64(0.75 + random.f64() / 2.0);
                    lane.due = Instant::now() + wait;
                    let error = anyhow::Error::from(error);
                    if !args.follow && lane.tries >= TRIES {
                        diagnostics::tell_of(ui, &lane.district, &error);
                        failed = true;
                        at -= 1;
                        lanes.remove(at);
                    } else if ui.is_talkative() && lane.tries == 1 {
                        diagnostics::tell_of(ui, &lane.district, &error);
                    }
                }
            }
        }
        let waiting = lanes.iter().filter(|lane| lane.message.is_some());
        let due = waiting.map(|lane| lane.due).min();
        if !args.follow && due.is_none() && is_idle {
            break;
        }
        let until = match due {
            Some(due) => due,
            None if is_idle => Instant::now() + args.poll,
            None => continue,
        };
        tokio::select! {
            () = stop.asked() => return Ok(Exit::Done),
            () = tokio::time::sleep_until(until.min(Instant::now() + args.poll.max(FIRST_WAIT))) => {}
        }
    }
    if ui.json {
        ui.document(&Delivered { delivered })?;
    } else if delivered > 0 || !ui.quiet {
        ui.line(format!(
            "{} delivered.",
            counted(delivered, "change was", "changes were")
        ))?;
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// Begins with the districts that are meant: the one that is named, or all of the store, also those that come later.
async fn open_lanes(
    stores: &mut [AnyStore],
    consumer: &str,
    args: &ChangesArgs,
    lanes: &mut Vec<Lane>,
) -> Result<()> {
    // One that gave up stays so until the next command.
    if !args.follow && !lanes.is_empty() {
        return Ok(());
    }
    for (at, store) in stores.iter_mut().enumerate() {
        let districts = match &args.district {
            Some(one) => vec![super::district(store, Some(one)).await?],
            None => store.districts().await?,
        };
        for district in districts {
            if let Some(lane) = lanes.iter_mut().find(|lane| lane.district == district) {
                // One that moved continues there, from the same number.
                lane.store = at;
                continue;
            }
            lanes.push(Lane {
                position: store.position(&district, consumer).await?,
                district,
                store: at,
                message: None,
                tries: 0,
                due: Instant::now(),
            });
        }
    }
    Ok(())
}

/// The next message of a district; none at the feed's end.
async fn next(store: &mut AnyStore, lane: &Lane, args: &ChangesArgs) -> Result<Option<Message>> {
    let filter = ChangeFilter {
        kind: args.kind,
        after: lane.position,
        limit: BATCH,
        ..ChangeFilter::default()
    };
    let mut changes = store.changes(&lane.district, &filter).await?;
    if !args.values {
        for change in &mut changes {
            (change.before, change.after) = (None, None);
        }
    }
    let (Some(Change { seq: first, .. }), Some(last)) = (changes.first(), changes.last()) else {
        return Ok(None);
    };
    let body = json!({
        "type": "clever.changes",
        "timestamp": last.at,
        "data": { "district_id": lane.district, "first": first, "last": last.seq, "changes": changes },
    });
    Ok(Some(Message {
        id: format!("changes_{}_{first}_{}", lane.district, last.seq),
        body: serde_json::to_vec(&body).context("a change can't be written as JSON")?,
        last: last.seq,
        changes: changes.len() as u64,
    }))
}

/// Notes how far the receiver has come, as soon as nobody else writes.
async fn acknowledge(store: &mut AnyStore, district: &str, consumer: &str, seq: u64) -> Result<()> {
    let begun = Instant::now();
    loop {
        match store
            .acknowledge(district, consumer, seq, SystemClock.now())
            .await
        {
            Err(StoreError::Database(DatabaseError::Locked)) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(FIRST_WAIT).await;
            }
            done => return Ok(done?),
        }
    }
}
