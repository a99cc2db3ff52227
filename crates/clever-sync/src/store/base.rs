//! Where a district stands in the store.

use clever_model::DistrictId;

use crate::report::{RunPath, SyncReport};
use crate::store::sql::{Backend, Sql};
use crate::store::{Base, StoreError, odd_row};

/// Reads the base of a district and its small number.
pub(crate) async fn base<B: Backend>(
    db: &mut B,
    district: &DistrictId,
) -> Result<(Base, Option<i64>), StoreError> {
    let id = Sql::from(district.as_str());
    let known = db
        .maybe(
            "SELECT district, event_cursor, snapshot_at FROM main._districts WHERE district_id = ?1",
            std::slice::from_ref(&id),
        )
        .await?;
    let run = db
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

/// Reads the report of a district's last run that learnt the roster in one of these ways; in any, if none is named.
pub(crate) async fn last_report<B: Backend>(
    db: &mut B,
    district: &DistrictId,
    paths: &[RunPath],
) -> Result<Option<SyncReport>, StoreError> {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| format!("'{}'", path.as_str()))
        .collect();
    let only = if paths.is_empty() {
        String::new()
    } else {
        format!("AND path IN ({})", paths.join(", "))
    };
    let sql = format!(
        "SELECT report FROM main.runs WHERE district_id = ?1 {only} ORDER BY run DESC LIMIT 1"
    );
    let row = db.maybe(&sql, &[district.as_str().into()]).await?;
    let report = row.map(|mut row| row.text(0)).transpose()?;
    Ok(report.as_deref().and_then(SyncReport::read))
}
