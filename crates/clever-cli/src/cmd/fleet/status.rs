//! `cleverctl fleet status`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clever_fleet::{DistrictLine, FleetStatus};
use clever_model::{Clock, SystemClock, Timestamp, read_span};
use clever_sync::words::{for_people, since};
use serde::Serialize;

use super::args::EngineArgs;
use crate::diagnostics::Exit;
use crate::settings::StoreArgs;
use crate::ui::{self, Document, Tone, Ui, counted};

/// Arguments of `fleet status`.
#[derive(Debug, Args)]
#[command(after_help = "\
With --check: 0 all is well; 1 a run failed last, a district is listed no more
or nobody works; 3 something is held.")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Look at runs that ended within this time.
    #[arg(long, value_name = "TIME", default_value = "26h", value_parser = read_span)]
    back: Duration,
    /// Say it by exit code, too.
    #[arg(long)]
    check: bool,
}

/// How the fleet stands.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub(crate) struct FleetDocument(FleetStatus);

impl Document for FleetDocument {
    const NAME: &'static str = "fleet-status";
}

/// Shows how the fleet stands.
pub(crate) async fn run(args: &StatusArgs, ui: &Ui) -> Result<Exit> {
    let engine = args.engine.connect().await?;
    let mut status = FleetDocument(engine.status(args.back).await?);
    // The store says who is paused; the engine knows of schedules that were drained, or stopped in its pages.
    let mut paused = BTreeMap::new();
    for place in args.store.places()?.all() {
        if let Some(mut store) = place.existing().await? {
            paused.extend(store.all_paused().await?);
        }
    }
    for line in &mut status.0.districts {
        let why = paused.remove(&line.district).map(|paused| paused.reason);
        line.paused = why.or_else(|| line.paused.take());
    }
    let exit = if args.check {
        checked(&status.0)
    } else {
        Exit::Done
    };
    if ui.json {
        ui.document(&status)?;
    } else if !(ui.quiet && exit == Exit::Done) {
        print(ui, &status.0)?;
    }
    Ok(exit)
}

fn checked(status: &FleetStatus) -> Exit {
    let any = |is: fn(&DistrictLine) -> bool| status.districts.iter().any(is);
    let failed = |line: &DistrictLine| line.outcome.as_deref() == Some("failed") || !line.listed;
    if status.workers == 0 || any(failed) {
        Exit::Failed
    } else if any(|line| line.held.is_some()) {
        Exit::Held
    } else {
        Exit::Done
    }
}

fn print(ui: &Ui, status: &FleetStatus) -> Result<()> {
    let now = SystemClock.now();
    let headers = [
        "District",
        "Credential",
        "Last run",
        "Ended",
        "Lag",
        "Next run",
        "Held",
    ];
    let mut table = ui::table(&headers, 7);
    for line in &status.districts {
        table.add_row([
            line.district.clone(),
            line.credential.clone(),
            last(line, now),
            line.ended_at
                .map_or_else(String::new, |at| since(Some(at), now)),
            line.lag_s.map_or_else(String::new, for_people),
            next(line, now),
            held(line),
        ]);
    }
    ui.rows(&table)?;
    let running = status
        .districts
        .iter()
        .filter(|line| line.running_since.is_some());
    ui.line(format!(
        "{}, {} running, {}.",
        counted(status.districts.len() as u64, "district", "districts"),
        running.count(),
        counted(status.workers as u64, "worker", "workers"),
    ))?;
    if status.workers == 0 {
        ui.toned(
            Tone::Hint,
            "hint:",
            " nobody takes work from this queue: start `cleverctl fleet worker`",
        )?;
    }
    Ok(())
}

fn last(line: &DistrictLine, now: Timestamp) -> String {
    match (&line.running_since, &line.outcome) {
        (Some(at), _) => format!("running, {}", since(Some(*at), now)),
        (None, Some(outcome)) => outcome.clone(),
        (None, None) => "none yet".to_owned(),
    }
}

fn next(line: &DistrictLine, now: Timestamp) -> String {
    match (&line.paused, line.next) {
        (Some(why), _) if why.is_empty() => "paused".to_owned(),
        (Some(why), _) => format!("paused: {why}"),
        (None, Some(at)) => {
            let wait = at.duration_since(now).as_secs().max(0);
            let listed = if line.listed { "" } else { " (listed no more)" };
            format!("in {}{listed}", for_people(wait))
        }
        (None, None) => String::new(),
    }
}

fn held(line: &DistrictLine) -> String {
    match (&line.held, line.decision.as_deref()) {
        (Some(hash), Some("waiting")) => hash.clone(),
        (Some(hash), Some(decision)) => format!("{hash} ({decision})"),
        (Some(hash), None) => hash.clone(),
        (None, _) => String::new(),
    }
}
