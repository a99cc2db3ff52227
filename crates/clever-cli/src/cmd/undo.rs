//! `cleverctl undo`: takes back what a run changed.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clever_model::SystemClock;
use clever_sync::words::Schools;
use clever_sync::{AnyStore, Only, SyncPolicy, SyncReport, UndoRequest, undo};

use crate::audit;
use crate::cmd::changes::district;
use crate::cmd::sync::{policies, report};
use crate::diagnostics::{Exit, NotThere};
use crate::progress::Watch;
use crate::settings::StoreArgs;
use crate::ui::{Ui, counted, grouped};

/// Arguments of `undo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl undo 41 --dry-run           Say what would be taken back
  cleverctl undo 41 --school ID --yes   Only that school, without a question

The undo is a run of its own: nothing is erased, and it can be undone too.")]
pub(crate) struct UndoArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The number of the run, as `cleverctl changes` shows it.
    #[arg(value_name = "RUN")]
    run: u64,
    /// The district; needed if the store holds several.
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
    /// Do not ask before it is done.
    ///
    /// Without this option, a person at a terminal sees what would be taken back, and is asked. A script is not asked.
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
}

/// A part of a run.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct PartArgs {
    /// Take back this record only.
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// Take back this section only, with its places.
    #[arg(long, value_name = "ID")]
    section: Option<String>,
    /// Take back this school only, with its sections and people.
    #[arg(long, value_name = "ID")]
    school: Option<String>,
}

/// Takes back what a run changed, or says what that would be.
pub(crate) async fn run(args: &UndoArgs, ui: &Ui) -> Result<Exit> {
    let mut store = args
        .store
        .of(args.district.as_deref())
        .await?
        .open_existing()
        .await?;
    let district_id = district(&mut store, args.district.as_deref()).await?;
    let last = last_run(&mut store, &district_id).await?;
    if args.run == 0 || args.run > last {
        return Err(NotThere::new(
            format!("there is no run {} of district {district_id}", args.run),
            format!(
                "its last run is {}; `cleverctl changes` shows what each run changed",
                grouped(last)
            ),
        )
        .into());
    }
    let policies = policies(args.policy.as_deref())?;
    let part = &args.part;
    let only = None
        .or_else(|| part.record.clone().map(Only::Record))
        .or_else(|| part.section.clone().map(Only::Section))
        .or_else(|| part.school.clone().map(Only::School));
    let mut request = UndoRequest {
        district_id,
        run: args.run,
        only,
        dry_run: args.dry_run,
    };
    let policy = policies.of(&request.district_id);
    if !args.dry_run && !args.yes && !ui.json && std::io::stdin().is_terminal() && ui.is_read() {
        request.dry_run = true;
        let looked = take_back(&mut store, &request, policy, ui).await?;
        print(&mut store, &looked, ui).await?;
        if !agrees(ui)? {
            ui.line("Nothing was taken back.")?;
            return Ok(Exit::Done);
        }
        request.dry_run = false;
    }
    let report = take_back(&mut store, &request, policy, ui).await?;
    if report.run.is_some() {
        let subject = format!("run {}", args.run);
        audit::note(&mut store, &request.district_id, "undo", &subject, ui).await;
    }
    if ui.json {
        ui.document(&report)?;
        return Ok(Exit::Done);
    }
    print(&mut store, &report, ui).await?;
    if report.run.is_some() {
        ui.line(
            "If Clever still reports these changes, the next sync holds them; approve that hold to have them again.",
        )?;
    }
    Ok(Exit::Done)
}

async fn last_run(store: &mut AnyStore, district_id: &str) -> Result<u64> {
    let all = store.status().await?;
    let of = all.iter().find(|one| one.district_id == district_id);
    Ok(of.map_or(0, |status| status.last_run))
}

async fn take_back(
    store: &mut AnyStore,
    request: &UndoRequest,
    policy: &SyncPolicy,
    ui: &Ui,
) -> Result<SyncReport> {
    let watch = Watch::new(ui);
    undo(store, request, policy, &SystemClock, &watch)
        .await
        .context("nothing was taken back")
}

async fn print(store: &mut AnyStore, undone: &SyncReport, ui: &Ui) -> Result<()> {
    let schools = Schools::of_report(store, undone).await?;
    report::print(ui, undone, &schools)?;
    if let Some(forgotten) = undone
        .undo
        .map(|undo| undo.forgotten)
        .filter(|all| *all > 0)
    {
        ui.line(format!(
            "{} forgotten since, and can't be taken back.",
            counted(forgotten, "change was", "changes were")
        ))?;
    }
    match undone.undo.map(|undo| undo.left).filter(|left| *left > 0) {
        Some(left) => ui.line(format!(
            "{} left alone: changed again by later runs.",
            counted(left, "record was", "records were")
        )),
        None => Ok(()),
    }
}

/// Asks whether to do it; everything but a yes is a no.
fn agrees(ui: &Ui) -> Result<bool> {
    ui.prompt("Take this back? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
