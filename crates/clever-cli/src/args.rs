//! What `cleverctl` understands on its command line.
//!
//! A secret is never an argument: it would stay in the shell's history and in the process list.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use clever_client::ApiVersion;
use clever_model::{DistrictId, RecordKind, span};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::access::{AppArgs, ServiceArgs};
use clever_sql::AddressError;

use crate::settings::StoreUrl;

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
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sync a made-up district twice and show what a day of school life changed.
    Demo(DemoArgs),
    /// Bring the store in step with the district that the token belongs to.
    Sync(SyncArgs),
    /// Look at a plan that a dry run wrote; approve it; apply it.
    #[command(subcommand)]
    Plan(crate::cmd::plan::PlanCommand),
    /// Say of a record what set each of its fields: which run, and which event or snapshot.
    Explain(crate::cmd::explain::ExplainArgs),
    /// Take back what a run changed, or a part of it, as a new run.
    Undo(crate::cmd::undo::UndoArgs),
    /// Write the active roster as files: Clever's CSV set or OneRoster.
    Export(crate::cmd::export::ExportArgs),
    /// Show how each district of the store stands: last success, what is held, what is odd, what to do.
    Status(crate::cmd::status::StatusArgs),
    /// List what changed, oldest first.
    Changes(ChangesArgs),
    /// Run a Clever on this machine to try things against.
    Emulator(clever_emulator::cli::EmulatorArgs),
    /// Keep tokens and apps under names, sealed.
    #[command(subcommand)]
    Credential(crate::cmd::credential::CredentialCommand),
    /// List the districts that have connected the app.
    Districts(crate::cmd::districts::DistrictsArgs),
    /// Sign in with Clever in the browser, and say who that was.
    Login(crate::cmd::login::LoginArgs),
    /// Say what a token is and whose.
    Me(crate::cmd::me::MeArgs),
    /// Check a connection step by step, and explain what fails.
    Doctor(crate::cmd::doctor::DoctorArgs),
    /// Say what the models make of saved answers: records read and refused, unknown fields and values.
    Drift(DriftArgs),
    /// Find which rows of two files of people, or of one, are the same person's.
    Match(crate::cmd::matching::MatchArgs),
    /// Decide which accounts are whose, where the program may not.
    Review(crate::cmd::review::ReviewArgs),
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

/// Reads how many at once.
fn slots(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|slots| (1..=256).contains(slots))
        .ok_or_else(|| "so many at once are 1 to 256".to_owned())
}

/// Where the rows live.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The database: `sqlite:PATH` or `postgres://USER@HOST/DATABASE?sslmode=verify-full`. Put an address that contains a
    /// password in CLEVER_STORE.
    #[arg(
        long,
        env = "CLEVER_STORE",
        hide_env_values = true,
        default_value = "sqlite:clever.db",
        value_name = "URL"
    )]
    store: StoreUrl,
    /// The schema of the tables in PostgreSQL, `clever` if neither this nor the address names one. It is made if it is missing.
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
}

impl StoreArgs {
    /// The store's address.
    pub(crate) fn url(&self) -> Result<StoreUrl, AddressError> {
        self.store.clone().in_schema(self.schema.as_deref())
    }
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) app: AppArgs,
    /// The district, where the app of the credential has several.
    #[arg(long, value_name = "ID")]
    pub(crate) district: Option<DistrictId>,
    /// Every district of every kept credential, or of those named with --credential; each on its own, the worst
    /// end is the exit code (4, then 1, then 3).
    #[arg(long, conflicts_with_all = ["district", "token_file", "plan", "approve", "client_id"])]
    pub(crate) all: bool,
    /// Let a district into a store that has others and not this one. Without it, a token of another district than
    /// before is refused, as it would double everything; --all and --district say which districts are meant.
    #[arg(long, conflicts_with = "all")]
    pub(crate) new_district: bool,
    /// With --all: so many districts at once.
    #[arg(long, value_name = "N", default_value = "4", requires = "all", value_parser = slots)]
    pub(crate) concurrency: usize,
    /// Read the district-app token from FILE (`-` for standard input) instead of CLEVER_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Records a page, 1 to 10000.
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) page_size: u32,
    /// Say what would change; change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// With --dry-run: write the plan to FILE, for `cleverctl plan`. It holds personal data.
    #[arg(long, value_name = "FILE", requires = "dry_run")]
    pub(crate) plan: Option<PathBuf>,
    /// Read every list, even where events would do.
    #[arg(long, conflicts_with = "events")]
    pub(crate) full: bool,
    /// Look for rows that were edited by hand, and mend them from every list; the app's own columns stay.
    #[arg(long, conflicts_with_all = ["events", "dry_run"])]
    pub(crate) verify: bool,
    /// Read events alone; fail where they can't be relied on.
    #[arg(long)]
    pub(crate) events: bool,
    /// Read what is let through, what is the app's own and how often a snapshot is due from FILE (TOML).
    #[arg(long, env = "CLEVER_POLICY", value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Go on: sync again after this long (`30m`, `6h`), until stopped.
    #[arg(long, value_name = "TIME", value_parser = span::read, conflicts_with_all = ["dry_run", "approve"])]
    pub(crate) every: Option<Duration>,
    /// With --every: wait up to this much longer, at random.
    #[arg(long, value_name = "TIME", value_parser = span::read, requires = "every")]
    pub(crate) jitter: Option<Duration>,
    /// Apply what an earlier run held, if it is still exactly the plan with this hash.
    #[arg(long, value_name = "HASH")]
    pub(crate) approve: Option<String>,
}

/// Arguments of `changes`.
#[derive(Debug, Args)]
pub(crate) struct ChangesArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Only this district; needed when the store holds several.
    #[arg(long, value_name = "ID")]
    pub(crate) district: Option<String>,
    /// Start after this sequence number, as a consumer's saved position.
    #[arg(
        long,
        default_value_t = 0,
        value_name = "SEQ",
        conflicts_with = "consumer"
    )]
    pub(crate) after: u64,
    /// Go on where the consumer NAME had come, to the feed's end: one line a change (with --json one document a
    /// line), acknowledged after each batch that was written.
    #[arg(long, value_name = "NAME", conflicts_with = "limit")]
    pub(crate) consumer: Option<String>,
    /// With --consumer: wait for what comes, until stopped.
    #[arg(long, requires = "consumer")]
    pub(crate) follow: bool,
    /// With --follow: how long between two looks.
    #[arg(long, value_name = "TIME", value_parser = span::read, default_value = "5s", requires = "follow")]
    pub(crate) poll: Duration,
    /// Only records of this kind.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<RecordKind>,
    /// At most this many.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: u32,
    /// Show values, which may be personal data; without it, only the names of changed fields.
    #[arg(long)]
    pub(crate) values: bool,
}

/// Arguments of `drift`.
#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    /// The API version whose models to compare with.
    #[arg(long, default_value = "v3.1", value_name = "VERSION")]
    pub(crate) api: ApiVersion,
    /// Show unknown values themselves, which may be personal data; without it, only their lengths.
    #[arg(long)]
    pub(crate) values: bool,
    /// JSON as the API answers it; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The SQLite file to write; it must not exist yet.
    #[arg(long, default_value = "sqlite:clever-demo.db", value_name = "URL")]
    pub(crate) store: StoreUrl,
    /// How many students the district has.
    #[arg(long, default_value_t = 5000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) students: u32,
    /// The seed of the district and of its day.
    #[arg(long, default_value_t = 7, value_name = "N")]
    pub(crate) seed: u64,
}
