//! Takes changes back, as a new run: nothing is erased, and the feed says so.
//!
//! What was taken back stays so until Clever says something else or a person approves it: the next sync
//! holds it, and names it.
//!
//! Decision: an undo puts a meaning aside, not a record. The store keeps the hash of what was taken back, and a sync that
//! would apply exactly that holds it. Whatever else Clever says next is applied.

use std::collections::BTreeMap;

use clever_model::{Clock, DistrictId, IdError, RecordKind};
use clever_raw::tree::Tree;
use serde_json::Value;

use crate::act::settle;
use crate::check::policy::SyncPolicy;
use crate::learn::canonical::{canonical, changed_paths};
use crate::learn::columns;
use crate::learn::diff::{gone, hash_of, meaning_of};
use crate::learn::reading;
use crate::progress::Progress;
use crate::report::{Outcome, RunPath, SyncReport, UndoCounts};
use crate::store::changes::{self, Change, ChangeFilter};
use crate::store::forgotten;
use crate::store::run::SqlRun;
use crate::store::sql::{RosterDb, SqlStore};
use crate::store::{
    ABSENT, Commit, Edit, Known, Op, Run, Staged, Staging, Store, StoreError, Stored,
};

/// Changes read at once.
const CHUNK: u32 = 500;

/// The part of a run that is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Only {
    /// One record, of whatever kind.
    Record(String),
    /// One section, with its places.
    Section(String),
    /// A school, its sections and its people.
    School(String),
}

/// What is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoRequest {
    /// The district.
    pub district_id: String,
    /// The run whose changes are taken back.
    pub run: u64,
    /// The part of it; all, if there is none.
    pub only: Option<Only>,
    /// Say what would be done; do nothing.
    pub dry_run: bool,
}

/// Why an undo did nothing. The store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UndoError {
    /// The district's id is none.
    #[error("the district's id can't be used")]
    District(#[source] IdError),
    /// The run changed nothing of what was named.
    #[error(
        "run {run} of {district} changed nothing there that could be taken back (changed again later: {left})"
    )]
    Nothing {
        /// The district.
        district: String,
        /// The run.
        run: u64,
        /// How many of its records were changed again later, and so are left as they are.
        left: u64,
    },
    /// What the run changed there was forgotten since, or the run itself forgot it.
    #[error(
        "what run {run} of {district} changed there was forgotten: {forgotten} of its changes have no values any more"
    )]
    Forgotten {
        /// The district.
        district: String,
        /// The run.
        run: u64,
        /// How many of its changes were forgotten.
        forgotten: u64,
    },
    /// The store failed.
    #[error("the store could not be used; the roster is unchanged")]
    Store(#[from] StoreError),
}

/// Takes back what a run changed, or a part of it. Records that were changed again later are left alone, and
/// counted.
///
/// # Errors
///
/// [`UndoError`]; the store is as it was.
pub async fn undo<B: RosterDb>(
    store: &mut SqlStore<B>,
    request: &UndoRequest,
    policy: &SyncPolicy,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<SyncReport, UndoError> {
    let (district_id, run) = (request.district_id.as_str(), request.run);
    let district = DistrictId::new(district_id).map_err(UndoError::District)?;
    let started_at = clock.now();
    let mut report = SyncReport::new(&district, started_at, RunPath::Undo, policy.kinds());
    let mut undoing = store.begin(&district).await?;
    let base = undoing.base().clone();
    let staged = stage(&mut undoing, request, &mut report).await;
    let counts = match staged {
        Ok(counts) if !report.is_unchanged() => counts,
        nothing => {
            // Records as they were are personal data, and no run continues with them. The first failure is the one to report.
            drop(undoing.discard().await);
            let district = district_id.to_owned();
            let UndoCounts {
                left, forgotten, ..
            } = nothing?;
            return Err(if forgotten > 0 {
                UndoError::Forgotten {
                    district,
                    run,
                    forgotten,
                }
            } else {
                UndoError::Nothing {
                    district,
                    run,
                    left,
                }
            });
        }
    };
    report.undo = Some(counts);
    report.finished_at = clock.now();
    if request.dry_run {
        report.outcome = Outcome::Planned;
        undoing.discard().await?;
        return Ok(report);
    }
    let commit = Commit {
        base: &base,
        now: report.finished_at,
        // The next sync reads a snapshot, and finds what Clever still tells.
        cursor: None,
        whole_snapshot: false,
        sticky: &policy.sticky,
    };
    undoing.commit(&commit, &mut report, progress).await?;
    Ok(report)
}

/// Stages the way back, and puts it into numbers. Returns how many changes have no way back.
async fn stage<B: RosterDb>(
    undoing: &mut SqlRun<'_, B>,
    request: &UndoRequest,
    report: &mut SyncReport,
) -> Result<UndoCounts, StoreError> {
    undoing.clear().await?;
    let district_id = request.district_id.as_str();
    let forgotten = forgotten_as(undoing, request.only.as_ref()).await?;
    let mut counts = UndoCounts {
        run: request.run,
        left: 0,
        forgotten: 0,
    };
    let mut filter = ChangeFilter {
        run: Some(request.run),
        limit: CHUNK,
        ..ChangeFilter::default()
    };
    loop {
        let changes = changes::read(undoing.db, district_id, &filter).await?;
        let Some(last) = changes.last() else { break };
        filter.after = last.seq;
        let mut wanted_of: BTreeMap<RecordKind, Vec<&Change>> = BTreeMap::new();
        for change in &changes {
            if change.op == Op::Forget {
                let all = request.only.is_none() || forgotten.as_ref() == Some(&change.id);
                counts.forgotten += u64::from(all);
            } else if wanted(change, request.only.as_ref()) {
                wanted_of.entry(change.kind).or_default().push(change);
            }
        }
        for (kind, changes) in wanted_of {
            let ids: Vec<&str> = changes.iter().map(|change| change.id.as_str()).collect();
            let known = undoing.stored(kind, &ids).await?;
            let mut rows = Vec::new();
            for change in changes {
                match known.get(&change.id) {
                    Some((_, last)) if *last > change.seq => counts.left += 1,
                    Some((known, _)) => rows.extend(reverse(change, known)),
                    None => {}
                }
            }
            undoing.stage(rows).await?;
        }
    }
    settle::count(undoing, report).await?;
    let known = undoing.find(RecordKind::Districts, &[district_id]).await?;
    if let Some(known) = known.get(district_id) {
        let record: Value = serde_json::from_str(&known.record).unwrap_or_default();
        report.district_name = columns::text(&record, "/name").unwrap_or_default();
    }
    Ok(counts)
}

/// What the feed calls the one record that is asked for, if it was forgotten.
async fn forgotten_as<B: RosterDb>(
    undoing: &mut SqlRun<'_, B>,
    only: Option<&Only>,
) -> Result<Option<String>, StoreError> {
    let Some(Only::Record(id)) = only else {
        return Ok(None);
    };
    let key = forgotten::key(undoing.db, &undoing.district).await?;
    Ok(key.map(|key| forgotten::place_of(&key.digest(id))))
}

/// The way back from a change.
fn reverse(change: &Change, known: &Stored) -> Option<Staged> {
    let kind = change.kind;
    fn read(kind: RecordKind, json: &str) -> Tree<'_> {
        canonical(kind, reading::tree(json).unwrap_or_default())
    }
    let after = change.after.as_ref();
    let after = after.map(|after| read(kind, after.get()));
    let mut staged = gone(kind, &known.state, None);
    staged.refused = Some(after.as_ref().map_or(ABSENT, meaning_of));
    staged.held = false;
    if matches!(change.op, Op::Create | Op::Restore) {
        return Some(staged);
    }
    let before = change.before.as_ref()?.get();
    let fields = changed_paths(&read(kind, &known.record), &read(kind, before));
    let fields = serde_json::to_string(&fields).unwrap_or_default();
    let (old, hash, meaning) = (known.state.hash, hash_of(before), None);
    staged.edit = if change.op == Op::Archive {
        Edit::Restore {
            old,
            hash,
            meaning,
            fields,
        }
    } else {
        Edit::Update {
            old,
            hash,
            meaning,
            fields,
            lost: 0,
            schools: Vec::new(),
        }
    };
    staged.record = Some(before.to_owned());
    Some(staged)
}

/// Says whether a change belongs to the part that is taken back.
fn wanted(change: &Change, only: Option<&Only>) -> bool {
    match only {
        None => true,
        Some(Only::Record(id)) => change.id == *id,
        Some(Only::Section(id)) => change.kind == RecordKind::Sections && change.id == *id,
        Some(Only::School(id)) => {
            (change.kind == RecordKind::Schools && change.id == *id)
                || [&change.before, &change.after]
                    .into_iter()
                    .flatten()
                    .any(|json| {
                        let record = reading::value(json.get()).unwrap_or_default();
                        at_school(&record, id)
                    })
        }
    }
}

fn at_school(record: &Value, school: &str) -> bool {
    let roles = record["roles"]
        .as_object()
        .into_iter()
        .flat_map(|roles| roles.values());
    std::iter::once(record).chain(roles).any(|part| {
        part["school"].as_str() == Some(school) || columns::ids(part, "/schools").contains(&school)
    })
}
