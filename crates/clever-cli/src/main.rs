//! `cleverctl`: the command line over the Clever toolkit.
//!
//! This crate reads arguments, calls the libraries and prints; it decides nothing about a roster.

mod access;
mod args;
mod cmd;
mod diagnostics;
mod output;
mod progress;
mod settings;
mod signals;
mod vault;
mod writing;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command};
use crate::diagnostics::Exit;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("CLEVER_LOG")
                // A password that passes in clear text is said without being asked for.
                .unwrap_or_else(|_| EnvFilter::new("error,clever_sql=warn")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(cli).await {
        Ok(exit) => exit.into(),
        // Whoever read our output has read enough.
        Err(error) if diagnostics::is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            output::note(diagnostics::render(&error));
            diagnostics::exit(&error).into()
        }
    }
}

async fn run(cli: Cli) -> Result<Exit> {
    let (json, quiet) = (cli.json, cli.quiet);
    match cli.command {
        Command::Demo(args) => cmd::demo::run(args, json, quiet).await,
        Command::Sync(args) => cmd::sync::run(args, json, quiet).await,
        Command::Plan(command) => cmd::plan::run(command, json, quiet).await,
        Command::Explain(args) => cmd::explain::run(&args, json).await,
        Command::Undo(args) => cmd::undo::run(&args, json, quiet).await,
        Command::Export(args) => cmd::export::run(&args, json).await,
        Command::Status(args) => cmd::status::run(&args, json).await,
        Command::Changes(args) => cmd::changes::run(&args, json).await,
        Command::Emulator(args) => cmd::emulator::run(args, json).await,
        Command::Credential(command) => cmd::credential::run(command, json),
        Command::Districts(args) => cmd::districts::run(&args, json).await,
        Command::Login(args) => cmd::login::run(&args, json).await,
        Command::Me(args) => cmd::me::run(&args, json).await,
        Command::Doctor(args) => cmd::doctor::run(&args, json).await,
        Command::Drift(args) => cmd::drift::run(&args, json),
        Command::Match(args) => cmd::matching::run(&args, json, quiet),
        Command::Review(args) => cmd::review::run(&args, json, quiet).await,
        Command::Completions { shell } => {
            let (mut command, mut script) = (Cli::command(), Vec::new());
            clap_complete::generate(shell, &mut command, "cleverctl", &mut script);
            output::raw(&script)?;
            Ok(Exit::Done)
        }
    }
}
