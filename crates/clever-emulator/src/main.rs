//! `clever-emulator`: a Clever on this machine, until interrupted; and a rehearsal of the certification with it.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
#[cfg(feature = "certify")]
use clap::Subcommand;
#[cfg(feature = "certify")]
use clever_emulator::certify::Verdict;
#[cfg(feature = "certify")]
use clever_emulator::certify::command::{CertifyArgs, certify, examples};
use clever_emulator::cli::{EmulatorArgs, Started, asked_to_end, greeting, left_out};
use clever_model::visible;

/// A Clever on this machine to try things against; it lives, ages and misbehaves on command.
#[derive(Debug, Parser)]
#[command(
    name = "clever-emulator",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[cfg(feature = "certify")]
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    emulator: EmulatorArgs,
    /// Print JSON for programs: one line when it has started, or the report of a rehearsal.
    #[arg(long, global = true)]
    json: bool,
}

/// What else it does.
#[cfg(feature = "certify")]
#[derive(Debug, Subcommand)]
enum Command {
    /// Rehearse Clever's certification with an app that runs here.
    #[command(after_help = examples("clever-emulator certify"))]
    Certify(Box<CertifyArgs>),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    #[cfg(feature = "certify")]
    if let Some(Command::Certify(args)) = &cli.command {
        return rehearsed(args, cli.json).await;
    }
    let token = std::env::var("CLEVER_TOKEN").ok();
    let emulator = match clever_emulator::start(cli.emulator.config(token)).await {
        Ok(emulator) => emulator,
        Err(error) => {
            tell("could not start the emulator: ", &error);
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

/// Rehearses, prints what did not pass, and ends with 0, 1 or 3 by the worst.
#[cfg(feature = "certify")]
async fn rehearsed(args: &CertifyArgs, json: bool) -> ExitCode {
    let told = |part: &str| note(&format!("Now {part}."));
    let rehearsed = match certify(args, &note, &told).await {
        Ok(rehearsed) => rehearsed,
        Err(error) => {
            tell("", &error);
            if let Some(hint) = error.hint() {
                note(&format!("hint: {hint}"));
            }
            return if error.is_usage() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            };
        }
    };
    let report = &rehearsed.report;
    if json {
        print(&report.told().line());
    } else {
        let bad = report
            .findings
            .iter()
            .filter(|one| one.verdict != Verdict::Passed);
        let bad = bad.map(|one| {
            let (word, title) = (one.verdict.word(), one.check.title());
            format!("{word}: {title}\n  {}\n", one.came_back)
        });
        let text: String = bad.collect();
        let summary = report.summary();
        let path = args.report.display();
        print(&visible(&format!(
            "{text}{summary}\nThe whole report: {path}\n"
        )));
    }
    match rehearsed.verdict() {
        Verdict::Failed => ExitCode::FAILURE,
        Verdict::NeedsWork => ExitCode::from(3),
        _ => ExitCode::SUCCESS,
    }
}

/// Tells what went wrong, and why.
fn tell(begins: &str, error: &dyn std::error::Error) {
    note(&format!("error: {begins}{error}"));
    let mut cause = error.source();
    while let Some(because) = cause {
        note(&format!("  caused by: {because}"));
        cause = because.source();
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
