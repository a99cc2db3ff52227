//! `cleverctl plan`: a plan that a dry run wrote, looked at, approved, applied.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use clever_model::{SchoolId, SystemClock};
use clever_sync::details::PlanSample;
use clever_sync::words::Schools;
use clever_sync::{Outcome, Plan, apply_plan};
use serde::Serialize;

use crate::cmd::sync::{policies, report};
use crate::diagnostics::Exit;
use crate::progress::Watch;
use crate::settings::StoreArgs;
use crate::signals::leave_nothing_half_written;
use crate::ui::{self, Document, Tone, Ui, counted, grouped, word};

/// What to do with a plan.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Show what the plan would do, with some records of each sort.
    Show(ShowArgs),
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

/// Which plan, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    plan: FileArgs,
    // The names of schools stand in the store, not in the plan.
    #[command(flatten)]
    store: StoreArgs,
    /// Show values before and after, which may be personal data.
    ///
    /// Without this option, only the names of changed fields are shown.
    #[arg(long)]
    values: bool,
    /// Show so many records of each kind and operation.
    #[arg(long, default_value_t = 3, value_name = "N")]
    samples: usize,
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
pub(crate) async fn run(command: PlanCommand, ui: &Ui) -> Result<Exit> {
    match command {
        PlanCommand::Show(args) => {
            let file = &args.plan.file;
            let plan = Plan::read(file)?;
            let mut samples = Plan::samples(file, args.samples)?;
            if !args.values {
                let fields = samples.iter_mut().flat_map(|sample| &mut sample.fields);
                fields.for_each(|field| (field.before, field.after) = (None, None));
            }
            let names = plan.holds.iter().filter_map(|hold| school_of(hold));
            // Names are a help; a plan can be read without its store.
            let url = args.store.of(Some(&plan.district_id)).await;
            let store = match &url {
                Ok(url) => url.look().await.ok(),
                Err(_) => None,
            };
            let schools = match store {
                Some(mut store) => Schools::read(&mut store, &plan.district_id, names)
                    .await
                    .unwrap_or_default(),
                None => Schools::default(),
            };
            show(file, &plan, &samples, args.values, &schools, ui)
        }
        PlanCommand::Approve(args) => {
            leave_nothing_half_written();
            show(
                &args.file,
                &Plan::approve(&args.file)?,
                &[],
                false,
                &Schools::default(),
                ui,
            )
        }
        PlanCommand::Apply(args) => apply(&args, ui).await,
    }
}

/// A plan and some of its records, as JSON.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    samples: &'a [PlanSample],
}

impl Document for Shown<'_> {
    const NAME: &'static str = "plan";
}

/// The id of the school that a hold speaks of.
fn school_of(hold: &str) -> Option<String> {
    let (_, rest) = hold.split_once("school ")?;
    let id = rest.split([' ', ',', ';']).next()?;
    id.parse::<SchoolId>().ok().map(|id| id.to_string())
}

fn show(
    file: &Path,
    plan: &Plan,
    samples: &[PlanSample],
    values: bool,
    schools: &Schools,
    ui: &Ui,
) -> Result<Exit> {
    if ui.json {
        ui.document(&Shown { plan, samples })?;
        return Ok(Exit::Done);
    }
    ui.line(format!(
        "Plan {} for {} ({}), made {} from run {}: {}",
        plan.hash,
        plan.district_name,
        plan.district_id,
        plan.made_at,
        plan.base_run,
        counted(plan.rows, "record", "records")
    ))?;
    let mut table = ui::table(&["", "What", "Records"], 2);
    for (kind, ops) in &plan.counts {
        for (op, count) in ops {
            table.add_row([kind.to_string(), op.clone(), grouped(*count)]);
        }
    }
    if !plan.counts.is_empty() {
        ui.rows(&table)?;
    }
    if !samples.is_empty() {
        ui.rows(&examples(samples, values))?;
    }
    for hold in &plan.holds {
        ui.toned(
            Tone::Doubtful,
            "held:",
            &format!(" {}", schools.named(hold)),
        )?;
    }
    let file = word(&file.display().to_string());
    match (plan.holds.is_empty(), plan.approved) {
        (true, _) => ui.line(format!("Apply it with `cleverctl plan apply {file}`."))?,
        (false, true) => ui.line(format!(
            "What is held was approved. Apply it with `cleverctl plan apply {file}`."
        ))?,
        (false, false) => ui.toned(
            Tone::Hint,
            "hint:",
            &format!(" ask the district; if this is right, run `cleverctl plan approve {file}`"),
        )?,
    }
    Ok(Exit::Done)
}

/// Some records of a plan, a line a changed field.
fn examples(samples: &[PlanSample], values: bool) -> ui::Rows {
    let mut headers = vec!["For example", "What", "Field"];
    if values {
        headers.extend(["Before", "After"]);
    }
    let mut table = ui::table(&headers, headers.len());
    let value = |value: &Option<serde_json::Value>| match value {
        None => "-".to_owned(),
        Some(value) => value.to_string().chars().take(MAX_VALUE).collect(),
    };
    for sample in samples {
        let held = if sample.held { " (held)" } else { "" };
        let named = [
            format!("{} {}", sample.kind, sample.id),
            format!("{}{held}", sample.op),
        ];
        if sample.fields.is_empty() {
            table.add_row(named.clone());
        }
        for field in &sample.fields {
            let mut row = named.to_vec();
            row.push(field.field.clone());
            if values {
                row.extend([value(&field.before), value(&field.after)]);
            }
            table.add_row(row);
        }
    }
    table
}

/// Longest value shown, in characters; a section's students are many.
const MAX_VALUE: usize = 60;

async fn apply(args: &ApplyArgs, ui: &Ui) -> Result<Exit> {
    let plan = Plan::read(&args.plan.file)?;
    let policies = policies(args.policy.as_deref())?;
    let mut store = args.store.of(Some(&plan.district_id)).await?.open().await?;
    let watch = Watch::new(ui);
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
    if ui.json {
        ui.document(&report)?;
    } else {
        let schools = Schools::of_report(&mut store, &report).await?;
        report::print(ui, &report, &schools)?;
    }
    Ok(if report.outcome == Outcome::Held {
        Exit::Held
    } else {
        Exit::Done
    })
}
