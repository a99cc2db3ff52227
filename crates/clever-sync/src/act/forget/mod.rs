//! Forgets a person or a district: erases what the store has of it, in records, in the feed, in reports and in what a run
//! left behind.
//!
//! Decision: the feed keeps its rows. A row of who was forgotten loses its values and its id, and its operation becomes
//! `forget`, so that numbers have no gap and each reader's position means what it meant. One row more, at the feed's end,
//! tells readers whom to forget. It has the id for as long as a reader has not come that far; a feed without readers never
//! has it.
//!
//! Decision: a forgetting is a run. Whatever another run has read or staged meanwhile is refused when it is to be written,
//! and so is a plan in a file.

mod note;
mod person;
mod rows;
mod sweep;
mod traces;

use std::collections::{BTreeMap, BTreeSet};

use clever_model::{Clock, DistrictId, IdError, RecordKind, Timestamp};
use serde::Serialize;

pub use note::{Broken, NotesKey};

use crate::check::policy::SyncPolicy;
use crate::report::{KindReport, Outcome, RunPath, SyncReport};
use crate::store::base::{base, last_report};
use crate::store::forgotten::{self, DigestKey, Subject, place_of};
use crate::store::moves;
use crate::store::run::SqlRun;
use crate::store::sql::{RosterDb, SqlStore, Transaction};
use crate::store::{Run, Store, StoreError};

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgetRequest {
    /// The district.
    pub district_id: String,
    /// The person, by Clever's id; all of the district, if there is none.
    pub person: Option<String>,
    /// Whether the person may be in the roster still, and is not to come in again. A district never comes in again by itself.
    pub keep_out: bool,
    /// Whether readers of the feed who are behind are not waited for: the row that tells of it has no id from the beginning.
    pub at_once: bool,
    /// The person or program that does it, in a word or two.
    pub actor: String,
    /// Say what would be done; do nothing.
    pub dry_run: bool,
}

/// What was forgotten, or would be.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Forgotten {
    /// The district.
    pub district_id: String,
    /// What was forgotten.
    pub what: Subject,
    /// The notes of it; none for a dry run.
    pub notes: Vec<u64>,
    /// The run that did it; none for a dry run.
    pub run: Option<u64>,
    /// How many rows were erased or changed, by what they are.
    pub counts: BTreeMap<String, u64>,
    /// The people: the one who was asked for, and contacts who are known for that person alone. With ids, to be forgotten
    /// elsewhere too.
    #[serde(skip)]
    pub people: Vec<String>,
    /// What the feed calls them from now on.
    pub places: Vec<String>,
    /// Readers of the feed who are yet to come to it; until then its last row has the id.
    pub waits_for: Vec<String>,
    /// Whether the bytes are gone from the database's files: false where somebody else was reading them.
    pub is_swept: bool,
}

/// Why nothing was forgotten. The store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// The district's id is none.
    #[error("the district's id can't be used")]
    District(#[source] IdError),
    /// The store knows nothing of it.
    #[error("the store has nothing of that person in district {district}")]
    Unknown {
        /// The district.
        district: String,
    },
    /// The store knows nothing of the district.
    #[error("the store has no district {district}")]
    UnknownDistrict {
        /// The district.
        district: String,
    },
    /// The person is in the roster today: the next run would bring everything back.
    #[error(
        "the person is in the roster of district {district} today ({people} active, named by {named} active records of others)"
    )]
    Active {
        /// The district.
        district: String,
        /// How many of the person and the contacts who are known for that person alone are active.
        people: u64,
        /// How many active records of others name one of them.
        named: u64,
    },
    /// The store failed.
    #[error("the store could not be used; nothing was forgotten")]
    Store(#[from] StoreError),
}

impl From<clever_sql::DatabaseError> for ForgetError {
    fn from(error: clever_sql::DatabaseError) -> Self {
        Self::Store(error.into())
    }
}

/// Forgets a person or a district, and leaves a note that `key` signs.
///
/// The store's files are written again afterwards, so that the bytes are gone from them too. Copies elsewhere are not: backups,
/// and what a PostgreSQL server keeps of its log.
///
/// # Errors
///
/// [`ForgetError`]; the store is as it was.
pub async fn forget<B: RosterDb>(
    store: &mut SqlStore<B>,
    request: &ForgetRequest,
    policy: &SyncPolicy,
    key: &NotesKey,
    clock: &dyn Clock,
) -> Result<Forgotten, ForgetError> {
    let district = DistrictId::new(request.district_id.as_str()).map_err(ForgetError::District)?;
    sweep::prepare(store).await?;
    let mut run = store.begin(&district).await?;
    // What an earlier run left may have the person too.
    run.clear().await?;
    let done = whole(&mut run, &district, request, policy, key, clock.now()).await;
    // The first failure is the one to report.
    let ended = run.discard().await;
    let mut forgotten = done?;
    ended?;
    if !request.dry_run {
        forgotten.is_swept = sweep::sweep(store).await?;
    }
    Ok(forgotten)
}

/// Writes the store's files again, for a forgetting that could not.
///
/// # Errors
///
/// [`StoreError`] when the store can't be written.
pub async fn sweep<B: RosterDb>(store: &mut SqlStore<B>) -> Result<bool, StoreError> {
    sweep::prepare(store).await?;
    sweep::sweep(store).await
}

async fn whole<B: RosterDb>(
    run: &mut SqlRun<'_, B>,
    district: &DistrictId,
    request: &ForgetRequest,
    policy: &SyncPolicy,
    key: &NotesKey,
    now: Timestamp,
) -> Result<Forgotten, ForgetError> {
    let mut writing = Transaction::write(run).await?;
    let store: &mut SqlRun<'_, B> = &mut writing;
    // The update locks the district's row, as the end of a run does. Totals are counted again.
    let sql = "UPDATE main._districts SET counted = NULL WHERE district_id = ?1";
    store.db.execute(sql, &[district.as_str().into()]).await?;
    moves::stays(store.db, district.as_str()).await?;
    let (at, number) = base(store.db, district).await?;
    if at != store.base {
        return Err(StoreError::Moved.into());
    }
    store.number = number;
    let mut forgetting = Forgetting {
        district,
        request,
        now,
        run: at.run + 1,
        change: last_change(store, district).await? + 1,
        digests: match forgotten::key(store.db, district).await? {
            Some(key) => key,
            None => {
                let made = key.digests(district);
                forgotten::keep_key(store.db, district, &made).await?;
                made
            }
        },
        counts: BTreeMap::new(),
    };
    let people = match &request.person {
        Some(id) => forgetting.person(store, id, policy).await?,
        None => {
            forgetting.district(store).await?;
            Vec::new()
        }
    };
    let waits_for = forgetting.tell(store, &people, key).await?;
    let subjects = if people.is_empty() { 1 } else { people.len() };
    let (last, _) = forgotten::last(store.db, district).await?;
    let notes: Vec<u64> = (last + 1 - subjects as u64..=last).collect();
    let place = |id: &String| place_of(&forgetting.digests.digest(id));
    let forgotten = Forgotten {
        district_id: district.to_string(),
        what: forgetting.subject(),
        notes: if request.dry_run { Vec::new() } else { notes },
        run: (!request.dry_run).then_some(forgetting.run),
        places: people.iter().map(place).collect(),
        counts: forgetting.counts,
        people,
        waits_for,
        is_swept: false,
    };
    if request.dry_run {
        writing.roll_back().await?;
    } else {
        writing.commit().await?;
    }
    Ok(forgotten)
}

async fn last_change<B: RosterDb>(
    store: &mut SqlRun<'_, B>,
    district: &DistrictId,
) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(seq), 0) FROM main._changes WHERE district_id = ?1";
    Ok(store
        .db
        .one(sql, &[district.as_str().into()])
        .await?
        .count(0)?)
}

/// A forgetting under way, in a transaction.
struct Forgetting<'a> {
    district: &'a DistrictId,
    request: &'a ForgetRequest,
    now: Timestamp,
    run: u64,
    /// The number of the next row of the feed.
    change: u64,
    digests: DigestKey,
    counts: BTreeMap<String, u64>,
}

impl Forgetting<'_> {
    fn subject(&self) -> Subject {
        match self.request.person {
            Some(_) => Subject::Person,
            None => Subject::District,
        }
    }

    fn count(&mut self, what: &str, rows: u64) {
        if rows > 0 {
            *self.counts.entry(what.to_owned()).or_default() += rows;
        }
    }

    /// Tells the feed's readers, keeps the run and the notes. Returns the readers who are waited for.
    async fn tell<B: RosterDb>(
        &mut self,
        store: &mut SqlRun<'_, B>,
        people: &[String],
        key: &NotesKey,
    ) -> Result<Vec<String>, ForgetError> {
        let id = self.district.as_str();
        let mut waits_for = BTreeSet::new();
        if !people.is_empty() && !self.request.at_once {
            let sql = "SELECT consumer FROM main.consumers WHERE district_id = ?1";
            for mut row in store.db.query(sql, &[id.into()]).await? {
                waits_for.insert(row.text(0)?);
            }
        }
        let is_named = !waits_for.is_empty();
        self.keep_run(store).await?;
        let (kind, subjects) = match self.subject() {
            Subject::Person => (RecordKind::Users, people.to_vec()),
            Subject::District => (RecordKind::Districts, vec![id.to_owned()]),
        };
        for subject in subjects {
            let digest = self.digests.digest(&subject);
            // A district's id is of nobody.
            let shown = if is_named || kind == RecordKind::Districts {
                subject
            } else {
                place_of(&digest)
            };
            let sql = "INSERT INTO main._changes (district_id, seq, run, kind, id, op, at) VALUES (?1, ?2, ?3, ?4, ?5, 'forget', ?6)";
            let params = [
                id.into(),
                self.change.into(),
                self.run.into(),
                kind.as_str().into(),
                shown.as_str().into(),
                self.now.to_string().into(),
            ];
            store.db.execute(sql, &params).await?;
            self.note(store, digest, is_named, key).await?;
            self.change += 1;
        }
        Ok(waits_for.into_iter().collect())
    }

    /// Keeps the run: what the last one said of the roster stands, with what it held.
    async fn keep_run<B: RosterDb>(&self, store: &mut SqlRun<'_, B>) -> Result<(), ForgetError> {
        let mut report = SyncReport::new(self.district, self.now, RunPath::Forget, &[]);
        let last = match self.subject() {
            Subject::Person => last_report(store.db, self.district, &[]).await?,
            Subject::District => None,
        };
        if let Some(last) = last {
            report.district_name = last.district_name;
            report.outcome = last.outcome;
            report.holds = last.holds;
            report.sizes = last.sizes;
            report.plan_hash = last.plan_hash;
            let kept = |(kind, of_kind): (RecordKind, KindReport)| {
                let of_kind = KindReport {
                    total: of_kind.total,
                    certificate: of_kind.certificate,
                    ..KindReport::default()
                };
                (kind, of_kind)
            };
            report.kinds = last.kinds.into_iter().map(kept).collect();
        }
        if report.outcome == Outcome::Planned {
            report.outcome = Outcome::Done;
        }
        report.run = Some(self.run);
        Ok(crate::act::apply::keep(store.db, self.run, &report).await?)
    }
}
