//! The state of each district that alerts reported last.

use std::collections::BTreeMap;

use clever_model::Timestamp;

use crate::store::StoreError;
use crate::store::sql::{RosterDb, SqlStore};

impl<B: RosterDb> SqlStore<B> {
    /// The states that were reported last, by district; by `""`, that of tries which came to no district.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn told_states(&mut self) -> Result<BTreeMap<String, String>, StoreError> {
        let sql = "SELECT district_id, state FROM main._alerts";
        let rows = self.db.query(sql, &[]).await?;
        rows.into_iter()
            .map(|mut row| Ok((row.text(0)?, row.text(1)?)))
            .collect()
    }

    /// Notes that a state was reported.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn tell_state(
        &mut self,
        district_id: &str,
        state: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO main._alerts (district_id, state, told_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (district_id) DO UPDATE SET state = excluded.state, told_at = excluded.told_at";
        let params = [district_id.into(), state.into(), now.to_string().into()];
        self.db.execute(sql, &params).await?;
        Ok(())
    }
}
