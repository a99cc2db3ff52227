//! A Delta table in a folder: made, opened, taken on to the columns of this version, and committed to.
//!
//! Decision: the cursor is in the table's own log, in the commit that has the rows. So no crash can part the two, and nothing has
//! to be asked of the store to know what the table has.
//!
//! Decision: the folder is made for its owner alone. The writer of the table makes its files by the umask, so that whoever opens
//! the folder to others opens the files with it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clever_model::{DistrictId, IdError};
use deltalake::arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake::kernel::{Action, Add, LogicalFileView, StructField, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError, TableProperty};
use url::Url;

use crate::columns::{COLUMNS, Column, DISTRICT, MEASURED};

/// The folder in which a Delta table keeps its log.
pub(crate) const LOG: &str = "_delta_log";

/// Why a table can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The folder can't be made or read.
    #[error("the folder of the lake can't be used")]
    Folder(#[source] io::Error),
    /// The folder has something else in it.
    #[error("the folder holds something else than a lake of this toolkit: {0}")]
    NotALake(String),
    /// Another program marked rows of a file as deleted, and left them there.
    #[error("another program marked rows of {file} as deleted, which are still in it")]
    Marked {
        /// The file.
        file: String,
    },
    /// The district's id is none.
    #[error("the district's id can't be used")]
    District(#[source] IdError),
    /// The table failed.
    #[error("the table of the lake could not be used")]
    Delta(#[source] Box<DeltaTableError>),
}

impl From<DeltaTableError> for TableError {
    fn from(error: DeltaTableError) -> Self {
        Self::Delta(Box::new(error))
    }
}

impl From<deltalake::arrow::error::ArrowError> for TableError {
    fn from(error: deltalake::arrow::error::ArrowError) -> Self {
        DeltaTableError::from(error).into()
    }
}

/// A lake: the feed of one or many districts as a Delta table in a folder.
pub struct Lake {
    folder: PathBuf,
    table: DeltaTable,
}

impl std::fmt::Debug for Lake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lake")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Lake {
    /// Opens the lake in a folder, and makes both if there is none. A table of an earlier version gets the columns that it lacks.
    ///
    /// # Errors
    ///
    /// [`TableError`]; a folder with something else in it is left as it is.
    pub async fn open(folder: &Path) -> Result<Self, TableError> {
        clever_files::make_private_folder(folder).map_err(TableError::Folder)?;
        let folder = folder.canonicalize().map_err(TableError::Folder)?;
        let url = Url::from_directory_path(&folder)
            .map_err(|()| TableError::NotALake("its path is no address".to_owned()))?;
        let mut table = DeltaTableBuilder::from_url(url)?.build()?;
        if table.verify_deltatable_existence().await? {
            table.load().await?;
        } else {
            if let Some(other) = something_else(&folder).map_err(TableError::Folder)? {
                return Err(TableError::NotALake(other));
            }
            table = made(&table).await?;
        }
        let mut lake = Self { folder, table };
        lake.take_on().await?;
        Ok(lake)
    }

    /// Up to which change of a district the table has the feed; 0 if it has none.
    ///
    /// # Errors
    ///
    /// [`TableError`] if the log can't be read.
    pub async fn position(&self, district: &str) -> Result<u64, TableError> {
        let seq = self.noted(&cursor(district)).await?;
        Ok(seq.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0))
    }

    /// The districts of which the table has changes.
    ///
    /// # Errors
    ///
    /// [`TableError`] if a file of the table can't be used.
    pub fn districts(&self) -> Result<BTreeSet<String>, TableError> {
        let files = self.files(None)?.into_iter();
        Ok(files.map(|file| file.district).collect())
    }

    /// What the log has under a name.
    pub(crate) async fn noted(&self, name: &str) -> Result<Option<i64>, TableError> {
        let log = self.table.log_store();
        Ok(self
            .table
            .snapshot()?
            .transaction_version(log.as_ref(), name)
            .await?)
    }

    /// Reads what others have committed meanwhile.
    pub(crate) async fn look(&mut self) -> Result<(), TableError> {
        Ok(self.table.update_state().await?)
    }

    pub(crate) fn table(&self) -> &DeltaTable {
        &self.table
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The columns of the table as Arrow has them.
    pub(crate) fn schema(&self) -> Result<SchemaRef, TableError> {
        let schema = self.table.snapshot()?.schema();
        let schema: Schema = schema.as_ref().try_into_arrow()?;
        Ok(Arc::new(schema))
    }

    /// The files that the table consists of, of one district or of all.
    pub(crate) fn files(&self, district: Option<&str>) -> Result<Vec<DataFile>, TableError> {
        let views = self.table.snapshot()?.log_data().into_iter();
        let mut files: Vec<DataFile> = views.map(DataFile::of).collect::<Result<_, _>>()?;
        files.retain(|file| district.is_none_or(|district| file.district == district));
        files.sort_by(|a, b| (&a.district, a.first).cmp(&(&b.district, b.first)));
        Ok(files)
    }

    /// Commits files, notes and removals at once. Says whether it could: not if somebody else committed what this stands on.
    pub(crate) async fn commit(
        &mut self,
        actions: Vec<Action>,
        notes: Vec<Transaction>,
        operation: DeltaOperation,
    ) -> Result<bool, TableError> {
        let written: Vec<PathBuf> = actions.iter().filter_map(|one| self.written(one)).collect();
        durable(&written)?;
        let properties = CommitProperties::default().with_application_transactions(notes);
        let snapshot = self.table.snapshot()?;
        let done = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(snapshot), self.table.log_store(), operation)
            .await;
        match done {
            Ok(done) => {
                let entry = format!("{:020}.json", done.version());
                self.table.state = Some(done.snapshot());
                durable(&[self.folder.join(LOG).join(entry)])?;
                Ok(true)
            }
            Err(DeltaTableError::Transaction {
                source: TransactionError::CommitConflict(_) | TransactionError::MaxCommitAttempts(_),
            }) => {
                // Nothing names these files, and they have rows of people.
                for file in written {
                    match fs::remove_file(&file) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => {
                            return Err(TableError::Folder(error));
                        }
                        _ => {}
                    }
                }
                self.look().await?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn written(&self, action: &Action) -> Option<PathBuf> {
        match action {
            Action::Add(Add { path, .. }) => Some(self.folder.join(path)),
            _ => None,
        }
    }

    /// Adds the columns that the table is older than, and refuses one that is no lake.
    async fn take_on(&mut self) -> Result<(), TableError> {
        // As often as another process may do the same meanwhile.
        for _ in 0..5 {
            let missing = missing(&self.table)?;
            if missing.is_empty() {
                return Ok(());
            }
            let added = self.table.clone().add_columns().with_fields(missing).await;
            match added {
                Ok(table) => self.table = table,
                Err(DeltaTableError::Transaction { .. }) => self.look().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(TableError::NotALake(
            "its columns change all the time".to_owned(),
        ))
    }
}

/// A file of the table.
#[derive(Clone)]
pub(crate) struct DataFile {
    /// Its path within the folder.
    pub(crate) path: String,
    pub(crate) district: String,
    /// The number of its first change.
    pub(crate) first: i64,
    /// The number of its last change.
    pub(crate) last: i64,
    pub(crate) size: u64,
    view: LogicalFileView,
}

impl DataFile {
    fn of(view: LogicalFileView) -> Result<Self, TableError> {
        let path = view.path().into_owned();
        if path.contains("://") || path.starts_with('/') {
            return Err(TableError::NotALake(
                "some of its files are elsewhere".to_owned(),
            ));
        }
        if view.deletion_vector_descriptor().is_some() {
            return Err(TableError::Marked { file: path });
        }
        let district = view.partition_values_map().remove(DISTRICT).flatten();
        let stats: serde_json::Value = view
            .stats()
            .and_then(|stats| serde_json::from_str(&stats).ok())
            .unwrap_or_default();
        let seq = |of: &str| stats.get(of).and_then(|of| of.get("seq")?.as_i64());
        Ok(Self {
            district: district
                .ok_or_else(|| TableError::NotALake("a file of it is of no district".to_owned()))?,
            first: seq("minValues").unwrap_or(0),
            last: seq("maxValues").unwrap_or(i64::MAX),
            size: u64::try_from(view.size()).unwrap_or(0),
            path,
            view,
        })
    }

    /// What takes the file out of the table; `is_change` if its rows are not in another file.
    pub(crate) fn removal(&self, is_change: bool) -> Action {
        Action::Remove(self.view.remove_action(is_change))
    }
}

/// The name under which the log has a district's cursor.
pub(crate) fn cursor(district: &str) -> String {
    format!("clever/{district}")
}

/// Checks a district's id, which becomes the name of a folder.
pub(crate) fn checked(district: &str) -> Result<(), TableError> {
    DistrictId::new(district)
        .map(drop)
        .map_err(TableError::District)
}

/// Makes the table.
async fn made(place: &DeltaTable) -> Result<DeltaTable, TableError> {
    Ok(place
        .create()
        .with_table_name("changes")
        .with_comment("What changed in Clever's rosters, one row a record and run")
        .with_columns(COLUMNS.iter().map(Column::field))
        .with_partition_columns([DISTRICT])
        .with_configuration_property(TableProperty::DataSkippingStatsColumns, Some(MEASURED))
        // Another process may do the same at this moment.
        .with_save_mode(SaveMode::Ignore)
        .await?)
}

/// What is in a folder besides an empty log, if anything is.
fn something_else(folder: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if name != LOG {
            return Ok(Some(format!(
                "{} is in it, and no log of a table",
                name.display()
            )));
        }
    }
    Ok(None)
}

/// The columns that a table lacks; an error if it is no lake.
fn missing(table: &DeltaTable) -> Result<Vec<StructField>, TableError> {
    let snapshot = table.snapshot()?;
    if snapshot
        .metadata()
        .partition_columns()
        .iter()
        .ne([DISTRICT])
    {
        let what = format!("it is not partitioned by {DISTRICT} alone");
        return Err(TableError::NotALake(what));
    }
    let schema = snapshot.schema();
    let mut missing = Vec::new();
    for column in &COLUMNS {
        let ours = column.field();
        match schema.field(column.name) {
            Some(field) if field.data_type() == ours.data_type() => {}
            Some(_) => {
                let what = format!("its column {} holds something else", column.name);
                return Err(TableError::NotALake(what));
            }
            None if column.is_required => {
                let what = format!("it has no column {}", column.name);
                return Err(TableError::NotALake(what));
            }
            None => missing.push(ours),
        }
    }
    Ok(missing)
}

/// Waits until files, and their names, are on the disk: a log that names a file which a power failure emptied can't be read.
fn durable(files: &[PathBuf]) -> Result<(), TableError> {
    if cfg!(unix) {
        let folders = files.iter().filter_map(|file| file.parent());
        let mut all: Vec<&Path> = files.iter().map(PathBuf::as_path).chain(folders).collect();
        all.dedup();
        for path in all {
            fs::File::open(path)
                .and_then(|file| file.sync_all())
                .map_err(TableError::Folder)?;
        }
    }
    Ok(())
}
