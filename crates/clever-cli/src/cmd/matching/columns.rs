//! How the columns of the files were read, in numbers: no value is in it.

use anyhow::Result;
use clever_linkage::{ColumnReading, DateForm, Kind};
use serde::Serialize;

use super::config::MatchFile;
use super::table::{SeparatedFile, Table, TableError};
use crate::ui::grouped;

/// How a column was read, without its values.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Serialize)]
pub(crate) struct ColumnSummary {
    file: String,
    field: String,
    column: String,
    /// Values that it has.
    told: usize,
    /// Those that stand for none: `Unknown`, `N/A`, 1900-01-01.
    placeholders: usize,
    /// Those that can't be read.
    unread: usize,
    /// The line of the first that can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_unread_line: Option<u64>,
    /// In what form dates were read, if that had to be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    dates: Option<&'static str>,
}

/// How the columns were read.
///
/// # Errors
///
/// [`TableError::Unread`] if too many dates of a column were not.
pub(super) fn columns(
    files: [Option<SeparatedFile<'_>>; 2],
    config: &MatchFile,
    readings: &[ColumnReading],
    allow_unread: u8,
) -> Result<Vec<ColumnSummary>> {
    let mut all = Vec::new();
    for reading in readings {
        let Some(file) = files[reading.side as usize] else {
            continue;
        };
        let line = match reading.first_unread {
            Some(record) => Some(Table::open(file, config, reading.side)?.line_of(record)?),
            None => None,
        };
        let column = ColumnSummary {
            file: file.0.display().to_string(),
            field: reading.field.clone(),
            column: reading.column.clone(),
            told: reading.told,
            placeholders: reading.placeholders,
            unread: reading.unread,
            first_unread_line: line,
            dates: reading.dates.map(|form| match form {
                DateForm::DayFirst => "day_first",
                DateForm::Serial => "spreadsheet_number",
            }),
        };
        // A grade is the weakest evidence and has many spellings: that is said, and stops nothing.
        let is_date = reading.kind == Kind::Date;
        if is_date && reading.unread * 100 > reading.told * usize::from(allow_unread) {
            return Err(TableError::Unread(column.unread()).into());
        }
        all.push(column);
    }
    Ok(all)
}

impl ColumnSummary {
    fn name(&self) -> String {
        if self.field == self.column {
            format!("{}, {}", self.file, self.field)
        } else {
            format!("{}, {} (column `{}`)", self.file, self.field, self.column)
        }
    }

    fn unread(&self) -> String {
        let line = self.first_unread_line.unwrap_or_default();
        format!(
            "{}: {} of {} not read, e.g. line {line}",
            self.name(),
            grouped(self.unread as u64),
            grouped(self.told as u64)
        )
    }

    /// What a person should know of it.
    pub(super) fn notes(&self) -> Vec<String> {
        let name = self.name();
        let mut all = Vec::new();
        if self.told == 0 {
            all.push(format!("{name}: no row has a value"));
        }
        if self.unread > 0 {
            all.push(self.unread());
        }
        if self.placeholders > 0 {
            all.push(format!(
                "{name}: {} of {} stand for no value, as `Unknown` or `N/A` does",
                grouped(self.placeholders as u64),
                grouped(self.told as u64)
            ));
        }
        match self.dates {
            Some("day_first") => all.push(format!("{name}: read with the day before the month")),
            Some(_) => all.push(format!("{name}: read as a spreadsheet's numbers of days")),
            None => {}
        }
        all
    }
}
