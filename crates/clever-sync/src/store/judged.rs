//! What people judged: who did what and why, and what the next run of a district may let through.
//!
//! Decision: an approval is kept, and the next run honours it. A page has no token of Clever's, and what is held is not in the
//! store: only a run has it. So an approval names the hash, and lets through exactly what has it. A run that finds
//! something else held leaves that held, and says in the audit that the approval was not used.

use clever_model::Timestamp;
use serde::Serialize;

use crate::report::SyncReport;
use crate::store::sql::{Backend, RosterDb, Row, Sql, SqlStore, Transaction};
use crate::store::{StoreError, moves, odd_row};

/// The most characters that are kept of a reason.
const MAX_REASON: usize = 500;

/// The columns of a [`Judged`].
const COLUMNS: &str = "key, district_id, at, actor, role, deed, subject, reason";

/// A deed of a person, before it is written.
#[derive(Debug, Clone)]
pub struct Deed<'a> {
    /// The district; empty if it is of none.
    pub district_id: &'a str,
    /// When it was done.
    pub at: Timestamp,
    /// Who did it.
    pub actor: &'a str,
    /// The person's role.
    pub role: &'a str,
    /// What, in a word.
    pub deed: &'a str,
    /// To what: a run, the kind and id of a record, an account; never a name.
    pub subject: &'a str,
    /// Why it was done.
    pub reason: &'a str,
    /// The key under which a program sent it: the same is written once.
    pub key: Option<&'a str>,
}

/// A deed as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judged {
    /// Its number.
    pub key: i64,
    /// The district; empty if it is of none.
    pub district_id: String,
    /// When it was done.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub at: Timestamp,
    /// Who; `sync` for what a run did about an approval.
    pub actor: String,
    /// The person's role.
    pub role: String,
    /// What, in a word.
    pub deed: String,
    /// To what.
    pub subject: String,
    /// Why it was done.
    pub reason: String,
}

/// An approval that no run has honoured yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Approval {
    /// The hash of what may be let through.
    pub hash: String,
    /// Who approved it, when and why.
    pub by: Judged,
}

/// Why nothing was approved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApproveError {
    /// What is held is something else by now, or nothing.
    #[error("what is held has changed since the page was made")]
    Moved {
        /// The hash of what is held now; none if nothing is.
        now: Option<String>,
    },
    /// Somebody approved it already.
    #[error("it is approved already, by {}", .0.by.actor)]
    Already(Box<Approval>),
    /// The number that was typed is not the number of what is held.
    #[error("the number does not fit: {of} are held")]
    Count {
        /// How many are held.
        of: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<clever_sql::DatabaseError> for ApproveError {
    fn from(error: clever_sql::DatabaseError) -> Self {
        Self::Store(error.into())
    }
}

impl<B: RosterDb> SqlStore<B> {
    /// Writes a deed; returns its number, or none if one with its key is written already.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn judge(&mut self, deed: &Deed<'_>) -> Result<Option<i64>, StoreError> {
        let mut writing = Transaction::write(&mut self.db).await?;
        let number = write(&mut *writing, deed).await?;
        writing.commit().await?;
        Ok(number)
    }

    /// The deeds before this number, newest first; of one district, if one is named.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn judged(
        &mut self,
        district_id: Option<&str>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Judged>, StoreError> {
        let of = if district_id.is_some() {
            "district_id = ?3 AND"
        } else {
            ""
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM main.audit WHERE {of} key < ?1 ORDER BY key DESC LIMIT ?2"
        );
        let mut params: Vec<Sql<'_>> =
            vec![before.unwrap_or(i64::MAX).into(), i64::from(limit).into()];
        params.extend(district_id.map(Sql::from));
        let rows = self.db.query(&sql, &params).await?;
        rows.into_iter().map(|mut row| judged(&mut row)).collect()
    }

    /// Approves what a district's last run held, for the next run: exactly what has this hash. `count` is how many records and
    /// places that is, as the person typed it.
    ///
    /// # Errors
    ///
    /// [`ApproveError`] says what is held by now, or who was first; then nothing was written.
    pub async fn approve_held(
        &mut self,
        hash: &str,
        count: u64,
        deed: &Deed<'_>,
    ) -> Result<Approval, ApproveError> {
        let mut writing = Transaction::write(&mut self.db).await?;
        let sql = "SELECT held_hash, report FROM main.runs WHERE district_id = ?1 ORDER BY run DESC LIMIT 1";
        let last = writing.maybe(sql, &[deed.district_id.into()]).await?;
        let (now, of) = match last {
            None => (None, 0),
            Some(mut row) => {
                let report = SyncReport::read(&row.text(1)?);
                let holds = report.map(|report| report.holds).unwrap_or_default();
                (
                    row.maybe_text(0)?,
                    holds.iter().map(|hold| hold.count).sum(),
                )
            }
        };
        if now.as_deref() != Some(hash) {
            return Err(ApproveError::Moved { now });
        }
        if let Some(there) = approval(&mut *writing, deed.district_id).await?
            && there.hash == hash
        {
            return Err(ApproveError::Already(Box::new(there)));
        }
        if count != of {
            return Err(ApproveError::Count { of });
        }
        let Some(number) = write(&mut *writing, deed).await? else {
            return Err(ApproveError::Moved { now });
        };
        let sql = "INSERT INTO main._approvals (district_id, hash, audit) VALUES (?1, ?2, ?3)
             ON CONFLICT (district_id) DO UPDATE SET hash = excluded.hash, audit = excluded.audit";
        let params = [deed.district_id.into(), hash.into(), number.into()];
        writing.execute(sql, &params).await?;
        let written = approval(&mut *writing, deed.district_id).await?;
        writing.commit().await?;
        written.ok_or(ApproveError::Moved { now: None })
    }

    /// The approval of a district that no run has honoured yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be read.
    pub async fn approval(&mut self, district_id: &str) -> Result<Option<Approval>, StoreError> {
        approval(&mut self.db, district_id).await
    }

    /// Takes an approval back that no run has honoured yet; says whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be written.
    pub async fn withdraw_approval(&mut self, deed: &Deed<'_>) -> Result<bool, StoreError> {
        let mut writing = Transaction::write(&mut self.db).await?;
        let sql = "DELETE FROM main._approvals WHERE district_id = ?1";
        let there = writing.execute(sql, &[deed.district_id.into()]).await? > 0;
        if there {
            write(&mut *writing, deed).await?;
            writing.commit().await?;
        }
        Ok(there)
    }
}

/// The hash that the next run of a district may let through.
pub(crate) async fn approved<B: Backend>(
    db: &mut B,
    district_id: &str,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT hash FROM main._approvals WHERE district_id = ?1";
    let row = db.maybe(sql, &[district_id.into()]).await?;
    Ok(row.map(|mut row| row.text(0)).transpose()?)
}

/// Ends the approval of a district that a run honoured, or that fits nothing which is held now; within the run's transaction.
/// One of what is held still, which somebody gave while the run was at it, stays for the next run.
pub(crate) async fn spend<B: Backend>(
    db: &mut B,
    report: &SyncReport,
    run: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let district_id = report.district_id.as_str();
    let Some(approval) = approval(db, district_id).await? else {
        return Ok(());
    };
    let used = report.approved.as_deref() == Some(approval.hash.as_str());
    if !used && !report.holds.is_empty() && report.plan_hash == approval.hash {
        return Ok(());
    }
    let sql = "DELETE FROM main._approvals WHERE district_id = ?1";
    db.execute(sql, &[district_id.into()]).await?;
    let (deed, reason) = if used {
        ("approved", format!("approved by {}", approval.by.actor))
    } else {
        (
            "not_used",
            format!(
                "what {} approved is not what is held now",
                approval.by.actor
            ),
        )
    };
    let deed = Deed {
        district_id,
        at: now,
        actor: "sync",
        role: "",
        deed,
        subject: &format!("run {run}"),
        reason: &reason,
        key: None,
    };
    write(db, &deed).await?;
    Ok(())
}

async fn approval<B: Backend>(
    db: &mut B,
    district_id: &str,
) -> Result<Option<Approval>, StoreError> {
    let columns = COLUMNS
        .replace("key,", "a.key,")
        .replace(" district_id,", " a.district_id,");
    let sql = format!(
        "SELECT {columns}, p.hash FROM main._approvals p JOIN main.audit a ON a.key = p.audit WHERE p.district_id = ?1"
    );
    let row = db.maybe(&sql, &[district_id.into()]).await?;
    row.map(|mut row| {
        Ok(Approval {
            hash: row.text(8)?,
            by: judged(&mut row)?,
        })
    })
    .transpose()
}

/// Writes a deed, in a transaction; its number, or none if one with its key is written already. Nothing is judged of a district
/// that is elsewhere.
pub(crate) async fn write<B: Backend>(
    db: &mut B,
    deed: &Deed<'_>,
) -> Result<Option<i64>, StoreError> {
    moves::stays(db, deed.district_id).await?;
    let reason: String = deed.reason.chars().take(MAX_REASON).collect();
    let sql =
        "INSERT INTO main.audit (district_id, at, actor, role, deed, subject, reason, done_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING RETURNING key";
    let params = [
        deed.district_id.into(),
        deed.at.to_string().into(),
        deed.actor.into(),
        deed.role.into(),
        deed.deed.into(),
        deed.subject.into(),
        reason.into(),
        deed.key.into(),
    ];
    let row = db.maybe(sql, &params).await?;
    Ok(row.map(|mut row| row.int(0)).transpose()?)
}

/// Reads a row with [`COLUMNS`].
fn judged(row: &mut Row) -> Result<Judged, StoreError> {
    Ok(Judged {
        key: row.int(0)?,
        district_id: row.text(1)?,
        at: row.text(2)?.parse().map_err(|_| odd_row(2))?,
        actor: row.text(3)?,
        role: row.text(4)?,
        deed: row.text(5)?,
        subject: row.text(6)?,
        reason: row.text(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    fn deed(deed: &'static str) -> Deed<'static> {
        Deed {
            district_id: "d",
            at: Timestamp::from_second(1_789_000_000).unwrap(),
            actor: "kim",
            role: "operator",
            deed,
            subject: "run 1",
            reason: "the district said so",
            key: None,
        }
    }

    #[tokio::test]
    async fn a_deed_that_is_sent_twice_is_written_once_and_the_newest_comes_first() {
        let mut store = SqliteStore::in_memory().unwrap();
        let sent = Deed {
            key: Some("k1"),
            ..deed("reveal")
        };
        let first = store.judge(&sent).await.unwrap();
        assert!(first.is_some());
        assert_eq!(store.judge(&sent).await.unwrap(), None);
        store.judge(&deed("undo")).await.unwrap();
        let other = Deed {
            district_id: "e",
            ..deed("export")
        };
        store.judge(&other).await.unwrap();
        let all = store.judged(None, None, 10).await.unwrap();
        let deeds: Vec<&str> = all.iter().map(|one| one.deed.as_str()).collect();
        assert_eq!(deeds, ["export", "undo", "reveal"]);
        let of = store.judged(Some("d"), Some(all[1].key), 10).await.unwrap();
        assert_eq!(of, all[2..]);
    }

    #[tokio::test]
    async fn nothing_is_approved_where_nothing_is_held() {
        let mut store = SqliteStore::in_memory().unwrap();
        let refused = store.approve_held("00ff", 0, &deed("approve")).await;
        assert!(matches!(refused, Err(ApproveError::Moved { now: None })));
        assert_eq!(store.judged(None, None, 10).await.unwrap(), []);
        assert!(!store.withdraw_approval(&deed("withdraw")).await.unwrap());
    }
}
