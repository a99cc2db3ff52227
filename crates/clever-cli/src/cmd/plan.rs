//! `cleverctl plan`: a plan that a dry run wrote, looked at, approved, applied.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use clever_model::SystemClock;
use clever_sync::{Outcome, Plan, apply_plan};

use crate::args::StoreArgs;
use crate::cmd::sync::{policies, print};
use crate::diagnostics::Exit;
use crate::output::{self, grouped};
use crate::progress::Watch;

/// What to do with a plan.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Say what the plan would do.
    Show(FileArgs),
    /// Approve what the plan holds.
    Approve(FileArgs),
    /// Apply the plan, if the store is where it was when the plan was made.
    Apply(ApplyArgs),
}

/// Which plan.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The plan's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Which plan, into which store.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    plan: FileArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Read which columns are the app's own from FILE (TOML).
    #[arg(long, env = "CLEVER_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// Runs one of the plan's commands.
pub(crate) async fn run(command: PlanCommand, as_json: bool, quiet: bool) -> Result<Exit> {
    match command {
        PlanCommand::Show(args) => show(&args.file, &Plan::read(&args.file)?, as_json),
        PlanCommand::Approve(args) => show(&args.file, &Plan::approve(&args.file)?, as_json),
        PlanCommand::Apply(args) => apply(&args, as_json, quiet).await,
    }
}

fn show(file: &Path, plan: &Plan, as_json: bool) -> Result<Exit> {
    if as_json {
        output::json(plan)?;
        return Ok(Exit::Done);
    }
    output::line(format!(
        "Plan {} for {} ({}), made {} from run {}: {} records",
        plan.hash,
        plan.district_name,
        plan.district_id,
        plan.made_at,
        plan.base_run,
        grouped(plan.rows)
    ))?;
    let mut table = output::table(&["", "What", "Records"], 2);
    for (kind, ops) in &plan.counts {
        for (op, count) in ops {
            table.add_row([kind.to_string(), op.clone(), grouped(*count)]);
        }
    }
    if !plan.counts.is_empty() {
        output::line(table.to_string())?;
    }
    for hold in &plan.holds {
        output::line(format!("held: {hold}"))?;
    }
    let file = file.display();
    match (plan.holds.is_empty(), plan.approved) {
        (true, _) => output::line(format!("Apply it with `cleverctl plan apply {file}`."))?,
        (false, true) => output::line(format!(
            "What is held was approved. Apply it with `cleverctl plan apply {file}`."
        ))?,
        (false, false) => output::line(format!(
            "hint: ask the district; if this is right, run `cleverctl plan approve {file}`"
        ))?,
    }
    Ok(Exit::Done)
}

async fn apply(args: &ApplyArgs, as_json: bool, quiet: bool) -> Result<Exit> {
    let plan = Plan::read(&args.plan.file)?;
    let policies = policies(args.policy.as_deref())?;
    let mut store = args.store.store.open().await?;
    let watch = Watch::new(as_json || quiet);
    let report = apply_plan(
        &args.plan.file,
        &mut store,
        policies.of(&plan.district_id),
        &SystemClock,
        &watch,
    )
    .await
    .context("the plan was not applied")?;
    drop(watch);
    if as_json {
        output::json(&report)?;
    } else {
        print(&report)?;
    }
    Ok(if report.outcome == Outcome::Held {
        Exit::Held
    } else {
        Exit::Done
    })
}
