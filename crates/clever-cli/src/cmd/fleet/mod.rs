//! `cleverctl fleet`: many machines, one schedule. The engine is Temporal; what a worker does is what `sync --all` does.

mod apply;
mod args;
mod ask;
mod runner;
mod status;
mod worker;

use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use clever_model::DistrictId;

#[cfg(feature = "schema")]
pub(crate) use {
    apply::Schedules,
    ask::{Drained, Told},
    status::FleetDocument,
};

use crate::cmd::relocate::MoveArgs;
use crate::diagnostics::Exit;
use crate::settings::StoreArgs;
use crate::ui::Ui;
use args::EngineArgs;

/// What to do with the fleet.
#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    /// Take work from the engine until stopped: a process of this on each machine.
    ///
    /// After SIGTERM it takes nothing new, and ends when what it does has ended, or stops that after --grace. A worker that
    /// is killed loses nothing: another one begins its runs again.
    #[command(after_help = "\
Examples:
  cleverctl fleet worker --store postgres://app@db/roster
  cleverctl fleet worker --slots 16 --metrics-listen 0.0.0.0:9464")]
    Worker(Box<worker::WorkerArgs>),
    /// Make a schedule for each district of the kept credentials.
    ///
    /// Applying again changes what differs and nothing else. A district that no credential lists any more is named, and its
    /// schedule stays, unless --remove-gone says otherwise. The engine looks for new districts by itself from then on.
    #[command(after_help = "\
Example:
  cleverctl fleet apply --every 6h --jitter 30m --store postgres://app@db/roster")]
    Apply(Box<apply::ApplyArgs>),
    /// Show the districts of the fleet: what runs, what is due, what waits.
    Status(status::StatusArgs),
    /// Sync a district now, unless a run of it goes on.
    Run(RunArgs),
    /// Keep the runs of a district from beginning, as `cleverctl pause`.
    ///
    /// The district may be one that never synced.
    Pause(PauseArgs),
    /// Let a paused district go on, as `cleverctl resume`, or all that was drained.
    Resume(ResumeArgs),
    /// Carry a district to another store, as `cleverctl move`, and sync it there.
    ///
    /// A run that goes on is refused when it is to write, and begins again in the other store by itself.
    #[command(after_help = "\
Example:
  cleverctl fleet move 5a25ffb0c1bc2a0036000001 --to west")]
    Move(Box<FleetMoveArgs>),
    /// Let through what is held of a district.
    ///
    /// `cleverctl fleet status` shows the hash. What is held by then under another hash stays held.
    Approve(DecideArgs),
    /// Decide against what is held of a district; it stays held until Clever tells something else.
    Reject(DecideArgs),
    /// Pause every schedule, and wait until no run goes on.
    ///
    /// `cleverctl fleet resume --drained` lets go on what this paused.
    Drain(DrainArgs),
}

/// Arguments of `fleet run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The district.
    #[arg(value_name = "DISTRICT")]
    district: DistrictId,
    /// Wait until the run has ended.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Arguments of `fleet pause`.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// The district.
    #[arg(value_name = "DISTRICT")]
    district: DistrictId,
    /// Why, for whoever looks.
    #[arg(long, value_name = "TEXT", default_value = "paused by an operator")]
    reason: String,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Arguments of `fleet resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The district.
    #[arg(value_name = "DISTRICT", required_unless_present = "drained")]
    district: Option<DistrictId>,
    /// Every schedule that `fleet drain` paused.
    #[arg(long, conflicts_with = "district")]
    drained: bool,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Arguments of `fleet move`.
#[derive(Debug, Args)]
pub(crate) struct FleetMoveArgs {
    #[command(flatten)]
    moving: MoveArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Arguments of `fleet approve` and `fleet reject`.
#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    /// The district.
    #[arg(value_name = "DISTRICT")]
    district: DistrictId,
    /// The hash of what is held.
    #[arg(value_name = "HASH")]
    hash: String,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Arguments of `fleet drain`.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    /// Why, for whoever looks.
    #[arg(long, value_name = "TEXT", default_value = "by an operator")]
    reason: String,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Does it.
pub(crate) async fn run(command: FleetCommand, ui: &Ui) -> Result<Exit> {
    match command {
        FleetCommand::Worker(args) => worker::run(*args, ui).await,
        FleetCommand::Apply(args) => apply::run(*args, ui).await,
        FleetCommand::Status(args) => status::run(&args, ui).await,
        FleetCommand::Run(args) => ask::run(&args, ui).await,
        FleetCommand::Pause(args) => ask::pause(&args, ui).await,
        FleetCommand::Resume(args) => ask::resume(&args, ui).await,
        FleetCommand::Move(args) => ask::relocate(&args, ui).await,
        FleetCommand::Approve(args) => ask::approve(&args, ui).await,
        FleetCommand::Reject(args) => ask::reject(&args, ui).await,
        FleetCommand::Drain(args) => ask::drain(&args, ui).await,
    }
}

/// The shortest time after which a silent run is given to another worker.
const SHORTEST_HEARTBEAT: Duration = Duration::from_secs(2);

/// Reads the time after which a silent run is given to another worker.
fn heartbeat(text: &str) -> Result<Duration, String> {
    let span = clever_model::read_span(text).map_err(|error| error.to_string())?;
    if span < SHORTEST_HEARTBEAT {
        return Err("it must be at least 2 seconds".to_owned());
    }
    Ok(span)
}
