//! Tokens of the console's API, kept as digests: whoever reads the store has no token.

use clever_model::Timestamp;
use serde::Serialize;

use crate::store::sql::{RosterDb, Row, SqlStore};
use crate::store::{StoreError, odd_row};

/// The columns of a [`Token`].
const COLUMNS: &str = "name, role, district_id, made_at, ends_at";

/// What a token may do, without the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Token {
    /// Its name, which the audit keeps; of one token at a time.
    pub name: String,
    /// Its role, in a word.
    pub role: String,
    /// The one district that it may see; empty for all of them.
    pub district_id: String,
    /// When it was made.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub made_at: Timestamp,
    /// When it ends; none for one that is good until it is taken away.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub ends_at: Option<Timestamp>,
}

impl<B: RosterDb> SqlStore<B> {
    /// Keeps a token by its digest; says whether its name was free.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn add_token(&mut self, digest: &str, token: &Token) -> Result<bool, StoreError> {
        let sql = "INSERT INTO main._tokens (digest, name, role, district_id, made_at, ends_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
        let ends = token.ends_at.map(|at| at.to_string());
        let params = [
            digest.into(),
            token.name.as_str().into(),
            token.role.as_str().into(),
            token.district_id.as_str().into(),
            token.made_at.to_string().into(),
            ends.into(),
        ];
        Ok(self.db.execute(sql, &params).await? > 0)
    }

    /// The token with a digest, whether it is over or not.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn token(&mut self, digest: &str) -> Result<Option<Token>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM main._tokens WHERE digest = ?1");
        let row = self.db.maybe(&sql, &[digest.into()]).await?;
        row.map(|mut row| token(&mut row)).transpose()
    }

    /// Every token, by its name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn tokens(&mut self) -> Result<Vec<Token>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM main._tokens ORDER BY name LIMIT 1000");
        let rows = self.db.query(&sql, &[]).await?;
        rows.into_iter().map(|mut row| token(&mut row)).collect()
    }

    /// Takes a token away; says whether there was one of this name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn remove_token(&mut self, name: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM main._tokens WHERE name = ?1";
        Ok(self.db.execute(sql, &[name.into()]).await? > 0)
    }
}

/// Reads a row with [`COLUMNS`].
fn token(row: &mut Row) -> Result<Token, StoreError> {
    let ends = row.maybe_text(4)?;
    Ok(Token {
        name: row.text(0)?,
        role: row.text(1)?,
        district_id: row.text(2)?,
        made_at: row.text(3)?.parse().map_err(|_| odd_row(3))?,
        ends_at: ends
            .map(|at| at.parse().map_err(|_| odd_row(4)))
            .transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    #[tokio::test]
    async fn a_token_is_found_by_its_digest_until_it_is_taken_away() {
        let mut store = SqliteStore::in_memory().unwrap();
        let one = Token {
            name: "nightly".to_owned(),
            role: "viewer".to_owned(),
            district_id: String::new(),
            made_at: Timestamp::from_second(1_789_000_000).unwrap(),
            ends_at: Some(Timestamp::from_second(1_789_100_000).unwrap()),
        };
        assert!(store.add_token("aa", &one).await.unwrap());
        assert!(
            !store.add_token("bb", &one).await.unwrap(),
            "the name is taken"
        );
        assert_eq!(store.token("aa").await.unwrap(), Some(one.clone()));
        assert_eq!(store.token("bb").await.unwrap(), None);
        assert_eq!(store.tokens().await.unwrap(), [one]);
        assert!(store.remove_token("nightly").await.unwrap());
        assert!(!store.remove_token("nightly").await.unwrap());
        assert_eq!(store.token("aa").await.unwrap(), None);
    }
}
