//! One file of the CSV set: its rows, read by the names of their columns, and what can be wrong with them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use serde_json::{Map, Value};

/// Lines of a fault that are named; of the others there is a count.
const NAMED: usize = 5;
/// Faults that an error's text names; of the others there is a count.
const SHOWN: usize = 20;

/// Why a folder of CSV files can't be served: all that is wrong with it, in the order in which it is read. No message
/// has a value of a row in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvError {
    /// What is wrong; at least one.
    pub faults: Vec<CsvFault>,
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.faults.as_slice() {
            return write!(f, "{only}");
        }
        write!(f, "the set has {} faults", self.faults.len())?;
        for fault in self.faults.iter().take(SHOWN) {
            write!(f, "\n{fault}")?;
        }
        match self.faults.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for CsvError {}

/// The same fault of a column, in one row or in many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvFault {
    /// The file.
    pub path: PathBuf,
    /// The column, where the fault is one column's.
    pub column: Option<String>,
    /// What is wrong.
    pub flaw: Flaw,
    /// The first lines of the first rows, from 1; none where the whole file is at fault.
    pub lines: Vec<u64>,
    /// How many rows have it; 0 where the whole file is at fault.
    pub rows: u64,
}

impl fmt::Display for CsvFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.lines.first() {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        match &self.flaw {
            Flaw::MissingFile => {
                f.write_str(" is missing: the set needs it, if only with its header")
            }
            Flaw::Unreadable(why) => write!(f, " could not be read: {why}"),
            Flaw::NotCsv => f.write_str(
                ": could not be read as CSV in UTF-8 with as many values as the header has",
            ),
            Flaw::MissingColumn => f.write_str(": missing; add it to the header and the rows"),
            Flaw::Empty => f.write_str(": empty; fill it or remove the row"),
            Flaw::Unknown(file) => write!(
                f,
                ": {file} has no such row; add it there or correct this one"
            ),
            Flaw::LeftOut(file) => write!(f, ": the row of {file} that it names is left out"),
            Flaw::Twice => f.write_str(": an earlier row has the same id; remove one of them"),
        }?;
        if self.rows < 2 {
            return Ok(());
        }
        let others: Vec<String> = self.lines.iter().skip(1).map(u64::to_string).collect();
        let word = if self.rows == 2 { "line" } else { "lines" };
        write!(f, " (and {word} {}", others.join(", "))?;
        match self.rows - self.lines.len() as u64 {
            0 => f.write_str(")"),
            more => write!(f, " and {more} more)"),
        }
    }
}

/// What can be wrong with a file or a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Flaw {
    /// A file that each set has is not there.
    MissingFile,
    /// A file can't be read; what the system said.
    Unreadable(String),
    /// A file has no such column, which must be there.
    MissingColumn,
    /// A row is not CSV, not UTF-8, or has another number of values than the header.
    NotCsv,
    /// A row has nothing where its id belongs.
    Empty,
    /// A row names what another file lacks.
    Unknown(&'static str),
    /// A row names one that has a fault itself. This is no fault of its own.
    LeftOut(&'static str),
    /// Two rows are about the same thing, in a file that has one row for each.
    Twice,
}

/// What is wrong with a row.
#[derive(Debug)]
pub(super) struct RowFault {
    column: Option<String>,
    flaw: Flaw,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    all: Vec<CsvFault>,
    at: BTreeMap<(PathBuf, Option<String>, Flaw), usize>,
}

impl Faults {
    /// Says whether all rows of a file could be read: else a row that seems to be missing may be there.
    pub(super) fn is_sure_of(&self, path: &Path) -> bool {
        let unread = |flaw: &Flaw| flaw.is_of_the_file() || *flaw == Flaw::NotCsv;
        !self
            .all
            .iter()
            .any(|fault| fault.path == path && unread(&fault.flaw))
    }

    /// Ends the reading: gives the faults whose rows are omitted, if the rest can be served.
    pub(super) fn settle(self, lenient: bool) -> Result<Vec<CsvFault>, CsvError> {
        let of_files = self.all.iter().any(|fault| fault.flaw.is_of_the_file());
        if self.all.is_empty() || (lenient && !of_files) {
            return Ok(self.all);
        }
        let own = |fault: &CsvFault| !matches!(fault.flaw, Flaw::LeftOut(_));
        let faults = self.all.into_iter().filter(own).collect();
        Err(CsvError { faults })
    }

    fn add_file(&mut self, path: &Path, column: Option<&str>, flaw: Flaw) {
        self.all.push(CsvFault {
            path: path.to_owned(),
            column: column.map(ToOwned::to_owned),
            flaw,
            lines: Vec::new(),
            rows: 0,
        });
    }

    fn add_row(&mut self, path: &Path, line: u64, fault: RowFault) {
        let RowFault { column, flaw } = fault;
        let key = (path.to_owned(), column.clone(), flaw.clone());
        let at = *self.at.entry(key).or_insert_with(|| {
            self.all.push(CsvFault {
                path: path.to_owned(),
                column,
                flaw,
                lines: Vec::new(),
                rows: 0,
            });
            self.all.len() - 1
        });
        let known = &mut self.all[at];
        known.rows += 1;
        if known.lines.len() < NAMED {
            known.lines.push(line);
        }
    }
}

impl Flaw {
    fn is_of_the_file(&self) -> bool {
        matches!(
            self,
            Self::MissingFile | Self::Unreadable(_) | Self::MissingColumn
        )
    }
}

/// The names of columns and where they stand.
type Columns = BTreeMap<String, usize>;

/// A row and its header.
#[derive(Debug)]
pub(super) struct Row<'a> {
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
    pub(super) fn needed(&self, column: &'static str) -> Result<&'a str, RowFault> {
        match self.text(column) {
            "" => Err(RowFault {
                column: Some(column.to_owned()),
                flaw: Flaw::Empty,
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
}

impl RowFault {
    pub(super) fn of(column: &str, flaw: Flaw) -> Self {
        Self {
            column: Some(column.to_owned()),
            flaw,
        }
    }
}

/// A column's name as it is looked up: districts write `School_id` and `School id`.
fn spelled(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}').trim();
    name.replace(' ', "_").to_ascii_lowercase()
}

/// Gives each row of a file that must be there to `read`; its header has the columns `needed`. What is wrong is
/// added to `faults`, and the reading goes on.
pub(super) fn each(
    path: &Path,
    needed: &[&'static str],
    faults: &mut Faults,
    mut read: impl FnMut(&Row<'_>, &Faults) -> Result<(), RowFault>,
) {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => {
            let flaw = match error.kind() {
                io::ErrorKind::NotFound => Flaw::MissingFile,
                _ => Flaw::Unreadable(error.to_string()),
            };
            return faults.add_file(path, None, flaw);
        }
    };
    let mut reader = csv::Reader::from_reader(file);
    let columns: Columns = match reader.headers() {
        Ok(header) => header.iter().map(spelled).zip(0..).collect(),
        Err(error) => return not_csv(path, faults, &error),
    };
    let mut whole = true;
    for column in needed {
        if !columns.contains_key(&spelled(column)) {
            faults.add_file(path, Some(column), Flaw::MissingColumn);
            whole = false;
        }
    }
    let mut record = StringRecord::new();
    while whole {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return,
            // The next row begins where this one ends, unless the file itself broke off.
            Err(error) => {
                whole = !error.is_io_error();
                not_csv(path, faults, &error);
                continue;
            }
        }
        let row = Row {
            columns: &columns,
            record: &record,
        };
        if let Err(fault) = read(&row, faults) {
            let line = record.position().map_or(0, csv::Position::line);
            faults.add_row(path, line, fault);
        }
    }
}

fn not_csv(path: &Path, faults: &mut Faults, error: &csv::Error) {
    if let csv::ErrorKind::Io(error) = error.kind() {
        return faults.add_file(path, None, Flaw::Unreadable(error.to_string()));
    }
    let line = error.position().map_or(1, csv::Position::line);
    let fault = RowFault {
        column: None,
        flaw: Flaw::NotCsv,
    };
    faults.add_row(path, line, fault);
}
