//! The districts' keys, and what is kept under them.

use clever_auth::seal::SystemRandomness;
use clever_model::DistrictId;
use clever_sql::{Backend, Value};

use super::{AccountStore, AccountsError, Refusal, json, parsed};
use crate::ledger::{DistrictKey, Draft, Pair};

impl AccountStore {
    pub(super) async fn declined(&mut self, pair: Pair) -> Result<Option<Pair>, AccountsError> {
        let sql = "SELECT evidence FROM main.provision_declined WHERE pair = ?1";
        match self.one(sql, json(&pair)?.into()).await? {
            Some(mut row) => parsed(&row.text(0)?, "a digest").map(Some),
            None => Ok(None),
        }
    }

    /// A district's key; `None` where none was made, or its data were erased.
    pub(super) async fn existing_key(
        &mut self,
        district: Option<&DistrictId>,
    ) -> Result<Option<DistrictKey>, AccountsError> {
        let name = district.map_or("", DistrictId::as_str);
        let sql = "SELECT wrapped FROM main.provision_keys WHERE district = ?1";
        let Some(mut row) = self.one(sql, name.into()).await? else {
            return Ok(None);
        };
        let wrapped = row.text(0)?;
        Ok(Some(DistrictKey::from_wrapped(
            district.cloned(),
            &wrapped,
            &self.keys,
        )?))
    }

    /// A district's key, made where there is none; in a transaction.
    ///
    /// # Errors
    ///
    /// [`Refusal::Erased`]: what was erased does not come back by a roster that goes on.
    pub(super) async fn key(
        &mut self,
        district: Option<&DistrictId>,
    ) -> Result<DistrictKey, AccountsError> {
        if let Some(key) = self.existing_key(district).await? {
            return Ok(key);
        }
        if let Some(district) = district
            && self.is_erased(district).await?
        {
            return Err(Refusal::Erased(district.clone()).into());
        }
        let key = DistrictKey::make(district.cloned(), &SystemRandomness)?;
        let wrapped = key.wrap(&self.keys, &SystemRandomness)?;
        let name = district.map_or("", DistrictId::as_str);
        let sql = "INSERT INTO main.provision_keys (district, wrapped) VALUES (?1, ?2)";
        self.db.execute(sql, &[name.into(), wrapped.into()]).await?;
        Ok(key)
    }

    async fn is_erased(&mut self, district: &DistrictId) -> Result<bool, AccountsError> {
        let sql = "SELECT seq FROM main.provision_touched WHERE thing = ?1";
        Ok(self.one(sql, erased(district).into()).await?.is_some())
    }

    /// Destroys a district's personal data: its key, and what was sealed under it. The ledger stays, and holds; it has the ids
    /// of the district's people, which [`AccountStore::forget_district`] takes out too.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub async fn erase(
        &mut self,
        district: &DistrictId,
        draft: Draft,
    ) -> Result<(), AccountsError> {
        let mut store = self.begin().await?;
        store.write_erased(district, draft).await?;
        store.commit().await?;
        Ok(())
    }

    pub(crate) async fn write_erased(
        &mut self,
        district: &DistrictId,
        draft: Draft,
    ) -> Result<(), AccountsError> {
        let seq = self.append(&[draft]).await?;
        // So that no other key is made for it.
        let sql = "INSERT INTO main.provision_touched (thing, seq) VALUES (?1, ?2)
                   ON CONFLICT (thing) DO UPDATE SET seq = excluded.seq";
        self.db
            .execute(sql, &[erased(district).into(), seq.into()])
            .await?;
        for sql in [
            "DELETE FROM main.provision_keys WHERE district = ?1",
            "DELETE FROM main.provision_fields WHERE district = ?1",
            "DELETE FROM main.provision_known WHERE district = ?1",
            "DELETE FROM main.provision_clues WHERE district = ?1",
            "UPDATE main.provision_reviews SET sealed = NULL WHERE district = ?1",
        ] {
            let name = [Value::from(district.as_str())];
            self.db.execute(sql, &name).await?;
        }
        Ok(())
    }
}

/// What the erasure of a district is noted under.
fn erased(district: &DistrictId) -> String {
    format!("erased {district}")
}
