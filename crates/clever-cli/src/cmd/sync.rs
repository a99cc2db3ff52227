//! `cleverctl sync`: brings the store in step with a district, and says what changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use clever_client::{ClientOptions, District};
use clever_model::{DistrictId, RecordKind, SystemClock, span};
use clever_sync::report::Why;
use clever_sync::{
    Admit, AnyStore, DatabaseError, Outcome, StoreError, SyncError, SyncOptions, SyncPolicies,
    SyncPolicy, SyncReport, Way, mark_edited,
};

use crate::access::{self, AppArgs, ServiceArgs};
use crate::diagnostics::{self, Exit, Usage};
use crate::progress::Watch;
use crate::settings::StoreArgs;
use crate::signals::{Stop, leave_nothing_half_written};
use crate::ui::{self, Ui, count, counted, grouped, word};

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

/// Reads how many at once.
fn slots(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|slots| (1..=256).contains(slots))
        .ok_or_else(|| "so many at once are 1 to 256".to_owned())
}

/// Runs one sync, or one after another.
pub(crate) async fn run(args: SyncArgs, ui: &Ui) -> Result<Exit> {
    if args.all {
        return crate::cmd::fleet::run(args, ui).await;
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
        // The next one may do better: what failed is told, and the schedule goes on. What was given and never
        // worked is told to whoever has just started it.
        match ended {
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
            }
            Ok(_) => (refused, ran) = (0, true),
        }
        let jitter = args
            .jitter
            .map_or(0, |jitter| random.u64(0..=jitter.as_secs()));
        tokio::select! {
            () = stop.asked() => return Ok(Exit::Done),
            () = tokio::time::sleep(every + Duration::from_secs(jitter)) => {}
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
    SyncPolicies::read(&text).with_context(|| format!("the policy {shown} can't be used"))
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
    if ui.json {
        ui.document(&report)?;
    } else {
        print(ui, &report)?;
        next_step(ui, &report, &args.store.url()?.to_string())?;
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

/// Prints a report as people read it.
pub(crate) fn print(ui: &Ui, report: &SyncReport) -> Result<()> {
    let name = if report.district_name.is_empty() {
        &report.district_id
    } else {
        &report.district_name
    };
    let run = report.run.map_or_else(
        || "plan, nothing written".to_owned(),
        |run| format!("run {run}"),
    );
    ui.line(format!("{name} ({}), {run}", report.district_id))?;
    way(ui, report)?;
    if report.is_unchanged() {
        let records: u64 = report.kinds.values().map(|kind| kind.seen).sum();
        ui.line(format!(
            "Nothing changed: {}.",
            counted(records, "record is as it was", "records are as they were")
        ))?;
    }
    let held = report.kinds.values().any(|kind| kind.held > 0);
    let mut headers = vec![
        "",
        "In roster",
        "Created",
        "Updated",
        "Archived",
        "Restored",
    ];
    if held {
        headers.push("Held");
    }
    let mut table = ui::table(&headers, 1);
    for (kind, of_kind) in &report.kinds {
        let mut row = vec![
            kind.to_string(),
            grouped(of_kind.total),
            count(of_kind.created),
            count(of_kind.updated),
            count(of_kind.archived),
            count(of_kind.restored),
        ];
        if held {
            row.push(count(of_kind.held));
        }
        table.add_row(row);
    }
    ui.rows(&table)?;
    if !report.roles.is_empty() {
        let mut roles: Vec<_> = report.roles.iter().collect();
        roles.sort_by(|a, b| b.1.cmp(a.1));
        let roles: Vec<String> = roles
            .into_iter()
            .map(|(role, people)| format!("{} {}", grouped(*people), plural(role, *people)))
            .collect();
        ui.line(format!("Users: {}.", roles.join(", ")))?;
        ui.line(format!(
            "Places in sections: {} of students, {} of teachers.",
            grouped(report.enrollments.students),
            grouped(report.enrollments.teachers)
        ))?;
    }
    fields(ui, report)?;
    findings(ui, report)?;
    drift(ui, report)?;
    for (kind, of_kind) in report.kinds.iter().filter(|(_, of)| of.unreadable > 0) {
        ui.line(format!(
            "{kind}: {} can't be read: what the store has of that stays.",
            counted(of_kind.unreadable, "record", "records")
        ))?;
        for refused in &of_kind.refused {
            ui.line(format!("  {refused}"))?;
        }
    }
    for (kind, of_kind) in report
        .kinds
        .iter()
        .filter(|(_, of_kind)| !of_kind.certificate.proves_absence())
    {
        if of_kind.certificate.is_closed() {
            ui.line(format!(
                "{kind}: the app may not read them, so what the store has of them stays."
            ))?;
            continue;
        }
        let doubts: Vec<String> = of_kind
            .certificate
            .doubts
            .iter()
            .map(ToString::to_string)
            .collect();
        ui.line(format!(
            "{kind}: the list is not provably complete ({}); {} kept.",
            doubts.join("; "),
            counted(of_kind.kept, "missing record was", "missing records were")
        ))?;
    }
    Ok(())
}

/// How the roster was learnt.
fn way(ui: &Ui, report: &SyncReport) -> Result<()> {
    if let Some(events) = &report.events {
        ui.line(format!(
            "By events: {} read, {} of the roster.",
            grouped(events.read),
            grouped(events.used)
        ))?;
        for (name, count) in &events.skipped {
            ui.line(format!("  skipped: {} of type {name}", grouped(*count)))?;
        }
    }
    if report.discarded {
        ui.line(
            "What an earlier run had staged could not be read: it was thrown away, and all is read anew.",
        )?;
    }
    if let Some(resumed) = &report.resumed {
        ui.line(format!(
            "Went on with a run of {} that had stopped: {} records were read already.",
            resumed.began_at,
            grouped(resumed.records)
        ))?;
    }
    match &report.why {
        // Nothing is odd about a first snapshot, or one that was asked for.
        None | Some(Why::Asked | Why::NoStart) => Ok(()),
        Some(why) => ui.line(format!("By a snapshot: {why}.")),
    }
}

fn plural(role: &str, people: u64) -> String {
    let role = role.replace('_', " ");
    match (people, role.as_str()) {
        (1, _) | (_, "staff") => role,
        _ => role + "s",
    }
}

/// Which fields of updated records changed, most often changed first.
fn fields(ui: &Ui, report: &SyncReport) -> Result<()> {
    let mut changed: Vec<(RecordKind, &String, u64)> = report
        .kinds
        .iter()
        .flat_map(|(kind, of_kind)| {
            of_kind
                .fields
                .iter()
                .map(|(field, count)| (*kind, field, *count))
        })
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    changed
        .sort_by_key(|(kind, field, count)| (std::cmp::Reverse(*count), *kind, (*field).clone()));
    let mut table = ui::table(&["Updated field", "Of", "Records"], 2);
    for (kind, field, count) in changed.iter().take(MAX_FIELDS) {
        table.add_row([(*field).clone(), kind.to_string(), grouped(*count)]);
    }
    ui.rows(&table)?;
    if changed.len() > MAX_FIELDS {
        ui.line(format!(
            "… and {} more",
            counted((changed.len() - MAX_FIELDS) as u64, "field", "fields")
        ))?;
    }
    Ok(())
}

/// Most changed fields shown.
const MAX_FIELDS: usize = 15;

fn findings(ui: &Ui, report: &SyncReport) -> Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    ui.line("Findings: odd, and kept as it is.")?;
    for finding in &report.findings {
        ui.line(format!("  {finding}"))?;
    }
    Ok(())
}

fn drift(ui: &Ui, report: &SyncReport) -> Result<()> {
    if report.drift.is_empty() {
        return Ok(());
    }
    ui.line("Drift: what Clever sent and the models do not know; kept in the records.")?;
    super::drift::print(ui, &report.drift)
}

/// Says what to do about what is held.
fn next_step(ui: &Ui, report: &SyncReport, store: &str) -> Result<()> {
    if report.holds.is_empty() {
        return Ok(());
    }
    ui.line("")?;
    for hold in &report.holds {
        ui.line(format!("held: {hold}"))?;
    }
    ui.line(match report.outcome {
        Outcome::Planned => "The rest would be applied.",
        _ => "The rest was applied; nothing of this was written.",
    })?;
    ui.line(format!(
        "hint: ask the district; if this is right, run `cleverctl sync --store {} --approve {}`",
        word(store),
        report.plan_hash
    ))?;
    Ok(())
}
