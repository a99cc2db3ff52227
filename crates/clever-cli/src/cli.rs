//! What `cleverctl` understands on its command line.
//!
//! A secret is never an argument: it would stay in the shell's history and in the process list.

use clap::{ColorChoice, Parser, Subcommand};
use clap_complete::Shell;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::cmd;

/// A district's Clever roster in your database: synced, explained, never lost.
#[derive(Debug, Parser)]
#[command(
    name = "cleverctl",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 held for approval, 4 refused by Clever.\n\
    Start with `cleverctl demo`: it needs no Clever account."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print results, and what failed, as JSON for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log what the libraries do, on standard error: error, warn, info, debug or trace; also for one part alone, as in
    /// `clever_client=debug`. No token and nothing of a person is logged at any level.
    #[arg(long, global = true, env = "CLEVER_LOG", default_value = "error,clever_sql=warn", value_name = "LEVEL", value_parser = log_filter)]
    pub(crate) log: String,
    /// Print no progress, only results and errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Colour what is printed: `auto` does on a terminal, unless NO_COLOR is set.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t = ColorChoice::Auto,
        hide_possible_values = true
    )]
    pub(crate) color: ColorChoice,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sync a made-up district twice and show what a day of school life changed.
    Demo(cmd::demo::DemoArgs),
    /// Bring the store in step with the district that the token belongs to.
    Sync(cmd::sync::SyncArgs),
    /// Look at a plan that a dry run wrote; approve it; apply it.
    #[command(subcommand)]
    Plan(cmd::plan::PlanCommand),
    /// Say of a record what set each of its fields: which run, and which event or snapshot.
    Explain(cmd::explain::ExplainArgs),
    /// Take back what a run changed, or a part of it, as a new run.
    Undo(cmd::undo::UndoArgs),
    /// Write the active roster as files: Clever's CSV set or OneRoster.
    Export(cmd::export::ExportArgs),
    /// Show how each district of the store stands: last success, what is held, what is odd, what to do.
    Status(cmd::status::StatusArgs),
    /// List what changed, oldest first.
    Changes(cmd::changes::ChangesArgs),
    /// Run a Clever on this machine to try things against.
    Emulator(clever_emulator::cli::EmulatorArgs),
    /// Keep tokens and apps under names, sealed.
    #[command(subcommand)]
    Credential(cmd::credential::CredentialCommand),
    /// List the districts that have connected the app.
    Districts(cmd::districts::DistrictsArgs),
    /// Sign in with Clever in the browser, and say who that was.
    Login(cmd::login::LoginArgs),
    /// Say what a token is and whose.
    Me(cmd::me::MeArgs),
    /// Check a connection step by step, and explain what fails.
    Doctor(cmd::doctor::DoctorArgs),
    /// Say what the models make of saved answers: records read and refused, unknown fields and values.
    Drift(cmd::drift::DriftArgs),
    /// Find which rows of two files of people, or of one, are the same person's.
    Match(cmd::matching::MatchArgs),
    /// Decide which accounts are whose, where the program may not.
    Review(cmd::review::ReviewArgs),
    /// Print a completion script for your shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Checks which log lines are asked for: a level, or a level for one of our parts.
fn log_filter(text: &str) -> Result<String, String> {
    let of_ours = |part: &str| {
        let (target, level) = part.split_once('=').unwrap_or((part, "off"));
        let is_level = |text: &str| text.parse::<LevelFilter>().is_ok();
        is_level(part) || (target.starts_with("clever") && is_level(level))
    };
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    if parts.clone().all(of_ours) && EnvFilter::builder().parse(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err("a level is error, warn, info, debug, trace or off; a part's name begins with `clever`, as in \
             `clever_client=debug`"
            .to_owned())
    }
}
