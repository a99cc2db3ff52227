//! The district's own record: which district it is, and when Clever last synced it.

use clever_model::{DistrictId, RecordKind};
use clever_raw::page::RawPage;

use crate::error::SyncError;
use crate::learn::columns;
use crate::learn::reading;
use crate::learn::source::RosterSource;

/// What the district's own record says.
pub(crate) struct DistrictRecord {
    pub(crate) id: DistrictId,
    pub(crate) name: String,
    pub(crate) last_sync: Option<String>,
    pub(crate) paused: bool,
}

/// Reads the page of the district's own record.
pub(crate) async fn read_district(source: &impl RosterSource) -> Result<RawPage, SyncError> {
    let page = source.district().await.map_err(|error| SyncError::Fetch {
        kind: RecordKind::Districts,
        source: Box::new(error),
    })?;
    // One that leads on is the first of several; one that can't be read is one too.
    let more = !matches!(page.next(), Ok(None));
    let found = page.len() + page.refused().len() + usize::from(more);
    match page.refused().first() {
        _ if found != 1 => Err(SyncError::NotOneDistrict { found }),
        Some(refused) => Err(SyncError::DistrictRecord {
            reason: refused.reason,
        }),
        None => Ok(page),
    }
}

/// Reads what the record on that page says.
pub(crate) fn district_record(page: &RawPage) -> Result<DistrictRecord, SyncError> {
    let Some(record) = page.records().next() else {
        return Err(SyncError::NotOneDistrict { found: 0 });
    };
    // Without its state and its last sync nothing would protect the lists.
    let value = reading::value(record.json).ok_or(SyncError::DistrictRecord {
        reason: "it is no value that can be kept",
    })?;
    Ok(DistrictRecord {
        id: DistrictId::new(record.id).map_err(SyncError::District)?,
        name: columns::text(&value, "/name").unwrap_or_default(),
        last_sync: columns::said(&value, "/last_sync"),
        paused: columns::is_paused(&value),
    })
}
