//! The columns of the table, and rows of the feed as Arrow's columns. Pure.
//!
//! Decision: a column that a later version adds may be empty, so that a table of an earlier version takes it; a column that
//! somebody else added stays, and is empty in what is appended.

use std::sync::Arc;

use clever_sync::Change;
use deltalake::arrow::array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use deltalake::arrow::compute::cast;
use deltalake::arrow::datatypes::{DataType as ArrowType, SchemaRef, TimeUnit};
use deltalake::arrow::error::ArrowError;
use deltalake::kernel::{DataType, StructField};

/// The column of the district: each district's rows are files of their own.
pub(crate) const DISTRICT: &str = "district_id";

/// The columns whose least and greatest values stand in the table's log.
///
/// Decision: none that may hold a name or an id of a person. The log is kept for weeks after a file is gone.
pub(crate) const MEASURED: &str = "seq,run,at,kind,op";

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Number,
    Instant,
    Text,
}

/// A column of the table.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    holds: Holds,
    /// Whether no row may be without it.
    pub(crate) is_required: bool,
}

const fn column(name: &'static str, holds: Holds, is_required: bool) -> Column {
    Column {
        name,
        holds,
        is_required,
    }
}

/// Every column, named as in the view `changes` of a store.
pub(crate) const COLUMNS: [Column; 11] = [
    column(DISTRICT, Holds::Text, true),
    column("seq", Holds::Number, true),
    column("run", Holds::Number, true),
    column("at", Holds::Instant, true),
    column("kind", Holds::Text, true),
    column("id", Holds::Text, true),
    column("op", Holds::Text, true),
    column("fields", Holds::Text, false),
    column("before", Holds::Text, false),
    column("after", Holds::Text, false),
    column("event", Holds::Text, false),
];

impl Column {
    /// The column in the words of the table's log.
    pub(crate) fn field(&self) -> StructField {
        let holds = match self.holds {
            Holds::Number => DataType::LONG,
            Holds::Instant => DataType::TIMESTAMP,
            Holds::Text => DataType::STRING,
        };
        StructField::new(self.name, holds, !self.is_required)
    }
}

/// One row of the feed, as the table has it. `Debug` is absent: values may be of children.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) run: i64,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) op: String,
    pub(crate) fields: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) event: Option<String>,
}

impl Row {
    /// A change as a row.
    pub(crate) fn of(change: &Change) -> Self {
        let fields = (!change.fields.is_empty())
            .then(|| serde_json::Value::from(change.fields.as_slice()).to_string());
        let json = |raw: &Option<Box<serde_json::value::RawValue>>| {
            raw.as_ref().map(|raw| raw.get().to_owned())
        };
        Self {
            seq: signed(change.seq),
            run: signed(change.run),
            at: change.at.as_microsecond(),
            kind: change.kind.as_str().to_owned(),
            id: change.id.clone(),
            op: change.op.to_string(),
            fields,
            before: json(&change.before),
            after: json(&change.after),
            event: change.event.clone(),
        }
    }

    /// How many bytes of text it has, about.
    pub(crate) fn size(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        64 + self.id.len() + text(&self.fields) + text(&self.before) + text(&self.after)
    }

    fn text(&self, column: &str) -> Option<&str> {
        match column {
            "kind" => Some(&self.kind),
            "id" => Some(&self.id),
            "op" => Some(&self.op),
            "fields" => self.fields.as_deref(),
            "before" => self.before.as_deref(),
            "after" => self.after.as_deref(),
            "event" => self.event.as_deref(),
            _ => None,
        }
    }
}

/// A number of the store as a number of the table.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Rows as columns of the table's schema. Columns that are not ours are taken from `old`, whose rows these are; without it they
/// are empty.
pub(crate) fn batch(
    schema: &SchemaRef,
    district: &str,
    rows: &[Row],
    old: Option<&RecordBatch>,
) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let name = field.name().as_str();
        let ours = COLUMNS.iter().find(|column| column.name == name);
        columns.push(match ours.map(|column| column.holds) {
            Some(Holds::Number) => {
                let number = |row: &Row| if name == "seq" { row.seq } else { row.run };
                Arc::new(rows.iter().map(number).collect::<Int64Array>())
            }
            Some(Holds::Instant) => {
                let all: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.at)).collect();
                Arc::new(all.with_timezone("UTC"))
            }
            Some(Holds::Text) if name == DISTRICT => {
                Arc::new(rows.iter().map(|_| Some(district)).collect::<StringArray>())
            }
            Some(Holds::Text) => Arc::new(
                rows.iter()
                    .map(|row| row.text(name))
                    .collect::<StringArray>(),
            ),
            None => match old.and_then(|old| old.column_by_name(name)) {
                Some(column) => Arc::clone(column),
                None => new_null_array(field.data_type(), rows.len()),
            },
        });
    }
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// A batch that was read from a file, with the columns of the table's schema: those that the file is older than are empty.
pub(crate) fn fitted(
    schema: &SchemaRef,
    district: &str,
    read: &RecordBatch,
) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        columns.push(match read.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
            Some(column) => cast(column, field.data_type())?,
            None if field.name() == DISTRICT => Arc::new(
                (0..read.num_rows())
                    .map(|_| Some(district))
                    .collect::<StringArray>(),
            ),
            None => new_null_array(field.data_type(), read.num_rows()),
        });
    }
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// The rows of a batch; none if a column of ours is missing or holds something else.
pub(crate) fn rows(batch: &RecordBatch) -> Option<Vec<Row>> {
    let plain = |name: &str, wanted: &ArrowType| {
        let column = batch.column_by_name(name)?;
        cast(column, wanted).ok()
    };
    let texts = |name: &str| -> Option<Vec<Option<String>>> {
        let column = plain(name, &ArrowType::Utf8)?;
        let texts = column.as_any().downcast_ref::<StringArray>()?;
        Some(
            texts
                .iter()
                .map(|text| text.map(ToOwned::to_owned))
                .collect(),
        )
    };
    let numbers = |name: &str| -> Option<Vec<i64>> {
        let column = plain(name, &ArrowType::Int64)?;
        let numbers = column.as_any().downcast_ref::<Int64Array>()?;
        Some(numbers.values().to_vec())
    };
    let instant = ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let at = plain("at", &instant)?;
    let at = at.as_any().downcast_ref::<TimestampMicrosecondArray>()?;
    let (seq, run) = (numbers("seq")?, numbers("run")?);
    let (kinds, ids, ops) = (texts("kind")?, texts("id")?, texts("op")?);
    let (fields, before) = (texts("fields")?, texts("before")?);
    let (after, event) = (texts("after")?, texts("event")?);
    let row = |index: usize| {
        Some(Row {
            seq: *seq.get(index)?,
            run: *run.get(index)?,
            at: *at.values().get(index)?,
            kind: kinds.get(index)?.clone()?,
            id: ids.get(index)?.clone()?,
            op: ops.get(index)?.clone()?,
            fields: fields.get(index)?.clone(),
            before: before.get(index)?.clone(),
            after: after.get(index)?.clone(),
            event: event.get(index)?.clone(),
        })
    };
    (0..batch.num_rows()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use deltalake::arrow::datatypes::{Field, Schema};
    use deltalake::kernel::StructType;
    use deltalake::kernel::engine::arrow_conversion::TryIntoArrow;

    use super::*;

    fn row(seq: i64, after: Option<&str>) -> Row {
        Row {
            seq,
            run: 1,
            at: 1_700_000_000_000_000,
            kind: "users".to_owned(),
            id: "u".to_owned(),
            op: "create".to_owned(),
            fields: None,
            before: None,
            after: after.map(ToOwned::to_owned),
            event: None,
        }
    }

    fn schema() -> Schema {
        let fields = COLUMNS.iter().map(Column::field);
        (&StructType::try_new(fields).unwrap())
            .try_into_arrow()
            .unwrap()
    }

    #[test]
    fn rows_become_columns_and_rows_again() {
        let all = vec![row(1, Some("{}")), row(2, None)];
        let batch = batch(&Arc::new(schema()), "d", &all, None).unwrap();
        assert!(rows(&batch).unwrap() == all);
        let fitted = fitted(&batch.schema(), "d", &batch).unwrap();
        assert_eq!(fitted, batch);
    }

    #[test]
    fn a_column_of_somebody_else_is_empty_and_kept() {
        let mut fields = schema().fields().to_vec();
        fields.push(Arc::new(Field::new("note", ArrowType::Utf8, true)));
        let wider: SchemaRef = Arc::new(Schema::new(fields));
        let all = vec![row(1, Some("{}"))];
        let made = batch(&wider, "d", &all, None).unwrap();
        assert!(made.column_by_name("note").unwrap().is_null(0));
        let mut columns = made.columns().to_vec();
        *columns.last_mut().unwrap() = Arc::new(StringArray::from(vec![Some("mine")]));
        let old = RecordBatch::try_new(Arc::clone(&wider), columns).unwrap();
        let again = batch(&wider, "d", &all, Some(&old)).unwrap();
        assert_eq!(again, old, "what is not ours stays");
    }
}
