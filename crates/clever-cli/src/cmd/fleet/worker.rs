//! `cleverctl fleet worker`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clever_fleet::{WorkerSettings, work};
use clever_model::read_span;

use super::args::EngineArgs;
use super::runner::{Hands, Machine};
use crate::access::{AppArgs, ServiceArgs};
use crate::alerts::{AlertArgs, Alerts};
use crate::cmd::changes::lake::AfterRuns;
use crate::cmd::status;
use crate::cmd::sync::SyncArgs;
use crate::cmd::sync::args::slots;
use crate::diagnostics::Exit;
use crate::metrics::{FileArgs, ListenArgs, Metrics};
use crate::settings::StoreArgs;
use crate::signals::Stop;
use crate::ui::Ui;
use crate::vault::VaultArgs;

/// Arguments of `fleet worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    vault: VaultArgs,
    /// Look for districts with this credential alone; may be given several times.
    #[arg(long, value_name = "NAME")]
    credential: Vec<String>,
    /// Sync up to N districts at once, 1 to 256.
    #[arg(long, value_name = "N", default_value = "8", value_parser = slots)]
    slots: usize,
    /// Let what goes on end within this time after SIGTERM; then it stops, and another worker begins it again.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = read_span)]
    grace: Duration,
    /// Ask for N records a page, 1 to 10000.
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    page_size: u32,
    /// Read the policy from FILE (TOML).
    #[arg(long, env = "CLEVER_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// After each run, append its district's feed to the Delta table in DIR, with all values.
    ///
    /// As `cleverctl changes --to-delta`, under the same name and without following. Workers may share a table if they share the
    /// folder. A table that can't be written fails no run: it is said, and the next run of the district appends what is missing.
    /// In a build with the feature `lake`.
    #[arg(long, value_name = "DIR")]
    to_delta: Option<PathBuf>,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    metrics: FileArgs,
    #[command(flatten)]
    alerts: AlertArgs,
}

/// Works until stopped.
pub(crate) async fn run(args: WorkerArgs, ui: &Ui) -> Result<Exit> {
    let mut stop = Stop::listen();
    let mut metrics = Metrics::begin(&args.metrics, args.listen.metrics_listen.is_some())?;
    let places = args.store.places()?;
    if args.listen.metrics_listen.is_some() {
        metrics.serve(&args.listen, places.clone(), ui).await?;
    }
    let alerts = Alerts::new(&args.alerts, args.listen.max_failures)?;
    let sync = status::sync_command(&places, &args.vault);
    let settings = WorkerSettings {
        slots: args.slots,
        grace: args.grace,
        build: format!("cleverctl {}", env!("CARGO_PKG_VERSION")),
    };
    let app = AppArgs::kept(args.credential, args.vault);
    let told = (args.listen, args.metrics, args.alerts);
    let sync_args = SyncArgs::of_worker(
        args.store,
        args.service,
        app,
        args.page_size,
        args.policy,
        told,
    );
    // Made here, once, before many runs open it; an address that can't be used ends the command while somebody looks.
    for place in places.all() {
        drop(place.url.open().await?);
    }
    let lake = match &args.to_delta {
        Some(folder) => Some(AfterRuns::open(folder).await?),
        None => None,
    };
    let machine = Machine::new(sync_args, alerts, sync, lake, ui)?;
    let engine = args.engine.connect().await?;
    if ui.is_talkative() {
        ui.note(format!("takes work from the queue {}", engine.queue()));
    }
    let hands = Arc::new(Hands(machine));
    let asked = async {
        stop.asked().await;
        if ui.is_talkative() {
            ui.note("takes no more work; waits for what goes on");
        }
    };
    let worked = work(engine, hands, &settings, asked).await;
    metrics.write()?;
    worked?;
    Ok(Exit::Done)
}
