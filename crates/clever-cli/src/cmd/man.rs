//! `cleverctl man`: the manual pages of all commands, for packages.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::diagnostics::Exit;
use crate::ui::{Document, Ui, counted};

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  cleverctl man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder to write the pages into.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The pages that were written.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Written {
    folder: String,
    pages: usize,
}

impl Document for Written {
    const NAME: &'static str = "man";
}

/// Writes a page for each command below `command`.
pub(crate) fn run(args: &ManArgs, command: clap::Command, ui: &Ui) -> Result<Exit> {
    let folder = &args.folder;
    let failed = || format!("could not write the manual pages into {}", folder.display());
    std::fs::create_dir_all(folder).with_context(failed)?;
    // Subcommands are named after all that stands before them.
    clap_mangen::generate_to(command, folder).with_context(failed)?;
    let pages = std::fs::read_dir(folder).with_context(failed)?;
    let pages = pages
        .filter_map(Result::ok)
        .filter(|page| page.file_name().to_string_lossy().starts_with("cleverctl"))
        .count();
    if ui.json {
        ui.document(&Written {
            folder: folder.display().to_string(),
            pages,
        })?;
    } else {
        ui.line(format!(
            "{} in {}",
            counted(pages as u64, "manual page", "manual pages"),
            folder.display()
        ))?;
    }
    Ok(Exit::Done)
}
