//! The little of SQL that the stores do differently, and the store over it.
//!
//! Statements are written once, with `?1` for parameters; a backend translates what its database spells
//! in another way.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::store::{Hash, State, StoreError};

/// A value of a row or a parameter. `Debug` tells what it is, not what it says.
#[derive(Clone, PartialEq)]
pub enum Sql<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
    /// A list, for [`Dialect::among`].
    Texts(Vec<&'a str>),
    /// A list, for [`Dialect::among`].
    Ints(Vec<i64>),
}

impl fmt::Debug for Sql<'_> {
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

impl From<i64> for Sql<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<u64> for Sql<'_> {
    fn from(value: u64) -> Self {
        // No count reaches 2^63.
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<usize> for Sql<'_> {
    fn from(value: usize) -> Self {
        (value as u64).into()
    }
}
impl From<bool> for Sql<'_> {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}
impl<'a> From<&'a str> for Sql<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value.into())
    }
}
impl<'a> From<&'a String> for Sql<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value.into())
    }
}
impl From<String> for Sql<'_> {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}
impl<'a> From<Cow<'a, str>> for Sql<'a> {
    fn from(value: Cow<'a, str>) -> Self {
        Self::Text(value)
    }
}
impl From<Hash> for Sql<'_> {
    fn from(value: Hash) -> Self {
        Self::Blob(value.to_vec().into())
    }
}
impl<'a> From<&'a Hash> for Sql<'a> {
    fn from(value: &'a Hash) -> Self {
        Self::Blob(value.as_slice().into())
    }
}
impl<T: Into<Self>> From<Option<T>> for Sql<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer.
#[derive(Debug)]
pub struct Row(pub(crate) Vec<Sql<'static>>);

impl Row {
    fn take(&mut self, column: usize) -> Result<Sql<'static>, StoreError> {
        self.0
            .get_mut(column)
            .map(|value| std::mem::replace(value, Sql::Null))
            .ok_or(StoreError::OddRow { column })
    }

    pub(crate) fn int(&mut self, column: usize) -> Result<i64, StoreError> {
        match self.take(column)? {
            Sql::Int(value) => Ok(value),
            _ => Err(StoreError::OddRow { column }),
        }
    }

    pub(crate) fn count(&mut self, column: usize) -> Result<u64, StoreError> {
        u64::try_from(self.int(column)?).map_err(|_| StoreError::OddRow { column })
    }

    pub(crate) fn text(&mut self, column: usize) -> Result<String, StoreError> {
        self.maybe_text(column)?
            .ok_or(StoreError::OddRow { column })
    }

    pub(crate) fn maybe_text(&mut self, column: usize) -> Result<Option<String>, StoreError> {
        match self.take(column)? {
            Sql::Null => Ok(None),
            Sql::Text(text) => Ok(Some(text.into_owned())),
            _ => Err(StoreError::OddRow { column }),
        }
    }

    pub(crate) fn maybe_hash(&mut self, column: usize) -> Result<Option<Hash>, StoreError> {
        match self.take(column)? {
            Sql::Null => Ok(None),
            Sql::Blob(bytes) => (*bytes)
                .try_into()
                .map(Some)
                .map_err(|_| StoreError::OddRow { column }),
            _ => Err(StoreError::OddRow { column }),
        }
    }

    /// Reads a row of state: id, hash, archived, refused.
    pub(crate) fn state(&mut self) -> Result<State, StoreError> {
        Ok(State {
            id: self.text(0)?,
            hash: self.hash(1)?,
            archived: self.int(2)? != 0,
            refused: self.maybe_hash(3)?,
        })
    }

    pub(crate) fn hash(&mut self, column: usize) -> Result<Hash, StoreError> {
        self.maybe_hash(column)?
            .ok_or(StoreError::OddRow { column })
    }
}

/// The types of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    Int,
    Blob,
}

/// What databases spell differently.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// `IN` a list parameter; `{}` is where the parameter's number goes.
    pub(crate) among: &'static str,
    /// Begins a transaction that writes.
    pub(crate) begin: &'static str,
    /// Begins a transaction that only reads, and sees one moment.
    pub(crate) look: &'static str,
    /// Empties the staging area.
    pub(crate) empty: &'static str,
    /// Run before what was staged since it was last run is joined.
    pub(crate) staged: &'static str,
    /// Tables whose index is built after a load into the empty table: the statements that drop and make it.
    pub(crate) late: &'static [(&'static str, &'static str, &'static str)],
    /// Reserves `?1` keys of the table that goes at `{}`: one row with the first of as many that follow each other, or a
    /// row each.
    pub(crate) keys: &'static str,
    /// Run after many rows were written into tables without any, so that questions about them are planned well.
    pub(crate) analyze: &'static str,
}

/// What a staging area was found to be when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// As it was left, or new.
    Whole,
    /// What was left can't be read: it was thrown away, and the area is new.
    Broken,
}

/// A database connection.
pub trait Backend {
    /// How this database spells what differs.
    fn dialect(&self) -> Dialect;

    /// Opens the staging area of a district, as it was left, with its tables. Where another run has it, or none
    /// can be kept, it is one that ends with the connection.
    fn open_staging(&mut self, district: &str) -> impl Future<Output = Result<Area, StoreError>>;

    /// Throws the staging area away.
    fn close_staging(&mut self) -> impl Future<Output = Result<(), StoreError>>;

    /// Runs statements without parameters.
    fn batch(&mut self, sql: &str) -> impl Future<Output = Result<(), StoreError>>;

    /// Runs one statement; says how many rows it touched.
    fn execute(
        &mut self,
        sql: &str,
        params: &[Sql<'_>],
    ) -> impl Future<Output = Result<u64, StoreError>>;

    /// Reads all rows of an answer; the statement bounds their number.
    fn query(
        &mut self,
        sql: &str,
        params: &[Sql<'_>],
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>>;

    /// Reads rows of state: id, hash, archived, refused. Every record of a district passes here in every
    /// snapshot.
    fn states(
        &mut self,
        sql: &str,
        params: &[Sql<'_>],
    ) -> impl Future<Output = Result<Vec<State>, StoreError>> {
        async {
            let rows = self.query(sql, params).await?;
            rows.into_iter().map(|mut row| row.state()).collect()
        }
    }

    /// Lets go of what was written and is held in memory, so that there is room for what is read.
    fn relieve(&mut self) -> impl Future<Output = Result<(), StoreError>> {
        async { Ok(()) }
    }

    /// Inserts rows, given one after the other; `conflict` is the statement's end, empty where no row can meet
    /// another of its key.
    fn insert(
        &mut self,
        table: &str,
        columns: &[(&str, Type)],
        rows: &[Sql<'_>],
        conflict: &str,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// A roster store in an SQL database.
#[derive(Debug)]
pub struct SqlStore<B> {
    pub(crate) db: B,
    /// The district of the run, and its small number where it has one.
    pub(crate) district: Option<(clever_model::DistrictId, Option<i64>)>,
    /// Records that were staged.
    pub(crate) bodies: i64,
    /// The last in order of what was staged since the area was empty; none where that is not known.
    pub(crate) staged_to: Option<(clever_model::RecordKind, String)>,
    /// Whether something was staged that the database knows nothing of when it plans.
    pub(crate) unplanned: bool,
}

impl<B: Backend> SqlStore<B> {
    pub(crate) fn over(db: B) -> Self {
        Self {
            db,
            district: None,
            bodies: 0,
            staged_to: None,
            unplanned: false,
        }
    }

    /// `IN` the list that is parameter `at`.
    pub(crate) fn among(&self, at: usize) -> String {
        self.db.dialect().among.replace("{}", &at.to_string())
    }

    /// Reads the only row of an answer.
    pub(crate) async fn one(&mut self, sql: &str, params: &[Sql<'_>]) -> Result<Row, StoreError> {
        self.maybe(sql, params)
            .await?
            .ok_or(StoreError::OddRow { column: 0 })
    }

    /// Reads the first row of an answer, if there is one.
    pub(crate) async fn maybe(
        &mut self,
        sql: &str,
        params: &[Sql<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.db.query(sql, params).await?.into_iter().next())
    }

    /// Reserves keys for that many rows of a table; nobody else gets them.
    pub(crate) async fn keys(&mut self, table: &str, count: usize) -> Result<Vec<i64>, StoreError> {
        let sql = self.db.dialect().keys.replace("{}", table);
        let rows = self.db.query(&sql, &[count.into()]).await?;
        let mut keys: Vec<i64> = rows
            .into_iter()
            .map(|mut row| row.int(0))
            .collect::<Result<_, _>>()?;
        if let &[first] = keys.as_slice() {
            keys.extend((first..).skip(1).take(count.saturating_sub(1)));
        }
        Ok(keys)
    }

    /// The small number of the run's district; one that nothing has, before its first commit.
    pub(crate) fn number(&self) -> i64 {
        self.district
            .as_ref()
            .and_then(|(_, number)| *number)
            .unwrap_or(-1)
    }

    /// The id of the run's district; empty before a run began.
    pub(crate) fn district_id(&self) -> String {
        self.district
            .as_ref()
            .map(|(id, _)| id.to_string())
            .unwrap_or_default()
    }
}

/// Reads a map of two columns.
pub(crate) fn pairs(rows: Vec<Row>) -> Result<BTreeMap<String, i64>, StoreError> {
    rows.into_iter()
        .map(|mut row| Ok((row.text(0)?, row.int(1)?)))
        .collect()
}

/// A list parameter of ids.
pub(crate) fn texts<'a>(ids: impl IntoIterator<Item = &'a str>) -> Sql<'a> {
    Sql::Texts(ids.into_iter().collect())
}
