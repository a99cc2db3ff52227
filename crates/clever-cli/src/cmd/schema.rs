//! `cleverctl schema`: the tables of the store, for people who query them.

use anyhow::Result;
use clap::{Args, ValueEnum};
use clever_sync::tables::{SchemaForm, described, schema};

use crate::diagnostics::Exit;
use crate::ui::Ui;

/// Arguments of `schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl schema --dialect postgres | less
  cleverctl schema --dialect erd > roster.mmd    A diagram for Mermaid
  cleverctl schema --json                        Tables and columns with what they hold

No store is asked: this is what `cleverctl sync` makes.")]
pub(crate) struct SchemaArgs {
    /// The form of what is printed.
    #[arg(long, value_enum, value_name = "DIALECT", default_value = "sqlite")]
    dialect: Dialect,
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
    if ui.json {
        ui.list("tables", &described().await?)?;
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
