//! What `cleverctl` understands on its command line.
//!
//! A secret is never an argument: it would stay in the shell's history and in the process list.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use clever_client::ApiVersion;
use clever_model::{DistrictId, RecordKind};

use crate::access::{AppArgs, ServiceArgs};
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
    /// Print results as JSON, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,
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
    /// Show each district of the store: its last sync, its rows, what is held.
    Status(StoreArgs),
    /// List what changed, oldest first.
    Changes(ChangesArgs),
    /// Run a Clever on this machine to try things against.
    Emulator(EmulatorArgs),
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
    /// Print a completion script for your shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Where the rows live.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The database: `sqlite:PATH`.
    #[arg(
        long,
        env = "CLEVER_STORE",
        default_value = "sqlite:clever.db",
        value_name = "URL"
    )]
    pub(crate) store: StoreUrl,
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
    /// Read the district-app token from FILE (`-` for standard input) instead of CLEVER_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Records a page, 1 to 10000.
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) page_size: u32,
    /// Say what would change; change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
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
    #[arg(long, default_value_t = 0, value_name = "SEQ")]
    pub(crate) after: u64,
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

/// Arguments of `emulator`.
#[derive(Debug, Args)]
pub(crate) struct EmulatorArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// Serve the JSON pages in DIR instead of a generated district.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["seed", "students"])]
    pub(crate) recorded: Option<PathBuf>,
    /// The seed of the generated district; the same seed gives the same district.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// How many students the generated district has.
    #[arg(long, default_value_t = 300, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) students: u32,
    /// Switch the events feed on.
    #[arg(long)]
    pub(crate) events: bool,
    /// Switch OpenID Connect on.
    #[arg(long)]
    pub(crate) openid: bool,
    /// Where sign-ins may return to, the primary one first; without any, all addresses on loopback are good,
    /// and logins that begin at Clever lead nowhere.
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub(crate) redirect_uris: Vec<String>,
}

/// Arguments of `drift`.
#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    /// The API version whose models to compare with.
    #[arg(long, default_value = "v3.1", value_name = "VERSION")]
    pub(crate) api: ApiVersion,
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
