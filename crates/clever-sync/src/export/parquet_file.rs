//! One Parquet file: typed columns in row groups of a bounded number of rows.
//!
//! The crate's columns are written without Arrow, whose crates the store has no other use for.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clever_files::FileSet;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type};

use crate::export::ExportError;
use crate::store::StoreError;
use crate::store::sql::Row;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// UTF-8, or absent.
    Text,
    /// UTF-8 that is a JSON document, or absent.
    Json,
    /// A whole number; never absent.
    Int,
    /// True or false, which the tables keep as 1 and 0; never absent.
    Flag,
}

/// A column and what it holds.
pub(super) type Column = (&'static str, Kind);

/// The values of one column that are not written yet.
enum Cells {
    /// Those that are there; and 1 or 0 for each row that has one or not.
    Texts(Vec<ByteArray>, Vec<i16>),
    Ints(Vec<i64>),
    Flags(Vec<bool>),
}

impl Cells {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Text | Kind::Json => Self::Texts(Vec::new(), Vec::new()),
            Kind::Int => Self::Ints(Vec::new()),
            Kind::Flag => Self::Flags(Vec::new()),
        }
    }
}

/// A Parquet file in the making.
pub(super) struct ParquetFile {
    path: PathBuf,
    writer: SerializedFileWriter<File>,
    cells: Vec<Cells>,
    /// Rows of a row group, and so the most that are held in memory.
    group: usize,
    waiting: usize,
    rows: u64,
}

impl ParquetFile {
    /// Begins a file of the set with `columns` and row groups of `group` rows.
    pub(super) fn create(
        set: &mut FileSet,
        name: &str,
        columns: &[Column],
        group: usize,
    ) -> Result<Self, ExportError> {
        let path = set.target().join(name);
        let file = set.create(name).map_err(|source| failed(&path, source))?;
        let writer = schema(columns)
            .and_then(|schema| {
                SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties(columns)))
            })
            .map_err(|error| odd(&path, error))?;
        Ok(Self {
            path,
            writer,
            cells: columns.iter().map(|(_, kind)| Cells::of(*kind)).collect(),
            group,
            waiting: 0,
            rows: 0,
        })
    }

    /// Adds a row that has the values of the columns, in their order.
    pub(super) fn row(&mut self, row: &mut Row) -> Result<(), ExportError> {
        self.take(row)?;
        self.waiting += 1;
        self.rows += 1;
        if self.waiting < self.group {
            return Ok(());
        }
        self.flush()
    }

    fn take(&mut self, row: &mut Row) -> Result<(), StoreError> {
        for (at, cells) in self.cells.iter_mut().enumerate() {
            match cells {
                Cells::Texts(values, levels) => {
                    let text = row.maybe_text(at)?;
                    levels.push(text.is_some().into());
                    values.extend(text.map(|text| ByteArray::from(text.into_bytes())));
                }
                Cells::Ints(values) => values.push(row.int(at)?),
                Cells::Flags(values) => values.push(row.int(at)? != 0),
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        if self.waiting > 0 {
            self.waiting = 0;
            self.write_group().map_err(|error| odd(&self.path, error))?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for cells in &mut self.cells {
            let Some(mut column) = group.next_column()? else {
                break;
            };
            match cells {
                Cells::Texts(values, levels) => {
                    let writer = column.typed::<ByteArrayType>();
                    writer.write_batch(values, Some(levels), None)?;
                    values.clear();
                    levels.clear();
                }
                Cells::Ints(values) => {
                    column
                        .typed::<Int64Type>()
                        .write_batch(values, None, None)?;
                    values.clear();
                }
                Cells::Flags(values) => {
                    column.typed::<BoolType>().write_batch(values, None, None)?;
                    values.clear();
                }
            }
            column.close()?;
        }
        group.close()?;
        Ok(())
    }

    /// Ends the file, and says how many rows it has.
    pub(super) fn finish(mut self) -> Result<u64, ExportError> {
        self.flush()?;
        self.writer
            .into_inner()
            .map_err(|error| odd(&self.path, error))?;
        Ok(self.rows)
    }
}

fn failed(path: &Path, source: io::Error) -> ExportError {
    ExportError::File {
        path: path.to_owned(),
        source,
    }
}

fn odd(path: &Path, error: ParquetError) -> ExportError {
    // A full disk is known by its kind.
    let source = match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    };
    failed(path, source)
}

fn schema(columns: &[Column]) -> Result<Type, ParquetError> {
    let fields = columns.iter().map(|(name, kind)| {
        let (physical, logical, repetition) = match kind {
            Kind::Text => (
                Physical::BYTE_ARRAY,
                Some(LogicalType::String),
                Repetition::OPTIONAL,
            ),
            Kind::Json => (
                Physical::BYTE_ARRAY,
                Some(LogicalType::Json),
                Repetition::OPTIONAL,
            ),
            Kind::Int => (Physical::INT64, None, Repetition::REQUIRED),
            Kind::Flag => (Physical::BOOLEAN, None, Repetition::REQUIRED),
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition);
        field.build().map(Arc::new)
    });
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder("schema")
        .with_fields(fields)
        .build()
}

fn properties(columns: &[Column]) -> WriterProperties {
    let mut properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    for (name, _) in columns.iter().filter(|(_, kind)| *kind == Kind::Json) {
        // Documents are all different and nobody looks for the least of them.
        let column = ColumnPath::from(*name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    properties.build()
}

#[cfg(test)]
mod tests {
    use parquet::file::metadata::RowGroupMetaData;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;
    use crate::store::sql::Sql;

    const COLUMNS: &[Column] = &[
        ("id", Kind::Text),
        ("record", Kind::Json),
        ("source", Kind::Int),
        ("is_primary", Kind::Flag),
    ];

    fn write(folder: &Path, rows: i64, group: usize) -> PathBuf {
        let mut set = FileSet::begin(folder).unwrap();
        let mut file = ParquetFile::create(&mut set, "rows.parquet", COLUMNS, group).unwrap();
        for at in 0..rows {
            let text = (at % 3 != 0).then(|| format!("näme {at}"));
            let record = Some(format!("{{\"at\":{at}}}"));
            let values = [text.into(), record.into(), at.into(), Sql::from(at % 2)];
            file.row(&mut Row(values.to_vec())).unwrap();
        }
        assert_eq!(file.finish().unwrap(), rows.unsigned_abs());
        set.publish().unwrap();
        folder.join("rows.parquet")
    }

    #[test]
    fn rows_come_back_from_groups_of_the_size_that_was_asked_for() {
        for (rows, group, sizes) in [
            (25, 10, vec![10, 10, 5]),
            (20, 10, vec![10, 10]),
            (3, 10, vec![3]),
            (0, 10, vec![]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = write(folder.path(), rows, group);
            let reader = SerializedFileReader::try_from(path.as_path()).unwrap();
            let groups = reader.metadata().row_groups();
            let found: Vec<i64> = groups.iter().map(RowGroupMetaData::num_rows).collect();
            assert_eq!(found, sizes);
            let mut at = 0;
            for row in reader {
                let row = row.unwrap();
                if at % 3 == 0 {
                    assert!(row.get_string(0).is_err(), "row {at} has no text");
                } else {
                    assert_eq!(row.get_string(0).unwrap(), &format!("näme {at}"));
                }
                assert_eq!(row.get_string(1).unwrap(), &format!("{{\"at\":{at}}}"));
                assert_eq!(row.get_long(2).unwrap(), at);
                assert_eq!(row.get_bool(3).unwrap(), at % 2 == 1);
                at += 1;
            }
            assert_eq!(at, rows);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_row_of_another_shape_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut set = FileSet::begin(folder.path()).unwrap();
        let mut file = ParquetFile::create(&mut set, "rows.parquet", COLUMNS, 10).unwrap();
        let mut short = Row(vec![Sql::Null, Sql::Null, Sql::Null]);
        let refused = file.row(&mut short);
        assert!(
            matches!(
                refused,
                Err(ExportError::Store(StoreError::Database(
                    crate::DatabaseError::OddRow { column: 2 }
                )))
            ),
            "a number is never absent"
        );
    }
}
