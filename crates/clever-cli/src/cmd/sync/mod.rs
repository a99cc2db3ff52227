//! `cleverctl sync`: brings the store in step with a district, and says what changed.

mod fleet;
pub(crate) mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use clever_client::{ClientOptions, District};
use clever_model::{Clock, DistrictId, SystemClock, Timestamp, span};
use clever_sync::{
    Admit, AnyStore, DatabaseError, Outcome, PolicyError, StoreError, SyncError, SyncOptions,
    SyncPolicies, SyncPolicy, SyncReport, Way, mark_edited,
};

use crate::access::{self, AppArgs, ServiceArgs};
use crate::cmd::holds::Schools;
use crate::diagnostics::{self, Exit, Usage};
use crate::progress::Watch;
use crate::settings::{StoreArgs, toml_file};
use crate::signals::{Stop, leave_nothing_half_written};
use crate::ui::{Ui, counted, word};

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
    #[arg(long, value_name = "TIME", help_heading = SCHEDULE, value_parser = span::read, conflicts_with_all = ["dry_run", "approve"])]
    pub(crate) every: Option<Duration>,
    /// Wait up to this much longer, at random; requires --every.
    #[arg(long, value_name = "TIME", help_heading = SCHEDULE, value_parser = span::read, requires = "every")]
    pub(crate) jitter: Option<Duration>,
}

/// Reads how many districts may be synced at once.
fn slots(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|slots| (1..=256).contains(slots))
        .ok_or_else(|| "it must be a number from 1 to 256".to_owned())
}

/// Runs one sync, or one after another.
pub(crate) async fn run(args: SyncArgs, ui: &Ui) -> Result<Exit> {
    if args.all {
        return fleet::run(args, ui).await;
    }
    let policies = policies(args.policy.as_deref())?;
    let Some(every) = args.every else {
        if args.plan.is_some() {
            leave_nothing_half_written();
        }
        return once(&args, &policies, ui).await;
    };
    let mut random = fastrand::Rng::new();
    let mut stop = Stop::listen();
    let (mut refused, mut ran) = (0, false);
    loop {
        let ended = tokio::select! {
            // Nothing is written before the last moment, so a stopped sync is one that never was.
            () = stop.asked() => return Ok(Exit::Done),
            ended = once(&args, &policies, ui) => ended,
        };
        // The next run may do better, so the schedule goes on. A setting that never worked ends it: whoever started it
        // is still there to hear so.
        let how = match ended {
            Err(error) => {
                let exit = diagnostics::exit(&error);
                refused = if exit == Exit::Refused {
                    refused + 1
                } else {
                    0
                };
                let never = exit == Exit::Usage && !ran;
                if never || diagnostics::ends_a_schedule(&error, refused) {
                    return Err(error);
                }
                diagnostics::tell(ui, &error);
                if ui.json {
                    ui.document(&diagnostics::failure(&error))?;
                }
                if exit == Exit::Refused {
                    "refused by Clever"
                } else {
                    "failed"
                }
            }
            Ok(exit) => {
                (refused, ran) = (0, true);
                if exit == Exit::Held { "held" } else { "done" }
            }
        };
        let jitter = args
            .jitter
            .map_or(0, |jitter| random.u64(0..=jitter.as_secs()));
        let wait = every + Duration::from_secs(jitter);
        if ui.is_talkative() {
            ui.note(format!(
                "next run at {}; this one ended: {how}",
                over_at(SystemClock.now(), wait)
            ));
        }
        tokio::select! {
            () = stop.asked() => return Ok(Exit::Done),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Reads the policy's file; without one, the default holds.
pub(crate) fn policies(file: Option<&Path>) -> Result<SyncPolicies> {
    let Some(file) = file else {
        return Ok(SyncPolicies::default());
    };
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| {
        Usage::new(format!("could not read the policy {shown}"))
            .hint("name the file with --policy or CLEVER_POLICY; without one, the default holds")
    })?;
    SyncPolicies::read(&text).map_err(|error| match error {
        PolicyError::Read(error) => toml_file::unreadable(&shown.to_string(), &text, &error).into(),
        error => anyhow::Error::from(error).context(format!("the policy {shown} can't be used")),
    })
}

/// When `wait` is over: the time of day, and the date if it is not today's.
fn over_at(now: Timestamp, wait: Duration) -> String {
    let then = clever_sync::fleet::later(now, wait);
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let form = if day(then) == day(now) {
        "%H:%M:%S UTC"
    } else {
        "%Y-%m-%d %H:%M UTC"
    };
    then.strftime(form).to_string()
}

async fn once(args: &SyncArgs, policies: &SyncPolicies, ui: &Ui) -> Result<Exit> {
    let watch = Arc::new(Watch::new(ui));
    // The token first: a run that can't start makes no store.
    let way = access::way(
        &args.app,
        args.token_file.as_deref(),
        args.district.as_ref(),
        &args.service,
    )
    .await?;
    let options = ClientOptions {
        page_limit: args.page_size,
        watch: Arc::clone(&watch) as _,
        ..args.service.options()
    };
    let meant = args.district.as_ref().or_else(|| way.district()).cloned();
    let by_token = matches!(way, access::Way::Token(_));
    let district = way.open(options).await?;
    if let (true, Some(wanted)) = (by_token, &args.district) {
        // Before there is a store: a token that was mixed up leaves nothing behind.
        let page = district.district().await?;
        let opened: Option<DistrictId> = page.records().next().and_then(|one| one.id.parse().ok());
        if let Some(opened) = opened {
            let admitted = Admit::Only(wanted.clone()).check(&opened);
            admitted.map_err(|error| {
                Usage::new(error.to_string())
                    .hint("leave --district out, or use that district's token")
            })?;
        }
    }
    let mut store = open(args).await?;
    let known: BTreeSet<String> = store.districts().await?.into_iter().collect();
    let admit = admit(args, meant, &known)?;
    let report = reconcile(args, policies, admit, &district, &mut store, &watch).await?;
    watch.end();
    if !known.is_empty() && !known.contains(&report.district_id) {
        ui.note(format!(
            "{} ({}) is new to the store, which has {}",
            report.district_name,
            report.district_id,
            counted(known.len() as u64, "other district", "other districts")
        ));
    }
    // A night on which nothing happened is no mail from cron.
    let uneventful = report.is_unchanged() && report.whole && report.holds.is_empty();
    if ui.json {
        ui.document(&report)?;
    } else if !(ui.quiet && uneventful && args.plan.is_none()) {
        let names = report::schools(&report);
        let schools = Schools::read(&mut store, &report.district_id, names).await?;
        report::print(ui, &report, &schools)?;
        let url = args.store.url()?.to_string();
        report::next_step(ui, &report, &schools, &url)?;
        if let Some(plan) = &args.plan {
            let file = plan.display().to_string();
            ui.line(format!(
                "The plan is in {file}: `cleverctl plan show {}`",
                word(&file)
            ))?;
        }
    }
    Ok(if report.outcome == Outcome::Held {
        Exit::Held
    } else {
        Exit::Done
    })
}

/// Which district may be brought into a store that has these. One that nobody named must not be new beside others: a token
/// that was mixed up would double everything, and no run would say a word.
fn admit(
    args: &SyncArgs,
    meant: Option<DistrictId>,
    known: &BTreeSet<String>,
) -> Result<Admit, SyncError> {
    // A look writes nothing, and says what is new.
    let named = args.district.is_some() || args.new_district || args.dry_run;
    let guarded = !named && !known.is_empty();
    let only_known = Admit::Known(known.clone());
    match meant {
        Some(meant) => {
            if guarded {
                only_known.check(&meant)?;
            }
            Ok(Admit::Only(meant))
        }
        None if guarded => Ok(only_known),
        None => Ok(Admit::Any),
    }
}

/// Opens the store; a look makes none.
pub(crate) async fn open(args: &SyncArgs) -> Result<AnyStore> {
    if !args.dry_run {
        return Ok(args.store.url()?.open().await?);
    }
    match args.store.url()?.open_existing().await {
        Err(StoreError::Database(DatabaseError::Missing { .. })) => Ok(AnyStore::nowhere()?),
        found => Ok(found?),
    }
}

/// Brings the store in step with one district, as the arguments say.
pub(crate) async fn reconcile(
    args: &SyncArgs,
    policies: &SyncPolicies,
    admit: Admit,
    district: &District,
    store: &mut AnyStore,
    watch: &Watch,
) -> Result<SyncReport> {
    let options = SyncOptions {
        admit,
        dry_run: args.dry_run,
        approve: args.approve.clone(),
        way: match (args.full || args.verify, args.events) {
            (true, _) => Way::Snapshot,
            (_, true) => Way::Events,
            _ => Way::Auto,
        },
        plan: args.plan.clone(),
    };
    let mut policy = SyncPolicy::default();
    if args.policy.is_some() || args.verify {
        let page = district.district().await?;
        let id = page.records().next().map_or("", |record| record.id);
        policy = policies.of(id).clone();
        if args.verify {
            let id: DistrictId = id.parse()?;
            options.admit.check(&id)?;
            let edited = mark_edited(store, &id, &policy).await?;
            watch.ui().note(format!(
                "{} by hand",
                counted(edited, "row was edited", "rows were edited")
            ));
        }
    }
    clever_sync::sync(district, store, &policy, &options, &SystemClock, watch)
        .await
        .context("sync failed")
}
