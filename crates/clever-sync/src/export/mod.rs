//! A roster as files for other systems: the CSV set that districts send to Clever, `OneRoster`, or with the feature
//! `parquet` the store's tables for queries.
//!
//! Records are read some at a time and written as they come. Other records are named by the district's own
//! ids, or by Clever's where the district has none.

mod clever_csv;
mod dates;
mod named;
mod oneroster;
pub(crate) mod packed;
#[cfg(feature = "parquet")]
mod parquet_file;
#[cfg(feature = "parquet")]
mod parquet_tables;
mod school_year;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clever_files::FileSet;
use clever_model::RecordKind;
use clever_sql::DatabaseError;
use serde_json::Value;

use crate::export::dates::Unreadable;
use crate::learn::reading;
use crate::store::sql::{RosterDb, Sql, SqlStore, Transaction, texts};
use crate::store::{StoreError, odd_row};

/// Records read at once.
const CHUNK: usize = 500;

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// `schools.csv`, `students.csv`, `teachers.csv`, `sections.csv`, `enrollments.csv`, `staff.csv`.
    Csv,
    /// The same for people who open the files in a spreadsheet: a value that would be a formula there (it begins with `=`,
    /// `+`, `-` or `@`) has an apostrophe before it. Not for a system that reads the set: it would take the apostrophe in.
    Spreadsheets,
    /// `oneroster.zip`: the CSV binding 1.2.1 of `OneRoster` 1.2; each file that has rows, in bulk.
    OneRoster,
    /// A Parquet file for each table, Snappy within, row groups of 10,000 rows: `districts`, `schools`, `terms`,
    /// `courses`, `users`, `sections`, `resources`, `user_roles`, `user_schools`, `contacts`, `enrollments`,
    /// `runs`.
    ///
    /// Columns have the names of the tables' and are text, 64-bit numbers (`run`, `seq`, `source`) or a flag
    /// (`is_primary`); whole records are text that is marked as JSON. Archived records are there too, with their
    /// `archived_at`. Changes are added to: each export writes those that no file in the folder has yet into
    /// `changes/DISTRICT-FIRST-LAST.parquet`, named by the first and last `seq`.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Exported {
    /// How many rows each file has.
    pub files: BTreeMap<String, u64>,
    /// How many dates said something and could not be read, by field, as `terms.start_date`. In `OneRoster` a term without a
    /// date has that of its school year; the CSV set has what the record says.
    pub unreadable: BTreeMap<&'static str, u64>,
}

/// Why an export stopped. What was in the folder is there still.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A file can't be written.
    #[error("could not write {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The store can't be read.
    #[error("the store could not be read")]
    Store(#[from] StoreError),
}

impl From<DatabaseError> for ExportError {
    fn from(error: DatabaseError) -> Self {
        Self::Store(error.into())
    }
}

/// Writes a district's roster into `folder`, which is made if it is not there.
///
/// The files show the roster at one moment, also while another connection syncs it. They are written into a folder
/// beside, and take their places when all of them are on the disk: [`clever_files::FileSet`] says what a reader sees meanwhile.
///
/// # Errors
///
/// [`ExportError`] names the file.
pub async fn export<B: RosterDb>(
    store: &mut SqlStore<B>,
    district_id: &str,
    format: ExportFormat,
    folder: &Path,
) -> Result<Exported, ExportError> {
    let failed = |source| ExportError::File {
        path: folder.to_owned(),
        source,
    };
    let mut set = FileSet::begin(folder).map_err(failed)?;
    // Nothing is changed in the store: the transaction ends when it is dropped.
    let mut reading = Transaction::read(store).await?;
    let mut reader = Reader {
        store: &mut *reading,
        district_id,
        unreadable: Unreadable::default(),
    };
    let written = match format {
        ExportFormat::Csv => clever_csv::write(&mut reader, &mut set, Cells::AsTheyAre).await,
        ExportFormat::Spreadsheets => clever_csv::write(&mut reader, &mut set, Cells::Inert).await,
        ExportFormat::OneRoster => oneroster::write(&mut reader, &mut set).await,
        #[cfg(feature = "parquet")]
        ExportFormat::Parquet => parquet_tables::write(&mut reader, &mut set).await,
    };
    let unreadable = reader.unreadable.0;
    drop(reading);
    let files = written?;
    set.publish().map_err(failed)?;
    Ok(Exported { files, unreadable })
}

/// What becomes of a value that a spreadsheet would compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cells {
    /// It stays, for programs that read it.
    AsTheyAre,
    /// It gets an apostrophe before it.
    Inert,
}

impl Cells {
    /// A value as it is written: on one line, without control characters.
    fn value(self, text: &str) -> Cow<'_, str> {
        let text = one_line(text);
        // Also after a space, and in the wide forms that spreadsheets of East Asia take for the same.
        let formula = [
            '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
        ];
        if self == Self::Inert && text.trim_start().starts_with(formula) {
            return format!("'{text}").into();
        }
        text
    }
}

/// A text with a space for each run of line breaks and other control characters: readers of both formats go by lines.
fn one_line(text: &str) -> Cow<'_, str> {
    let is_control = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(is_control) {
        return text.into();
    }
    let parts: Vec<&str> = text
        .split(is_control)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(" ").trim().to_owned().into()
}

/// One CSV file in the making.
struct Table {
    name: &'static str,
    path: PathBuf,
    cells: Cells,
    writer: csv::Writer<File>,
    rows: u64,
}

impl Table {
    /// Begins a file of the set.
    fn create(
        set: &mut FileSet,
        name: &'static str,
        cells: Cells,
        columns: &[&str],
    ) -> Result<Self, ExportError> {
        let path = set.target().join(name);
        let file = set.create(name);
        Self::over(file, name, path, cells, columns)
    }

    fn over(
        file: io::Result<File>,
        name: &'static str,
        path: PathBuf,
        cells: Cells,
        columns: &[&str],
    ) -> Result<Self, ExportError> {
        let file = file.map_err(|source| ExportError::File {
            path: path.clone(),
            source,
        })?;
        let mut table = Self {
            name,
            path,
            cells,
            writer: csv::Writer::from_writer(file),
            rows: 0,
        };
        table.row(columns)?;
        table.rows = 0;
        Ok(table)
    }

    fn row<T: AsRef<str>>(&mut self, values: &[T]) -> Result<(), ExportError> {
        let values = values.iter().map(|value| self.cells.value(value.as_ref()));
        let written = values.map(|value| self.writer.write_field(&*value));
        let written = written
            .collect::<csv::Result<()>>()
            .and_then(|()| self.writer.write_record(None::<&[u8]>));
        written.map_err(|error| ExportError::File {
            path: self.path.clone(),
            source: source_of(error),
        })?;
        self.rows += 1;
        Ok(())
    }

    fn finish(mut self, files: &mut BTreeMap<String, u64>) -> Result<(), ExportError> {
        self.writer.flush().map_err(|source| ExportError::File {
            path: self.path.clone(),
            source,
        })?;
        files.insert(self.name.to_owned(), self.rows);
        Ok(())
    }
}

/// What the system said: a full disk is known by its kind.
fn source_of(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(source) => source,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// A district's active records.
struct Reader<'a, B> {
    store: &'a mut SqlStore<B>,
    district_id: &'a str,
    unreadable: Unreadable,
}

impl<B: RosterDb> Reader<'_, B> {
    /// Reads some active records of a kind after an id: id and content.
    async fn some(
        &mut self,
        kind: RecordKind,
        after: &str,
    ) -> Result<Vec<(String, Value)>, StoreError> {
        let sql = format!(
            "SELECT id, record FROM main.{kind} WHERE district_id = ?1 AND archived_at IS NULL AND id > ?2 ORDER BY id LIMIT ?3"
        );
        let params = [self.district_id.into(), after.into(), CHUNK.into()];
        let rows = self.store.db.query(&sql, &params).await?;
        rows.into_iter()
            .map(|mut row| {
                let (id, record) = (row.text(0)?, row.text(1)?);
                // One that somebody broke by hand is no one with nothing in it: readers would delete what is missing.
                let record = reading::value(&record).ok_or_else(|| odd_row(1))?;
                Ok((id, record))
            })
            .collect()
    }

    /// Reads all active records of a kind that has few.
    async fn all(&mut self, kind: RecordKind) -> Result<BTreeMap<String, Value>, StoreError> {
        let mut all = BTreeMap::new();
        let mut after = String::new();
        loop {
            let some = self.some(kind, &after).await?;
            let Some((last, _)) = some.last() else {
                return Ok(all);
            };
            after.clone_from(last);
            all.extend(some);
        }
    }

    /// When the district's last run began; empty where there was none.
    async fn last_run(&mut self) -> Result<String, StoreError> {
        let sql = "SELECT max(started_at) FROM main.runs WHERE district_id = ?1";
        let rows = self.store.db.query(sql, &[self.district_id.into()]).await?;
        let begun = rows.into_iter().next().map(|mut row| row.maybe_text(0));
        Ok(begun.transpose()?.flatten().unwrap_or_default())
    }

    /// The district's own ids of people in a role, by Clever's.
    async fn own_ids(
        &mut self,
        role: &str,
        ids: &[&str],
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let sql = format!(
            "SELECT user_id, sis_id FROM main.user_roles WHERE district_id = ?1 AND role = ?2 AND user_id {}",
            self.store.db.kind().among(3)
        );
        let params: [Sql; 3] = [
            self.district_id.into(),
            role.into(),
            texts(ids.iter().copied()),
        ];
        let rows = self.store.db.query(&sql, &params).await?;
        rows.into_iter()
            .map(|mut row| {
                let id = row.text(0)?;
                let own = row.maybe_text(1)?.unwrap_or_default();
                let own = first([one_line(&own).into_owned(), id.clone()]);
                Ok((id, own))
            })
            .collect()
    }

    /// The contacts of students: student, relation, type and the contact's record.
    async fn contacts(
        &mut self,
        students: &[&str],
    ) -> Result<BTreeMap<String, Vec<Contact>>, StoreError> {
        let sql = format!(
            "SELECT c.student_id, c.relationship, c.type, u.record, c.contact_id FROM main.contacts c
             JOIN main.users u ON u.district_id = c.district_id AND u.id = c.contact_id AND u.archived_at IS NULL
             WHERE c.district_id = ?1 AND c.student_id {} ORDER BY c.student_id, c.contact_id",
            self.store.db.kind().among(2)
        );
        let params = [self.district_id.into(), texts(students.iter().copied())];
        let mut all: BTreeMap<String, Vec<Contact>> = BTreeMap::new();
        for mut row in self.store.db.query(&sql, &params).await? {
            all.entry(row.text(0)?).or_default().push(Contact {
                relationship: row.maybe_text(1)?.unwrap_or_default(),
                sort: row.maybe_text(2)?.unwrap_or_default(),
                record: reading::value(&row.text(3)?).ok_or_else(|| odd_row(3))?,
                id: row.text(4)?,
            });
        }
        Ok(all)
    }
}

/// An adult of a student.
struct Contact {
    id: String,
    relationship: String,
    sort: String,
    record: Value,
}

/// A record's text at a place, or nothing.
fn text(record: &Value, place: &str) -> String {
    let text = crate::learn::columns::cell(record, place).unwrap_or_default();
    one_line(&text).into_owned()
}

/// A list of ids that has each once, in the order in which they come.
fn distinct(ids: Vec<&str>) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}

/// The first of these that says something.
fn first<const N: usize>(texts: [String; N]) -> String {
    texts
        .into_iter()
        .find(|text| !text.trim().is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_08_a_value_is_on_one_line() {
        for (text, written) in [
            ("An\nn", "An n"),
            ("An\r\nn", "An n"),
            ("\tAnn\u{0}\u{7}", "Ann"),
            ("A\u{2028}n\u{85}n\u{7f}", "A n n"),
            ("\n", ""),
            (" Ann  Lee ", " Ann  Lee "),
        ] {
            assert_eq!(Cells::AsTheyAre.value(text), written, "{text:?}");
        }
    }

    #[test]
    fn field_14_what_a_spreadsheet_would_compute_is_text_where_people_open_it() {
        for text in [
            "=cmd|'/C calc'!A0",
            "+1+1",
            "-2",
            "@SUM(A1)",
            " =1",
            "\t=1",
            "\u{ff1d}1",
        ] {
            assert_eq!(Cells::AsTheyAre.value(text), one_line(text));
            let inert = Cells::Inert.value(text).into_owned();
            assert_eq!(inert, format!("'{}", one_line(text)));
        }
        assert_eq!(Cells::Inert.value("a=b"), "a=b");
    }
}
