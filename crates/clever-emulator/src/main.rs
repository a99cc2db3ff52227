//! `clever-emulator`: a Clever on this machine, until interrupted.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use clever_emulator::cli::{EmulatorArgs, Started, asked_to_end, greeting, left_out};
use clever_model::visible;

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
            note(&format!("error: could not start the emulator: {error}"));
            let mut cause = std::error::Error::source(&error);
            while let Some(because) = cause {
                note(&format!("  caused by: {because}"));
                cause = because.source();
            }
            return ExitCode::FAILURE;
        }
    };
    for rule in cli.emulator.faults {
        emulator.faults().add(rule);
    }
    left_out(&emulator).iter().for_each(|line| note(line));
    if cli.json {
        print(&Started::of(&emulator).line());
    } else {
        print(&greeting(&emulator));
    }
    let ended = asked_to_end().await;
    emulator.stop().await;
    if ended.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Tells whoever watches; a file's name may hold anything.
#[expect(clippy::disallowed_methods, reason = "this is the place that prints")]
fn note(text: &str) {
    for line in text.lines() {
        // Nobody is left to tell where standard error is closed.
        drop(writeln!(std::io::stderr(), "{}", visible(line)));
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place that prints")]
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
