//! `cleverctl explain`: why a record is as it is.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use clever_sync::details::{Explanation, FieldOrigin};
use clever_sync::{AnyStore, explain};
use serde::Serialize;
use serde_json::Value;

use crate::cmd::changes::district;
use crate::diagnostics::{Exit, NotThere};
use crate::settings::StoreArgs;
use crate::ui::{self, Document, Ui};

/// Arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl explain 5a25ffb0c1bc2a0036000001
  cleverctl explain 5a25ffb0c1bc2a0036000001 --field name --values")]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The record's Clever id.
    #[arg(value_name = "ID")]
    id: String,
    /// The district; needed if the store holds several.
    #[arg(long, value_name = "ID")]
    district: Option<String>,
    /// Only this field and what is in it, as in `name` or `roles.student.grade`.
    #[arg(long, value_name = "FIELD")]
    field: Option<String>,
    /// Show each field's value, which may be personal data.
    #[arg(long)]
    values: bool,
}

/// A record's explanation, with its values if they are asked for.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    #[serde(flatten)]
    explanation: Explanation,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeMap<String, Value>>,
}

/// The records of an id.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Explained {
    records: Vec<Told>,
}

impl Document for Explained {
    const NAME: &'static str = "explain";
}

/// Prints where each field of a record comes from.
pub(crate) async fn run(args: &ExplainArgs, ui: &Ui) -> Result<Exit> {
    let mut store = args
        .store
        .of(args.district.as_deref())
        .await?
        .look()
        .await?;
    let district = district(&mut store, args.district.as_deref()).await?;
    let mut all = explain(&mut store, &district, &args.id).await?;
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
    if let Some(field) = &args.field {
        let within = format!("{field}.");
        for record in &mut all {
            record
                .fields
                .retain(|name, _| name == field || name.starts_with(&within));
        }
        all.retain(|record| !record.fields.is_empty());
        if all.is_empty() {
            return Err(NotThere::new(
                format!("the record {} never had a field {field}", args.id),
                "`cleverctl explain ID` without --field lists its fields",
            )
            .into());
        }
    }
    let mut told = Vec::new();
    for explanation in all {
        let values = if args.values {
            Some(values(&mut store, &district, &explanation).await?)
        } else {
            None
        };
        told.push(Told {
            explanation,
            values,
        });
    }
    if ui.json {
        ui.document(&Explained { records: told })?;
        return Ok(Exit::Done);
    }
    for record in &told {
        print(record, args.field.is_none(), ui)?;
    }
    Ok(Exit::Done)
}

/// The values that the record has now, by the names of its explained fields; one that went has none.
async fn values(
    store: &mut AnyStore,
    district: &str,
    of: &Explanation,
) -> Result<BTreeMap<String, Value>> {
    let row = store.record(district, of.kind, &of.id).await?;
    let record: Value = row
        .and_then(|record| serde_json::from_str(&record).ok())
        .unwrap_or_default();
    let fields = of.fields.keys();
    Ok(fields
        .filter_map(|field| Some((field.clone(), value(&record, field)?.clone())))
        .collect())
}

/// The value at a path as `name.first`.
fn value<'a>(record: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(record, |value, part| value.get(part))
}

fn print(told: &Told, whole: bool, ui: &Ui) -> Result<()> {
    let record = &told.explanation;
    let state = record
        .archived_at
        .as_ref()
        .map_or_else(|| "active".to_owned(), |at| format!("archived since {at}"));
    ui.line(format!(
        "{} {}: {state}, first seen {}",
        record.kind, record.id, record.first_seen_at
    ))?;
    let by = |origin: &FieldOrigin| match &origin.event {
        Some(event) => format!("event {event}"),
        None => origin
            .path
            .map_or_else(String::new, |path| path.to_string()),
    };
    let mut headers = vec!["Field", "Since", "Run", "Set by"];
    if told.values.is_some() {
        headers.push("Value");
    }
    let mut table = ui::table(&headers, headers.len());
    for (field, origin) in &record.fields {
        let mut row = vec![
            field.clone(),
            origin.at.to_string(),
            origin.run.to_string(),
            by(origin),
        ];
        if let Some(values) = &told.values {
            row.push(match values.get(field) {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => "-".to_owned(),
            });
        }
        table.add_row(row);
    }
    ui.rows(&table)?;
    // What happened to the whole record says nothing of one field.
    for (op, origin) in record.history.iter().filter(|_| whole) {
        ui.line(format!(
            "{}: {op} by run {} ({}), change {}",
            origin.at,
            origin.run,
            by(origin),
            origin.seq
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_the_value_of_its_field() {
        let record = serde_json::json!({ "name": { "first": "A" }, "email": "e" });
        assert_eq!(value(&record, "name.first"), Some(&Value::from("A")));
        assert_eq!(value(&record, "email"), Some(&Value::from("e")));
        assert_eq!(value(&record, "name.last"), None);
        assert_eq!(value(&record, "email.x"), None);
    }
}
