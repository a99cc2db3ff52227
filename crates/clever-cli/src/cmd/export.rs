//! `cleverctl export`: a roster as files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use clever_sync::{ExportFormat, Exported, export};
use serde::Serialize;

use crate::audit;
use crate::cmd::changes::district;
use crate::diagnostics::Exit;
use crate::settings::StoreArgs;
use crate::signals::leave_nothing_half_written;
use crate::ui::{self, Document, Ui, grouped};

/// Arguments of `export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cleverctl export --format oneroster out
  cleverctl export --format csv --for spreadsheets out")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The form of the files.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Format,
    /// With --format csv: who opens the files.
    ///
    /// For spreadsheets, a value that would be a formula there gets an apostrophe before it. Programs that read the set,
    /// and Clever, want it as it is.
    #[arg(long = "for", value_enum, value_name = "READER")]
    reader: Option<ReadBy>,
    /// The folder to write into. The files hold personal data.
    ///
    /// The folder is made if it is missing. The files replace earlier ones only when all of them are written.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The district; needed if the store holds several.
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

/// Who opens the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReadBy {
    /// Clever, or another program.
    Programs,
    /// A person, in a spreadsheet.
    Spreadsheets,
}

/// Only the CSV set may be opened in a spreadsheet.
#[derive(Debug, thiserror::Error)]
#[error("--for spreadsheets goes with --format csv")]
pub(crate) struct NotForSpreadsheets;

/// The rows of each file.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(crate) struct Written {
    files: BTreeMap<String, u64>,
}

impl Document for Written {
    const NAME: &'static str = "export";
}

/// Writes the files and says how many rows each has.
pub(crate) async fn run(args: &ExportArgs, ui: &Ui) -> Result<Exit> {
    let for_people = args.reader == Some(ReadBy::Spreadsheets);
    let format = match args.format {
        Format::Csv if for_people => ExportFormat::Spreadsheets,
        Format::Csv => ExportFormat::Csv,
        _ if for_people => return Err(NotForSpreadsheets.into()),
        Format::Oneroster => ExportFormat::OneRoster,
        #[cfg(feature = "parquet")]
        Format::Parquet => ExportFormat::Parquet,
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => {
            return Err(crate::cmd::not_built::NotBuilt::new("Parquet", "parquet").into());
        }
    };
    let url = args.store.of(args.district.as_deref()).await?;
    let mut store = url.look().await?;
    let district = district(&mut store, args.district.as_deref()).await?;
    leave_nothing_half_written();
    let Exported {
        files, unreadable, ..
    } = export(&mut store, &district, format, &args.folder)
        .await
        .context("the export failed")?;
    for (field, count) in &unreadable {
        let said = match args.format {
            Format::Csv => "written as they are",
            _ => "left out",
        };
        ui.note(format!(
            "note: dates of {field} that can't be read and are {said}: {}",
            grouped(*count)
        ));
    }
    // A store that can only be read has no audit of who reads it.
    if let Ok(mut store) = url.open_existing().await {
        let subject = format!("{:?}", args.format).to_lowercase();
        audit::note(&mut store, &district, "export", &subject, ui).await;
    }
    if ui.json {
        ui.document(&Written { files })?;
        return Ok(Exit::Done);
    }
    let mut table = ui::table(&["File", "Rows"], 1);
    for (file, rows) in &files {
        table.add_row([file.clone(), grouped(*rows)]);
    }
    ui.rows(&table)?;
    ui.line(format!("written to {}", args.folder.display()))?;
    Ok(Exit::Done)
}
