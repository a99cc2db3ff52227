//! `cleverctl sync`: brings the store in step with a district, and says what changed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clever_client::{ClientOptions, District};
use clever_model::{DistrictId, RecordKind, SystemClock};
use clever_sync::report::Why;
use clever_sync::{
    Admit, AnyStore, DatabaseError, Outcome, StoreError, SyncError, SyncOptions, SyncPolicies,
    SyncPolicy, SyncReport, Way, mark_edited,
};

use crate::access;
use crate::args::SyncArgs;
use crate::diagnostics::{self, Exit, Usage};
use crate::output::{self, count, counted, grouped, word};
use crate::progress::Watch;
use crate::signals::{Stop, leave_nothing_half_written};

/// Runs one sync, or one after another.
pub(crate) async fn run(args: SyncArgs, as_json: bool, quiet: bool) -> Result<Exit> {
    if args.all {
        return crate::cmd::fleet::run(args, as_json, quiet).await;
    }
    let policies = policies(args.policy.as_deref())?;
    let Some(every) = args.every else {
        if args.plan.is_some() {
            leave_nothing_half_written();
        }
        return once(&args, &policies, as_json, quiet).await;
    };
    let mut random = fastrand::Rng::new();
    let mut stop = Stop::listen();
    let (mut refused, mut ran) = (0, false);
    loop {
        let ended = tokio::select! {
            // Nothing is written before the last moment, so a stopped sync is one that never was.
            () = stop.asked() => return Ok(Exit::Done),
            ended = once(&args, &policies, as_json, quiet) => ended,
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
                diagnostics::tell(&error);
                if as_json {
                    output::json(&diagnostics::failure(&error))?;
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

async fn once(
    args: &SyncArgs,
    policies: &SyncPolicies,
    as_json: bool,
    quiet: bool,
) -> Result<Exit> {
    let watch = Arc::new(Watch::new(as_json || quiet));
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
        output::note(format!(
            "{} ({}) is new to the store, which has {}",
            report.district_name,
            report.district_id,
            counted(known.len() as u64, "other district", "other districts")
        ));
    }
    if as_json {
        output::json(&report)?;
    } else {
        print(&report)?;
        next_step(&report, &args.store.url()?.to_string())?;
        if let Some(plan) = &args.plan {
            let file = plan.display().to_string();
            output::line(format!(
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
            output::note(format!(
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
pub(crate) fn print(report: &SyncReport) -> Result<()> {
    let name = if report.district_name.is_empty() {
        &report.district_id
    } else {
        &report.district_name
    };
    let run = report.run.map_or_else(
        || "plan, nothing written".to_owned(),
        |run| format!("run {run}"),
    );
    output::line(format!("{name} ({}), {run}", report.district_id))?;
    way(report)?;
    if report.is_unchanged() {
        let records: u64 = report.kinds.values().map(|kind| kind.seen).sum();
        output::line(format!(
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
    let mut table = output::table(&headers, 1);
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
    output::rows(&table)?;
    if !report.roles.is_empty() {
        let mut roles: Vec<_> = report.roles.iter().collect();
        roles.sort_by(|a, b| b.1.cmp(a.1));
        let roles: Vec<String> = roles
            .into_iter()
            .map(|(role, people)| format!("{} {}", grouped(*people), plural(role, *people)))
            .collect();
        output::line(format!("Users: {}.", roles.join(", ")))?;
        output::line(format!(
            "Places in sections: {} of students, {} of teachers.",
            grouped(report.enrollments.students),
            grouped(report.enrollments.teachers)
        ))?;
    }
    fields(report)?;
    findings(report)?;
    drift(report)?;
    for (kind, of_kind) in report.kinds.iter().filter(|(_, of)| of.unreadable > 0) {
        output::line(format!(
            "{kind}: {} can't be read: what the store has of that stays.",
            counted(of_kind.unreadable, "record", "records")
        ))?;
        for refused in &of_kind.refused {
            output::line(format!("  {refused}"))?;
        }
    }
    for (kind, of_kind) in report
        .kinds
        .iter()
        .filter(|(_, of_kind)| !of_kind.certificate.proves_absence())
    {
        if of_kind.certificate.is_closed() {
            output::line(format!(
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
        output::line(format!(
            "{kind}: the list is not provably complete ({}); {} kept.",
            doubts.join("; "),
            counted(of_kind.kept, "missing record was", "missing records were")
        ))?;
    }
    Ok(())
}

/// How the roster was learnt.
fn way(report: &SyncReport) -> Result<()> {
    if let Some(events) = &report.events {
        output::line(format!(
            "By events: {} read, {} of the roster.",
            grouped(events.read),
            grouped(events.used)
        ))?;
        for (name, count) in &events.skipped {
            output::line(format!("  skipped: {} of type {name}", grouped(*count)))?;
        }
    }
    if report.discarded {
        output::line(
            "What an earlier run had staged could not be read: it was thrown away, and all is read anew.",
        )?;
    }
    if let Some(resumed) = &report.resumed {
        output::line(format!(
            "Went on with a run of {} that had stopped: {} records were read already.",
            resumed.began_at,
            grouped(resumed.records)
        ))?;
    }
    match &report.why {
        // Nothing is odd about a first snapshot, or one that was asked for.
        None | Some(Why::Asked | Why::NoStart) => Ok(()),
        Some(why) => output::line(format!("By a snapshot: {why}.")),
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
fn fields(report: &SyncReport) -> Result<()> {
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
    let mut table = output::table(&["Updated field", "Of", "Records"], 2);
    for (kind, field, count) in changed.iter().take(MAX_FIELDS) {
        table.add_row([(*field).clone(), kind.to_string(), grouped(*count)]);
    }
    output::rows(&table)?;
    if changed.len() > MAX_FIELDS {
        output::line(format!(
            "… and {} more",
            counted((changed.len() - MAX_FIELDS) as u64, "field", "fields")
        ))?;
    }
    Ok(())
}

/// Most changed fields shown.
const MAX_FIELDS: usize = 15;

fn findings(report: &SyncReport) -> Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    output::line("Findings: odd, and kept as it is.")?;
    for finding in &report.findings {
        output::line(format!("  {finding}"))?;
    }
    Ok(())
}

fn drift(report: &SyncReport) -> Result<()> {
    if report.drift.is_empty() {
        return Ok(());
    }
    output::line("Drift: what Clever sent and the models do not know; kept in the records.")?;
    super::drift::print(&report.drift)
}

/// Says what to do about what is held.
fn next_step(report: &SyncReport, store: &str) -> Result<()> {
    if report.holds.is_empty() {
        return Ok(());
    }
    output::line("")?;
    for hold in &report.holds {
        output::line(format!("held: {hold}"))?;
    }
    output::line(match report.outcome {
        Outcome::Planned => "The rest would be applied.",
        _ => "The rest was applied; nothing of this was written.",
    })?;
    output::line(format!(
        "hint: ask the district; if this is right, run `cleverctl sync --store {} --approve {}`",
        word(store),
        report.plan_hash
    ))?;
    Ok(())
}
