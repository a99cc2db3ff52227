//! What a sync asks of a store.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use clever_model::{DistrictId, RecordKind, Role, Timestamp};

use crate::progress::Progress;
use crate::report::{Hold, Size, SyncReport};
use crate::store::rows::{Op, Staged, State, Stored, Tally};
use crate::store::{KeptOut, Paused, StoreError};

/// Rows read at once by [`Rows`].
const CHUNK: usize = 1000;

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

/// The size at which a change of `count` records is not held, and of any size beyond it.
pub(crate) fn enough(count: u64, percent: u64) -> u64 {
    if percent == 0 {
        return u64::MAX;
    }
    (count.saturating_mul(100) / percent + 1).max(count.saturating_mul(2))
}

/// From which numbers on the changes of a school are judged at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchoolLimits {
    /// At most this many archived records of a school are never held.
    pub archived: u64,
    /// At most this many updated records of a school are never held.
    pub updated: u64,
    /// The share of a school that may be archived.
    pub archived_percent: u64,
    /// The share of a school that may be updated.
    pub updated_percent: u64,
}

impl SchoolLimits {
    /// The size at which these changes of a school are not held, nor at any size beyond it: it need not be counted further.
    #[must_use]
    pub fn enough(&self, school: &SchoolTally) -> u64 {
        let archived = enough(school.archived, self.archived_percent);
        archived.max(enough(school.updated, self.updated_percent))
    }
}

/// What is written when a run ends, besides what is staged.
#[derive(Debug)]
pub struct Commit<'a> {
    /// What the store said of the district when what is written was made from it.
    pub base: &'a Base,
    /// When the run ends.
    pub now: Timestamp,
    /// The event that is wholly applied with this run; none where there is none.
    pub cursor: Option<&'a str>,
    /// Whether this run is a snapshot that was wholly applied.
    pub whole_snapshot: bool,
    /// Columns that the app owns, by kind: they are not written.
    pub sticky: &'a BTreeMap<RecordKind, BTreeSet<String>>,
}

/// What an earlier run left in the staging area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// Nothing that a run could continue with; or another run is at it.
    Nothing,
    /// The note that was kept last, and what is staged with it.
    Walk(String),
    /// It can't be read, and is thrown away.
    Broken,
}

/// What of a kind stays staged where a later run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// All of it.
    All,
    /// What the walks from the list's ends passed by.
    Ends {
        /// The last record from the front.
        upto: String,
        /// The first record from the back, if that was walked.
        from: Option<String>,
    },
}

/// Which rows of one kind and operation are held.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// All of them.
    All,
    /// Those of these records.
    Records(&'a [&'a str]),
    /// Those of one of these schools: their people (with an archiving also their contacts), or their sections.
    Schools(&'a [&'a str]),
}

/// What the last sync of a district held.
#[derive(Debug, Clone, Default)]
pub struct LastSync {
    /// What waited for approval.
    pub holds: Vec<Hold>,
    /// By which sizes the holds were judged ([`SyncReport::sizes`]).
    pub sizes: BTreeMap<RecordKind, Size>,
}

/// A place for rosters. An app may keep them in one of its own.
///
/// The futures are `Send` wherever the store's own are.
pub trait Store {
    /// A run over this store.
    type Run<'a>: Run
    where
        Self: 'a;

    /// Begins a run of a district: opens the staging area as an earlier run left it, without emptying it. The roster is
    /// written by [`Run::commit`] alone.
    fn begin<'a>(
        &'a mut self,
        district: &DistrictId,
    ) -> impl Future<Output = Result<Self::Run<'a>, StoreError>>;
}

/// What the store knows of the district of a run, as of the last run. Ids are compared and sorted by their bytes.
pub trait Known {
    /// The store's version of the district when the run began.
    fn base(&self) -> &Base;

    /// Who may not come in again, though Clever shares them: people who were forgotten.
    ///
    /// A store that forgets nobody may leave this out.
    fn kept_out(&self) -> Option<&KeptOut> {
        None
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

    /// Counts, for each school of which more users (or sections) than the limits allow unseen are staged to be archived or
    /// updated, and not held, what happens to it. A user is at every school of each of her roles; a section at its own.
    fn touched_schools(
        &mut self,
        kind: RecordKind,
        limits: &SchoolLimits,
    ) -> impl Future<Output = Result<Vec<SchoolTally>, StoreError>>;

    /// Reads what the district's last run that was a sync held; nothing where there was none.
    fn last_sync(&mut self) -> impl Future<Output = Result<LastSync, StoreError>>;

    /// The hash of what somebody approved beforehand: what has it is let through, and nothing else is.
    ///
    /// A store without pages may leave this out.
    fn approved(&mut self) -> impl Future<Output = Result<Option<String>, StoreError>> {
        std::future::ready(Ok(None))
    }

    /// The pause of the district, if somebody paused it: then no run that writes begins.
    ///
    /// A store that nobody pauses may leave this out.
    fn paused(&mut self) -> impl Future<Output = Result<Option<Paused>, StoreError>> {
        std::future::ready(Ok(None))
    }

    /// Says whether the district's last run, undos aside, was to read this kind too: only then do events continue there.
    /// Asked of a kind that policies may leave out.
    ///
    /// A store that does not keep it may leave this out. Then each run with such a policy is a snapshot.
    fn followed(&mut self, kind: RecordKind) -> impl Future<Output = Result<bool, StoreError>> {
        let _ = kind;
        std::future::ready(Ok(false))
    }
}

/// The staging area of a run: what is to be done, before anything is.
pub trait Staging {
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

    /// Holds back rows of one kind and operation that are not held yet. Returns how many.
    fn hold(
        &mut self,
        kind: RecordKind,
        op: Op,
        which: Which<'_>,
    ) -> impl Future<Output = Result<u64, StoreError>>;

    /// Lets all held rows through.
    fn release(&mut self) -> impl Future<Output = Result<(), StoreError>>;
}

/// One run of one district. It owns the staging area. A run that is dropped before it ends wrote nothing: what it staged
/// is kept if a later run may continue with it, and else thrown away.
pub trait Run: Known + Staging {
    /// Reads the note that an earlier run kept with what it staged, and left.
    ///
    /// A store whose staging area ends with the process may leave this out, and with it the next three.
    fn left(&mut self) -> impl Future<Output = Result<Left, StoreError>> {
        std::future::ready(Ok(Left::Nothing))
    }

    /// Empties the staging area: the run uses nothing of what an earlier one left.
    fn clear(&mut self) -> impl Future<Output = Result<(), StoreError>>;

    /// Keeps a note with what is staged, so that both outlive the process; an empty one says that what is
    /// staged can't be used by another run.
    fn keep(&mut self, note: &str) -> impl Future<Output = Result<(), StoreError>> {
        let _ = note;
        std::future::ready(Ok(()))
    }

    /// Continues with what is staged: takes away what is not of these parts of these kinds, and lets go of what a
    /// check held.
    fn resume(
        &mut self,
        kept: &BTreeMap<RecordKind, Kept>,
    ) -> impl Future<Output = Result<(), StoreError>> {
        let _ = kept;
        std::future::ready(Ok(()))
    }

    /// Applies what is staged and not held, in one transaction with the feed, the cursor and the run; fills
    /// in what `report` says of the store, and keeps it. Then it throws the staging area away.
    ///
    /// Refuses with [`StoreError::Moved`], writing nothing, when the district is not at the commit's base.
    fn commit(
        self,
        commit: &Commit<'_>,
        report: &mut SyncReport,
        progress: &dyn Progress,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Ends a run that does nothing: throws its staging area away.
    fn discard(self) -> impl Future<Output = Result<(), StoreError>>;

    /// Ends a run that failed. What a later run can continue with is kept: there is a note, and the store is where it was.
    /// The rest is personal data, and is thrown away.
    fn leave(self) -> impl Future<Output = ()>
    where
        Self: Sized,
    {
        async { drop(self.discard().await) }
    }
}

/// A walk over staged rows, some at a time.
#[derive(Debug)]
pub(crate) struct Rows {
    after: (Option<RecordKind>, String),
    records: bool,
}

impl Rows {
    /// Begins before the first row. `records` says whether the JSON is wanted.
    pub(crate) const fn all(records: bool) -> Self {
        Self {
            after: (None, String::new()),
            records,
        }
    }

    /// Begins before a kind's first row; rows of later kinds follow its last.
    pub(crate) const fn from(kind: RecordKind, records: bool) -> Self {
        Self {
            after: (Some(kind), String::new()),
            records,
        }
    }

    /// Reads the next rows; none at the end.
    pub(crate) async fn next(
        &mut self,
        run: &mut impl Staging,
    ) -> Result<Option<Vec<Staged>>, StoreError> {
        let after = (self.after.0, self.after.1.as_str());
        let rows = run.staged(after, CHUNK, self.records).await?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        self.after = (Some(last.kind), last.id.clone());
        Ok(Some(rows))
    }
}

/// Shows each staged row, in order of kinds and ids, until `show` has seen enough.
pub(crate) async fn each(
    run: &mut impl Staging,
    mut rows: Rows,
    mut show: impl FnMut(Staged) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    while let Some(some) = rows.next(run).await? {
        for row in some {
            if show(row).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}
