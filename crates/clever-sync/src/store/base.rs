//! Where a district stands in the store.

use clever_model::DistrictId;

use crate::store::sql::{RosterDb, Sql, SqlStore};
use crate::store::{Base, StoreError, odd_row};

/// Reads the base of a district and its small number.
pub(crate) async fn base<B: RosterDb>(
    store: &mut SqlStore<B>,
    district: &DistrictId,
) -> Result<(Base, Option<i64>), StoreError> {
    let id = Sql::from(district.as_str());
    let known = store
        .maybe(
            "SELECT district, event_cursor, snapshot_at FROM main._districts WHERE district_id = ?1",
            std::slice::from_ref(&id),
        )
        .await?;
    let run = store
        .one(
            "SELECT coalesce(max(run), 0) FROM main.runs WHERE district_id = ?1",
            &[id],
        )
        .await?
        .count(0)?;
    let Some(mut known) = known else {
        return Ok((
            Base {
                run,
                ..Base::default()
            },
            None,
        ));
    };
    let base = Base {
        run,
        cursor: known.maybe_text(1)?,
        snapshot_at: known
            .maybe_text(2)?
            .map(|at| at.parse().map_err(|_| odd_row(2)))
            .transpose()?,
    };
    Ok((base, Some(known.int(0)?)))
}
