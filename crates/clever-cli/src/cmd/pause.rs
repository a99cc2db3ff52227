//! `cleverctl pause` and `cleverctl resume`: no run of a district begins, until somebody lets it go on.
//!
//! The store says who is paused, so that every schedule, page and machine over it hears of it.

use anyhow::Result;
use clap::Args;
use clever_model::{Clock as _, SystemClock};
use clever_sync::AnyStore;
use clever_sync::look::{Deed, Paused};
use clever_sync::words;
use serde::Serialize;

use crate::audit;
use crate::cmd::changes::district;
use crate::diagnostics::Exit;
use crate::settings::StoreArgs;
use crate::ui::{Document, Ui};

/// What the audit calls what is done to a district as a whole.
const SUBJECT: &str = "district";

/// Arguments of `pause`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  cleverctl pause 5a25ffb0c1bc2a0036000001 --reason 'a new SIS until Monday'

What runs now goes on to its end. `cleverctl sync --dry-run` looks all the same;
undo, an approved plan and forget are deeds of a person, and are done.")]
pub(crate) struct PauseArgs {
    /// The district.
    #[arg(value_name = "DISTRICT")]
    district: String,
    /// Why, for whoever looks. The audit keeps it: name nobody.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    #[command(flatten)]
    by: By,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  cleverctl resume 5a25ffb0c1bc2a0036000001 --reason 'the new SIS is whole'

A schedule begins the next run when it is the district's turn.")]
pub(crate) struct ResumeArgs {
    /// The district.
    #[arg(value_name = "DISTRICT")]
    district: String,
    /// Why, if there is something to say.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    by: By,
}

/// Who does it, and where.
#[derive(Debug, Args)]
struct By {
    /// Who does it, as the audit keeps it [default: your login].
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
}

/// A reason that says something.
fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        text if text.chars().count() < 3 => Err("say why, in a few words".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// What became of it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Told {
    district_id: String,
    /// Whether this changed something: a district that was paused before stays so, with its first reason.
    changed: bool,
    /// The pause that is in force now; none if the district goes on.
    paused: Option<Paused>,
}

impl Document for Told {
    const NAME: &'static str = "pause";
}

/// What is to be done, and why.
pub(crate) enum Wish<'a> {
    /// Keep runs from beginning.
    Pause(&'a str),
    /// Let them begin.
    Resume(&'a str),
}

/// Pauses a district.
pub(crate) async fn pause(args: &PauseArgs, ui: &Ui) -> Result<Exit> {
    run(&args.district, &args.by, Wish::Pause(&args.reason), ui).await
}

/// Lets a district go on.
pub(crate) async fn resume(args: &ResumeArgs, ui: &Ui) -> Result<Exit> {
    run(&args.district, &args.by, Wish::Resume(&args.reason), ui).await
}

async fn run(named: &str, by: &By, wish: Wish<'_>, ui: &Ui) -> Result<Exit> {
    let mut store = by.store.of(Some(named)).await?.open_existing().await?;
    let district_id = district(&mut store, Some(named)).await?;
    let changed = pause_in(&mut store, &district_id, by.by.as_deref(), &wish).await?;
    let paused = store.paused(&district_id).await?;
    if ui.json {
        ui.document(&Told {
            district_id,
            changed,
            paused,
        })?;
    } else if !(ui.quiet && changed) {
        let now = SystemClock.now();
        ui.line(match (&paused, changed) {
            (Some(_), true) => format!(
                "{district_id} is paused: no run begins until `cleverctl resume {district_id}`."
            ),
            (Some(paused), false) => {
                format!("{district_id} was {} already.", words::pause(paused, now))
            }
            (None, true) => format!("{district_id} goes on: runs begin when it is its turn."),
            (None, false) => format!("{district_id} was not paused."),
        })?;
    }
    Ok(Exit::Done)
}

/// Pauses a district in the store or lets it go on, with a row of the audit; says whether that changed something.
pub(crate) async fn pause_in(
    store: &mut AnyStore,
    district_id: &str,
    by: Option<&str>,
    wish: &Wish<'_>,
) -> Result<bool> {
    let actor = audit::who(by)?;
    let (word, reason) = match wish {
        Wish::Pause(reason) => ("pause", reason),
        Wish::Resume(reason) => ("resume", reason),
    };
    let deed = Deed {
        district_id,
        at: SystemClock.now(),
        actor: &actor,
        role: audit::ROLE,
        deed: word,
        subject: SUBJECT,
        reason: reason.trim(),
        key: None,
    };
    Ok(match wish {
        Wish::Pause(_) => store.pause(&deed).await?.is_none(),
        Wish::Resume(_) => store.resume(&deed).await?,
    })
}
