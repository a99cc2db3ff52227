//! `cleverctl emulator`: a Clever on this machine, until interrupted.

use anyhow::{Context, Result};
use clever_emulator::cli::{EmulatorArgs, Started, asked_to_end, greeting, left_out};

use crate::diagnostics::Exit;
use crate::settings::TOKEN_VARIABLE;
use crate::ui::{Document, Ui};

impl Document for Started {
    const NAME: &'static str = "emulator";
    const VERSION: u32 = Self::VERSION;
}

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn run(args: EmulatorArgs, ui: &Ui) -> Result<Exit> {
    let config = args.config(std::env::var(TOKEN_VARIABLE).ok());
    let emulator = clever_emulator::start(config)
        .await
        .context("could not start the emulator")?;
    for rule in args.faults {
        emulator.faults().add(rule);
    }
    left_out(&emulator).iter().for_each(|line| ui.note(line));
    if ui.json {
        ui.document(&Started::of(&emulator))?;
    } else {
        ui.verbatim(greeting(&emulator).as_bytes())?;
    }
    asked_to_end().await.context("could not wait for Ctrl-C")?;
    emulator.stop().await;
    Ok(Exit::Done)
}
