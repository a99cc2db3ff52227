//! Takes the old copy of a district away, when it is for certain that the district is whole in another store.

use crate::act::forget::sweep;
use crate::carry::{CarryError, Moving, parts, write};
use crate::store::StoreError;
use crate::store::moves::{self, Whereabouts};
use crate::store::sql::{RosterDb, SqlStore, Transaction};

/// Erases what the store `from` still has of a district that moved to the store `to`; what leads to that store stays. Says whether the
/// bytes are gone from the database's files, too: not while somebody else reads.
///
/// The rows were compared before the switch. It is asked again whether the new store has the district now, and has come as far in its runs and
/// its feed at least.
///
/// # Errors
///
/// [`CarryError::Needed`] if not; nothing was erased.
pub async fn forget_old<B: RosterDb, C: RosterDb>(
    old: &mut SqlStore<B>,
    new: &mut SqlStore<C>,
    moving: &Moving<'_>,
) -> Result<bool, CarryError> {
    let id = moving.district.as_str();
    let needed = |why| CarryError::Needed {
        district: id.to_owned(),
        store: moving.from.to_owned(),
        why,
    };
    let is_there = new.away(id).await?.is_none() && write::find(&mut new.db, id).await?.is_some();
    if !is_there {
        return Err(needed("the other store does not have it, or not yet"));
    }
    if reached(&mut new.db, id).await? < reached(&mut old.db, id).await? {
        return Err(needed("the other store has not come as far"));
    }
    sweep_away(old, moving).await?;
    Ok(sweep(old).await?)
}

/// How far a store has come with a district: its last run, and the last change of its feed.
async fn reached<B: RosterDb>(db: &mut B, id: &str) -> Result<(u64, u64), StoreError> {
    let sql = "SELECT (SELECT coalesce(max(run), 0) FROM main.runs WHERE district_id = ?1),
        (SELECT coalesce(max(seq), 0) FROM main._changes WHERE district_id = ?1)";
    let mut row = db.one(sql, &[id.into()]).await?;
    Ok((row.count(0)?, row.count(1)?))
}

async fn sweep_away<B: RosterDb>(
    old: &mut SqlStore<B>,
    moving: &Moving<'_>,
) -> Result<(), CarryError> {
    let id = moving.district.as_str();
    // What a run that was killed had read of people; whoever holds it now is refused when it is to be written.
    let area = old.db.open_staging(id).await?;
    old.db.close_staging(area, false).await?;
    if old.db.kind() == clever_sql::Kind::Sqlite {
        old.db.batch("PRAGMA main.secure_delete = ON").await?;
    }
    let parts = parts::parts().await?;
    let mut writing = Transaction::write(&mut old.db).await?;
    let away = moves::away(&mut *writing, id).await?;
    if !away.is_some_and(|away| away.whereabouts == Whereabouts::Moved && away.store == moving.to) {
        return Err(CarryError::Needed {
            district: id.to_owned(),
            store: moving.from.to_owned(),
            why: "it has not moved",
        });
    }
    if let Some(of) = write::find(&mut *writing, id).await? {
        write::erase(&mut *writing, &parts, &of).await?;
    }
    Ok(writing.commit().await?)
}
