//! Districts that are in another store by now, or on their way there or here: nobody writes of them in this one.
//!
//! *Decision*: the fence is a row of the store that is left, and whoever writes of a district reads it in the transaction that
//! writes. A lock on the district's row orders the two: who wrote before the fence is seen by whoever carries the rows, and who comes
//! after it is refused, also a run that began long before and wakes up now. No clock and no time-out is believed.

use std::fmt;

use clever_sql::Kind;

use crate::store::sql::{Backend, RosterDb, Row, SqlStore};
use crate::store::{StoreError, odd_row};

/// How a district is in this store that is not, or not for long, its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// It is carried to the other store, and what is here is what counts.
    Leaving,
    /// It is in the other store.
    Moved,
    /// It is carried here from the other store.
    Arriving,
}

impl Whereabouts {
    const ALL: [Self; 3] = [Self::Leaving, Self::Moved, Self::Arriving];

    /// The word in the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Leaving => "leaving",
            Self::Moved => "moved",
            Self::Arriving => "arriving",
        }
    }
}

/// Where a district is of which nobody writes in this store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// The district.
    pub district_id: String,
    /// The other store, by its name in the directory of stores.
    pub store: String,
    /// How it is here.
    pub whereabouts: Whereabouts,
    /// The number of the deed that moves it, in the store that it leaves.
    pub(crate) deed: i64,
    /// Whether it is paused for that alone.
    pub(crate) paused: bool,
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (district, store) = (&self.district_id, &self.store);
        match self.whereabouts {
            Whereabouts::Moved => write!(f, "district {district} is in the store `{store}`"),
            Whereabouts::Leaving => write!(
                f,
                "district {district} is on its way to the store `{store}`, and nobody writes of it until it is there"
            ),
            Whereabouts::Arriving => write!(
                f,
                "district {district} is on its way here from the store `{store}`, and nobody writes of it until it is here"
            ),
        }
    }
}

impl<B: RosterDb> SqlStore<B> {
    /// Says where a district is if it is in another store, or on its way; none if this store is its own, or never heard of it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn away(&mut self, district_id: &str) -> Result<Option<Away>, StoreError> {
        away(&mut self.db, district_id).await
    }
}

/// The same over a connection.
pub(crate) async fn away<B: Backend>(
    db: &mut B,
    district_id: &str,
) -> Result<Option<Away>, StoreError> {
    let sql =
        "SELECT district_id, state, store, audit, paused FROM main._moves WHERE district_id = ?1";
    let row = db.maybe(sql, &[district_id.into()]).await?;
    row.map(|mut row| read(&mut row)).transpose()
}

fn read(row: &mut Row) -> Result<Away, StoreError> {
    let word = row.text(1)?;
    let mut all = Whereabouts::ALL.into_iter();
    Ok(Away {
        district_id: row.text(0)?,
        whereabouts: all
            .find(|one| one.as_str() == word)
            .ok_or_else(|| odd_row(1))?,
        store: row.text(2)?,
        deed: row.int(3)?,
        paused: row.int(4)? != 0,
    })
}

/// Refuses to write of a district that is elsewhere or on its way; within the transaction that writes. Until that ends, nobody
/// fences the district.
pub(crate) async fn stays<B: Backend>(db: &mut B, district_id: &str) -> Result<(), StoreError> {
    if district_id.is_empty() {
        return Ok(());
    }
    if db.kind() == Kind::Postgres {
        // The weakest lock, which the end of a run does not wait for; the fence does. SQLite has one writer.
        let sql = "SELECT district FROM main._districts WHERE district_id = ?1 FOR KEY SHARE";
        db.maybe(sql, &[district_id.into()]).await?;
    }
    match away(db, district_id).await? {
        None => Ok(()),
        Some(away) => Err(StoreError::Elsewhere(Box::new(away))),
    }
}

/// Locks a district's row against everybody who writes of it, in a transaction; says whether there is one.
pub(crate) async fn lock<B: Backend>(db: &mut B, district_id: &str) -> Result<bool, StoreError> {
    let lock = match db.kind() {
        Kind::Postgres => " FOR UPDATE",
        Kind::Sqlite => "",
    };
    let sql = format!("SELECT district FROM main._districts WHERE district_id = ?1{lock}");
    Ok(db.maybe(&sql, &[district_id.into()]).await?.is_some())
}

/// The condition of a statement that a district, named by this column, is in this store and in no other.
pub(crate) fn here(column: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM main._moves m WHERE m.district_id = {column} AND m.state <> 'leaving')"
    )
}
