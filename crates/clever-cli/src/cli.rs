//! What `cleverctl` understands on its command line.
//!
//! A secret is never an argument: it would stay in the shell's history and in the process list.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::{cmd, config};

const GLOBAL: &str = "Options of all commands";

/// A district's Clever roster in your database: synced, explained, never lost.
#[derive(Debug, Parser)]
#[command(name = "cleverctl", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  cleverctl demo                       A made-up district; needs no Clever account
  cleverctl doctor                     Check the connection to Clever
  cleverctl sync --store roster.db     Bring a district into a database

Exit codes: 0 done, 1 failed, 2 wrong usage or a setting that can't work,
3 held for approval, 4 refused by Clever.
`cleverctl COMMAND -h` is short, `cleverctl COMMAND --help` says everything.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print one JSON document for scripts.
    ///
    /// Results and errors are documents on standard output; nothing else is printed there.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// Print no progress, and nothing if nothing happened.
    ///
    /// Errors, and results that somebody should see, are printed all the same: a command in a crontab sends a mail only
    /// then.
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub(crate) quiet: bool,
    /// Colour the output: auto, always or never.
    ///
    /// `auto` colours on a terminal, unless NO_COLOR is set.
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "WHEN",
        value_enum,
        default_value_t = ColorChoice::Auto,
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(crate) color: ColorChoice,
    /// Read settings from FILE [default: clever.toml, if there is one].
    ///
    /// `cleverctl init` writes a file with every setting; `cleverctl config show` says where each value comes from. An
    /// option stands over a variable of the environment, and that over the file.
    #[arg(long, global = true, help_heading = GLOBAL, env = config::VARIABLE, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Log what the libraries do, on standard error.
    ///
    /// A level is error, warn, info, debug or trace; `clever_client=debug` is for one part alone. No token and nothing
    /// of a person is logged at any level.
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        env = "CLEVER_LOG",
        default_value = "error,clever_sql=warn",
        hide_default_value = true,
        value_name = "LEVEL",
        value_parser = log_filter
    )]
    pub(crate) log: Targets,
    /// Write log lines as text or as JSON, one object a line.
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "FORMAT",
        value_enum,
        default_value_t = LogFormat::Text,
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(crate) log_format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs that collect them.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sync a made-up district twice, with a school day between.
    Demo(cmd::demo::DemoArgs),
    /// Bring districts from Clever into the store.
    Sync(Box<cmd::sync::SyncArgs>),
    /// Show, approve or apply the plan of a dry run.
    #[command(subcommand)]
    Plan(cmd::plan::PlanCommand),
    /// Show which run and which event last set each field of a record.
    Explain(cmd::explain::ExplainArgs),
    /// Take back what a run changed, or a part of it.
    Undo(cmd::undo::UndoArgs),
    /// Erase a person or a district, wherever it is kept.
    Forget(cmd::forget::ForgetArgs),
    /// Print the tables of the store, and what they hold.
    Schema(cmd::schema::SchemaArgs),
    /// Take away what was archived long ago, and old changes.
    Prune(cmd::prune::PruneArgs),
    /// Write the active roster as files: CSV, OneRoster or Parquet.
    Export(cmd::export::ExportArgs),
    /// Sync thousands of districts on many machines, with Temporal.
    #[cfg(feature = "fleet")]
    #[command(subcommand)]
    Fleet(Box<cmd::fleet::FleetCommand>),
    /// Sync districts on many machines, scheduled by Temporal; in a build with the feature `fleet`.
    #[cfg(not(feature = "fleet"))]
    Fleet(cmd::not_built::Unread),
    /// Show how each district stands, and what to do.
    Status(cmd::status::StatusArgs),
    /// Keep the runs of a district from beginning.
    Pause(cmd::pause::PauseArgs),
    /// Let a paused district go on.
    Resume(cmd::pause::ResumeArgs),
    /// Carry a district to another of several databases.
    Move(cmd::relocate::MoveArgs),
    /// Serve pages on which people look, approve and undo.
    #[cfg(feature = "console")]
    Console(Box<cmd::console::ConsoleArgs>),
    /// Serve pages on which people look, approve and undo; in a build with the feature `console`.
    #[cfg(not(feature = "console"))]
    Console(cmd::not_built::Unread),
    /// Test alerts, or send those that are due.
    #[command(subcommand)]
    Alerts(cmd::alerts::AlertsCommand),
    /// List what changed, oldest first.
    Changes(cmd::changes::ChangesArgs),
    /// Run a Clever on this machine to try things against.
    Emulator(clever_emulator::cli::EmulatorArgs),
    /// Rehearse Clever's certification with an app that runs here.
    #[cfg(feature = "certify")]
    #[command(after_help = clever_emulator::certify::command::examples("cleverctl certify"))]
    Certify(Box<clever_emulator::certify::command::CertifyArgs>),
    /// Rehearse Clever's certification with an app that runs here; in a build with the feature `certify`.
    #[cfg(not(feature = "certify"))]
    Certify(cmd::not_built::Unread),
    /// Keep tokens and apps under names, sealed.
    #[command(subcommand)]
    Credential(cmd::credential::CredentialCommand),
    /// List the districts that have connected the app.
    Districts(cmd::districts::DistrictsArgs),
    /// Sign in with Clever in the browser, and show who that was.
    Login(cmd::login::LoginArgs),
    /// Show what a token is and whose.
    Me(cmd::me::MeArgs),
    /// Check a connection step by step, and explain what fails.
    Doctor(cmd::doctor::DoctorArgs),
    /// Compare saved answers of the API with the models.
    ///
    /// It counts the records that were read and refused, and the fields and values that the models do not know.
    Drift(cmd::drift::DriftArgs),
    /// Match your accounts to people, from two files or within one.
    Match(cmd::matching::MatchArgs),
    /// Keep the app's accounts in step with the roster.
    Accounts(cmd::accounts::AccountsArgs),
    /// Review account matches that need a person's decision.
    Review(cmd::review::ReviewArgs),
    /// Write a file of settings, with comments.
    Init(cmd::config::InitArgs),
    /// Show the settings in force, and where each comes from.
    #[command(subcommand)]
    Config(cmd::config::ConfigCommand),
    /// Print a completion script for your shell.
    #[command(after_help = "\
Examples:
  cleverctl completions bash > /etc/bash_completion.d/cleverctl
  cleverctl completions fish > ~/.config/fish/completions/cleverctl.fish")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages of all commands into a folder.
    Man(cmd::man::ManArgs),
}

/// The commands in the order in which somebody needs them.
const GROUPS: &[(&str, &[&str])] = &[
    ("Try it out", &["demo", "emulator", "certify"]),
    (
        "Connect to Clever",
        &["doctor", "credential", "districts", "login", "me"],
    ),
    (
        "Sync",
        &[
            "sync", "status", "pause", "resume", "move", "console", "plan", "undo", "alerts",
        ],
    ),
    ("Look", &["changes", "explain", "export", "schema", "drift"]),
    ("Accounts", &["accounts", "match", "review"]),
    ("Privacy", &["forget", "prune"]),
    ("Set up", &["init", "config", "completions", "man"]),
];

/// What is understood, with help that lists the commands in groups.
pub(crate) fn command() -> clap::Command {
    let command = without_values(Cli::command());
    let list = grouped(&command);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}Options:\n{{options}}{{after-help}}"
    ))
}

/// The commands with what each is for, group by group.
fn grouped(command: &clap::Command) -> String {
    let mut text = String::new();
    let mut group = |heading: &str, commands: &[&clap::Command]| {
        if commands.is_empty() {
            return;
        }
        let _ = writeln!(text, "{heading}:");
        for one in commands {
            let about = one.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {:<12} {about}", one.get_name());
        }
        text.push('\n');
    };
    for (heading, names) in GROUPS {
        let found = names
            .iter()
            .filter_map(|name| command.find_subcommand(name));
        group(heading, &found.collect::<Vec<_>>());
    }
    // One that nobody has put into a group yet is listed all the same.
    let is_grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others = command.get_subcommands();
    let others = others.filter(|one| !is_grouped(one.get_name()) && !one.is_hide_set());
    group("More", &others.collect::<Vec<_>>());
    text
}

/// Hides the values of the environment's variables: help is shown to others, and goes into the manual pages.
fn without_values(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| arg.hide_env_values(true))
        .mut_subcommands(without_values)
}

/// Reads the arguments of the process, as `command` understands them.
pub(crate) fn read(command: clap::Command) -> Result<Cli, clap::Error> {
    let mut command = command.color(colour_of_help());
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The choice of colour for help, which is printed before the arguments are read.
fn colour_of_help() -> ColorChoice {
    let mut args = std::env::args().skip_while(|arg| !arg.starts_with("--color"));
    let word = args.next().and_then(|arg| match arg.split_once('=') {
        Some((_, word)) => Some(word.to_owned()),
        None => args.next(),
    });
    match word.as_deref() {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// Checks which log lines are asked for: a level, or a level for one of our parts.
fn log_filter(text: &str) -> Result<Targets, String> {
    let of_ours = |part: &&str| {
        let (target, level) = part.split_once('=').unwrap_or((part, "off"));
        let is_level = |text: &str| text.parse::<LevelFilter>().is_ok();
        is_level(part) || (target.starts_with("clever") && is_level(level))
    };
    let parts = text.split(',').map(str::trim);
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    match parts.join(",").parse() {
        Ok(filter) if parts.iter().all(of_ours) => Ok(filter),
        _ => Err("a level is error, warn, info, debug, trace or off; a part's name begins with `clever`, as in \
             `clever_client=debug`"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests;
