//! Districts that somebody paused: no run of theirs begins until somebody lets them go on.
//!
//! Decision: the store says who is paused, and no list of a program's. Whoever starts runs reads the store: a schedule, cron, a page, a
//! worker on another machine. So one word reaches all of them, and a run that asks nobody is refused by the store itself.

use std::collections::BTreeMap;

use clever_model::Timestamp;
use serde::Serialize;

use crate::store::judged::{self, Deed};
use crate::store::sql::{Backend, RosterDb, Row, SqlStore, Transaction};
use crate::store::{StoreError, moves, odd_row};

/// A pause that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Paused {
    /// Since when.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub since: Timestamp,
    /// Who paused it.
    pub by: String,
    /// Why, in the person's words.
    pub reason: String,
}

/// A pause with its district, by the number of the deed that began it.
const READ: &str = "SELECT a.at, a.actor, a.reason, p.district_id FROM main._pauses p JOIN main.audit a ON a.key = p.audit";

impl<B: RosterDb> SqlStore<B> {
    /// Pauses a district: no run begins until [`SqlStore::resume`]. What runs now goes on to its end. Returns the pause that is there
    /// already, if there is one: then nothing was written.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn pause(&mut self, deed: &Deed<'_>) -> Result<Option<Paused>, StoreError> {
        let mut writing = Transaction::write(&mut self.db).await?;
        let there = paused(&mut *writing, deed.district_id).await?;
        if there.is_some() {
            return Ok(there);
        }
        // A form that was sent twice, and taken back in between, pauses once.
        if let Some(number) = judged::write(&mut *writing, deed).await? {
            let sql = "INSERT INTO main._pauses (district_id, audit) VALUES (?1, ?2)";
            let params = [deed.district_id.into(), number.into()];
            writing.execute(sql, &params).await?;
            writing.commit().await?;
        }
        Ok(None)
    }

    /// Lets a paused district go on; says whether it was paused.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn resume(&mut self, deed: &Deed<'_>) -> Result<bool, StoreError> {
        let mut writing = Transaction::write(&mut self.db).await?;
        let sql = "DELETE FROM main._pauses WHERE district_id = ?1";
        let there = writing.execute(sql, &[deed.district_id.into()]).await? > 0;
        if there {
            judged::write(&mut *writing, deed).await?;
            writing.commit().await?;
        }
        Ok(there)
    }

    /// The pause of a district, if it is paused.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn paused(&mut self, district_id: &str) -> Result<Option<Paused>, StoreError> {
        paused(&mut self.db, district_id).await
    }

    /// The districts that are paused, by id; also those that never synced.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn all_paused(&mut self) -> Result<BTreeMap<String, Paused>, StoreError> {
        let sql = format!("{READ} WHERE {}", moves::here("p.district_id"));
        let rows = self.db.query(&sql, &[]).await?.into_iter();
        rows.map(|mut row| Ok((row.text(3)?, read(&mut row)?)))
            .collect()
    }
}

/// The pause of a district, if it is paused.
pub(crate) async fn paused<B: Backend>(
    db: &mut B,
    district_id: &str,
) -> Result<Option<Paused>, StoreError> {
    let sql = format!("{READ} WHERE p.district_id = ?1");
    let row = db.maybe(&sql, &[district_id.into()]).await?;
    row.map(|mut row| read(&mut row)).transpose()
}

fn read(row: &mut Row) -> Result<Paused, StoreError> {
    Ok(Paused {
        since: row.text(0)?.parse().map_err(|_| odd_row(0))?,
        by: row.text(1)?,
        reason: row.text(2)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    fn deed(deed: &'static str, key: Option<&'static str>) -> Deed<'static> {
        Deed {
            district_id: "d",
            at: Timestamp::from_second(1_789_000_000).unwrap(),
            actor: "kim",
            role: "operator",
            deed,
            subject: "district",
            reason: "a new SIS",
            key,
        }
    }

    #[tokio::test]
    async fn a_pause_is_given_once_and_taken_back_once_and_both_are_in_the_audit() {
        let mut store = SqliteStore::in_memory().unwrap();
        assert!(!store.resume(&deed("resume", None)).await.unwrap());
        assert_eq!(store.pause(&deed("pause", Some("k"))).await.unwrap(), None);
        let there = store.paused("d").await.unwrap().unwrap();
        assert_eq!(
            (there.by.as_str(), there.reason.as_str()),
            ("kim", "a new SIS")
        );
        let again = store.pause(&deed("pause", None)).await.unwrap();
        assert_eq!(again.as_ref(), Some(&there), "who was first is known");
        assert_eq!(store.paused("e").await.unwrap(), None);
        assert_eq!(
            store.all_paused().await.unwrap(),
            [("d".to_owned(), there)].into()
        );
        assert!(store.resume(&deed("resume", None)).await.unwrap());
        assert_eq!(store.paused("d").await.unwrap(), None);
        // The same form, sent once more.
        assert_eq!(store.pause(&deed("pause", Some("k"))).await.unwrap(), None);
        assert_eq!(store.paused("d").await.unwrap(), None);
        let deeds = store.judged(Some("d"), None, 10).await.unwrap();
        let deeds: Vec<&str> = deeds.iter().map(|one| one.deed.as_str()).collect();
        assert_eq!(deeds, ["resume", "pause"]);
    }
}
