//! `cleverctl schema`: the tables of the store, for people who query them; and the shapes of what `--json` prints.

#[cfg(feature = "schema")]
mod documents;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use clever_sync::tables::{Described, SchemaForm, described, schema};
use serde::Serialize;

use crate::diagnostics::Exit;
use crate::ui::{Document, Ui};

/// Arguments of `schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl schema --dialect postgres | less
  cleverctl schema --dialect erd > roster.mmd    A diagram for Mermaid
  cleverctl schema --json                        Tables and columns with what they hold
  cleverctl schema --documents schemas           The shapes of what --json prints

No store is asked: this is what `cleverctl sync` makes.")]
pub(crate) struct SchemaArgs {
    /// The form of what is printed.
    #[arg(long, value_enum, value_name = "DIALECT", default_value = "sqlite")]
    dialect: Dialect,
    /// Write JSON schemas of what `--json` prints into this folder.
    ///
    /// A file whose `schema_version` is the same and whose shape is another is left as it is, and is an error: who reads
    /// these documents relies on it.
    #[arg(long, value_name = "DIR", conflicts_with = "dialect")]
    documents: Option<PathBuf>,
}

/// The tables and views of a store.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Tables {
    tables: Vec<Described>,
}

impl Document for Tables {
    const NAME: &'static str = "schema";
}

/// The forms.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Dialect {
    /// Statements for SQLite.
    Sqlite,
    /// Statements for PostgreSQL.
    Postgres,
    /// A diagram in the words of Mermaid.
    Erd,
}

/// Prints the schema.
pub(crate) async fn run(args: &SchemaArgs, ui: &Ui) -> Result<Exit> {
    if let Some(folder) = &args.documents {
        #[cfg(feature = "schema")]
        return documents::run(folder, ui);
        #[cfg(not(feature = "schema"))]
        {
            let _ = folder;
            return Err(crate::cmd::not_built::NotBuilt::new("the schemas", "schema").into());
        }
    }
    if ui.json {
        ui.document(&Tables {
            tables: described().await?,
        })?;
        return Ok(Exit::Done);
    }
    let form = match args.dialect {
        Dialect::Sqlite => SchemaForm::Sqlite,
        Dialect::Postgres => SchemaForm::Postgres,
        Dialect::Erd => SchemaForm::Diagram,
    };
    ui.verbatim(schema(form).await?.as_bytes())?;
    Ok(Exit::Done)
}
