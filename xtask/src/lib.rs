//! The toolkit's own tasks. `cargo xtask --help` lists them.

#![expect(
    clippy::disallowed_methods,
    reason = "it writes code and reports, and nothing of a person"
)]

mod api_diff;
mod bench;
mod book;
mod deploy;
mod gate;
mod generate;
mod import;
mod lake;
mod package;
mod packages;
mod postgres;
mod python;
mod release;
mod say;
mod test;
mod tidy;
mod tools;
mod upgrade;
mod workflows;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

pub use generate::documents;

#[derive(Debug, Parser)]
#[command(about = "The toolkit's own tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Convert Clever's Swagger files of one API version into openapi/VERSION/imported.json.
    Import {
        /// The API version: v3.1.
        #[arg(long)]
        api: String,
        /// Write here and touch nothing in the tree.
        #[arg(long)]
        out: Option<PathBuf>,
        /// What to record as the files' origin: a repository and revision.
        #[arg(long, default_value = "github.com/Clever/swagger-api")]
        source: String,
        /// The files; if they disagree, later ones win.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write clever-raw's generated modules from openapi/.
    Generate {
        /// Write nothing; fail if what is committed is not what would be written.
        #[arg(long)]
        check: bool,
        /// One version alone: v3.1.
        #[arg(long)]
        api: Option<String>,
    },
    /// Take in a version that Clever published, or a new revision: import, generate, difference, tests.
    UpgradeApi {
        /// The API version: v3.1.
        #[arg(long)]
        api: String,
        /// What to record as the files' origin: a repository and revision.
        #[arg(long, default_value = "github.com/Clever/swagger-api")]
        source: String,
        /// The files; if they disagree, later ones win.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Say what changes between two API versions, or two imported files, and whether that breaks callers.
    ApiDiff {
        /// A version below openapi/ (`v3.0`) or a file.
        from: String,
        /// A version below openapi/ (`v3.1`) or a file.
        to: String,
        /// How to write the difference.
        #[arg(long, value_enum, default_value = "text")]
        format: api_diff::Format,
    },
    /// Measure, with ratios in one run: all benches, or the one named.
    Bench {
        /// Which one.
        #[arg(conflicts_with = "gate")]
        name: Option<String>,
        /// Count the instructions of ten paths under valgrind, and fail where one takes 3 % more than its note.
        #[arg(long)]
        gate: bool,
        /// Note the counts as those to hold the next ones against.
        #[arg(long, requires = "gate")]
        accept: bool,
        /// Passed on to the bench.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Live made-up districts through faults and crashes, each from its seed.
    Simulate {
        /// How many.
        #[arg(long, default_value_t = 500)]
        seeds: u64,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Kill the workers, the engine and the database of a fleet while it syncs, and compare with one that nobody disturbed.
    FleetChaos {
        /// How many districts it has.
        #[arg(long, default_value_t = 500)]
        districts: u64,
    },
    /// Build and test the lake, which `test` leaves out: hundreds of crates more.
    Lake,
    /// Compile every program but the lake's, as a machine does on which no test runs.
    Check,
    /// Make a book of the documents, in target/book, and follow its links.
    Book,
    /// Write pictures of the pages of the example app and of the console, light and dark, into docs/images/.
    Screenshots,
    /// Check deploy/ by the rules of those who run it: Kubernetes' schemas, the Compose specification, hadolint.
    Deploy,
    /// Build what people without Rust install, into target/packages: wheels for PyPI, packages for npm.
    Package {
        /// Install them into fresh places too, and use them there.
        #[arg(long)]
        check: bool,
        /// On npm, ask for the package of each machine that a release has.
        #[arg(long, conflicts_with = "check")]
        for_release: bool,
        /// The profile of the programs.
        #[arg(long, default_value = tools::SHIPPED)]
        profile: String,
    },
    /// Do all that a release does, short of giving anything away.
    Release {
        /// Rehearse. A release itself is made by the workflow, for a tag.
        #[arg(long, required = true)]
        dry_run: bool,
        /// Only what costs seconds: versions, changelog, and what is in the packages of the crates.
        #[arg(long, conflicts_with_all = ["tag", "since"])]
        quick: bool,
        /// The tag of the release: v0.1.0.
        #[arg(long)]
        tag: Option<String>,
        /// Compare the API with this revision; the default is the last release's tag.
        #[arg(long)]
        since: Option<String>,
    },
    /// Build what people download for this machine, into target/programs: archives, sums, lists of parts.
    Programs {
        /// The profile of the programs.
        #[arg(long, default_value = tools::SHIPPED)]
        profile: String,
    },
    /// Check the workflows in .github/ as their host does.
    Workflows,
    /// Run everything that CI checks.
    Test,
    /// Check dependency arrows, file lengths and file openings.
    Tidy,
}

/// Runs the task that the arguments name, and says on standard error why it failed.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    match Cli::parse().task {
        Task::Import {
            api,
            out,
            source,
            files,
        } => import::run(&root()?, &api, out.as_deref(), &source, &files),
        Task::UpgradeApi { api, source, files } => upgrade::run(&root()?, &api, &source, &files),
        Task::Generate { check, api } => generate::run(&root()?, check, api.as_deref()),
        Task::ApiDiff { from, to, format } => {
            say::print(&api_diff::run(&root()?, &from, &to, format)?);
            Ok(())
        }
        Task::Bench {
            gate: true, accept, ..
        } => gate::run(accept),
        Task::Bench { name, args, .. } => bench::run(name.as_deref(), &args),
        Task::Simulate { seeds, seed } => test::simulate(seeds, seed),
        Task::FleetChaos { districts } => test::fleet_chaos(districts),
        Task::Lake => lake::run(),
        Task::Check => test::check(),
        Task::Book => book::run(),
        Task::Screenshots => test::screenshots(),
        Task::Deploy => deploy::run(),
        Task::Package {
            for_release: true,
            profile,
            ..
        } => package::for_release(&profile),
        Task::Package { check, profile, .. } => package::run(&profile, check),
        Task::Release { quick: true, .. } => release::at_hand(),
        Task::Release { tag, since, .. } => release::rehearse(tag.as_deref(), since.as_deref()),
        Task::Programs { profile } => release::programs(&profile),
        Task::Workflows => workflows::run(),
        Task::Test => test::run(),
        Task::Tidy => tidy::run(),
    }
}

/// The workspace's folder.
fn root() -> Result<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(here
        .parent()
        .context("xtask lies in the workspace")?
        .to_owned())
}
