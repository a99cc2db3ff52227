//! `cleverctl explain`: why a record is as it is.

use anyhow::Result;
use clap::Args;
use clever_sync::explain;

use crate::cmd::changes::district;
use crate::diagnostics::{Exit, NotThere};
use crate::settings::StoreArgs;
use crate::ui::{self, Ui};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The record's Clever id.
    #[arg(value_name = "ID")]
    id: String,
    /// Only this district; needed when the store holds several.
    #[arg(long, value_name = "ID")]
    district: Option<String>,
}

/// Prints where each field of a record comes from; no values, which may be personal data.
pub(crate) async fn run(args: &ExplainArgs, ui: &Ui) -> Result<Exit> {
    let mut store = args.store.url()?.look().await?;
    let district = district(&mut store, args.district.as_deref()).await?;
    let all = explain(&mut store, &district, &args.id).await?;
    if all.is_empty() {
        return Err(NotThere::new(
            format!(
                "the store has never seen a record {} of district {district}",
                args.id
            ),
            "`cleverctl changes` lists the ids of the records that changed",
        )
        .into());
    }
    if ui.json {
        ui.document(&all)?;
        return Ok(Exit::Done);
    }
    for record in all {
        let state = record
            .archived_at
            .as_ref()
            .map_or_else(|| "active".to_owned(), |at| format!("archived since {at}"));
        ui.line(format!(
            "{} {}: {state}, first seen {}",
            record.kind, record.id, record.first_seen_at
        ))?;
        let told = |origin: &clever_sync::details::FieldOrigin| {
            origin
                .event
                .as_ref()
                .map(|event| format!("event {event}"))
                .or_else(|| origin.path.map(|path| path.to_string()))
                .unwrap_or_default()
        };
        let mut table = ui::table(&["Field", "Since", "Run", "Told by"], 4);
        for (field, origin) in &record.fields {
            table.add_row([
                field.clone(),
                origin.at.to_string(),
                origin.run.to_string(),
                told(origin),
            ]);
        }
        ui.rows(&table)?;
        for (op, origin) in &record.history {
            ui.line(format!(
                "{}: {op} by run {} ({}), change {}",
                origin.at,
                origin.run,
                told(origin),
                origin.seq
            ))?;
        }
    }
    Ok(Exit::Done)
}
