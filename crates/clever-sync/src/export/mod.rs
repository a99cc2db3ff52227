//! A roster as files for other systems: the CSV set that districts send to Clever, `OneRoster`, or with the feature
//! `parquet` the store's tables for queries.
//!
//! Records are read some at a time and written as they come. Other records are named by the district's own
//! ids, or by Clever's where the district has none.

mod clever_csv;
mod named;
mod oneroster;
#[cfg(feature = "parquet")]
mod parquet_file;
#[cfg(feature = "parquet")]
mod parquet_tables;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use clever_model::RecordKind;
use serde_json::Value;

use crate::reading;
use crate::store::StoreError;
use crate::store::sql::{Backend, Sql, SqlStore, texts};

/// Records read at once.
const CHUNK: usize = 500;

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// `schools.csv`, `students.csv`, `teachers.csv`, `sections.csv`, `enrollments.csv`, `staff.csv`.
    Csv,
    /// `oneroster.zip`: the CSV binding of `OneRoster` 1.2, all files in bulk.
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

/// Why an export stopped. Files may be there in part.
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

/// Writes a district's roster into `folder`, and says how many rows each file has.
///
/// The files show the roster at one moment, also while another connection syncs it. Where the future is dropped
/// before it ends, so should be the store.
///
/// # Errors
///
/// [`ExportError`] names the file.
pub async fn export<B: Backend>(
    store: &mut SqlStore<B>,
    district_id: &str,
    format: ExportFormat,
    folder: &Path,
) -> Result<BTreeMap<String, u64>, ExportError> {
    fs::create_dir_all(folder).map_err(|source| ExportError::File {
        path: folder.to_owned(),
        source,
    })?;
    store.db.batch(store.db.dialect().look).await?;
    let mut reader = Reader { store, district_id };
    let written = match format {
        ExportFormat::Csv => clever_csv::write(&mut reader, folder).await,
        ExportFormat::OneRoster => oneroster::write(&mut reader, folder).await,
        #[cfg(feature = "parquet")]
        ExportFormat::Parquet => parquet_tables::write(&mut reader, folder).await,
    };
    // Nothing was changed in the store.
    let ended = store.db.batch("ROLLBACK").await;
    let files = written?;
    ended?;
    Ok(files)
}

/// One CSV file in the making; only its owner may read it.
struct Table {
    path: PathBuf,
    writer: csv::Writer<fs::File>,
    rows: u64,
}

impl Table {
    fn create(path: PathBuf, columns: &[&str]) -> Result<Self, ExportError> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|source| ExportError::File {
            path: path.clone(),
            source,
        })?;
        let mut table = Self {
            path,
            writer: csv::Writer::from_writer(file),
            rows: 0,
        };
        table.row(columns)?;
        table.rows = 0;
        Ok(table)
    }

    fn row<T: AsRef<str>>(&mut self, values: &[T]) -> Result<(), ExportError> {
        let written = self
            .writer
            .write_record(values.iter().map(|value| value.as_ref().as_bytes()));
        written.map_err(|error| ExportError::File {
            path: self.path.clone(),
            source: io::Error::other(error),
        })?;
        self.rows += 1;
        Ok(())
    }

    fn finish(mut self, files: &mut BTreeMap<String, u64>) -> Result<(), ExportError> {
        self.writer.flush().map_err(|source| ExportError::File {
            path: self.path.clone(),
            source,
        })?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        files.insert(name.into_owned(), self.rows);
        Ok(())
    }
}

/// A district's active records.
struct Reader<'a, B> {
    store: &'a mut SqlStore<B>,
    district_id: &'a str,
}

impl<B: Backend> Reader<'_, B> {
    /// Reads some active records of a kind after an id: id and content.
    async fn some(
        &mut self,
        kind: RecordKind,
        after: &str,
    ) -> Result<Vec<(String, Value)>, StoreError> {
        let sql = format!(
            "SELECT id, record FROM {kind} WHERE district_id = ?1 AND archived_at IS NULL AND id > ?2 ORDER BY id LIMIT ?3"
        );
        let params = [self.district_id.into(), after.into(), CHUNK.into()];
        let rows = self.store.db.query(&sql, &params).await?;
        rows.into_iter()
            .map(|mut row| {
                let (id, record) = (row.text(0)?, row.text(1)?);
                Ok((id, reading::value(&record).unwrap_or_default()))
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
        let sql = "SELECT max(started_at) FROM runs WHERE district_id = ?1";
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
            "SELECT user_id, sis_id FROM user_roles WHERE district_id = ?1 AND role = ?2 AND user_id {}",
            self.store.among(3)
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
                let own = row.maybe_text(1)?.unwrap_or_else(|| id.clone());
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
            "SELECT c.student_id, c.relationship, c.type, u.record, c.contact_id FROM contacts c
             JOIN users u ON u.district_id = c.district_id AND u.id = c.contact_id AND u.archived_at IS NULL
             WHERE c.district_id = ?1 AND c.student_id {} ORDER BY c.student_id, c.contact_id",
            self.store.among(2)
        );
        let params = [self.district_id.into(), texts(students.iter().copied())];
        let mut all: BTreeMap<String, Vec<Contact>> = BTreeMap::new();
        for mut row in self.store.db.query(&sql, &params).await? {
            all.entry(row.text(0)?).or_default().push(Contact {
                relationship: row.maybe_text(1)?.unwrap_or_default(),
                sort: row.maybe_text(2)?.unwrap_or_default(),
                record: reading::value(&row.text(3)?).unwrap_or_default(),
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
    crate::columns::text(record, place).unwrap_or_default()
}

/// The first of these that says something.
fn first<const N: usize>(texts: [String; N]) -> String {
    texts
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}
