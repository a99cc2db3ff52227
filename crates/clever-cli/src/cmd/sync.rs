//! `cleverctl sync`: brings the store in step with a district, and says what changed.

use anyhow::{Context, Result};
use clever_client::ClientOptions;
use clever_model::{RecordKind, SystemClock};
use clever_sync::{Outcome, SqliteStore, SyncOptions, SyncPolicy, SyncReport};

use crate::access;
use crate::args::SyncArgs;
use crate::diagnostics::Exit;
use crate::output::{self, count, counted, grouped};
use crate::progress::Watch;

/// Runs one sync.
pub(crate) async fn run(args: SyncArgs, as_json: bool, quiet: bool) -> Result<Exit> {
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
        ..args.service.options()
    };
    let district = way.open(options).await?;
    let mut store = SqliteStore::open(args.store.store.path())?;
    let options = SyncOptions {
        dry_run: args.dry_run,
        approve: args.approve,
        ..SyncOptions::default()
    };
    let watch = Watch::new(as_json || quiet);
    let policy = SyncPolicy::default();
    let report = clever_sync::sync(
        &district,
        &mut store,
        &policy,
        &options,
        &SystemClock,
        &watch,
    )
    .await
    .context("sync failed")?;
    drop(watch);
    if as_json {
        output::json(&report)?;
    } else {
        print(&report)?;
        next_step(&report, &args.store.store.to_string())?;
    }
    Ok(if report.outcome == Outcome::Held {
        Exit::Held
    } else {
        Exit::Done
    })
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
    if report.is_unchanged() {
        let records: u64 = report.kinds.values().map(|kind| kind.seen).sum();
        output::line(format!(
            "Nothing changed: {} are as they were.",
            counted(records, "record", "records")
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
    output::line(table.to_string())?;
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
    for (kind, of_kind) in report
        .kinds
        .iter()
        .filter(|(_, of_kind)| !of_kind.certificate.proves_absence())
    {
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
    output::line(table.to_string())?;
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
    output::line("Findings: references that lead nowhere; kept as they are.")?;
    for finding in &report.findings {
        output::line(format!(
            "  {}.{}: {} to {} that the roster lacks, as {}",
            finding.kind,
            finding.field,
            counted(finding.count, "reference", "references"),
            finding.target,
            finding.samples.first().map_or("?", String::as_str)
        ))?;
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
        output::line(format!(
            "held: {} {} of {} {} (limit {} %); {}",
            hold.part,
            grouped(hold.count),
            grouped(hold.of),
            hold.kind,
            hold.limit_percent,
            hold.cause
        ))?;
    }
    output::line(match report.outcome {
        Outcome::Planned => "The rest would be applied.",
        _ => "The rest was applied; nothing of this was written.",
    })?;
    output::line(format!(
        "hint: ask the district; if this is right, run `cleverctl sync --store {store} --approve {}`",
        report.plan_hash
    ))?;
    Ok(())
}
