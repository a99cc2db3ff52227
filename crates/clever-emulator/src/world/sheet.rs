//! One file of the CSV set: its rows, read by the names of their columns, and what can be wrong with them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use serde_json::{Map, Value};

/// Why a folder of CSV files can't be served. No message has a value of a row in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// A file that each set has is not there.
    #[error("{} is missing: the set needs it, if only with its header", .path.display())]
    MissingFile {
        /// The file.
        path: PathBuf,
    },
    /// A file can't be read.
    #[error("could not read {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is not CSV, not UTF-8, or has rows of other lengths than its header.
    #[error("{}, line {line}: could not be read as CSV in UTF-8 with as many values as the header has", .path.display())]
    NotCsv {
        /// The file.
        path: PathBuf,
        /// The line at which reading stopped, from 1.
        line: u64,
        /// What the reader said.
        #[source]
        source: csv::Error,
    },
    /// A header lacks a column that must be there.
    #[error("{}, line 1: no column {column}; add it to the header and the rows", .path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// A row has nothing where its id belongs.
    #[error("{}, line {line}, column {column}: empty; fill it or remove the row", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The row's first line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
    },
    /// A row names what another file lacks.
    #[error("{}, line {line}, column {column}: {file} has no such row; add it there or correct this one", .path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The row's first line, from 1.
        line: u64,
        /// The column.
        column: String,
        /// The file that should have the row.
        file: &'static str,
    },
    /// Two rows are about the same thing, in a file that has one row for each.
    #[error("{}, line {line}, column {column}: an earlier row has the same id; remove one of them", .path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The later row's first line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
    },
}

/// The names of columns and where they stand.
type Columns = BTreeMap<String, usize>;

/// A row and its header.
#[derive(Debug)]
pub(super) struct Row<'a> {
    path: &'a Path,
    columns: &'a Columns,
    record: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// The value in a column; empty where the file has no such column.
    pub(super) fn text(&self, column: &str) -> &'a str {
        let at = self.columns.get(&spelled(column));
        at.and_then(|at| self.record.get(*at)).unwrap_or_default()
    }

    /// The value in a column that may not be empty.
    pub(super) fn needed(&self, column: &'static str) -> Result<&'a str, CsvError> {
        match self.text(column) {
            "" => Err(CsvError::Empty {
                path: self.path.to_owned(),
                line: self.line(),
                column,
            }),
            text => Ok(text),
        }
    }

    /// An object with the fields whose columns say something.
    pub(super) fn fields(&self, fields: &[(&str, &str)]) -> Map<String, Value> {
        let said = fields.iter().map(|(field, column)| {
            let text = self.text(column);
            ((*field).to_owned(), Value::from(text))
        });
        said.filter(|(_, text)| text != "").collect()
    }

    pub(super) fn unknown(&self, column: &str, file: &'static str) -> CsvError {
        CsvError::Unknown {
            path: self.path.to_owned(),
            line: self.line(),
            column: column.to_owned(),
            file,
        }
    }

    pub(super) fn twice(&self, column: &'static str) -> CsvError {
        CsvError::Twice {
            path: self.path.to_owned(),
            line: self.line(),
            column,
        }
    }

    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }
}

/// A column's name as it is looked up: districts write `School_id` and `School id`.
fn spelled(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}').trim();
    name.replace(' ', "_").to_ascii_lowercase()
}

/// Gives each row of a file that must be there to `read`; its header has the columns `needed`.
pub(super) fn each(
    path: &Path,
    needed: &[&'static str],
    mut read: impl FnMut(&Row<'_>) -> Result<(), CsvError>,
) -> Result<(), CsvError> {
    let file = File::open(path).map_err(|source| {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => CsvError::MissingFile { path },
            _ => CsvError::Unreadable { path, source },
        }
    })?;
    let failed = |source: csv::Error| CsvError::NotCsv {
        path: path.to_owned(),
        line: source.position().map_or(1, csv::Position::line),
        source,
    };
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().map_err(failed)?;
    let columns: Columns = header.iter().map(spelled).zip(0..).collect();
    if let Some(column) = needed
        .iter()
        .find(|column| !columns.contains_key(&spelled(column)))
    {
        return Err(CsvError::MissingColumn {
            path: path.to_owned(),
            column,
        });
    }
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(failed)? {
        read(&Row {
            path,
            columns: &columns,
            record: &record,
        })?;
    }
    Ok(())
}
