//! `clever-emulator`: a Clever on this machine, until interrupted.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use clever_emulator::cli::{EmulatorArgs, asked_to_end, greeting};

/// A Clever on this machine to try things against; it lives, ages and misbehaves on command.
#[derive(Debug, Parser)]
#[command(name = "clever-emulator", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    emulator: EmulatorArgs,
    /// Print one line of JSON when it has started, for programs.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let token = std::env::var("CLEVER_TOKEN").ok();
    let emulator = match clever_emulator::start(cli.emulator.config(token)).await {
        Ok(emulator) => emulator,
        Err(error) => {
            let mut said = format!("error: could not start the emulator: {error}\n");
            let mut cause = std::error::Error::source(&error);
            while let Some(because) = cause {
                said += &format!("  caused by: {because}\n");
                cause = because.source();
            }
            // Nobody is left to tell where standard error is closed.
            drop(std::io::stderr().write_all(said.as_bytes()));
            return ExitCode::FAILURE;
        }
    };
    for rule in cli.emulator.faults {
        emulator.faults().add(rule);
    }
    let said = greeting(&emulator, cli.json);
    let mut out = std::io::stdout().lock();
    drop(out.write_all(said.as_bytes()).and_then(|()| out.flush()));
    drop(out);
    let ended = asked_to_end().await;
    emulator.stop().await;
    if ended.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
