//! The arguments of `cleverctl sync`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clever_model::{DistrictId, read_span};

use crate::access::{AppArgs, ServiceArgs};
use crate::alerts::AlertArgs;
use crate::metrics::{FileArgs, ListenArgs};
use crate::settings::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  cleverctl sync                       The district of CLEVER_TOKEN into clever.db
  cleverctl sync --dry-run             Say what would change, and change nothing
  cleverctl sync --store roster.db --every 6h --jitter 10m
  cleverctl sync --all --store postgres://app@db/roster
  cleverctl sync --approve HASH        Apply what an earlier run held

Exit codes: 0 done, 1 failed, 2 wrong usage or a setting that can't work,
3 held for approval, 4 refused by Clever.";

const WHICH: &str = "Which districts";
const READING: &str = "What is read";
const APPLYING: &str = "What is applied";
const SCHEDULE: &str = "Schedule";

/// Arguments of `sync`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) app: AppArgs,
    /// Read the district-app token from FILE (`-` for standard input).
    ///
    /// Without this option, the token is read from CLEVER_TOKEN.
    #[arg(long, value_name = "FILE", help_heading = WHICH)]
    pub(crate) token_file: Option<PathBuf>,
    /// Sync this district, if the app of the credential has several.
    #[arg(long, value_name = "ID", help_heading = WHICH)]
    pub(crate) district: Option<DistrictId>,
    /// Sync every district of every kept credential.
    ///
    /// With --credential, only those credentials. Each district is on its own: one that fails takes no other with it. The
    /// exit code is the most severe result: 4 before 1 before 3.
    #[arg(long, help_heading = WHICH, conflicts_with_all = ["district", "token_file", "plan", "approve", "client_id"])]
    pub(crate) all: bool,
    /// Let a new district into a store that has others.
    ///
    /// Without it, a token of another district than before is refused, because it would double everything. --all and
    /// --district name the districts that are meant, so they need no such option.
    #[arg(long, help_heading = WHICH, conflicts_with = "all")]
    pub(crate) new_district: bool,
    /// Sync up to N districts at once, 1 to 256; requires --all.
    #[arg(long, value_name = "N", help_heading = WHICH, default_value = "4", requires = "all", value_parser = slots)]
    pub(crate) concurrency: usize,
    /// Ask for N records a page, 1 to 10000.
    #[arg(long, help_heading = READING, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) page_size: u32,
    /// Read every list, even if events would be enough.
    #[arg(long, help_heading = READING, conflicts_with = "events")]
    pub(crate) full: bool,
    /// Read events alone; fail if they can't be relied on.
    #[arg(long, help_heading = READING)]
    pub(crate) events: bool,
    /// Find rows that were edited by hand, and mend them.
    ///
    /// Every list is read. The columns that the policy gives to the app stay as they are.
    #[arg(long, help_heading = READING, conflicts_with_all = ["events", "dry_run"])]
    pub(crate) verify: bool,
    /// Say what would change; change nothing.
    #[arg(long, help_heading = APPLYING)]
    pub(crate) dry_run: bool,
    /// Write the plan to FILE, for `cleverctl plan`; requires --dry-run.
    ///
    /// The plan holds personal data.
    #[arg(long, value_name = "FILE", help_heading = APPLYING, requires = "dry_run")]
    pub(crate) plan: Option<PathBuf>,
    /// Apply what an earlier run held, if it is still the plan with this hash.
    #[arg(long, value_name = "HASH", help_heading = APPLYING)]
    pub(crate) approve: Option<String>,
    /// Read the policy from FILE (TOML).
    ///
    /// The policy says how much may change without approval, which columns are the app's own, and how often a
    /// snapshot is due.
    #[arg(long, env = "CLEVER_POLICY", value_name = "FILE", help_heading = APPLYING)]
    pub(crate) policy: Option<PathBuf>,
    /// Sync again after this time (`30m`, `6h`), until stopped.
    #[arg(long, value_name = "TIME", help_heading = SCHEDULE, value_parser = read_span, conflicts_with_all = ["dry_run", "approve"])]
    pub(crate) every: Option<Duration>,
    /// Wait up to this much longer, at random; requires --every.
    #[arg(long, value_name = "TIME", help_heading = SCHEDULE, value_parser = read_span, requires = "every")]
    pub(crate) jitter: Option<Duration>,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) metrics: FileArgs,
    #[command(flatten)]
    pub(crate) alerts: AlertArgs,
}

impl SyncArgs {
    /// The runs of a worker of the fleet: as those of `--all`, one at a time, whenever the engine says so.
    #[cfg(feature = "fleet")]
    pub(crate) fn of_worker(
        store: StoreArgs,
        service: ServiceArgs,
        app: AppArgs,
        page_size: u32,
        policy: Option<PathBuf>,
        told: (ListenArgs, FileArgs, AlertArgs),
    ) -> Self {
        let (listen, metrics, alerts) = told;
        Self {
            store,
            service,
            app,
            token_file: None,
            district: None,
            all: true,
            new_district: false,
            concurrency: 1,
            page_size,
            full: false,
            events: false,
            verify: false,
            dry_run: false,
            plan: None,
            approve: None,
            policy,
            every: None,
            jitter: None,
            listen,
            metrics,
            alerts,
        }
    }
}

/// Reads how many districts may be synced at once.
pub(crate) fn slots(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|slots| (1..=256).contains(slots))
        .ok_or_else(|| "it must be a number from 1 to 256".to_owned())
}
