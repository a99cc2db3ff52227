//! `cleverctl alerts`: whether alerts arrive, and which are due.

use anyhow::Result;
use clap::{Args, Subcommand};
use clever_sync::Open;
use serde::Serialize;

use crate::alerts::{AlertArgs, Alerts};
use crate::cmd::status;
use crate::diagnostics::{Exit, Usage};
use crate::settings::StoreArgs;
use crate::ui::{Document, Ui, counted};
use crate::vault::VaultArgs;

/// What to do about alerts.
#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Send an alert that nothing happened, to everybody whom alerts go to.
    #[command(after_help = "\
Example:
  cleverctl alerts test --alert-command 'mail -s clever oncall@example.org'")]
    Test(Box<AlertArgs>),
    /// Look at the store, and send the alerts that are due.
    ///
    /// `sync` does this after each attempt. Run it from another timer to hear that syncs have stopped altogether.
    #[command(after_help = "\
Example:
  cleverctl alerts check --store roster.db --max-age 26h")]
    Check(Box<CheckArgs>),
}

/// Arguments of `alerts check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    alerts: AlertArgs,
    /// Call a district failing after N failed attempts in a row.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    max_failures: u64,
    #[command(flatten)]
    vault: VaultArgs,
}

/// How many places heard of it, or how many alerts were sent.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Sent {
    sent: usize,
}

impl Document for Sent {
    const NAME: &'static str = "alerts";
}

/// Tests, or checks and tells.
pub(crate) async fn run(command: &AlertsCommand, ui: &Ui) -> Result<Exit> {
    match command {
        AlertsCommand::Test(args) => {
            let alerts = wanted(args, 1)?;
            let told = alerts.test().await?;
            if ui.json {
                ui.document(&Sent { sent: told })?;
            } else {
                let places = counted(told as u64, "place", "places");
                ui.line(format!("A test was sent to {places}, and taken."))?;
            }
        }
        AlertsCommand::Check(args) => {
            let alerts = wanted(&args.alerts, args.max_failures)?;
            let places = args.store.places()?;
            let sync = status::sync_command(&places, &args.vault);
            let mut told = 0;
            for (_, mut store) in places.open_all(Open::Existing).await? {
                told += alerts.check(&mut store, &sync).await?;
            }
            if ui.json {
                ui.document(&Sent { sent: told })?;
            } else if told > 0 || !ui.quiet {
                ui.line(format!(
                    "{} sent.",
                    counted(told as u64, "alert was", "alerts were")
                ))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Whom alerts go to; there must be somebody.
fn wanted(args: &AlertArgs, max_failures: u64) -> Result<Alerts> {
    let alerts = Alerts::new(args, max_failures)?;
    if alerts.are_wanted() {
        return Ok(alerts);
    }
    Err(Usage::new("nobody is named whom alerts go to")
        .hint("name a --alert-webhook, --alert-slack or --alert-command, or set them in `[alerts]` of clever.toml")
        .into())
}
