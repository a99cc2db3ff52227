//! The commits that move a district from one store to another: nobody writes in the old one, the new one has it, both say so.

use clever_model::Timestamp;

use crate::carry::Moving;
use crate::store::judged::{self, Deed};
use crate::store::moves::{self, Away, Whereabouts};
use crate::store::pauses;
use crate::store::sql::{Backend, RosterDb, SqlStore, Transaction};
use crate::store::{Paused, StoreError};

/// What the audit calls what is done to a district as a whole.
const SUBJECT: &str = "district";

/// A deed of whoever moves the district.
fn deed<'a>(moving: &'a Moving<'_>, word: &'a str, reason: &'a str, at: Timestamp) -> Deed<'a> {
    Deed {
        district_id: moving.district.as_str(),
        at,
        actor: moving.actor,
        role: moving.role,
        deed: word,
        subject: SUBJECT,
        reason,
        key: None,
    }
}

/// Has nobody write of the district in the store that it leaves, and pauses it, unless somebody has. Whoever writes now is waited
/// for; whoever comes later is refused. Gives the fence that stands then, whoever set it; none if the store has no such district.
pub(super) async fn set<B: RosterDb>(
    old: &mut SqlStore<B>,
    moving: &Moving<'_>,
    now: Timestamp,
) -> Result<Option<Away>, StoreError> {
    let id = moving.district.as_str();
    let mut writing = Transaction::write(&mut old.db).await?;
    if !moves::lock(&mut *writing, id).await? {
        return Ok(None);
    }
    if let Some(away) = moves::away(&mut *writing, id).await? {
        return Ok(Some(away));
    }
    let reason = format!("to the store `{}`: {}", moving.to, moving.reason);
    let deed = deed(moving, "move", &reason, now);
    // Without a key of a program's, it is written.
    let number = judged::write(&mut *writing, &deed)
        .await?
        .unwrap_or_default();
    let paused: Option<Paused> = pauses::paused(&mut *writing, id).await?;
    if paused.is_none() {
        let sql = "INSERT INTO main._pauses (district_id, audit) VALUES (?1, ?2)";
        writing.execute(sql, &[id.into(), number.into()]).await?;
    }
    let fence = Away {
        district_id: id.to_owned(),
        store: moving.to.to_owned(),
        whereabouts: Whereabouts::Leaving,
        deed: number,
        paused: paused.is_none(),
    };
    keep(&mut *writing, &fence).await?;
    writing.commit().await?;
    Ok(Some(fence))
}

/// Writes where a district is, over what was written before.
pub(super) async fn keep<B: Backend>(db: &mut B, away: &Away) -> Result<(), StoreError> {
    let sql = "INSERT INTO main._moves (district_id, state, store, audit, paused) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (district_id) DO UPDATE SET state = excluded.state, store = excluded.store,
         audit = excluded.audit, paused = excluded.paused";
    let params = [
        away.district_id.as_str().into(),
        away.whereabouts.as_str().into(),
        away.store.as_str().into(),
        away.deed.into(),
        away.paused.into(),
    ];
    db.execute(sql, &params).await?;
    Ok(())
}

/// Switches: from now on, the district is in the new store. Says whether the fence is still the one under which the rows were
/// carried; another one, or none, means that somebody called the move off.
pub(super) async fn switch<B: RosterDb>(
    old: &mut SqlStore<B>,
    fence: &Away,
) -> Result<bool, StoreError> {
    let sql = "UPDATE main._moves SET state = 'moved'
         WHERE district_id = ?1 AND store = ?2 AND audit = ?3 AND state IN ('leaving', 'moved')";
    let params = [
        fence.district_id.as_str().into(),
        fence.store.as_str().into(),
        fence.deed.into(),
    ];
    Ok(old.db.execute(sql, &params).await? > 0)
}

/// Lets the district be written of in the store that it came to, and go on if it was paused for the move alone.
pub(super) async fn open<B: RosterDb>(
    new: &mut SqlStore<B>,
    moving: &Moving<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut writing = Transaction::write(&mut new.db).await?;
    let away = moves::away(&mut *writing, moving.district.as_str()).await?;
    let Some(away) = away.filter(|away| away.whereabouts == Whereabouts::Arriving) else {
        return Ok(());
    };
    let reason = format!("arrived from the store `{}`", away.store);
    lift(&mut *writing, moving, &away, &reason, now).await?;
    Ok(writing.commit().await?)
}

/// Takes a fence away under which the rows have not been switched: the district stays where it is. Says whether there was one.
pub(super) async fn call_off<B: RosterDb>(
    old: &mut SqlStore<B>,
    moving: &Moving<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut writing = Transaction::write(&mut old.db).await?;
    let away = moves::away(&mut *writing, moving.district.as_str()).await?;
    let Some(away) = away.filter(|away| away.whereabouts == Whereabouts::Leaving) else {
        return Ok(false);
    };
    let reason = format!("stays: {}", moving.reason);
    lift(&mut *writing, moving, &away, &reason, now).await?;
    writing.commit().await?;
    Ok(true)
}

/// Takes a row away that keeps everybody from writing, with the pause that came with it.
async fn lift<B: Backend>(
    db: &mut B,
    moving: &Moving<'_>,
    away: &Away,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = moving.district.as_str();
    let sql = "DELETE FROM main._moves WHERE district_id = ?1";
    db.execute(sql, &[id.into()]).await?;
    if away.paused {
        let sql = "DELETE FROM main._pauses WHERE district_id = ?1";
        db.execute(sql, &[id.into()]).await?;
    }
    let word = if away.paused { "resume" } else { "move" };
    judged::write(db, &deed(moving, word, reason, now)).await?;
    Ok(())
}
