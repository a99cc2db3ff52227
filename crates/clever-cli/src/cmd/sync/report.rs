//! A report of a run as people read it.

use anyhow::Result;
use clever_model::RecordKind;
use clever_sync::report::Why;
use clever_sync::words::{Holds, Schools};
use clever_sync::{Outcome, RunPath, SyncReport};

use crate::cmd::drift;
use crate::cmd::holds;
use crate::ui::{self, Document, Tone, Ui, count, counted, grouped, word};

// What `sync`, `plan apply` and `undo` print.
impl Document for SyncReport {
    const NAME: &'static str = "sync";
}

/// Prints a report as people read it, with the names of schools that are known.
pub(crate) fn print(ui: &Ui, report: &SyncReport, schools: &Schools) -> Result<()> {
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
    // An undo that is only looked at counts what it would change, and not the roster.
    let sized = report.path != RunPath::Undo || report.run.is_some();
    let mut headers = vec![""];
    if sized {
        headers.push("In roster");
    }
    headers.extend(["Created", "Updated", "Archived", "Restored"]);
    if held {
        headers.push("Held");
    }
    let mut table = ui::table(&headers, 1);
    for (kind, of_kind) in &report.kinds {
        let mut row = vec![kind.to_string()];
        if sized {
            row.push(grouped(of_kind.total));
        }
        row.extend([
            count(of_kind.created),
            count(of_kind.updated),
            count(of_kind.archived),
            count(of_kind.restored),
        ]);
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
    findings(ui, report, schools)?;
    unknown(ui, report)?;
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
            "What an earlier run had staged could not be read: it was thrown away, and everything is read again.",
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

fn findings(ui: &Ui, report: &SyncReport, schools: &Schools) -> Result<()> {
    if report.findings.is_empty() {
        return Ok(());
    }
    ui.line("Findings: odd, and kept as it is.")?;
    for finding in &report.findings {
        ui.line(format!("  {}", schools.named(&finding.to_string())))?;
    }
    Ok(())
}

fn unknown(ui: &Ui, report: &SyncReport) -> Result<()> {
    if report.drift.is_empty() {
        return Ok(());
    }
    ui.line("Drift: what Clever sent and the models do not know; kept in the records.")?;
    drift::print(ui, &report.drift)
}

/// Says what is held, and what to do about it.
pub(crate) fn next_step(
    ui: &Ui,
    report: &SyncReport,
    schools: &Schools,
    store: &str,
) -> Result<()> {
    if report.holds.is_empty() {
        return Ok(());
    }
    ui.line("")?;
    holds::print(ui, &Holds::new(&report.holds, schools), |_| None)?;
    ui.line(match report.outcome {
        Outcome::Planned => "The rest would be applied.",
        _ => "The rest was applied. Nothing that is held was written.",
    })?;
    let store = word(store);
    if report.run.is_some() {
        let letter = format!("cleverctl status --store {store} --letter");
        ui.toned(
            Tone::Hint,
            "hint:",
            &format!(" ask the district; `{letter}` writes the text to send"),
        )?;
    }
    ui.toned(
        Tone::Hint,
        "hint:",
        &format!(
            " if the district says that this is right, run `cleverctl sync --store {store} --approve {}`",
            report.plan_hash
        ),
    )
}
