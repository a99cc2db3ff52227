//! `cleverctl export`: a roster as files.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use clever_sync::{ExportFormat, export};

use crate::args::StoreArgs;
use crate::cmd::changes::district;
use crate::diagnostics::Exit;
use crate::output::{self, grouped};

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// What to write.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Format,
    /// The folder to write into; made where there is none. The files hold personal data.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Only this district; needed when the store holds several.
    #[arg(long, value_name = "ID")]
    district: Option<String>,
}

/// The formats.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The files that districts send to Clever: schools, students, teachers, sections, enrollments, staff.
    Csv,
    /// `OneRoster` 1.2: its CSV files in one zip.
    Oneroster,
    /// A Parquet file for each of the store's tables, with what was archived; in a build with the feature `parquet`.
    Parquet,
}

/// The binary was built without Parquet.
#[derive(Debug, thiserror::Error)]
#[error("this cleverctl was built without Parquet")]
#[cfg(not(feature = "parquet"))]
pub(crate) struct NoParquet;

/// Writes the files and says how many rows each has.
pub(crate) async fn run(args: &ExportArgs, as_json: bool) -> Result<Exit> {
    let format = match args.format {
        Format::Csv => ExportFormat::Csv,
        Format::Oneroster => ExportFormat::OneRoster,
        #[cfg(feature = "parquet")]
        Format::Parquet => ExportFormat::Parquet,
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return Err(NoParquet.into()),
    };
    let mut store = args.store.store.open_existing().await?;
    let district = district(&mut store, args.district.as_deref()).await?;
    let files = export(&mut store, &district, format, &args.folder)
        .await
        .context("the export failed")?;
    if as_json {
        output::json(&files)?;
        return Ok(Exit::Done);
    }
    let mut table = output::table(&["File", "Rows"], 1);
    for (file, rows) in &files {
        table.add_row([file.clone(), grouped(*rows)]);
    }
    output::rows(&table)?;
    output::line(format!("in {}", args.folder.display()))?;
    Ok(Exit::Done)
}
