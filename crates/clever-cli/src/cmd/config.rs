//! `cleverctl config` and `cleverctl init`: the file of settings, and where each value comes from.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use clever_files::Draft;
use serde::Serialize;

use crate::config::{Config, NAME, Setting, TEMPLATE, shown};
use crate::diagnostics::{Exit, Usage};
use crate::ui::{self, Document, Ui};

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show each setting, and where its value comes from.
    Show,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  cleverctl init && cleverctl config show")]
pub(crate) struct InitArgs {
    /// The file to write; it must not exist yet.
    #[arg(default_value = NAME, value_name = "FILE")]
    file: PathBuf,
}

/// The file that was written.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Begun {
    file: String,
}

impl Document for Begun {
    const NAME: &'static str = "init";
}

/// Writes a file of settings with comments.
pub(crate) fn init(args: &InitArgs, ui: &Ui) -> Result<Exit> {
    let shown = args.file.display();
    if args.file.exists() {
        return Err(
            Usage::new(format!("{shown} is there already, and stays as it is"))
                .hint("name another file: `cleverctl init FILE`")
                .into(),
        );
    }
    Draft::begin(&args.file)
        .and_then(|mut file| {
            file.write_all(TEMPLATE.as_bytes())?;
            file.publish_new()
        })
        .with_context(|| format!("could not write {shown}"))?;
    if ui.json {
        ui.document(&Begun {
            file: args.file.display().to_string(),
        })?;
    } else {
        ui.line(format!("wrote {shown}"))?;
    }
    Ok(Exit::Done)
}

/// A setting as it is in force.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    key: &'static str,
    value: Option<String>,
    /// `environment`, `file` or `default`.
    from: &'static str,
    /// The variable or the file.
    place: Option<String>,
}

/// The settings in force.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Shown {
    /// The file of settings, if there is one.
    file: Option<String>,
    settings: Vec<Row>,
}

impl Document for Shown {
    const NAME: &'static str = "config";
}

/// Shows the settings in force; `command` knows variables and defaults.
pub(crate) fn run(
    args: &ConfigCommand,
    config: &Config,
    command: &clap::Command,
    ui: &Ui,
) -> Result<Exit> {
    let ConfigCommand::Show = args;
    let rows = config.settings.iter();
    let rows: Vec<Row> = rows.map(|setting| row(setting, config, command)).collect();
    if ui.json {
        ui.document(&Shown {
            file: config.file.as_ref().map(|file| file.display().to_string()),
            settings: rows,
        })?;
        return Ok(Exit::Done);
    }
    let mut table = ui::table(&["Setting", "Value", "From"], 3);
    for row in rows {
        let from = match row.place {
            Some(place) => format!("{} ({place})", row.from),
            None => row.from.to_owned(),
        };
        let value = row.value.unwrap_or_else(|| "-".to_owned());
        table.add_row([row.key.to_owned(), value, from]);
    }
    ui.rows(&table)?;
    if config.file.is_none() {
        ui.line(format!(
            "There is no {NAME} here; `cleverctl init` writes one."
        ))?;
    }
    Ok(Exit::Done)
}

fn row(setting: &Setting, config: &Config, command: &clap::Command) -> Row {
    let holder = command.find_subcommand(setting.command).unwrap_or(command);
    let mut arguments = holder.get_arguments();
    let argument = arguments.find(|arg| arg.get_id() == setting.argument);
    let variable = argument.and_then(clap::Arg::get_env);
    let of_environment = variable.and_then(|name| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
        Some((value, name.to_string_lossy().into_owned()))
    });
    if let Some((value, name)) = of_environment {
        return Row {
            key: setting.key,
            value: Some(shown(&value)),
            from: "environment",
            place: Some(name),
        };
    }
    if !setting.values.is_empty() {
        let values: Vec<String> = setting.values.iter().map(|value| shown(value)).collect();
        return Row {
            key: setting.key,
            value: Some(values.join(", ")),
            from: "file",
            place: config.file.as_ref().map(|file| file.display().to_string()),
        };
    }
    let defaults = argument
        .map(clap::Arg::get_default_values)
        .unwrap_or_default();
    let defaults = defaults.iter().map(|value| value.to_string_lossy());
    let defaults: Vec<_> = defaults.collect();
    Row {
        key: setting.key,
        value: (!defaults.is_empty()).then(|| defaults.join(", ")),
        from: "default",
        place: None,
    }
}
