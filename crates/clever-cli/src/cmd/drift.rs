//! `cleverctl drift`: what the models make of saved answers of the API.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use clever_client::ApiVersion;
use clever_raw::drift::Drift;
use clever_raw::drift::survey::{Survey, Version};

use crate::diagnostics::{Exit, Usage};
use crate::ui::{self, Document, Ui, counted, grouped};

/// Arguments of `drift`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  curl -H 'Authorization: Bearer TOKEN' https://api.clever.com/v3.1/users \\
    | cleverctl drift -")]
pub(crate) struct DriftArgs {
    /// The API version whose models to compare with.
    #[arg(long, default_value = "v3.1", value_name = "VERSION")]
    pub(crate) api: ApiVersion,
    /// Show unknown values, which may be personal data.
    ///
    /// Without this option, only their lengths are shown.
    #[arg(long)]
    pub(crate) values: bool,
    /// JSON as the API answers it; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// Looks through the files. Fails if a record could not be read, or if there was none; drift alone is no failure.
pub(crate) fn run(args: &DriftArgs, ui: &Ui) -> Result<Exit> {
    let version = match args.api {
        ApiVersion::V3_0 => Version::V3_0,
        ApiVersion::V3_1 => Version::V3_1,
    };
    let mut survey = if args.values {
        Survey::with_values()
    } else {
        Survey::default()
    };
    for path in &args.files {
        let (name, text) = read(path)?;
        survey.look(&name, &text, version);
    }
    let nothing = survey.read.values().sum::<u64>() == 0;
    if ui.json {
        ui.document(&survey)?;
    } else {
        if !nothing {
            let mut table = ui::table(&["Kind", "Records read"], 1);
            for (kind, count) in &survey.read {
                table.add_row([kind.clone(), grouped(*count)]);
            }
            ui.rows(&table)?;
        }
        for refused in &survey.refused {
            ui.line(format!("refused: {}: {}", refused.place, refused.reason))?;
        }
        if nothing {
            ui.line("No record was read, so nothing is known of drift.")?;
        } else if !survey.drift.is_empty() {
            ui.line(format!("Drift: what {} does not know.", args.api))?;
            print(ui, &survey.drift)?;
        } else if survey.refused.is_empty() {
            ui.line(format!(
                "No drift: {} knows every field and value.",
                args.api
            ))?;
        } else {
            ui.line("No drift in the records that were read; others were refused.")?;
        }
        if nothing {
            ui.line(
                "hint: save an answer of the API whole, as `curl -H 'Authorization: Bearer TOKEN' \
                 https://api.clever.com/v3.1/users > users.json` does",
            )?;
        }
    }
    Ok(if survey.refused.is_empty() && !nothing {
        Exit::Done
    } else {
        Exit::Failed
    })
}

impl Document for Survey {
    const NAME: &'static str = "drift";
}

/// Prints drift, a line a place.
pub(crate) fn print(ui: &Ui, drift: &Drift) -> Result<()> {
    for (word, counts) in [
        ("undeclared field", &drift.undeclared_fields),
        ("unknown value", &drift.unknown_values),
        ("wrong type", &drift.wrong_types),
    ] {
        for (place, count) in counts {
            ui.line(format!(
                "  {word} {place}: {}",
                counted(*count, "record", "records")
            ))?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<(String, String)> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context(Usage::new("could not read standard input"))?;
        return Ok(("standard input".to_owned(), text));
    }
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| {
        Usage::new(format!("could not read {name}"))
            .hint("name files with answers of the API as JSON in UTF-8; `-` is standard input")
    })?;
    Ok((name, text))
}
