//! Rows of an answer: [`RowRef`] as the database has it in its hands, [`Row`] as a copy.

use rusqlite::types::ValueRef;

use crate::error::DatabaseError;
use crate::value::Value;

/// A row that the database lends for as long as it is read. Texts and bytes are not copied.
#[derive(Debug, Clone, Copy)]
pub struct RowRef<'a>(pub(crate) Lent<'a>);

#[derive(Clone, Copy)]
pub(crate) enum Lent<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    #[cfg(feature = "postgres")]
    Postgres(&'a tokio_postgres::Row),
}

impl std::fmt::Debug for Lent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lent").finish_non_exhaustive()
    }
}

impl<'a> RowRef<'a> {
    /// Reads the column at this place, from 0.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if there is no such column, or it holds neither text, bytes nor a whole number.
    pub fn value(&self, column: usize) -> Result<Value<'a>, DatabaseError> {
        match self.0 {
            Lent::Sqlite(row) => of_sqlite(row, column),
            #[cfg(feature = "postgres")]
            Lent::Postgres(row) => of_postgres(row, column),
        }
    }

    /// Reads a whole number.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn int(&self, column: usize) -> Result<i64, DatabaseError> {
        int(&self.value(column)?, column)
    }

    /// Reads a whole number that is not negative.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn count(&self, column: usize) -> Result<u64, DatabaseError> {
        count(self.int(column)?, column)
    }

    /// Reads a text.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn text(&self, column: usize) -> Result<&'a str, DatabaseError> {
        self.maybe_text(column)?.ok_or_else(|| odd(column))
    }

    /// Reads a text, or nothing.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn maybe_text(&self, column: usize) -> Result<Option<&'a str>, DatabaseError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(std::borrow::Cow::Borrowed(text)) => Ok(Some(text)),
            _ => Err(odd(column)),
        }
    }

    /// Reads bytes of this length, or nothing.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn maybe_bytes<const N: usize>(
        &self,
        column: usize,
    ) -> Result<Option<[u8; N]>, DatabaseError> {
        bytes(&self.value(column)?, column)
    }

    /// Reads bytes of this length.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn bytes<const N: usize>(&self, column: usize) -> Result<[u8; N], DatabaseError> {
        self.maybe_bytes(column)?.ok_or_else(|| odd(column))
    }

    fn width(&self) -> usize {
        match self.0 {
            Lent::Sqlite(row) => row.as_ref().column_count(),
            #[cfg(feature = "postgres")]
            Lent::Postgres(row) => row.len(),
        }
    }

    /// Copies the row.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if a column holds neither text, bytes nor a whole number.
    pub fn to_owned(&self) -> Result<Row, DatabaseError> {
        let width = self.width();
        // A collected `Result` would not know how many there are.
        let mut values = Vec::with_capacity(width);
        for column in 0..width {
            values.push(self.value(column)?.into_owned());
        }
        Ok(Row(values))
    }
}

/// A copy of a row. What is read of it is taken out of it.
#[derive(Debug)]
pub struct Row(pub Vec<Value<'static>>);

impl Row {
    fn take(&mut self, column: usize) -> Result<Value<'static>, DatabaseError> {
        self.0
            .get_mut(column)
            .map(|value| std::mem::replace(value, Value::Null))
            .ok_or_else(|| odd(column))
    }

    /// Reads a whole number.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn int(&mut self, column: usize) -> Result<i64, DatabaseError> {
        int(&self.take(column)?, column)
    }

    /// Reads a whole number, or nothing.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn maybe_int(&mut self, column: usize) -> Result<Option<i64>, DatabaseError> {
        match self.take(column)? {
            Value::Null => Ok(None),
            value => int(&value, column).map(Some),
        }
    }

    /// Reads a whole number that is not negative.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn count(&mut self, column: usize) -> Result<u64, DatabaseError> {
        count(self.int(column)?, column)
    }

    /// Reads a text.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn text(&mut self, column: usize) -> Result<String, DatabaseError> {
        self.maybe_text(column)?.ok_or_else(|| odd(column))
    }

    /// Reads a text, or nothing.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn maybe_text(&mut self, column: usize) -> Result<Option<String>, DatabaseError> {
        match self.take(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.into_owned())),
            _ => Err(odd(column)),
        }
    }

    /// Reads bytes of this length, or nothing.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn maybe_bytes<const N: usize>(
        &mut self,
        column: usize,
    ) -> Result<Option<[u8; N]>, DatabaseError> {
        bytes(&self.take(column)?, column)
    }

    /// Reads bytes of this length.
    ///
    /// # Errors
    ///
    /// [`DatabaseError::OddRow`] if it is something else.
    pub fn bytes<const N: usize>(&mut self, column: usize) -> Result<[u8; N], DatabaseError> {
        self.maybe_bytes(column)?.ok_or_else(|| odd(column))
    }
}

const fn odd(column: usize) -> DatabaseError {
    DatabaseError::OddRow { column }
}

fn int(value: &Value<'_>, column: usize) -> Result<i64, DatabaseError> {
    match value {
        Value::Int(value) => Ok(*value),
        _ => Err(odd(column)),
    }
}

fn count(value: i64, column: usize) -> Result<u64, DatabaseError> {
    u64::try_from(value).map_err(|_| odd(column))
}

fn bytes<const N: usize>(
    value: &Value<'_>,
    column: usize,
) -> Result<Option<[u8; N]>, DatabaseError> {
    match value {
        Value::Null => Ok(None),
        Value::Blob(bytes) => (**bytes).try_into().map(Some).map_err(|_| odd(column)),
        _ => Err(odd(column)),
    }
}

/// Reads a column of SQLite's.
fn of_sqlite<'a>(row: &'a rusqlite::Row<'a>, column: usize) -> Result<Value<'a>, DatabaseError> {
    match row.get_ref(column).map_err(|_| odd(column))? {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(value) => Ok(Value::Int(value)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.into())),
            Err(_) => Ok(Value::Text(
                String::from_utf8_lossy(text).into_owned().into(),
            )),
        },
        ValueRef::Blob(bytes) => Ok(Value::Blob(bytes.into())),
        // No store writes floats; read as a text or a number, one is odd and says so.
        ValueRef::Real(_) => Ok(Value::Blob(Vec::new().into())),
    }
}

/// Reads a column of PostgreSQL's.
#[cfg(feature = "postgres")]
fn of_postgres(row: &tokio_postgres::Row, column: usize) -> Result<Value<'_>, DatabaseError> {
    use tokio_postgres::types::Type as WireType;
    let of = row.columns().get(column).ok_or_else(|| odd(column))?;
    let value = match *of.type_() {
        WireType::INT8 => row.try_get::<_, Option<i64>>(column).map(Value::from),
        WireType::INT4 => row
            .try_get::<_, Option<i32>>(column)
            .map(|value| value.map(i64::from).into()),
        WireType::INT2 => row
            .try_get::<_, Option<i16>>(column)
            .map(|value| value.map(i64::from).into()),
        WireType::BOOL => row.try_get::<_, Option<bool>>(column).map(Value::from),
        WireType::BYTEA => row
            .try_get::<_, Option<&[u8]>>(column)
            .map(|value| value.map_or(Value::Null, |bytes| Value::Blob(bytes.into()))),
        _ => row.try_get::<_, Option<&str>>(column).map(Value::from),
    };
    value.map_err(|_| odd(column))
}
