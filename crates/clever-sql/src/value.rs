//! Values of parameters and rows.

use std::borrow::Cow;
use std::fmt;

/// A value of a parameter or of a row. `Debug` shows its type and size, not what it says.
#[derive(Clone, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// A whole number, or a truth value as 0 or 1.
    Int(i64),
    /// A text.
    Text(Cow<'a, str>),
    /// Bytes as they are.
    Blob(Cow<'a, [u8]>),
    /// A list of texts, for [`Kind::among`](crate::Kind::among). No column holds one.
    Texts(Vec<&'a str>),
    /// A list of whole numbers, for [`Kind::among`](crate::Kind::among). No column holds one.
    Ints(Vec<i64>),
}

impl<'a> Value<'a> {
    /// Makes a list parameter of texts.
    pub fn texts(all: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Texts(all.into_iter().collect())
    }

    /// Copies what is borrowed.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(text.into_owned().into()),
            Self::Blob(bytes) => Value::Blob(bytes.into_owned().into()),
            Self::Int(value) => Value::Int(value),
            Self::Ints(all) => Value::Ints(all),
            // No row holds a list.
            Self::Null | Self::Texts(_) => Value::Null,
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Int(value) => write!(f, "Int({value})"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Blob(bytes) => write!(f, "Blob({} bytes)", bytes.len()),
            Self::Texts(all) => write!(f, "Texts({})", all.len()),
            Self::Ints(all) => write!(f, "Ints({})", all.len()),
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        // No count reaches 2^63.
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}
impl From<usize> for Value<'_> {
    fn from(value: usize) -> Self {
        (value as u64).into()
    }
}
impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}
impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value.into())
    }
}
impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value.into())
    }
}
impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}
impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(value: Cow<'a, str>) -> Self {
        Self::Text(value)
    }
}
impl<const N: usize> From<[u8; N]> for Value<'_> {
    fn from(value: [u8; N]) -> Self {
        Self::Blob(value.to_vec().into())
    }
}
impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(value.as_slice().into())
    }
}
impl<T: Into<Self>> From<Option<T>> for Value<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The type of a column that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `TEXT`.
    Text,
    /// `BIGINT`.
    Int,
    /// `INTEGER`: a whole number of four bytes, where the database counts them.
    Int4,
    /// `SMALLINT`: a whole number of two bytes, where the database counts them.
    Int2,
    /// `BLOB`, in PostgreSQL `BYTEA`.
    Blob,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let all = [
            Value::from("Secret"),
            Value::from(*b"Secret"),
            Value::texts(["Secret"]),
            Value::from(Some("Secret".to_owned())),
        ];
        let shown = format!("{all:?}");
        assert!(
            shown.contains("6 bytes") && !shown.contains("Secret"),
            "{shown}"
        );
    }
}
