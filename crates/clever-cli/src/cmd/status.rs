//! `cleverctl status`: how each district of the store stands.

use anyhow::{Context, Result};
use clever_sync::SqliteStore;

use crate::args::StoreArgs;
use crate::diagnostics::Exit;
use crate::output::{self, count, grouped};

/// Prints a table a district.
pub(crate) async fn run(args: &StoreArgs, as_json: bool) -> Result<Exit> {
    let mut store = SqliteStore::open_existing(args.store.path())?;
    let all = store.status().await.context("could not read the status")?;
    if as_json {
        output::json(&all)?;
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        output::line("The store holds no district yet.")?;
    }
    for district in all {
        output::line(format!(
            "{} ({}), {} at Clever",
            district.name.as_deref().unwrap_or("unnamed"),
            district.district_id,
            district.state.as_deref().unwrap_or("of unknown state")
        ))?;
        output::line(format!(
            "last run: {} at {}, {}; {} changes in the feed",
            district.last_run,
            district.last_run_at,
            district.outcome,
            grouped(district.changes)
        ))?;
        let mut table = output::table(&["", "Active", "Archived"], 1);
        for (kind, active, archived) in &district.records {
            table.add_row([kind.to_string(), count(*active), count(*archived)]);
        }
        output::line(table.to_string())?;
        for finding in &district.findings {
            output::line(format!(
                "finding: {}.{} names {} that the roster lacks, {} times",
                finding.kind,
                finding.field,
                finding.target,
                grouped(finding.count)
            ))?;
        }
        if district.outcome == "held" {
            output::line("held: run `cleverctl sync` to see what, and how to approve it")?;
        }
    }
    Ok(Exit::Done)
}
