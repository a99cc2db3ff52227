//! `cleverctl sync`: brings the store in step with a district, and says what changed.

pub(crate) mod all;
pub(crate) mod args;
pub(crate) mod attempt;
pub(crate) mod listed;
mod once;
pub(crate) mod one_of_many;
pub(crate) mod recorders;
pub(crate) mod report;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clever_model::{Clock, DistrictId, SystemClock};
use tracing::warn;

use crate::alerts::Alerts;
use crate::cmd::status;
use crate::diagnostics::{self, Exit};
use crate::metrics::Metrics;
use crate::settings::{Places, StoreArgs};
use crate::signals::{Stop, leave_nothing_half_written};
use crate::ui::Ui;
use attempt::{Attempt, Recorder};
use once::{once, over_at};

pub(crate) use args::SyncArgs;
pub(crate) use once::policies;

/// How long the end of a try waits for another program that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What writes the tries; a look is none. `patience` is how long an ending waits for another program that writes.
fn recorder(args: &SyncArgs, patience: Duration) -> Result<Arc<Recorder>> {
    let url = if args.dry_run {
        None
    } else {
        Some(args.store.url()?)
    };
    Ok(Recorder::new(url, patience))
}

/// Sets the levels that are measured as the stores have them.
async fn measure_stores(places: &Places) -> Result<()> {
    for place in places.all() {
        match place.look().await {
            Ok(Some(mut store)) => store.measure().await?,
            // The first run makes it.
            Ok(None) => {}
            // The run says what is wrong with it.
            Err(error) => warn!(%error, "the store could not be measured"),
        }
    }
    Ok(())
}

/// Finds the store of the district that a single sync is of, where there are several: it may move between two runs. No run begins with
/// a store that was not found, as it would load the district a second time.
async fn settle(args: &mut SyncArgs, places: &Places) -> Result<()> {
    if places.are_many() {
        let district = once::district_of(args).await?;
        let credential = args.app.names().first().map(String::as_str);
        let place = places.of(&district, credential).await?;
        args.store = StoreArgs::at(place.url);
    }
    Ok(())
}

/// Begins a try.
async fn begin(args: &SyncArgs, recorder: &Arc<Recorder>) -> Attempt {
    let district = args.district.as_ref().map(DistrictId::as_str);
    let credential = args.app.names().first().map(String::as_str);
    Attempt::begin(recorder, district, credential).await
}

/// Runs one sync, or one after another, and tells what was measured.
pub(crate) async fn run(args: SyncArgs, ui: &Ui) -> Result<Exit> {
    let is_served = args.listen.metrics_listen.is_some() && every(&args).is_some();
    let mut metrics = Metrics::begin(&args.metrics, is_served)?;
    if metrics.are_wanted() {
        measure_stores(&args.store.places()?).await?;
    }
    if args.listen.metrics_listen.is_some() && !is_served && ui.is_talkative() {
        ui.note("note: metrics are served by a schedule alone: with --every");
    }
    if is_served {
        let places = args.store.places()?;
        metrics.serve(&args.listen, places, ui).await?;
    }
    let told = Told {
        alerts: Alerts::new(&args.alerts, args.listen.max_failures)?,
        sync: status::sync_command(&args.store.places()?, &args.app.vault),
        metrics,
    };
    let ended = if args.all {
        all::run(args, &told, ui).await
    } else {
        one_or_more(args, &told, ui).await
    };
    // Also of a run that failed; what it says goes first.
    match (ended, told.metrics.write()) {
        (Ok(_), Err(error)) => Err(error),
        (ended, _) => ended,
    }
}

/// Who hears of the end of each run, besides whoever watches.
struct Told {
    metrics: Metrics,
    alerts: Alerts,
    /// The command that syncs, as an alert names it.
    sync: String,
}

/// The time between two runs. A schedule in the file of settings is not meant for a look or an approval.
fn every(args: &SyncArgs) -> Option<Duration> {
    args.every
        .filter(|_| !args.dry_run && args.approve.is_none())
}

/// Says whether each run reads its secret again: then whoever replaces it mends a schedule that Clever refuses. A token in
/// the environment stays what it is.
fn rereads(args: &SyncArgs) -> bool {
    let file = args.token_file.as_deref();
    !args.app.names().is_empty() || file.is_some_and(|file| file != Path::new("-"))
}

/// Makes one dry run, and says what a sync would do.
#[cfg(feature = "console")]
pub(crate) async fn look(mut args: SyncArgs, ui: &Ui) -> Result<clever_sync::SyncReport> {
    let places = args.store.places()?;
    settle(&mut args, &places).await?;
    let recorder = recorder(&args, PATIENCE)?;
    let policies = policies(args.policy.as_deref())?;
    let mut attempt = begin(&args, &recorder).await;
    once::looked(&args, &policies, &mut attempt, ui).await
}

async fn one_or_more(mut args: SyncArgs, told: &Told, ui: &Ui) -> Result<Exit> {
    let places = args.store.places()?;
    // A schedule looks before each run: what fails now may not fail then.
    let settled = match every(&args) {
        None => settle(&mut args, &places).await,
        Some(_) => Ok(()),
    };
    let ready = settled.and_then(|()| policies(args.policy.as_deref()));
    let mut recorder = recorder(&args, PATIENCE)?;
    let policies = match ready {
        Ok(policies) => policies,
        Err(error) => {
            begin(&args, &recorder).await.end(&Err(&error)).await;
            recorder.alert(&told.alerts, &told.sync, ui).await;
            return Err(error);
        }
    };
    let Some(every) = every(&args) else {
        if args.plan.is_some() {
            leave_nothing_half_written();
        }
        let mut attempt = begin(&args, &recorder).await;
        let ended = once(&args, &policies, &mut attempt, ui).await;
        recorder.alert(&told.alerts, &told.sync, ui).await;
        return ended;
    };
    let mut random = fastrand::Rng::new();
    let mut stop = Stop::listen();
    let (mut refused, mut ran) = (0, false);
    loop {
        let settled = settle(&mut args, &places).await;
        if places.are_many() {
            recorder = self::recorder(&args, PATIENCE)?;
        }
        let mut attempt = begin(&args, &recorder).await;
        let run = async {
            match settled {
                Ok(()) => once(&args, &policies, &mut attempt, ui).await,
                Err(error) => {
                    attempt.end(&Err(&error)).await;
                    Err(error)
                }
            }
        };
        let ended = tokio::select! {
            // Nothing is written before the last moment, so a stopped sync is one that never was.
            () = stop.asked() => None,
            ended = run => Some(ended),
        };
        let Some(ended) = ended else {
            attempt.stopped().await;
            return Ok(Exit::Done);
        };
        recorder.alert(&told.alerts, &told.sync, ui).await;
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
                let is_final = !rereads(&args) && diagnostics::ends_a_schedule(&error, refused);
                if never || is_final {
                    return Err(error);
                }
                diagnostics::tell(ui, &error);
                if ui.json {
                    ui.document(&diagnostics::failure(&error))?;
                }
                match exit {
                    _ if diagnostics::paused(&error).is_some() => "paused",
                    Exit::Refused => "refused by Clever",
                    _ => "failed",
                }
            }
            Ok(exit) => {
                (refused, ran) = (0, true);
                if exit == Exit::Held { "held" } else { "done" }
            }
        };
        told.metrics.write()?;
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
