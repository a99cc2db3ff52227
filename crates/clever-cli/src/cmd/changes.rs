//! `cleverctl changes`: the feed of what changed, oldest first.

use anyhow::{Result, bail};
use clever_sync::{Change, ChangeFilter, SqliteStore};

use crate::args::ChangesArgs;
use crate::diagnostics::Exit;
use crate::output;

/// Prints changes as lines, or as one JSON list.
pub(crate) async fn run(args: &ChangesArgs, as_json: bool) -> Result<Exit> {
    let mut store = SqliteStore::open_existing(args.store.store.path())?;
    let district = match &args.district {
        Some(district) => district.clone(),
        None => match store.districts().await?.as_slice() {
            [] => bail!("the store holds no district yet"),
            [only] => only.clone(),
            several => bail!(
                "the store holds {} districts; name one with --district: {}",
                several.len(),
                several.join(", ")
            ),
        },
    };
    let filter = ChangeFilter {
        kind: args.kind,
        after: args.after,
        limit: args.limit,
        ..ChangeFilter::default()
    };
    let mut changes = store.changes(&district, &filter).await?;
    if !args.values {
        for change in &mut changes {
            (change.before, change.after) = (None, None);
        }
    }
    if as_json {
        output::json(&changes)?;
        return Ok(Exit::Done);
    }
    if changes.is_empty() {
        output::line("No changes.")?;
        return Ok(Exit::Done);
    }
    let mut table = output::table(&["Seq", "Run", "When", "What", "Record", "Fields"], 6);
    for change in &changes {
        table.add_row([
            change.seq.to_string(),
            change.run.to_string(),
            change.at.clone(),
            change.op.clone(),
            format!("{} {}", change.kind, change.id),
            change.fields.join(", "),
        ]);
    }
    output::line(table.to_string())?;
    if args.values {
        for Change {
            seq, before, after, ..
        } in &changes
        {
            output::line(format!(
                "{seq} before: {}",
                before.as_ref().map_or("-", |raw| raw.get())
            ))?;
            output::line(format!(
                "{seq} after:  {}",
                after.as_ref().map_or("-", |raw| raw.get())
            ))?;
        }
    }
    if let Some(last) = changes
        .last()
        .filter(|_| changes.len() == args.limit as usize)
    {
        output::line(format!("There may be more: --after {}", last.seq))?;
    }
    Ok(Exit::Done)
}
