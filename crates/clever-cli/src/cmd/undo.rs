//! `cleverctl undo`: takes back what a run changed.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clever_model::SystemClock;
use clever_sync::{Only, UndoRequest, undo};

use crate::cmd::changes::district;
use crate::cmd::sync::{policies, print};
use crate::diagnostics::Exit;
use crate::progress::Watch;
use crate::settings::StoreArgs;
use crate::ui::{Ui, counted};

/// Arguments of `undo`.
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The number of the run (see `cleverctl changes`).
    #[arg(value_name = "RUN")]
    run: u64,
    /// Only this district; needed when the store holds several.
    #[arg(long, value_name = "ID")]
    district: Option<String>,
    #[command(flatten)]
    part: PartArgs,
    /// Read which columns are the app's own from FILE (TOML).
    #[arg(long, env = "CLEVER_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Say what would be taken back; change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// A part of a run.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct PartArgs {
    /// Only this record.
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// Only this section, with its places.
    #[arg(long, value_name = "ID")]
    section: Option<String>,
    /// Only this school, with its sections and people.
    #[arg(long, value_name = "ID")]
    school: Option<String>,
}

/// Takes back what a run changed, or says what that would be.
pub(crate) async fn run(args: &UndoArgs, ui: &Ui) -> Result<Exit> {
    let mut store = args.store.url()?.open_existing().await?;
    let district_id = district(&mut store, args.district.as_deref()).await?;
    let policies = policies(args.policy.as_deref())?;
    let part = &args.part;
    let only = None
        .or_else(|| part.record.clone().map(Only::Record))
        .or_else(|| part.section.clone().map(Only::Section))
        .or_else(|| part.school.clone().map(Only::School));
    let request = UndoRequest {
        district_id,
        run: args.run,
        only,
        dry_run: args.dry_run,
    };
    let watch = Watch::new(ui);
    let policy = policies.of(&request.district_id);
    let report = undo(&mut store, &request, policy, &SystemClock, &watch)
        .await
        .context("nothing was taken back")?;
    drop(watch);
    if ui.json {
        ui.document(&report)?;
        return Ok(Exit::Done);
    }
    print(ui, &report)?;
    if let Some(left) = report.undo.map(|undo| undo.left).filter(|left| *left > 0) {
        ui.line(format!(
            "{} left alone: changed again by later runs.",
            counted(left, "record was", "records were")
        ))?;
    }
    if report.run.is_some() {
        ui.line(
            "The next sync holds what Clever still tells, and names it; approve it there to have it again.",
        )?;
    }
    Ok(Exit::Done)
}
