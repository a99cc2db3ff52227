//! Where rosters are kept: what a sync asks of a store, and the stores that come with the crate.
//!
//! Decision: one writer a district by comparison, not by lock. A run notes the number of the last run when it begins, and
//! refuses to write if another run has finished since. No table is locked while pages are fetched; the lock on a staging
//! area only says who may go on with it. So leases are not needed, and a lease that expires can't do harm.

use std::collections::BTreeMap;
use std::fmt;

use clever_model::{DistrictId, RecordKind, Role, Timestamp};
use clever_sql::{AddressError, DatabaseError};

use crate::check::policy::SyncPolicy;
use crate::progress::Progress;
use crate::report::{Hold, Size, SyncReport};

mod any;
pub(crate) mod base;
pub(crate) mod changes;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod schools;
pub(crate) mod spell;
pub(crate) mod sql;
pub(crate) mod sqlite;
pub(crate) mod stage;
pub(crate) mod staging;

pub use any::AnyStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
pub use sql::SqlStore;
pub use sqlite::SqliteStore;

/// A hash of a record's bytes, or of its meaning.
pub type Hash = [u8; 16];

/// The meaning of a record that is not there: what an undo puts aside when it brings a record back.
pub const ABSENT: Hash = [0; 16];

/// Why the store can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another run changed the district between this run's reading and writing.
    #[error("another run changed this district meanwhile")]
    Moved,
    /// The database failed, or can't be reached.
    #[error(transparent)]
    Database(DatabaseError),
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Conflict => Self::Moved,
            error => Self::Database(error),
        }
    }
}

impl From<AddressError> for StoreError {
    fn from(error: AddressError) -> Self {
        Self::Database(error.into())
    }
}

/// A row does not hold what its column, from 0, promises.
pub(crate) const fn odd_row(column: usize) -> StoreError {
    StoreError::Database(DatabaseError::OddRow { column })
}

/// What is staged for one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Op {
    /// Not in the store.
    Create = 0,
    /// Says something else than before.
    Update = 1,
    /// In the store, and gone from the roster.
    Archive = 2,
    /// Was archived, and is here again.
    Restore = 3,
    /// Other bytes, same meaning.
    Touch = 4,
}

impl Op {
    /// Every operation.
    pub const ALL: [Self; 5] = [
        Self::Create,
        Self::Update,
        Self::Archive,
        Self::Restore,
        Self::Touch,
    ];

    pub(crate) fn of(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|op| *op as i64 == number)
    }

    /// The word in the feed; none for a touch, which changes nothing.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Create => Some("create"),
            Self::Update => Some("update"),
            Self::Archive => Some("archive"),
            Self::Restore => Some("restore"),
            Self::Touch => None,
        }
    }
}

/// The store's version of a district when a run begins: what must not have moved when it writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base {
    /// The number of the last run; 0 before the first.
    pub run: u64,
    /// The last event that is wholly applied.
    pub cursor: Option<String>,
    /// When a snapshot was last wholly applied.
    pub snapshot_at: Option<Timestamp>,
}

/// One row of the narrow state: which bytes a record had when last seen.
#[derive(Debug, Clone)]
pub struct State {
    /// The record.
    pub id: String,
    /// The hash of its bytes.
    pub hash: Hash,
    /// Whether it is archived.
    pub archived: bool,
    /// The meaning that an undo put aside.
    pub refused: Option<Hash>,
}

/// A record as the store has it. `Debug` shows no JSON, which may be of a child.
#[derive(Clone)]
pub struct Stored {
    /// Its state.
    pub state: State,
    /// Its JSON.
    pub record: String,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// One row of a plan: what is to be done to one record. `Debug` shows no JSON, which may be of a child.
#[derive(Clone, PartialEq, Eq)]
pub struct Staged {
    /// The kind of record.
    pub kind: RecordKind,
    /// The record.
    pub id: String,
    /// What is to be done.
    pub op: Op,
    /// The hash of the bytes that the store has; none for a record that it does not have.
    pub old_hash: Option<Hash>,
    /// The hash of the new bytes; of the old ones for an archiving.
    pub hash: Hash,
    /// The hash of what the new record means, where it takes the place of another: whatever order its keys and members
    /// come in.
    pub meaning: Option<Hash>,
    /// The paths that differ, as a JSON list.
    pub fields: Option<String>,
    /// The new JSON; none for an archiving.
    pub record: Option<String>,
    /// The event that told it.
    pub event: Option<String>,
    /// Places in a section that it takes away.
    pub lost: u64,
    /// Of an update of a user or a section: the schools that the store has it at.
    pub schools: Vec<String>,
    /// The meaning to put aside with it: set by an undo.
    pub refused: Option<Hash>,
    /// Whether it waits for approval.
    pub held: bool,
}

#[cfg(test)]
impl Staged {
    /// A row for tests, which name what they are about.
    pub(crate) fn sample(kind: RecordKind, id: impl Into<String>, op: Op) -> Self {
        Self {
            kind,
            id: id.into(),
            op,
            old_hash: None,
            hash: [1; 16],
            meaning: None,
            fields: None,
            record: Some("{}".to_owned()),
            event: None,
            lost: 0,
            schools: Vec::new(),
            refused: None,
            held: false,
        }
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("op", &self.op)
            .field("fields", &self.fields)
            .field("event", &self.event)
            .field("lost", &self.lost)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

/// How many staged rows there are of each kind, operation and standing (`true` is held), and the places in
/// sections that they take away.
pub type Tally = BTreeMap<(RecordKind, Op, bool), (u64, u64)>;

/// What a plan does to one school's people, or to its sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolTally {
    /// The school's id.
    pub school: String,
    /// Active records of the kind at the school, as stored; from [`SchoolLimits::enough`] on they need not be counted
    /// further.
    pub active: u64,
    /// How many of them are staged to be archived.
    pub archived: u64,
    /// How many of them are staged to be updated.
    pub updated: u64,
}

/// A size at which so many are nobody's alarm, whatever lies beyond it.
pub(crate) fn enough(count: u64, percent: u64) -> u64 {
    if percent == 0 {
        return u64::MAX;
    }
    (count.saturating_mul(100) / percent + 1).max(count.saturating_mul(2))
}

/// From where on what a plan does to a school is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchoolLimits {
    /// So many archived are nobody's alarm, whatever the school's size.
    pub archived: u64,
    /// So many updated are nobody's alarm, whatever the school's size.
    pub updated: u64,
    /// The share of a school that may be archived.
    pub archived_percent: u64,
    /// The share of a school that may be updated.
    pub updated_percent: u64,
}

impl SchoolLimits {
    /// The size from which on what is done to a school is no alarm, and no size beyond it matters.
    #[must_use]
    pub fn enough(&self, school: &SchoolTally) -> u64 {
        let archived = enough(school.archived, self.archived_percent);
        archived.max(enough(school.updated, self.updated_percent))
    }
}

/// What is written when a run ends, besides what is staged.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The district.
    pub district: &'a DistrictId,
    /// What the store said of it when the run began.
    pub base: &'a Base,
    /// When the run ends.
    pub now: Timestamp,
    /// The event that is wholly applied with this run; none where there is none.
    pub cursor: Option<&'a str>,
    /// Whether this run is a snapshot that was wholly applied.
    pub whole_snapshot: bool,
    /// Which columns are the app's own.
    pub policy: &'a SyncPolicy,
}

/// What an earlier run left in the staging area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// Nothing that a run could go on with; or somebody else is at it.
    Nothing,
    /// The note that was kept last, and what is staged with it.
    Walk(String),
    /// It can't be read, and is thrown away.
    Broken,
}

/// A place for rosters. Writes of a run happen in one transaction, [`Store::commit`]; everything before
/// touches only the run's own staging area.
///
/// Ids are compared and sorted by their bytes.
pub trait Store {
    /// Reads what the store says of a district.
    fn base(&mut self, district: &DistrictId) -> impl Future<Output = Result<Base, StoreError>>;

    /// Empties the staging area.
    fn begin(&mut self, district: &DistrictId) -> impl Future<Output = Result<(), StoreError>>;

    /// Opens what an earlier run of the district staged and left, without emptying it. Who does not go on with it
    /// begins anew with [`Store::begin`].
    ///
    /// A store whose staging area ends with the process may leave this out, and with it the next three.
    fn left(&mut self, district: &DistrictId) -> impl Future<Output = Result<Left, StoreError>> {
        let _ = district;
        std::future::ready(Ok(Left::Nothing))
    }

    /// Keeps a note with what is staged, so that both outlive the process; an empty one says that what is
    /// staged can't be used by another run.
    fn keep(&mut self, note: &str) -> impl Future<Output = Result<(), StoreError>> {
        let _ = note;
        std::future::ready(Ok(()))
    }

    /// Goes on with what is left: takes away what is staged of later records than this one, in order of kinds and
    /// ids, and lets go of what a check held. `None` takes nothing away.
    fn resume(
        &mut self,
        after: Option<(RecordKind, &str)>,
    ) -> impl Future<Output = Result<(), StoreError>> {
        let _ = after;
        std::future::ready(Ok(()))
    }

    /// Throws away the staging area of a run that ended without a commit.
    fn done(&mut self) -> impl Future<Output = Result<(), StoreError>> {
        std::future::ready(Ok(()))
    }

    /// Reads up to `limit` rows of a kind's state with ids after `after`, ascending.
    fn states(
        &mut self,
        kind: RecordKind,
        after: &str,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<State>, StoreError>>;

    /// Reads the records with these ids, in any order; those that are not there are left out.
    fn find(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> impl Future<Output = Result<BTreeMap<String, Stored>, StoreError>>;

    /// Counts the active records of a kind.
    fn active(&mut self, kind: RecordKind) -> impl Future<Output = Result<u64, StoreError>>;

    /// Counts the places in sections; from `enough` on, no more need be counted.
    fn enrolled(&mut self, enough: u64) -> impl Future<Output = Result<u64, StoreError>>;

    /// Finds a role that some active users have, all of whom are staged to be archived.
    fn lost_role(&mut self) -> impl Future<Output = Result<Option<Role>, StoreError>>;

    /// Reads [`SyncReport::sizes`] of the district's last run that was a sync.
    fn sizes(
        &mut self,
        district: &DistrictId,
    ) -> impl Future<Output = Result<BTreeMap<RecordKind, Size>, StoreError>>;

    /// Stages rows; each replaces what was staged for the same record.
    fn stage(&mut self, rows: Vec<Staged>) -> impl Future<Output = Result<(), StoreError>>;

    /// Takes back what was staged for these records.
    fn unstage(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Takes back all of a kind's archivings.
    fn unstage_archived(
        &mut self,
        kind: RecordKind,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Reads up to `limit` staged rows after one of this kind and id, in order of kinds and ids.
    ///
    /// `records` says whether their JSON is wanted.
    fn staged(
        &mut self,
        after: (Option<RecordKind>, &str),
        limit: usize,
        records: bool,
    ) -> impl Future<Output = Result<Vec<Staged>, StoreError>>;

    /// Finds which of these records are staged, with what.
    fn staged_ops(
        &mut self,
        kind: RecordKind,
        ids: &[&str],
    ) -> impl Future<Output = Result<BTreeMap<String, Op>, StoreError>>;

    /// Counts what is staged.
    fn tally(&mut self) -> impl Future<Output = Result<Tally, StoreError>>;

    /// Holds back a kind's rows of one operation.
    fn hold(&mut self, kind: RecordKind, op: Op) -> impl Future<Output = Result<(), StoreError>>;

    /// Says whether the district's last run, undos aside, was to read this kind too: only then do events go on from it.
    /// Asked of a kind that policies may leave out.
    ///
    /// A store that does not keep it may leave this out. Then each run with such a policy is a snapshot.
    fn followed(
        &mut self,
        district: &DistrictId,
        kind: RecordKind,
    ) -> impl Future<Output = Result<bool, StoreError>> {
        let _ = (district, kind);
        std::future::ready(Ok(false))
    }

    /// Reads what the last run of the district held; empty where it held nothing, or there was none.
    ///
    /// A store that does not keep it may leave this out. Then the hold of a school ends when what was applied
    /// beside it has moved the shares enough.
    fn standing(
        &mut self,
        district: &DistrictId,
    ) -> impl Future<Output = Result<Vec<Hold>, StoreError>> {
        let _ = district;
        std::future::ready(Ok(Vec::new()))
    }

    /// Counts, for each school of which more users (or sections) than nobody's alarm are staged to be archived or
    /// updated, and not held, what happens to it. A user is at every school of each of her roles; a section at its own.
    fn touched_schools(
        &mut self,
        kind: RecordKind,
        limits: &SchoolLimits,
    ) -> impl Future<Output = Result<Vec<SchoolTally>, StoreError>>;

    /// Holds back those of a kind's rows of one operation that are of these records. Returns how many.
    fn hold_records(
        &mut self,
        kind: RecordKind,
        op: Op,
        ids: &[&str],
    ) -> impl Future<Output = Result<u64, StoreError>>;

    /// Holds back those of a kind's rows of one operation that are of one of these schools: their people (with an
    /// archiving also their contacts), or their sections. Returns how many.
    fn hold_schools(
        &mut self,
        kind: RecordKind,
        op: Op,
        schools: &[&str],
    ) -> impl Future<Output = Result<u64, StoreError>>;

    /// Lets all held rows through.
    fn release(&mut self) -> impl Future<Output = Result<(), StoreError>>;

    /// Applies what is staged and not held, in one transaction with the feed, the cursor and the run; fills
    /// in what `report` says of the store, and keeps it. Then it throws the staging area away.
    ///
    /// Refuses with [`StoreError::Moved`], writing nothing, when the district is not at the commit's base.
    fn commit(
        &mut self,
        commit: &Commit<'_>,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_record() {
        let record = r#"{"name":{"last":"Secret"}}"#.to_owned();
        let state = State {
            id: "u1".to_owned(),
            hash: ABSENT,
            archived: false,
            refused: None,
        };
        let staged = Staged {
            record: Some(record.clone()),
            ..Staged::sample(RecordKind::Users, "u1", Op::Create)
        };
        let row = changes::RecordRow {
            record: record.clone(),
            first_seen_at: String::new(),
            archived_at: None,
        };
        let value = sql::Sql::from(record.as_str());
        let stored = Stored {
            state,
            record: record.clone(),
        };
        let shown = format!("{stored:?} {staged:?} {row:?} {value:?}");
        assert!(shown.contains("u1") && !shown.contains("Secret"), "{shown}");
    }
}
