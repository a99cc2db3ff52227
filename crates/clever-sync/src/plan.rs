//! A plan: what is staged, judged and put into numbers; written to a file, approved there, applied later.
//!
//! The file is text, one JSON value a line: first what the plan is made from and the hash of its rows, then
//! the rows. It holds personal data, and only its owner may read it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use clever_files::Draft;
use clever_model::{Clock, DistrictId, RecordKind, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{is_set, members_beyond};
use crate::diff::hash_of;
use crate::policy::SyncPolicy;
use crate::progress::Progress;
use crate::reading;
use crate::report::{Outcome, RunPath, SyncReport};
use crate::store::{Base, Commit, Hash, Op, Staged, Store, StoreError};
use crate::sync::SyncError;

/// Rows read at once.
const CHUNK: usize = 1000;

/// The version of the file's format.
const FORMAT: u32 = 1;

/// Why a plan's file can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The file can't be read or written.
    #[error("could not use the plan {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no plan, or of another version.
    #[error("{} is not a plan of this version (line {line})", .path.display())]
    NotAPlan {
        /// The file.
        path: PathBuf,
        /// The line that says so, from 1.
        line: u64,
    },
    /// The rows are not those that were written.
    #[error("the plan {} was changed after it was made: its rows have the hash {found}, not {said}", .path.display())]
    Tampered {
        /// The file.
        path: PathBuf,
        /// The hash that the plan names.
        said: String,
        /// The hash of its rows.
        found: String,
    },
    /// The store moved since the plan was made.
    #[error(
        "the plan was made from run {made_from} of this district, and the store is at run {now}"
    )]
    Stale {
        /// The run that the plan was made from.
        made_from: u64,
        /// The store's last run.
        now: u64,
    },
}

/// What a plan is made from and what it would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    format: u32,
    /// The district.
    pub district_id: String,
    /// Its name.
    pub district_name: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The run of the store that it was made from.
    pub base_run: u64,
    base_cursor: Option<String>,
    base_snapshot_at: Option<Timestamp>,
    cursor: Option<String>,
    whole: bool,
    /// Whether every list was provably complete.
    #[serde(default)]
    proven: bool,
    snapshot: bool,
    /// Whether resources were asked for.
    #[serde(default)]
    resources: bool,
    /// The hash of its rows: sixteen hex digits.
    pub hash: String,
    /// How many rows it has.
    pub rows: u64,
    /// Rows by kind and operation: `users`, `create`.
    pub counts: BTreeMap<RecordKind, BTreeMap<String, u64>>,
    /// What waits for approval, as a person reads it.
    pub holds: Vec<String>,
    /// Whether what waits was approved.
    pub approved: bool,
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    kind: RecordKind,
    id: String,
    op: u8,
    old_hash: Option<String>,
    hash: String,
    fields: Option<String>,
    record: Option<String>,
    event: Option<String>,
    lost: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    held: bool,
    /// The record that an update changes, for whoever looks at the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

/// One record of a plan, to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanSample {
    /// The kind of record.
    pub kind: RecordKind,
    /// The record.
    pub id: String,
    /// `create`, `update`, `archive` or `restore`.
    pub op: String,
    /// Whether it waits for approval.
    pub held: bool,
    /// The fields that an update changes.
    pub fields: Vec<FieldChange>,
}

/// A field that a plan changes. Its values may be personal data, and `Debug` does not show them.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Its path: `roles.student.grade`.
    pub field: String,
    /// Its value before; none where it was absent. Of a set, such as a section's students, the members that go.
    pub before: Option<Value>,
    /// Its value after; none where it will be absent. Of a set, the members that come.
    pub after: Option<Value>,
}

impl fmt::Debug for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FieldChange").field(&self.field).finish()
    }
}

fn hex(hash: &Hash) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Hash> {
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

/// Puts the plan into numbers and a hash; lets through what was approved.
pub(crate) async fn settle<S: Store>(
    store: &mut S,
    report: &mut SyncReport,
    approve: Option<&str>,
) -> Result<(), SyncError> {
    let any_held = !report.holds.is_empty();
    report.plan_hash = plan_hash(store, &report.district_id, any_held).await?;
    if let Some(approved) = approve {
        if !any_held || approved != report.plan_hash {
            let held = if any_held {
                report.plan_hash.clone()
            } else {
                "nothing".to_owned()
            };
            return Err(SyncError::OtherPlan {
                approved: approved.to_owned(),
                held,
            });
        }
        store.release().await?;
        report.holds.clear();
        report.sizes.clear();
    }
    if !report.holds.is_empty() {
        report.outcome = Outcome::Held;
    }
    report.whole = report.holds.is_empty() && report.is_proven();
    count(store, report).await?;
    Ok(())
}

/// Fills in how many records are created, updated, and so on, and which fields change.
pub(crate) async fn count<S: Store>(
    store: &mut S,
    report: &mut SyncReport,
) -> Result<(), StoreError> {
    let tally = store.tally().await?;
    let updates = tally.keys().any(|(_, op, held)| *op == Op::Update && !held);
    for ((kind, op, held), (count, _)) in tally {
        let of_kind = report.kinds.entry(kind).or_default();
        match (held, op) {
            (true, _) => of_kind.held += count,
            (false, Op::Create) => of_kind.created += count,
            (false, Op::Update) => of_kind.updated += count,
            (false, Op::Archive) => of_kind.archived += count,
            (false, Op::Restore) => of_kind.restored += count,
            (false, Op::Touch) => {}
        }
    }
    for of_kind in report.kinds.values_mut() {
        let said = of_kind.created + of_kind.updated + of_kind.restored;
        of_kind.unchanged = of_kind.seen.saturating_sub(said + of_kind.held);
    }
    // A first load has none.
    if updates {
        count_fields(store, report).await?;
    }
    Ok(())
}

/// Counts which fields the updates change that are not held.
async fn count_fields<S: Store>(store: &mut S, report: &mut SyncReport) -> Result<(), StoreError> {
    let mut after = (None, String::new());
    loop {
        let rows = store.staged((after.0, &after.1), CHUNK, false).await?;
        let Some(last) = rows.last() else { break };
        after = (Some(last.kind), last.id.clone());
        for row in rows.iter().filter(|row| row.op == Op::Update && !row.held) {
            let fields: Vec<String> = row
                .fields
                .as_deref()
                .and_then(|fields| serde_json::from_str(fields).ok())
                .unwrap_or_default();
            let of_kind = report.kinds.entry(row.kind).or_default();
            for field in fields {
                *of_kind.fields.entry(field).or_default() += 1;
            }
        }
    }
    Ok(())
}

/// What a hash of rows is made of. Where the new record takes the place of another, what it means counts and not how
/// it is written: else nobody could approve what comes in another order at each reading.
fn add(hasher: &mut blake3::Hasher, row: &Staged) {
    hasher.update(&[row.kind as u8, row.op as u8]);
    hasher.update(&(row.id.len() as u64).to_le_bytes());
    hasher.update(row.id.as_bytes());
    hasher.update(&row.old_hash.unwrap_or_default());
    hasher.update(row.meaning.as_ref().unwrap_or(&row.hash));
}

fn finish(hasher: &blake3::Hasher) -> String {
    hasher.finalize().to_hex().chars().take(16).collect()
}

/// The hash of the held part of the plan, or of all of it: which records, what is done to them, from
/// which bytes to what. Sixteen hex digits.
async fn plan_hash<S: Store>(
    store: &mut S,
    district_id: &str,
    held: bool,
) -> Result<String, StoreError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(district_id.as_bytes());
    let mut after = (None, String::new());
    loop {
        let rows = store.staged((after.0, &after.1), CHUNK, false).await?;
        let Some(last) = rows.last() else { break };
        after = (Some(last.kind), last.id.clone());
        for row in &rows {
            if row.held == held && row.op != Op::Touch {
                add(&mut hasher, row);
            }
        }
    }
    Ok(finish(&hasher))
}

impl Plan {
    /// The plan that a report tells of.
    pub(crate) fn of(report: &SyncReport, base: &Base, cursor: Option<String>) -> Self {
        Self {
            format: FORMAT,
            district_id: report.district_id.clone(),
            district_name: report.district_name.clone(),
            made_at: report.finished_at,
            base_run: base.run,
            base_cursor: base.cursor.clone(),
            base_snapshot_at: base.snapshot_at,
            cursor,
            whole: report.whole,
            proven: report.is_proven(),
            snapshot: report.path == RunPath::Snapshot,
            resources: report.kinds.contains_key(&RecordKind::Resources),
            hash: String::new(),
            rows: 0,
            counts: BTreeMap::new(),
            holds: report.holds.iter().map(ToString::to_string).collect(),
            approved: false,
        }
    }

    fn note(&mut self, row: &Staged) {
        self.rows += 1;
        if let Some(op) = row.op.as_str() {
            let op = if row.held {
                format!("{op} (held)")
            } else {
                op.to_owned()
            };
            let of_kind = self.counts.entry(row.kind).or_default();
            *of_kind.entry(op).or_default() += 1;
        }
    }

    /// Reads what a plan's file says, and checks that its rows are those that were written.
    ///
    /// # Errors
    ///
    /// [`PlanError`] names the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let mut reader = Reader::open(path)?;
        while reader.row()?.is_some() {}
        Ok(reader.plan)
    }

    /// Reads some records of the plan in this file, to look at: of each kind and operation, held and not, the
    /// first `per`.
    ///
    /// # Errors
    ///
    /// [`PlanError`] names the file and what is wrong with it.
    pub fn samples(path: &Path, per: usize) -> Result<Vec<PlanSample>, PlanError> {
        let mut reader = Reader::open(path)?;
        let mut taken: BTreeMap<(RecordKind, Op, bool), usize> = BTreeMap::new();
        let mut samples = Vec::new();
        while let Some(row) = reader.row()? {
            let taken = taken.entry((row.kind, row.op, row.held)).or_default();
            let Some(op) = row.op.as_str().filter(|_| *taken < per) else {
                continue;
            };
            *taken += 1;
            samples.push(PlanSample {
                kind: row.kind,
                op: op.to_owned(),
                held: row.held,
                fields: field_changes(&row, reader.before.as_deref()),
                id: row.id,
            });
        }
        Ok(samples)
    }

    /// Approves what the plan in this file holds.
    ///
    /// # Errors
    ///
    /// [`PlanError`] names the file and what is wrong with it; then the file is as it was.
    pub fn approve(path: &Path) -> Result<Self, PlanError> {
        let failed = |source| PlanError::File {
            path: path.to_owned(),
            source,
        };
        let mut plan = Self::read(path)?;
        plan.approved = true;
        let mut input = BufReader::new(File::open(path).map_err(failed)?);
        let mut draft = Draft::begin(path).map_err(failed)?;
        let mut first = String::new();
        input.read_line(&mut first).map_err(failed)?;
        let head = serde_json::to_string(&plan).unwrap_or_default();
        writeln!(draft, "{head}").map_err(failed)?;
        io::copy(&mut input, &mut draft).map_err(failed)?;
        draft.publish().map_err(failed)?;
        Ok(plan)
    }
}

/// What an update changes, field by field.
fn field_changes(row: &Staged, before: Option<&str>) -> Vec<FieldChange> {
    let (Some(before), Some(after)) = (before, row.record.as_deref()) else {
        return Vec::new();
    };
    let read = |json: &str| serde_json::from_str::<Value>(json).unwrap_or_default();
    let (before, after) = (read(before), read(after));
    let fields = row.fields.as_deref().unwrap_or("[]");
    let fields: Vec<String> = serde_json::from_str(fields).unwrap_or_default();
    let changes = fields.into_iter().map(|field| {
        let place = format!("/{}", field.replace('.', "/"));
        let at = |record: &Value| {
            record
                .pointer(&place)
                .filter(|value| !value.is_null())
                .cloned()
        };
        let (mut before, mut after) = (at(&before), at(&after));
        if is_set(row.kind, &field) {
            let set = |set: &Option<Value>| set.clone().unwrap_or_default();
            let (was, is) = (set(&before), set(&after));
            let members = |all: Vec<Value>| (!all.is_empty()).then_some(Value::Array(all));
            before = members(members_beyond(&was, &is));
            after = members(members_beyond(&is, &was));
        }
        FieldChange {
            field,
            before,
            after,
        }
    });
    changes.collect()
}

/// Writes what is staged to a file: the rows to a file without a name first, for their hash stands before them.
pub(crate) async fn write<S: Store>(
    path: &Path,
    plan: &Plan,
    store: &mut S,
) -> Result<(), SyncError> {
    let failed = |source| PlanError::File {
        path: path.to_owned(),
        source,
    };
    let mut plan = plan.clone();
    let mut hasher = blake3::Hasher::new();
    let mut draft = Draft::begin(path).map_err(failed)?;
    let mut out = BufWriter::new(draft.spare().map_err(failed)?);
    let mut after = (None, String::new());
    loop {
        let rows = store.staged((after.0, &after.1), CHUNK, true).await?;
        let Some(last) = rows.last() else { break };
        after = (Some(last.kind), last.id.clone());
        let mut before = BTreeMap::new();
        for of_kind in rows.chunk_by(|a, b| a.kind == b.kind) {
            let updated = of_kind.iter().filter(|row| row.op == Op::Update);
            let ids: Vec<&str> = updated.map(|row| row.id.as_str()).collect();
            if let Some(first) = of_kind.first() {
                let known = store.find(first.kind, &ids).await?;
                let known = known
                    .into_iter()
                    .map(|(id, known)| ((first.kind, id), known.record));
                before.extend(known);
            }
        }
        for row in rows {
            plan.note(&row);
            let line = Line {
                kind: row.kind,
                op: row.op as u8,
                old_hash: row.old_hash.as_ref().map(hex),
                hash: hex(&row.hash),
                before: before.remove(&(row.kind, row.id.clone())),
                id: row.id,
                fields: row.fields,
                record: row.record,
                event: row.event,
                lost: row.lost,
                refused: row.refused.as_ref().map(hex),
                held: row.held,
            };
            let line = serde_json::to_string(&line).unwrap_or_default();
            hasher.update(line.as_bytes());
            writeln!(out, "{line}").map_err(failed)?;
        }
    }
    let mut rows = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    plan.hash = finish(&hasher);
    let head = serde_json::to_string(&plan).unwrap_or_default();
    writeln!(draft, "{head}").map_err(failed)?;
    rows.rewind().map_err(failed)?;
    io::copy(&mut rows, &mut draft).map_err(failed)?;
    Ok(draft.publish().map_err(failed)?)
}

/// A plan's file, read row by row.
struct Reader {
    path: PathBuf,
    plan: Plan,
    lines: io::Lines<BufReader<File>>,
    hasher: blake3::Hasher,
    line: u64,
    /// What the last row's record was before, where it is an update.
    before: Option<String>,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, PlanError> {
        let not_a_plan = || PlanError::NotAPlan {
            path: path.to_owned(),
            line: 1,
        };
        let file = File::open(path).map_err(|source| PlanError::File {
            path: path.to_owned(),
            source,
        })?;
        let mut lines = BufReader::new(file).lines();
        // A file of bytes that are no text is no plan either.
        let head = lines.next().and_then(Result::ok).ok_or_else(not_a_plan)?;
        let plan: Plan = serde_json::from_str(&head).map_err(|_| not_a_plan())?;
        if plan.format != FORMAT {
            return Err(not_a_plan());
        }
        Ok(Self {
            path: path.to_owned(),
            plan,
            lines,
            hasher: blake3::Hasher::new(),
            line: 1,
            before: None,
        })
    }

    /// The next row; at the end, the check that the rows are those that were written.
    fn row(&mut self) -> Result<Option<Staged>, PlanError> {
        self.line += 1;
        let Some(line) = self.lines.next() else {
            let found = finish(&self.hasher);
            if found != self.plan.hash {
                return Err(PlanError::Tampered {
                    path: self.path.clone(),
                    said: self.plan.hash.clone(),
                    found,
                });
            }
            return Ok(None);
        };
        let line = line.map_err(|source| PlanError::File {
            path: self.path.clone(),
            source,
        })?;
        self.hasher.update(line.as_bytes());
        let (row, before) = staged(&line).ok_or_else(|| PlanError::NotAPlan {
            path: self.path.clone(),
            line: self.line,
        })?;
        self.before = before;
        Ok(Some(row))
    }
}

/// Reads a row, and the record that it changes.
fn staged(line: &str) -> Option<(Staged, Option<String>)> {
    let line: Line = serde_json::from_str(line).ok()?;
    let hash = unhex(&line.hash)?;
    let op = Op::of(line.op.into())?;
    let consistent = match &line.record {
        Some(record) => {
            op != Op::Archive && hash_of(record) == hash && reading::value(record).is_some()
        }
        None => op == Op::Archive,
    };
    consistent.then_some(())?;
    clever_model::ids::check(&line.id).ok()?;
    let staged = Staged {
        kind: line.kind,
        id: line.id,
        op,
        old_hash: match &line.old_hash {
            Some(hash) => Some(unhex(hash)?),
            None => None,
        },
        hash,
        meaning: None,
        fields: line.fields,
        record: line.record,
        event: line.event,
        lost: line.lost,
        // A plan was judged when it was made, and its hash is that of its lines.
        schools: Vec::new(),
        refused: match &line.refused {
            Some(hash) => Some(unhex(hash)?),
            None => None,
        },
        held: line.held,
    };
    Some((staged, line.before))
}

/// Applies a plan from its file, if the store is where it was when the plan was made.
///
/// What the plan holds is applied only where it was approved.
///
/// # Errors
///
/// [`SyncError::Plan`] for a file that can't be used or a store that moved; the store is as it was.
pub async fn apply_plan<S: Store>(
    path: &Path,
    store: &mut S,
    policy: &SyncPolicy,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<SyncReport, SyncError> {
    // Once for its hash, once for its rows: nothing is staged from a file that was changed.
    let plan = Plan::read(path)?;
    let district = DistrictId::new(plan.district_id.as_str()).map_err(SyncError::District)?;
    let base = store.base(&district).await?;
    let made_from = Base {
        run: plan.base_run,
        cursor: plan.base_cursor.clone(),
        snapshot_at: plan.base_snapshot_at,
    };
    if base != made_from {
        return Err(PlanError::Stale {
            made_from: plan.base_run,
            now: base.run,
        }
        .into());
    }
    let done = apply_rows(path, &plan, &base, store, policy, clock, progress).await;
    if done.is_err() {
        // Nobody goes on with it; what failed is what is told.
        drop(store.done().await);
    }
    done
}

/// Stages the rows of a plan that fits the store, and applies them.
async fn apply_rows<S: Store>(
    path: &Path,
    plan: &Plan,
    base: &Base,
    store: &mut S,
    policy: &SyncPolicy,
    clock: &dyn Clock,
    progress: &dyn Progress,
) -> Result<SyncReport, SyncError> {
    let started_at = clock.now();
    let district = DistrictId::new(plan.district_id.as_str()).map_err(SyncError::District)?;
    store.begin(&district).await?;
    let mut reader = Reader::open(path)?;
    let mut batch = Vec::new();
    while let Some(mut row) = reader.row()? {
        row.held &= !plan.approved;
        batch.push(row);
        if batch.len() >= CHUNK {
            store.stage(std::mem::take(&mut batch)).await?;
        }
    }
    store.stage(batch).await?;
    let kinds: &[RecordKind] = if plan.resources {
        &RecordKind::ALL
    } else {
        &RecordKind::ROSTER
    };
    let mut report = SyncReport::new(&district, started_at, RunPath::Plan, kinds);
    report.district_name.clone_from(&plan.district_name);
    report.plan_hash.clone_from(&plan.hash);
    count(store, &mut report).await?;
    if report.kinds.values().any(|kind| kind.held > 0) {
        report.outcome = Outcome::Held;
    }
    report.whole = report.outcome == Outcome::Done && plan.proven;
    report.finished_at = clock.now();
    let commit = Commit {
        district: &district,
        base,
        now: report.finished_at,
        cursor: plan.cursor.as_deref(),
        whole_snapshot: plan.whole && plan.snapshot,
        policy,
    };
    store.commit(&commit, &mut report, progress).await?;
    Ok(report)
}
