//! `cleverctl fleet apply`.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clever_fleet::{Applied, Cadence};
use clever_model::read_span;
use serde::Serialize;

use super::args::EngineArgs;
use super::{heartbeat, runner};
use crate::access::{AppArgs, ServiceArgs};
use crate::diagnostics::Exit;
use crate::settings::StoreArgs;
use crate::ui::{Document, Ui, counted};
use crate::vault::VaultArgs;

const SCHEDULE: &str = "Schedule";

/// Arguments of `fleet apply`.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    vault: VaultArgs,
    /// Take the districts of this credential alone; may be given several times.
    #[arg(long, value_name = "NAME")]
    credential: Vec<String>,
    /// Sync each district this often; each has its own time within it.
    #[arg(long, value_name = "TIME", help_heading = SCHEDULE, default_value = "6h", value_parser = read_span)]
    every: Duration,
    /// Start up to this much later, at random.
    #[arg(long, value_name = "TIME", help_heading = SCHEDULE, value_parser = read_span)]
    jitter: Option<Duration>,
    /// Give a run to another worker if it has shown no sign of life for this time.
    #[arg(long, value_name = "TIME", help_heading = SCHEDULE, default_value = "60s", value_parser = heartbeat)]
    heartbeat: Duration,
    /// Look this often which districts the credentials open.
    #[arg(long, value_name = "TIME", help_heading = SCHEDULE, default_value = "1h", value_parser = read_span)]
    discover: Duration,
    /// Take away the schedules of districts that no credential lists any more.
    #[arg(long)]
    remove_gone: bool,
}

/// What became of the schedules.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Schedules {
    /// How many are as they were.
    kept: usize,
    /// The districts that got one.
    created: Vec<String>,
    /// The districts whose schedule was changed.
    updated: Vec<String>,
    /// The districts that no credential lists any more; their schedules stay.
    gone: Vec<String>,
    /// The districts whose schedule was taken away.
    deleted: Vec<String>,
    /// The credentials whose districts could not be listed; their schedules stay.
    unread: Vec<String>,
}

impl Document for Schedules {
    const NAME: &'static str = "fleet-apply";
}

impl From<Applied> for Schedules {
    fn from(applied: Applied) -> Self {
        Self {
            kept: applied.kept,
            created: applied.created,
            updated: applied.updated,
            gone: applied.gone,
            deleted: applied.deleted,
            unread: applied.unread,
        }
    }
}

/// Applies; the exit code is 1 if a credential could not be read.
pub(crate) async fn run(args: ApplyArgs, ui: &Ui) -> Result<Exit> {
    let places = args.store.places()?;
    let app = AppArgs::kept(args.credential, args.vault);
    let listed = runner::list(&args.service, &app, &places, ui).await?;
    let engine = args.engine.connect().await?;
    let jitter = args.jitter.unwrap_or_default();
    let cadence = Cadence::new(args.every, jitter, args.heartbeat, args.discover);
    let applied = engine.apply(&cadence, &listed, args.remove_gone).await?;
    let schedules = Schedules::from(applied);
    let exit = if schedules.unread.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    };
    if ui.json {
        ui.document(&schedules)?;
        return Ok(exit);
    }
    let uneventful = schedules.created.len() + schedules.updated.len() + schedules.deleted.len();
    if !ui.quiet || uneventful > 0 {
        ui.line(format!(
            "{} made, {} changed, {} taken away, {} as before.",
            counted(schedules.created.len() as u64, "schedule", "schedules"),
            schedules.updated.len(),
            schedules.deleted.len(),
            schedules.kept
        ))?;
    }
    for district in &schedules.gone {
        ui.line(format!(
            "{district}: no credential lists it any more; its schedule stays (--remove-gone takes it away)."
        ))?;
    }
    Ok(exit)
}
