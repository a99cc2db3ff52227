//! Looks for rows that someone else edited: columns that do not say what their record says, records whose
//! bytes are not those that were seen.

use clever_model::{DistrictId, RecordKind};

use crate::columns::{self, columns};
use crate::diff::hash_of;
use crate::policy::SyncPolicy;
use crate::store::sql::{Backend, Sql, SqlStore, texts};
use crate::store::{Store, StoreError};

/// Rows read at once.
const CHUNK: usize = 1000;

/// Finds rows of a district that were edited by hand, and forgets their hashes, so that the next snapshot
/// compares them anew and mends them. The app's own columns are its own to edit. Returns how many there are.
///
/// # Errors
///
/// [`StoreError`] when the store can't be read or written.
pub async fn mark_edited<B: Backend>(
    store: &mut SqlStore<B>,
    district: &DistrictId,
    policy: &SyncPolicy,
) -> Result<u64, StoreError> {
    store.begin(district).await?;
    let mut edited = 0;
    for kind in RecordKind::ALL {
        let ours: Vec<_> = columns(kind)
            .iter()
            .filter(|(name, _)| !policy.is_sticky(kind, name))
            .collect();
        let names: Vec<String> = ours.iter().map(|(name, _)| format!("t.{name}")).collect();
        let sql = format!(
            "SELECT t.id, t.record, s.hash, {} FROM {kind} t
             JOIN _state s ON s.district = ?1 AND s.kind = ?2 AND s.id = t.id
             WHERE t.district_id = ?3 AND t.id > ?4 ORDER BY t.id LIMIT ?5",
            names.join(", ")
        );
        let mut after = String::new();
        loop {
            let params = [
                store.number().into(),
                (kind as i64).into(),
                district.as_str().into(),
                after.as_str().into(),
                CHUNK.into(),
            ];
            let mut odd: Vec<String> = Vec::new();
            let rows = store.db.query(&sql, &params).await?;
            if rows.is_empty() {
                break;
            }
            for mut row in rows {
                let (id, record, hash) = (row.text(0)?, row.text(1)?, row.hash(2)?);
                after.clone_from(&id);
                let value: serde_json::Value = serde_json::from_str(&record).unwrap_or_default();
                let mut same = hash == hash_of(&record);
                for ((_, place), at) in ours.iter().zip(3..) {
                    // A column that holds no text was not written by a sync.
                    same &= row
                        .maybe_text(at)
                        .is_ok_and(|text| text == columns::text(&value, place));
                }
                if !same {
                    odd.push(id);
                }
            }
            if odd.is_empty() {
                continue;
            }
            edited += odd.len() as u64;
            let sql = format!(
                "UPDATE _state SET hash = ?1 WHERE district = ?2 AND kind = ?3 AND id {}",
                store.among(4)
            );
            let params = [
                Sql::Blob(vec![0; 16]),
                store.number().into(),
                (kind as i64).into(),
                texts(odd.iter().map(String::as_str)),
            ];
            store.db.execute(&sql, &params).await?;
        }
    }
    Ok(edited)
}
