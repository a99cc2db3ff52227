//! How far the accounts have followed each district's roster.

use clever_model::DistrictId;
use clever_sql::Backend;

use super::{AccountStore, AccountsError};

/// How far the accounts have followed a district's feed of changes; 0 where they have not begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// All changes up to this one are dealt with.
    pub seq: u64,
    /// The run that was under way then began behind this one.
    pub began: u64,
}

impl AccountStore {
    /// How far the accounts have followed a district's roster.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn position(&mut self, district: &DistrictId) -> Result<Position, AccountsError> {
        let sql = "SELECT seq, began FROM main.provision_positions WHERE district = ?1";
        match self.one(sql, district.as_str().into()).await? {
            Some(mut row) => Ok(Position {
                seq: row.count(0)?,
                began: row.count(1)?,
            }),
            None => Ok(Position::default()),
        }
    }

    /// Notes how far they have, in a transaction.
    #[cfg(feature = "roster")]
    pub(crate) async fn write_position(
        &mut self,
        district: &DistrictId,
        at: Position,
    ) -> Result<(), AccountsError> {
        let sql = "INSERT INTO main.provision_positions (district, seq, began) VALUES (?1, ?2, ?3)
                   ON CONFLICT (district) DO UPDATE SET seq = excluded.seq, began = excluded.began";
        let values = [district.as_str().into(), at.seq.into(), at.began.into()];
        self.db.execute(sql, &values).await?;
        Ok(())
    }

    /// Has a district's roster followed from its beginning: for a new store of the same roster. Nothing is done twice.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn rewind(&mut self, district: &DistrictId) -> Result<(), AccountsError> {
        self.write_rewound(district).await
    }

    /// The same in a transaction.
    pub(crate) async fn write_rewound(
        &mut self,
        district: &DistrictId,
    ) -> Result<(), AccountsError> {
        let sql = "DELETE FROM main.provision_positions WHERE district = ?1";
        self.db.execute(sql, &[district.as_str().into()]).await?;
        Ok(())
    }
}
