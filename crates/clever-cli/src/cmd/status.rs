//! `cleverctl status`: how each district of the store stands.

use anyhow::{Context, Result};
use clever_model::{Clock, SystemClock};

use crate::args::StoreArgs;
use crate::diagnostics::Exit;
use crate::output::{self, count, grouped};

/// Prints a table a district.
pub(crate) async fn run(args: &StoreArgs, as_json: bool) -> Result<Exit> {
    let mut store = args.store.open_existing().await?;
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
            "last run: {} at {} by {}, {}; {} changes in the feed",
            district.last_run,
            district.last_run_at,
            district.path,
            district.outcome,
            grouped(district.changes)
        ))?;
        output::line(format!(
            "last wholly applied: {}; last snapshot: {}; {}",
            district
                .last_done_at
                .as_deref()
                .map_or_else(|| "never".to_owned(), ago),
            district
                .snapshot_at
                .as_deref()
                .map_or_else(|| "none".to_owned(), ago),
            district.event_cursor.as_deref().map_or_else(
                || "no events followed".to_owned(),
                |cursor| format!("events followed to {cursor}")
            )
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

/// An instant and how long ago it was.
fn ago(at: &str) -> String {
    let Ok(then) = at.parse::<clever_model::Timestamp>() else {
        return at.to_owned();
    };
    let seconds = SystemClock
        .now()
        .as_second()
        .saturating_sub(then.as_second());
    let past = match seconds {
        ..60 => "just now".to_owned(),
        60..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    };
    format!("{at} ({past})")
}
