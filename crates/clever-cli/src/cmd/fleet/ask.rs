//! `cleverctl fleet run`, `pause`, `resume`, `approve`, `reject` and `drain`.

use anyhow::Result;
use clever_fleet::{Asked, Ended};
use serde::Serialize;

use super::{DecideArgs, DrainArgs, FleetMoveArgs, PauseArgs, ResumeArgs, RunArgs};
use crate::audit;
use crate::cmd::pause::{Wish, pause_in};
use crate::cmd::relocate;
use crate::diagnostics::Exit;
use crate::ui::{Document, Ui, counted};

/// What became of what was asked.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Told {
    district: String,
    /// `started`, `running`, `done`, `doubtful`, `held`, `paused`, `resumed`, `approved` or `rejected`.
    said: &'static str,
    /// The hash of what is held after a run that was waited for.
    held: Option<String>,
    /// How many records a run changed that was waited for.
    changed: Option<u64>,
}

impl Document for Told {
    const NAME: &'static str = "fleet-asked";
}

/// How many schedules were paused, or go on.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Drained {
    schedules: usize,
}

impl Document for Drained {
    const NAME: &'static str = "fleet-drained";
}

fn tell(ui: &Ui, told: &Told) -> Result<()> {
    if ui.json {
        return ui.document(told);
    }
    if ui.quiet {
        return Ok(());
    }
    ui.line(format!("{}: {}", told.district, told.said))?;
    if let Some(hash) = &told.held {
        ui.line(format!(
            "`cleverctl fleet approve {} {hash}` lets through what is held.",
            told.district
        ))?;
    }
    Ok(())
}

fn word(district: &clever_model::DistrictId, said: &'static str) -> Told {
    Told {
        district: district.to_string(),
        said,
        held: None,
        changed: None,
    }
}

/// Starts a run.
pub(super) async fn run(args: &RunArgs, ui: &Ui) -> Result<Exit> {
    let engine = args.engine.connect().await?;
    let asked = engine.run(args.district.as_str(), args.wait).await?;
    let (told, exit) = match asked {
        Asked::GoesOn => (word(&args.district, "running"), Exit::Done),
        Asked::Started(None) => (word(&args.district, "started"), Exit::Done),
        Asked::Started(Some(synced)) => (
            Told {
                held: synced.held,
                changed: Some(synced.changed),
                ..word(&args.district, synced.ended.as_str())
            },
            match synced.ended {
                Ended::Held => Exit::Held,
                Ended::Paused => Exit::Failed,
                Ended::Done | Ended::Doubtful => Exit::Done,
            },
        ),
    };
    tell(ui, &told)?;
    if told.said == Ended::Paused.as_str() {
        ui.note(format!(
            "hint: `cleverctl resume {}` lets it go on",
            told.district
        ));
    }
    Ok(exit)
}

/// Who asks, as the audit keeps it: a container may have no login.
fn who() -> String {
    audit::who(None).unwrap_or_else(|_| "fleet".to_owned())
}

/// Pauses a district in the store, where everybody reads it; one whose first load has not been may make the store.
pub(super) async fn pause(args: &PauseArgs, ui: &Ui) -> Result<Exit> {
    let (engine, district) = (args.engine.connect().await?, args.district.as_str());
    engine.is_scheduled(district).await?;
    let mut store = args.store.of(Some(district)).await?.open().await?;
    pause_in(
        &mut store,
        district,
        Some(&who()),
        &Wish::Pause(&args.reason),
    )
    .await?;
    tell(ui, &word(&args.district, "paused"))?;
    Ok(Exit::Done)
}

/// Lets a district go on, or all schedules that a drain paused.
pub(super) async fn resume(args: &ResumeArgs, ui: &Ui) -> Result<Exit> {
    let engine = args.engine.connect().await?;
    if let Some(district) = &args.district {
        engine.is_scheduled(district.as_str()).await?;
        let mut store = args.store.of(Some(district.as_str())).await?.open().await?;
        pause_in(
            &mut store,
            district.as_str(),
            Some(&who()),
            &Wish::Resume(""),
        )
        .await?;
        // Somebody may have stopped the engine's clock in its pages.
        engine.resume(district.as_str()).await?;
        tell(ui, &word(district, "resumed"))?;
    } else {
        let schedules = engine.resume_drained().await?;
        drained(ui, schedules, "go on")?;
    }
    Ok(Exit::Done)
}

/// Carries a district to another store, and starts a run of it there.
pub(super) async fn relocate(args: &FleetMoveArgs, ui: &Ui) -> Result<Exit> {
    let (engine, district) = (args.engine.connect().await?, args.moving.district.as_str());
    engine.is_scheduled(district).await?;
    let moved = relocate::relocate(&args.moving, Some("fleet"), ui).await?;
    if moved.said == "moved" {
        // One that was refused by the old store begins again; then this is the same run.
        engine.run(district, false).await?;
    }
    relocate::tell(&moved, ui)?;
    Ok(Exit::Done)
}

/// Lets through what is held.
pub(super) async fn approve(args: &DecideArgs, ui: &Ui) -> Result<Exit> {
    let engine = args.engine.connect().await?;
    engine.approve(args.district.as_str(), &args.hash).await?;
    tell(ui, &word(&args.district, "approved"))?;
    Ok(Exit::Done)
}

/// Decides against what is held.
pub(super) async fn reject(args: &DecideArgs, ui: &Ui) -> Result<Exit> {
    let engine = args.engine.connect().await?;
    engine.reject(args.district.as_str(), &args.hash).await?;
    tell(ui, &word(&args.district, "rejected"))?;
    Ok(Exit::Done)
}

/// Pauses everything, and waits until nothing goes on.
pub(super) async fn drain(args: &DrainArgs, ui: &Ui) -> Result<Exit> {
    let engine = args.engine.connect().await?;
    let schedules = engine.drain(&args.reason).await?;
    drained(ui, schedules, "paused, and no run goes on")?;
    Ok(Exit::Done)
}

fn drained(ui: &Ui, schedules: usize, what: &str) -> Result<()> {
    if ui.json {
        return ui.document(&Drained { schedules });
    }
    if ui.quiet {
        return Ok(());
    }
    ui.line(format!(
        "{}: {what}.",
        counted(schedules as u64, "schedule", "schedules")
    ))
}
