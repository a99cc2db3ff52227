//! `cleverctl sync`: brings the store in step with a district, and says what changed.

mod args;
mod fleet;
mod once;
pub(crate) mod report;

use std::time::Duration;

use anyhow::Result;
use clever_model::{Clock, SystemClock};

use crate::diagnostics::{self, Exit};
use crate::signals::{Stop, leave_nothing_half_written};
use crate::ui::Ui;
use once::{once, over_at};

pub(crate) use args::SyncArgs;
pub(crate) use once::policies;

/// Runs one sync, or one after another.
pub(crate) async fn run(args: SyncArgs, ui: &Ui) -> Result<Exit> {
    if args.all {
        return fleet::run(args, ui).await;
    }
    let policies = policies(args.policy.as_deref())?;
    let Some(every) = args.every else {
        if args.plan.is_some() {
            leave_nothing_half_written();
        }
        return once(&args, &policies, ui).await;
    };
    let mut random = fastrand::Rng::new();
    let mut stop = Stop::listen();
    let (mut refused, mut ran) = (0, false);
    loop {
        let ended = tokio::select! {
            // Nothing is written before the last moment, so a stopped sync is one that never was.
            () = stop.asked() => return Ok(Exit::Done),
            ended = once(&args, &policies, ui) => ended,
        };
        // The next run may do better, so the schedule goes on. A setting that never worked ends it: whoever started it
        // is still there to hear so.
        let how = match ended {
            Err(error) => {
                let exit = diagnostics::exit(&error);
                refused = if exit == Exit::Refused {
                    refused + 1
                } else {
                    0
                };
                let never = exit == Exit::Usage && !ran;
                if never || diagnostics::ends_a_schedule(&error, refused) {
                    return Err(error);
                }
                diagnostics::tell(ui, &error);
                if ui.json {
                    ui.document(&diagnostics::failure(&error))?;
                }
                if exit == Exit::Refused {
                    "refused by Clever"
                } else {
                    "failed"
                }
            }
            Ok(exit) => {
                (refused, ran) = (0, true);
                if exit == Exit::Held { "held" } else { "done" }
            }
        };
        let jitter = args
            .jitter
            .map_or(0, |jitter| random.u64(0..=jitter.as_secs()));
        let wait = every + Duration::from_secs(jitter);
        if ui.is_talkative() {
            ui.note(format!(
                "next run at {}; this one ended: {how}",
                over_at(SystemClock.now(), wait)
            ));
        }
        tokio::select! {
            () = stop.asked() => return Ok(Exit::Done),
            () = tokio::time::sleep(wait) => {}
        }
    }
}
