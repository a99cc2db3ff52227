//! The file of a plan: what it says, read and approved.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clever_files::Draft;
use clever_model::{RecordKind, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::act::settle::finish;
use crate::error::PlanError;
use crate::learn::canonical::{is_set, members_beyond};
use crate::learn::diff::hash_of;
use crate::learn::reading;
use crate::report::{RunPath, SyncReport};
use crate::store::{Base, Edit, Hash, Op, Staged};

/// The version of the file's format.
const FORMAT: u32 = 1;

/// What a plan is made from and what it would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    format: u32,
    /// The district.
    pub district_id: String,
    /// Its name.
    pub district_name: String,
    /// When it was made.
    #[cfg_attr(feature = "schema", schemars(with = "clever_model::schema::Instant"))]
    pub made_at: Timestamp,
    /// The run of the store that it was made from.
    pub base_run: u64,
    pub(crate) base_cursor: Option<String>,
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<clever_model::schema::Instant>")
    )]
    pub(crate) base_snapshot_at: Option<Timestamp>,
    pub(crate) cursor: Option<String>,
    pub(crate) whole: bool,
    /// Whether every list was provably complete.
    #[serde(default)]
    pub(crate) proven: bool,
    pub(crate) snapshot: bool,
    /// Whether resources were asked for.
    #[serde(default)]
    pub(crate) resources: bool,
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
pub(crate) struct Line {
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

impl Line {
    /// The line of a staged row, and of the record that it changes.
    pub(crate) fn of(row: Staged, before: Option<String>) -> Self {
        Self {
            kind: row.kind,
            op: row.op() as u8,
            old_hash: row.edit.old().map(hex),
            hash: hex(row.edit.hash()),
            fields: row.edit.fields().map(ToOwned::to_owned),
            lost: row.edit.lost(),
            before,
            id: row.id,
            record: row.record,
            event: row.event,
            refused: row.refused.as_ref().map(hex),
            held: row.held,
        }
    }

    /// What it does; none where a hash or the list of fields is missing. A plan was judged when it was made, and its hash is
    /// that of its lines: neither meaning nor schools are asked for again.
    fn edit(&self, op: Op, hash: Hash) -> Option<Edit> {
        let old = || unhex(self.old_hash.as_deref()?);
        let meaning = None;
        Some(match op {
            Op::Create => Edit::Create { hash },
            Op::Archive => Edit::Archive { hash },
            Op::Touch => Edit::Touch { old: old()?, hash },
            Op::Forget => return None,
            Op::Restore => Edit::Restore {
                old: old()?,
                hash,
                meaning,
                fields: self.fields.clone()?,
            },
            Op::Update => Edit::Update {
                old: old()?,
                hash,
                meaning,
                fields: self.fields.clone()?,
                lost: self.lost,
                schools: Vec::new(),
            },
        })
    }
}

/// One record of a plan, to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlanSample {
    /// The kind of record.
    pub kind: RecordKind,
    /// The record.
    pub id: String,
    /// What is to be done to it.
    pub op: Op,
    /// Whether it waits for approval.
    pub held: bool,
    /// The fields that an update changes.
    pub fields: Vec<FieldChange>,
}

/// A field that a plan changes. Its values may be personal data, and `Debug` does not show them.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

    /// Counts a row.
    pub(crate) fn note(&mut self, row: &Staged) {
        self.rows += 1;
        let op = row.op();
        if op.is_told() {
            let op = if row.held {
                format!("{op} (held)")
            } else {
                op.to_string()
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
            let op = row.op();
            let taken = taken.entry((row.kind, op, row.held)).or_default();
            if !op.is_told() || *taken >= per {
                continue;
            }
            *taken += 1;
            samples.push(PlanSample {
                kind: row.kind,
                op,
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
    let fields = row.edit.fields().unwrap_or("[]");
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

/// A plan's file, read row by row.
pub(crate) struct Reader {
    path: PathBuf,
    plan: Plan,
    lines: io::Lines<BufReader<File>>,
    hasher: blake3::Hasher,
    line: u64,
    /// What the last row's record was before, if it is an update.
    before: Option<String>,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, PlanError> {
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
    pub(crate) fn row(&mut self) -> Result<Option<Staged>, PlanError> {
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
    clever_model::check_id(&line.id).ok()?;
    let staged = Staged {
        kind: line.kind,
        edit: line.edit(op, hash)?,
        id: line.id,
        record: line.record,
        event: line.event,
        refused: match &line.refused {
            Some(hash) => Some(unhex(hash)?),
            None => None,
        },
        held: line.held,
    };
    Some((staged, line.before))
}
