//! `cleverctl`: the command line over the Clever toolkit.
//!
//! This crate reads arguments, calls the libraries and prints; it decides nothing about a roster.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "a test makes its own files")
)]

mod access;
mod accounts_at;
mod alerts;
mod audit;
mod cli;
mod cmd;
mod config;
mod diagnostics;
mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
mod progress;
mod settings;
mod signals;
mod ui;
mod vault;
mod webhook;
mod writing;

use std::panic::{self, PanicHookInfo};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clever_model::visible;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets, filter_fn};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::cli::{Command, LogFormat};
#[cfg(not(all(feature = "certify", feature = "console", feature = "fleet")))]
use crate::cmd::not_built::NotBuilt;
use crate::config::Config;
use crate::diagnostics::{Exit, Failure};
use crate::ui::Ui;

#[tokio::main]
async fn main() -> ExitCode {
    panic::set_hook(Box::new(broke_off));
    let cli = match cli::read(cli::command()) {
        Ok(cli) => cli,
        Err(error) => return misused(error).into(),
    };
    let ui = Ui::new(cli.json, cli.quiet, cli.color);
    let config = match Config::read(cli.settings.as_deref()) {
        Ok(config) => config,
        Err(error) => return failed(&ui, &error).into(),
    };
    // What is right without the file's values is wrong by one of them.
    let cli = match cli::read(config.over(cli::command())) {
        Ok(cli) => cli,
        Err(error) => {
            let exit = misused(error);
            let file = config.file.as_deref().unwrap_or(Path::new(config::NAME));
            ui.note(format!("note: this value is in {}", file.display()));
            return exit.into();
        }
    };
    #[cfg(feature = "otlp")]
    let exporter = match otlp::Exporter::begin() {
        Ok(exporter) => exporter,
        Err(error) => return failed(&ui, &error).into(),
    };
    #[cfg(feature = "otlp")]
    let spans = exporter.as_ref().map(otlp::Exporter::layer);
    #[cfg(not(feature = "otlp"))]
    let spans = None::<tracing_subscriber::layer::Identity>;
    log(&cli.log, cli.log_format, spans);
    let ui = Ui::new(cli.json, cli.quiet, cli.color);
    match run(cli.command, &config, &ui).await {
        Ok(exit) => exit.into(),
        // Whoever read our output has read enough.
        Err(error) if diagnostics::is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => failed(&ui, &error).into(),
    }
}

/// Tells of an error, to a person and if asked to a script.
fn failed(ui: &Ui, error: &anyhow::Error) -> Exit {
    diagnostics::tell(ui, error);
    if ui.json {
        // A script that reads nothing any more has the exit code.
        drop(ui.document(&diagnostics::failure(error)));
    }
    diagnostics::exit(error)
}

/// Sends the log lines of our own crates to standard error, and their `spans` to whoever takes them. Those of others may
/// hold what they send and receive.
fn log(filter: &Targets, format: LogFormat, spans: Option<impl Layer<Registry> + Send + Sync>) {
    let ours = || filter_fn(|event| event.target().starts_with("clever"));
    let wanted = ours().and(filter.clone());
    let lines = fmt::layer().with_ansi(false).with_writer(ui::Log);
    let lines = match format {
        LogFormat::Text => lines.with_filter(wanted).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(wanted).boxed(),
    };
    let spans = spans.map(|spans| spans.with_filter(ours().and(LevelFilter::DEBUG)));
    tracing_subscriber::registry()
        .with(spans)
        .with(lines)
        .init();
}

/// Says where a fault of ours is, and not what it met: that may be of a person.
fn broke_off(info: &PanicHookInfo<'_>) {
    let ui = Ui::default();
    let at = info.location().map(ToString::to_string);
    ui.note(format!(
        "error: cleverctl broke off at {}: this is a fault of cleverctl",
        at.as_deref().unwrap_or("an unknown place")
    ));
    ui.note("hint: please report this place with the command that you ran, and none of the data");
}

/// Prints what the reader of arguments says: help that was asked for, or why it does not understand.
fn misused(mut error: clap::Error) -> Exit {
    let ui = Ui::default();
    if !error.use_stderr() {
        return error.print().map_or(Exit::Failed, |()| Exit::Done);
    }
    // An address that can't be read may still hold a password.
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue)
        && let Some((scheme, _)) = value
            .split_once("://")
            .filter(|(_, rest)| rest.contains('@'))
    {
        let hidden = ContextValue::String(format!("{scheme}://…"));
        error.insert(ContextKind::InvalidValue, hidden);
    }
    // What was typed may come from elsewhere: a line feed in it must not look like a line of ours.
    let typed: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(visible(text).into()))),
            ContextValue::Strings(all) => {
                let all = all.iter().map(|text| visible(text).into());
                Some((kind, ContextValue::Strings(all.collect())))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in typed {
        error.insert(kind, value);
    }
    let text = error.render().to_string();
    text.trim_end().lines().for_each(|line| ui.note(line));
    // Whoever named no command reads the help instead.
    if error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        ui.note(format!("read: {}", diagnostics::read_on("usage")));
    }
    // Arguments that can't be read may have asked for JSON all the same.
    if std::env::args_os().any(|argument| argument == "--json") {
        let message = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            "a command is missing".to_owned()
        } else {
            let first = text.lines().take_while(|line| !line.trim().is_empty());
            let first: Vec<&str> = first.map(str::trim).collect();
            first.join(" ").trim_start_matches("error: ").to_owned()
        };
        // A script that reads nothing any more has the exit code.
        drop(ui.document(&Failure::usage(message)));
    }
    Exit::Usage
}

async fn run(command: Command, config: &Config, ui: &Ui) -> Result<Exit> {
    match command {
        Command::Demo(args) => cmd::demo::run(args, ui).await,
        Command::Sync(args) => cmd::sync::run(*args, ui).await,
        Command::Plan(command) => cmd::plan::run(command, ui).await,
        Command::Explain(args) => cmd::explain::run(&args, ui).await,
        Command::Undo(args) => cmd::undo::run(&args, ui).await,
        Command::Forget(args) => cmd::forget::run(&args, ui).await,
        Command::Schema(args) => cmd::schema::run(&args, ui).await,
        Command::Prune(args) => cmd::prune::run(&args, ui).await,
        Command::Export(args) => cmd::export::run(&args, ui).await,
        #[cfg(feature = "fleet")]
        Command::Fleet(command) => cmd::fleet::run(*command, ui).await,
        #[cfg(not(feature = "fleet"))]
        Command::Fleet(_) => Err(NotBuilt::new("the fleet", "fleet").into()),
        Command::Status(args) => cmd::status::run(&args, ui).await,
        Command::Pause(args) => cmd::pause::pause(&args, ui).await,
        Command::Resume(args) => cmd::pause::resume(&args, ui).await,
        Command::Move(args) => cmd::relocate::run(&args, ui).await,
        #[cfg(feature = "console")]
        Command::Console(args) => cmd::console::run(&args, ui).await,
        #[cfg(not(feature = "console"))]
        Command::Console(_) => Err(NotBuilt::new("the console", "console").into()),
        Command::Alerts(command) => cmd::alerts::run(&command, ui).await,
        Command::Changes(args) => cmd::changes::run(&args, ui).await,
        Command::Emulator(args) => cmd::emulator::run(args, ui).await,
        #[cfg(feature = "certify")]
        Command::Certify(args) => cmd::certify::run(&args, ui).await,
        #[cfg(not(feature = "certify"))]
        Command::Certify(_) => Err(NotBuilt::new("the rehearsal", "certify").into()),
        Command::Credential(command) => cmd::credential::run(command, ui),
        Command::Districts(args) => cmd::districts::run(&args, ui).await,
        Command::Login(args) => cmd::login::run(&args, ui).await,
        Command::Me(args) => cmd::me::run(&args, ui).await,
        Command::Doctor(args) => cmd::doctor::run(&args, ui).await,
        Command::Drift(args) => cmd::drift::run(&args, ui),
        Command::Accounts(args) => cmd::accounts::run(&args, ui).await,
        Command::Match(args) => cmd::matching::run(&args, ui).await,
        Command::Review(args) => cmd::review::run(&args, ui).await,
        Command::Init(args) => cmd::config::init(&args, ui),
        Command::Config(args) => cmd::config::run(&args, config, &cli::command(), ui),
        Command::Man(args) => cmd::man::run(&args, cli::command(), ui),
        Command::Completions { shell } => {
            let (mut command, mut script) = (cli::command(), Vec::new());
            clap_complete::generate(shell, &mut command, "cleverctl", &mut script);
            ui.verbatim(&script)?;
            Ok(Exit::Done)
        }
    }
}
