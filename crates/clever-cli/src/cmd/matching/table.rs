//! A file of people as CSV: its separator, its encoding, its header. Errors name columns that were asked for and
//! places, and nothing else that the file holds: what stands where a header should be may be a child's row.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result};
use clever_linkage::Side;
use csv::{Reader, StringRecord};

use super::config::MatchFile;

/// A file, and what separates its columns.
pub(super) type SeparatedFile<'a> = (&'a Path, Separator);

/// A character between columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Separator(u8);

impl Default for Separator {
    fn default() -> Self {
        Self(b',')
    }
}

impl FromStr for Separator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.as_bytes()) {
            ("tab" | "\\t", _) => Ok(Self(b'\t')),
            (_, [one]) if !matches!(*one, b'"' | b'\n' | b'\r') && !one.is_ascii_alphanumeric() => {
                Ok(Self(*one))
            }
            _ => Err("one character such as `;`, or `tab`".to_owned()),
        }
    }
}

/// A file that can't be used as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// Another encoding.
    #[error("{file} is written in UTF-16, and CSV is read in UTF-8")]
    Utf16 {
        /// Which file.
        file: String,
    },
    /// A column that the configuration names.
    #[error("{file} has no column `{column}`{there}")]
    NoColumn {
        /// Which file.
        file: String,
        /// The column.
        column: String,
        /// What is there instead.
        there: String,
        /// What the columns seem to be separated by.
        separator: Option<char>,
    },
    /// Two columns of one name, of which only one could be read.
    #[error("columns {first} and {second} of {file} have the same name")]
    TwoColumns {
        /// Which file.
        file: String,
        /// The first one's place, from 1.
        first: usize,
        /// The second one's place.
        second: usize,
    },
    /// Dates that can't be read, too many of them.
    #[error("{0}")]
    Unread(String),
    /// Accounts that the store of accounts lacks.
    #[error(
        "{file} has {many} of the accounts that people may have, and the store has not, e.g. line {line}"
    )]
    NotInStore {
        /// Which file.
        file: String,
        /// How many.
        many: usize,
        /// The line of the first one.
        line: u64,
    },
}

impl TableError {
    /// The next step.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotInStore { .. } => {
                "import the app's accounts into the store first, with who governs each: `cleverctl accounts import`"
                    .to_owned()
            }
            Self::Utf16 { .. } => {
                "save it as UTF-8 (spreadsheets: `CSV UTF-8`), or use `iconv -f UTF-16 -t UTF-8`"
                    .to_owned()
            }
            Self::NoColumn {
                separator: Some('\t'),
                ..
            } => "its columns seem to be separated by tabs: --delimiter tab".to_owned(),
            Self::NoColumn {
                separator: Some(separator),
                ..
            } => format!("its columns seem to be separated by `{separator}`: --delimiter '{separator}'"),
            Self::NoColumn { .. } => {
                "name the column in the configuration as the file's first line has it".to_owned()
            }
            Self::TwoColumns { .. } => "rename or remove one of them".to_owned(),
            Self::Unread(_) => {
                "dates are read as 2010-01-31, 1/31/2010, 1/31/10 or 31-Jan-2010, with a time behind them or not; \
                 --allow-unread 100 takes others for absent"
                    .to_owned()
            }
        })
    }
}

/// A file of people, and where its wanted columns are.
pub(super) struct Table {
    pub(super) name: String,
    reader: Reader<File>,
    pub(super) id: usize,
    /// The columns of the fields and their scopes.
    pub(super) columns: Vec<usize>,
    /// The column that says who governs.
    pub(super) reach: Option<usize>,
    /// The column that says what sort of person it is.
    pub(super) class: Option<usize>,
}

impl Table {
    pub(super) fn open(file: SeparatedFile<'_>, config: &MatchFile, side: Side) -> Result<Self> {
        let (path, Separator(separator)) = file;
        let name = path.display().to_string();
        if is_utf16(path).with_context(|| format!("could not read {name}"))? {
            return Err(TableError::Utf16 { file: name }.into());
        }
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .delimiter(separator)
            .from_path(path)
            .with_context(|| format!("could not read {name}"))?;
        let header = reader
            .headers()
            .with_context(|| format!("could not read {name}"))?
            .clone();
        let mut seen = BTreeMap::new();
        for (at, column) in header.iter().enumerate() {
            if column.is_empty() {
                continue;
            }
            if let Some(first) = seen.insert(column, at) {
                return Err(TableError::TwoColumns {
                    file: name,
                    first: first + 1,
                    second: at + 1,
                }
                .into());
            }
        }
        let compared = config.compared(None);
        let mut wanted = vec![config.id(side)];
        wanted.extend(compared.columns(side));
        let fields = wanted.len();
        let (reach, class) = (config.reach(side), config.class(side));
        wanted.extend(reach.into_iter().chain(class));
        let places: Result<Vec<usize>, &str> = wanted
            .iter()
            .map(|column| seen.get(column).copied().ok_or(*column))
            .collect();
        let mut places = places.map_err(|column| {
            let is_header = wanted.iter().any(|column| seen.contains_key(column));
            TableError::NoColumn {
                file: name.clone(),
                column: column.to_owned(),
                there: there(&header, is_header),
                separator: other_separator(&header, separator, column),
            }
        })?;
        let mut others = places.split_off(fields).into_iter();
        Ok(Self {
            id: places.remove(0),
            columns: places,
            reach: reach.and_then(|_| others.next()),
            class: class.and_then(|_| others.next()),
            name,
            reader,
        })
    }

    /// Reads the next record; whether there was one.
    pub(super) fn next(&mut self, record: &mut StringRecord) -> Result<bool> {
        self.reader
            .read_record(record)
            .with_context(|| format!("could not read {}", self.name))
    }

    /// The line of a record, from 1.
    pub(super) fn line_of(mut self, record: usize) -> Result<u64> {
        let mut row = StringRecord::new();
        for _ in 0..record {
            self.next(&mut row)?;
        }
        Ok(row.position().map_or(0, csv::Position::line))
    }
}

/// The wanted columns of some rows, by id.
pub(super) fn rows_of(
    file: SeparatedFile<'_>,
    config: &MatchFile,
    side: Side,
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut table = Table::open(file, config, side)?;
    let mut rows = BTreeMap::new();
    let mut record = StringRecord::new();
    while table.next(&mut record)? {
        let id = record.get(table.id).unwrap_or_default();
        if ids.contains(id) {
            let values = table
                .columns
                .iter()
                .map(|at| record.get(*at).unwrap_or_default().to_owned());
            rows.insert(id.to_owned(), values.collect());
        }
    }
    Ok(rows)
}

/// What a header has. A first line without any column that was asked for may be a person's row, and is not shown.
fn there(header: &StringRecord, is_header: bool) -> String {
    if is_header {
        let names: Vec<&str> = header.iter().collect();
        format!("; it has: {}", names.join(", "))
    } else {
        format!(
            "; its first line has {} values, and none is a column that is asked for",
            header.len()
        )
    }
}

/// The separator by which a header's text has the column.
fn other_separator(header: &StringRecord, separator: u8, column: &str) -> Option<char> {
    let joiner = char::from(separator).to_string();
    let text = header.iter().collect::<Vec<_>>().join(&joiner);
    [',', ';', '\t', '|'].into_iter().find(|other| {
        *other != char::from(separator)
            && text.contains(*other)
            && text
                .split(*other)
                .any(|name| name.trim().trim_matches('"') == column)
    })
}

/// Whether a file begins as UTF-16 does: with its mark, or with every other byte zero.
fn is_utf16(path: &Path) -> std::io::Result<bool> {
    let mut begin = [0xff_u8; 4];
    let mut file = File::open(path)?;
    let mut read = 0;
    while read < begin.len() {
        match file.read(&mut begin[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read > 1
        && (matches!(begin, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
            || matches!(begin, [_, 0, _, 0] | [0, _, 0, _])))
}
