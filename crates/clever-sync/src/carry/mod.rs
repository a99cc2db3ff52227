//! A district is carried from one store to another: fenced, copied, compared, switched, let go on.
//!
//! Each step is one transaction of one store, and says in the table `_moves` how far it is, so that whoever begins again after a kill
//! finds what is to be done:
//!
//! | Step | Old store | New store |
//! | --- | --- | --- |
//! | fence | `leaving`, and a pause: nobody writes | |
//! | copy | | all rows, and `arriving`: nobody writes |
//! | compare | counts and hashes of both | |
//! | switch | `moved` | |
//! | open | | nothing: it is the district's store |
//!
//! The old copy stays until somebody takes it away ([`forget_old`]). What says where the district is stays for good, as whoever asks
//! the old store, now or in a year, is led to the new one.
//!
//! Accounts (`clever-provision`) are of no district alone, and have a database of their own: they are not carried, and follow the feed in the
//! new store from where they stood, as every reader does.

mod fence;
mod old;
mod parts;
mod tally;
#[cfg(test)]
mod tests;
mod write;

use clever_model::{Clock, DistrictId};
use clever_sql::DatabaseError;

use crate::store::sql::{RosterDb, SqlStore, Transaction};
use crate::store::{StoreError, moves};
use parts::{Of, Part, Reading};
use tally::{Counting, tally};

pub use crate::store::moves::{Away, Whereabouts};
pub use old::forget_old;
pub use tally::Tally;

/// So many rows in tables that were empty make what a database knows of them wrong.
const MANY: u64 = 1000;

/// Which district moves, and who moves it.
#[derive(Debug, Clone, Copy)]
pub struct Moving<'a> {
    /// The district.
    pub district: &'a DistrictId,
    /// The name of the store that it is in.
    pub from: &'a str,
    /// The name of the store that it goes to.
    pub to: &'a str,
    /// Who moves it, for the audit.
    pub actor: &'a str,
    /// That person's role.
    pub role: &'a str,
    /// Why it moves, in that person's words.
    pub reason: &'a str,
}

/// Where a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nobody writes in the old store any more.
    Fenced,
    /// So many rows are in the new store.
    Copied(u64),
    /// Both have the same.
    Compared,
    /// The district is in the new store.
    Switched,
}

/// Why a district was not moved. It is in the store that it was in, and a later try continues from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// The store does not have the district.
    #[error("the store `{store}` has no district {district}")]
    Unknown {
        /// The district.
        district: String,
        /// The store.
        store: String,
    },
    /// The store that it is to go to has rows of it that did not come by a move.
    #[error("the store `{store}` has rows of district {district} that this move did not bring")]
    Taken {
        /// The district.
        district: String,
        /// The store.
        store: String,
    },
    /// Another move of the district has not ended, or has.
    #[error("another move came between: {0}")]
    Other(Box<Away>),
    /// Somebody called the move off while it was under way.
    #[error("somebody called this move of district {district} off; it stays where it was")]
    CalledOff {
        /// The district.
        district: String,
    },
    /// What arrived is not what left.
    #[error(
        "of `{table}`, {arrived} rows arrived and {left} left, or not the same ones; district {district} stays where it was"
    )]
    Differs {
        /// The district.
        district: String,
        /// The first table that differs.
        table: String,
        /// How many rows the old store has.
        left: u64,
        /// How many the new one has.
        arrived: u64,
    },
    /// The old copy is not to be taken away: the district is not whole elsewhere, or not for certain.
    #[error("the copy of district {district} in the store `{store}` stays: {why}")]
    Needed {
        /// The district.
        district: String,
        /// The store.
        store: String,
        /// Why it is needed.
        why: &'static str,
    },
    /// A store failed.
    #[error("a store could not be used")]
    Store(#[from] StoreError),
}

impl From<DatabaseError> for CarryError {
    fn from(error: DatabaseError) -> Self {
        Self::Store(error.into())
    }
}

/// Moves a district from `old` to `new`, or ends a move that was begun. Returns what was carried, table by table; nothing if all was
/// there already.
///
/// It may be killed at any point and begun again.
///
/// # Errors
///
/// [`CarryError`]; the district is then in the old store, unless the switch was made.
pub async fn carry<B: RosterDb, C: RosterDb>(
    old: &mut SqlStore<B>,
    new: &mut SqlStore<C>,
    moving: &Moving<'_>,
    clock: &dyn Clock,
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Vec<Tally>, CarryError> {
    let id = moving.district.as_str();
    let mut carried = Vec::new();
    let ours = |away: &Away| away.store == moving.to;
    match old.away(id).await? {
        Some(away) if ours(&away) && away.whereabouts == Whereabouts::Moved => {}
        Some(away) if !ours(&away) || away.whereabouts == Whereabouts::Arriving => {
            return Err(CarryError::Other(Box::new(away)));
        }
        fence => {
            // Before anything is written: a store that has the district already is not touched, and no run is kept waiting for it.
            room(&mut new.db, moving).await?;
            let fence = match fence {
                Some(fence) => fence,
                None => match fence::set(old, moving, clock.now()).await? {
                    Some(fence) if ours(&fence) => fence,
                    Some(away) => return Err(CarryError::Other(Box::new(away))),
                    None => return Err(unknown(moving, moving.from)),
                },
            };
            progress(Step::Fenced);
            let parts = parts::parts().await?;
            carried = copy(old, new, moving, &fence, &parts, progress).await?;
            compare(new, moving, &parts, &carried).await?;
            progress(Step::Compared);
            if !fence::switch(old, &fence).await? {
                let district = id.to_owned();
                return Err(CarryError::CalledOff { district });
            }
        }
    }
    progress(Step::Switched);
    fence::open(new, moving, clock.now()).await?;
    Ok(carried)
}

/// Calls a move off that has not been switched: the district stays where it is, and what was carried stays shut away in the other store
/// until a later move writes over it. Says whether there was a move.
///
/// # Errors
///
/// [`StoreError`] if the store can't be written.
pub async fn call_off<B: RosterDb>(
    old: &mut SqlStore<B>,
    moving: &Moving<'_>,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    fence::call_off(old, moving, clock.now()).await
}

fn unknown(moving: &Moving<'_>, store: &str) -> CarryError {
    CarryError::Unknown {
        district: moving.district.to_string(),
        store: store.to_owned(),
    }
}

/// Refuses a store that has rows of the district which no move left or brought: they would be lost.
async fn room<C: RosterDb>(db: &mut C, moving: &Moving<'_>) -> Result<(), CarryError> {
    let id = moving.district.as_str();
    let is_free = match moves::away(db, id).await? {
        // An old copy, of an earlier move from here to elsewhere.
        Some(away) if away.whereabouts == Whereabouts::Moved => true,
        Some(away) => away.whereabouts == Whereabouts::Arriving && away.store == moving.from,
        None => write::find(db, id).await?.is_none(),
    };
    if is_free {
        return Ok(());
    }
    Err(CarryError::Taken {
        district: id.to_owned(),
        store: moving.to.to_owned(),
    })
}

/// Copies all rows in one transaction of the new store, as one moment of the old one has them. What an earlier try left goes first.
async fn copy<B: RosterDb, C: RosterDb>(
    old: &mut SqlStore<B>,
    new: &mut SqlStore<C>,
    moving: &Moving<'_>,
    fence: &Away,
    parts: &[Part],
    progress: &mut (dyn FnMut(Step) + Send),
) -> Result<Vec<Tally>, CarryError> {
    let id = moving.district.as_str();
    let mut reading = Transaction::read(&mut old.db).await?;
    let mut writing = Transaction::write(&mut new.db).await?;
    let Some(from) = write::find(&mut *reading, id).await? else {
        return Err(unknown(moving, moving.from));
    };
    // Whoever does the same beside this waits here, and sees what was done.
    moves::lock(&mut *writing, id).await?;
    room(&mut *writing, moving).await?;
    if let Some(there) = write::find(&mut *writing, id).await? {
        write::erase(&mut *writing, parts, &there).await?;
    }
    // Its number comes with its first row.
    let mut to = Of {
        id: id.to_owned(),
        number: 0,
    };
    let (mut all, mut rows) = (Vec::new(), 0);
    for part in parts {
        let mut counting = Counting::new(part);
        let mut at = Reading::default();
        while let Some(page) = parts::next(&mut *reading, part, &from, &mut at).await? {
            counting.add(&page);
            rows += page.len() as u64;
            write::write(&mut *writing, part, &to, page).await?;
            progress(Step::Copied(rows));
        }
        if to.number == 0 {
            to = write::find(&mut *writing, id)
                .await?
                .ok_or_else(|| unknown(moving, moving.to))?;
        }
        all.push(counting.end());
    }
    let arriving = Away {
        store: moving.from.to_owned(),
        whereabouts: Whereabouts::Arriving,
        ..fence.clone()
    };
    fence::keep(&mut *writing, &arriving).await?;
    if rows > MANY {
        let analyze = writing.dialect().analyze;
        writing.batch(analyze).await?;
    }
    reading.roll_back().await?;
    writing.commit().await?;
    Ok(all)
}

/// Compares what arrived with what left, by counts and hashes: it is read again from the store that it was written into.
async fn compare<C: RosterDb>(
    new: &mut SqlStore<C>,
    moving: &Moving<'_>,
    parts: &[Part],
    left: &[Tally],
) -> Result<(), CarryError> {
    let mut reading = Transaction::read(&mut new.db).await?;
    let Some(of) = write::find(&mut *reading, moving.district.as_str()).await? else {
        return Err(unknown(moving, moving.to));
    };
    let arrived = tally(&mut *reading, parts, &of).await?;
    reading.roll_back().await?;
    for (left, arrived) in left.iter().zip(&arrived) {
        if left != arrived {
            return Err(CarryError::Differs {
                district: moving.district.to_string(),
                table: left.table.clone(),
                left: left.rows,
                arrived: arrived.rows,
            });
        }
    }
    Ok(())
}
