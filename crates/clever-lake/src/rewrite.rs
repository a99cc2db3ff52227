//! Files of the table read and written again: some into fewer, or one without what is to be erased.
//!
//! Decision: written here, because deltalake's own `optimize`, `delete` and `merge` come with its SQL engine, which would triple the
//! build. A commit takes the old files out and the new ones in; a file that somebody else took out meanwhile refuses it.

use std::fs::File;

use deltalake::arrow::array::RecordBatch;
use deltalake::arrow::datatypes::SchemaRef;
use deltalake::kernel::Action;
use deltalake::parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use deltalake::protocol::DeltaOperation;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use deltalake::{DeltaTableError, parquet};

use crate::columns::fitted;
use crate::table::{DataFile, Lake, TableError};

/// Rows in memory at once.
const ROWS: usize = 1024;

/// The rows of a file, some at a time, with the columns of the table.
pub(crate) struct Reading {
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
    district: String,
}

impl Reading {
    pub(crate) fn open(lake: &Lake, file: &DataFile) -> Result<Self, TableError> {
        let open = File::open(lake.folder().join(&file.path)).map_err(TableError::Folder)?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(open).map_err(odd)?;
        Ok(Self {
            reader: reader.with_batch_size(ROWS).build().map_err(odd)?,
            schema: lake.schema()?,
            district: file.district.clone(),
        })
    }

    /// The next rows; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, TableError> {
        let Some(read) = self.reader.next().transpose()? else {
            return Ok(None);
        };
        Ok(Some(fitted(&self.schema, &self.district, &read)?))
    }
}

fn odd(error: parquet::errors::ParquetError) -> TableError {
    DeltaTableError::from(error).into()
}

/// What takes the place of files.
pub(crate) struct Replacement {
    writer: RecordBatchWriter,
    removals: Vec<Action>,
    is_change: bool,
}

impl Replacement {
    /// Begins what is to stand in the place of files; `is_change` if it says something else than they did.
    pub(crate) fn of(lake: &Lake, files: &[DataFile], is_change: bool) -> Result<Self, TableError> {
        Ok(Self {
            writer: RecordBatchWriter::for_table(lake.table())?,
            removals: files.iter().map(|file| file.removal(is_change)).collect(),
            is_change,
        })
    }

    pub(crate) async fn write(&mut self, rows: RecordBatch) -> Result<(), TableError> {
        Ok(self.writer.write(rows).await?)
    }

    /// Puts it there; says whether it could, as [`Lake::commit`] does.
    pub(crate) async fn commit(
        mut self,
        lake: &mut Lake,
        operation: DeltaOperation,
    ) -> Result<bool, TableError> {
        let mut actions = self.removals;
        for mut add in self.writer.flush().await? {
            add.data_change = self.is_change;
            actions.push(Action::Add(add));
        }
        lake.commit(actions, Vec::new(), operation).await
    }
}
